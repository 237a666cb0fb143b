"""A small camera recording for the commands that read one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter

START_NS = 1_700_000_000_000_000_000
FRAME_NS = 50_000_000


@pytest.fixture
def write_camera_recording(tmp_path: Path) -> Callable[..., Path]:
    """Write 64x48 frames with these numbers, 20 a second; depth is a slope with a hole."""

    def write(numbers: range | list[int] = range(12), **options: str) -> Path:
        folder = tmp_path / "camera"
        with RgbdRecordingWriter(folder, **options) as writer:
            for number in numbers:
                writer.write(_frame(number))
        return folder

    return write


@pytest.fixture
def camera_recording(write_camera_recording: Callable[..., Path]) -> Path:
    return write_camera_recording()


def _frame(number: int) -> RgbdFrame:
    rows, columns = np.mgrid[0:48, 0:64]
    rgb = np.stack([columns * 3, rows * 4, np.full_like(rows, 20 * number)], axis=-1)
    depth_m = (0.4 + rows / 100 + columns / 200).astype(np.float32)
    depth_m[:10] = np.nan
    camera = CameraIntrinsics(64, 48, 60.0, 61.0, 32.0, 24.0)
    stamp_ns = START_NS + number * FRAME_NS
    return RgbdFrame(rgb.astype(np.uint8), depth_m, camera, stamp_ns, "camera_optical")
