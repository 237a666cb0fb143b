"""The pinhole camera and the frame it takes refuse what a driver might hand over wrongly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError

CAMERA = CameraIntrinsics(width=4, height=3, fx=5.0, fy=6.0, cx=1.5, cy=1.0)


def frame(**changes: object) -> RgbdFrame:
    values = {
        "rgb": np.zeros((3, 4, 3), np.uint8),
        "depth_m": np.full((3, 4), np.nan, np.float32),
        "camera": CAMERA,
        "stamp_ns": 1,
        "frame_id": "camera_color_optical_frame",
    }
    return RgbdFrame(**{**values, **changes})  # type: ignore[arg-type]


def test_the_intrinsic_matrix_projects_a_point() -> None:
    u, v, w = CAMERA.matrix @ (0.2, 0.3, 2.0)

    assert (u / w, v / w) == pytest.approx((5.0 * 0.1 + 1.5, 6.0 * 0.15 + 1.0))


def test_only_a_coefficient_other_than_zero_makes_a_camera_distorted() -> None:
    assert not CAMERA.is_distorted
    assert not replace(CAMERA, distortion_model="plumb_bob", distortion=(0.0,) * 5).is_distorted
    assert replace(CAMERA, distortion_model="plumb_bob", distortion=(0.1, 0.0)).is_distorted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "camera image size is 0x3; both must be positive"),
        ({"fx": 0.0}, "camera fx is 0.0; a focal length in pixels must be positive"),
        ({"fy": float("nan")}, "camera fy is nan"),
        ({"cx": float("inf")}, "camera cx is inf; must be finite"),
        ({"distortion_model": "fisheye62"}, "'fisheye62'; known are none, plumb_bob"),
    ],
)
def test_an_impossible_camera_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        replace(CAMERA, **change)  # type: ignore[arg-type]

    assert message in str(refusal.value)


def test_a_frame_keeps_missing_depth_and_is_read_only() -> None:
    taken = frame()

    assert np.isnan(taken.depth_m).all()
    assert not taken.rgb.flags.writeable
    assert not taken.depth_m.flags.writeable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rgb": np.zeros((4, 3, 3), np.uint8)}, "rgb has shape (4, 3, 3); it must be (3, 4, 3)"),
        ({"rgb": np.zeros((3, 4, 3), np.float32)}, "rgb has type float32; it must be uint8"),
        ({"depth_m": np.zeros((6, 8), np.float32)}, "depth_m has shape (6, 8); it must be (3, 4)"),
        ({"frame_id": ""}, "frame_id is ''; it must be a non-empty string"),
        ({"stamp_ns": -1}, "stamp_ns is -1; it cannot be negative"),
    ],
)
def test_a_frame_that_does_not_fit_its_camera_is_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        frame(**change)

    assert str(refusal.value) == message


def test_raw_millimetres_are_not_taken_for_metres() -> None:
    with pytest.raises(InvalidValueError, match="depth_m has type uint16; it must be float32"):
        frame(depth_m=np.full((3, 4), 500, np.uint16))
