"""A recording of a real camera is read as what its truth says it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.recordings.reader import RgbdRecording


def test_the_real_recording_is_read_completely(reference_data: Path) -> None:
    truth = np.load(reference_data / "data/real_hand/ground_truth.npz")
    with RgbdRecording(reference_data / "data/real_hand/recording") as recording:
        assert recording.frame_count == 35
        assert (recording.unpaired_color, recording.unpaired_depth) == (0, 0)
        assert recording.warnings == ()
        assert recording.frame_id == "camera_color_optical_frame"
        frames = [frame for frame in recording.frames() if isinstance(frame, RgbdFrame)]
    assert [frame.stamp_ns for frame in frames] == truth["stamps_ns"].tolist()
    for frame, joints_m in zip(frames, truth["joints"], strict=True):
        camera = frame.camera
        assert (camera.width, camera.height) == (640, 480)
        assert 495 < camera.fx < 501
        u, v = (
            np.rint(
                (joints_m[:, :2] / joints_m[:, 2:]) @ np.diag([camera.fx, camera.fy])
                + (camera.cx, camera.cy)
            )
            .astype(int)
            .T
        )
        gap_m = joints_m[:, 2] - frame.depth_m[v, u]
        assert abs(np.nanmedian(gap_m)) < 0.03
        assert np.isnan(frame.depth_m).mean() > 0.8
