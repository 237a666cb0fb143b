"""The truth of a frame is checked when it is made, so that a score can rely on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide

TRIANGLE = np.eye(3, dtype=np.float32)


def a_hand() -> HandAnnotation:
    return HandAnnotation(
        HandSide.LEFT,
        np.zeros((21, 3), np.float32),
        vertices_m=np.zeros((778, 3), np.float32),
    )


def a_frame(stamp_ns: int = 5) -> RgbdFrame:
    camera = CameraIntrinsics(width=8, height=6, fx=9.0, fy=9.0, cx=4.0, cy=3.0)
    rgb, depth = np.zeros((6, 8, 3), np.uint8), np.ones((6, 8), np.float32)
    return RgbdFrame(rgb, depth, camera, stamp_ns, "camera")


def test_what_is_not_known_of_a_hand_is_left_out() -> None:
    hand = HandAnnotation(HandSide.RIGHT, np.zeros((21, 3), np.float32))

    assert hand.vertices_m is None
    assert hand.finger_occluded is None


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("joints_m", np.zeros((20, 3)), r"true joints_m has shape \(20, 3\)"),
        ("joints_m", np.full((21, 3), np.nan), "not finite"),
        ("contact_vertices", np.zeros(777, bool), r"true contact_vertices has shape \(777,\)"),
        ("touching", np.zeros(5), "true touching has type float64"),
        ("visible_share", 1.2, "visible_share is 1.2"),
    ],
)
def test_a_wrong_value_of_a_hand_is_named(field: str, value: Any, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        replace(a_hand(), **{field: value})


def test_an_object_s_pose_must_be_rigid() -> None:
    faces = np.array([[0, 1, 2]], dtype=np.int32)

    with pytest.raises(InvalidValueError, match="true object pose"):
        ObjectAnnotation("cup", 2.0 * np.eye(4), TRIANGLE, faces)


def test_a_truth_of_another_time_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="truth has stamp 6, its frame 5"):
        AnnotatedFrame(a_frame(5), FrameAnnotation(stamp_ns=6), "take 1")


def test_a_mask_of_another_size_is_refused() -> None:
    truth = FrameAnnotation(stamp_ns=5, mask=np.zeros((8, 6), np.uint8))

    with pytest.raises(InvalidValueError, match=r"true mask has shape \(8, 6\)"):
        AnnotatedFrame(a_frame(), truth, "take 1")
