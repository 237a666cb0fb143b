"""Frames written as a recording come back as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("depth_encoding", ["png", "rvl", "16UC1", "32FC1"])
@pytest.mark.parametrize("color_encoding", ["jpeg", "png", "rgb8", "bgr8"])
def test_frames_come_back_in_every_encoding(
    tmp_path: Path,
    make_frame: Callable[..., RgbdFrame],
    color_encoding: str,
    depth_encoding: str,
    storage: str,
) -> None:
    written = [make_frame(stamp_ns) for stamp_ns in (100, 10**9 + 7)]
    with RgbdRecordingWriter(
        tmp_path / "bag",
        color_encoding=color_encoding,
        depth_encoding=depth_encoding,
        storage=storage,
    ) as writer:
        for frame in written:
            writer.write(frame)
    with RgbdRecording(tmp_path / "bag") as recording:
        frames = list(recording.frames())
    for frame, expected in zip(frames, written, strict=True):
        assert isinstance(frame, RgbdFrame)
        assert (frame.stamp_ns, frame.frame_id) == (expected.stamp_ns, expected.frame_id)
        np.testing.assert_array_equal(frame.depth_m, expected.depth_m)
        np.testing.assert_array_equal(frame.camera.matrix, expected.camera.matrix)
        error = np.abs(frame.rgb.astype(int) - expected.rgb.astype(int))
        assert error.mean() < (3 if color_encoding == "jpeg" else 1e-9)


def test_topics_are_those_of_a_realsense(
    tmp_path: Path, make_frame: Callable[..., RgbdFrame]
) -> None:
    with RgbdRecordingWriter(tmp_path / "bag") as writer:
        writer.write(make_frame())
    metadata = yaml.safe_load((tmp_path / "bag/metadata.yaml").read_text())
    topics = metadata["rosbag2_bagfile_information"]["topics_with_message_count"]
    assert {topic["topic_metadata"]["name"] for topic in topics} == {
        "/camera/camera/color/image_raw/compressed",
        "/camera/camera/aligned_depth_to_color/image_raw/compressedDepth",
        "/camera/camera/color/camera_info",
    }


def test_depth_beyond_sixteen_bits_of_millimetres_is_no_reading(
    tmp_path: Path, make_frame: Callable[..., RgbdFrame]
) -> None:
    frame = make_frame()
    depth_m = np.full_like(frame.depth_m, 70.0)
    depth_m[0, 0], depth_m[0, 1] = 0.5004, -1.0
    far = RgbdFrame(frame.rgb, depth_m, frame.camera, 1, "camera")
    with RgbdRecordingWriter(tmp_path / "bag") as writer:
        writer.write(far)
    with RgbdRecording(tmp_path / "bag") as recording:
        (read,) = recording.frames()
    assert read.depth_m[0, 0] == np.float32(0.5)
    assert np.isnan(read.depth_m.ravel()[1:]).all()


@pytest.mark.parametrize("option", ["color_encoding", "depth_encoding", "storage"])
def test_an_unknown_option_is_refused_before_anything_is_written(
    tmp_path: Path, option: str
) -> None:
    with pytest.raises(InvalidValueError, match=f"{option} is 'other'; known are"):
        RgbdRecordingWriter(tmp_path / "bag", **{option: "other"})
    assert not (tmp_path / "bag").exists()


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="exists already"):
        RgbdRecordingWriter(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be written"):
        RgbdRecordingWriter(tmp_path / "file" / "bag")
