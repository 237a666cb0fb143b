"""Objects, and the result of a frame."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction

TRIANGLE = np.eye(3, dtype=np.float32)
FACES = np.array([[0, 1, 2]], np.int32)


def hand(track_id: int) -> HandEstimate:
    return HandEstimate(
        track_id=track_id,
        side=HandSide.LEFT,
        score=1.0,
        joints_m=np.zeros((21, 3), np.float32),
        joint_visibility=np.zeros(21, np.float32),
        vertices_m=TRIANGLE,
        topology="triangle",
        wrist_pose=np.eye(4),
        pose_rad=np.zeros(48, np.float32),
        shape=np.zeros(10, np.float32),
    )


def test_an_object_is_held_by_nobody_unless_said() -> None:
    found = ObjectEstimate(1, 0.5, np.eye(4), TRIANGLE, FACES)

    assert found.held_by == -1
    assert not found.vertices_m.flags.writeable


def test_an_objects_face_beyond_its_vertices_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="object faces name vertex 3, but there are 3"):
        ObjectEstimate(1, 0.5, np.eye(4), TRIANGLE, FACES + 1)


def test_an_objects_pose_must_be_rigid() -> None:
    with pytest.raises(InvalidValueError, match="object pose is not rigid"):
        ObjectEstimate(1, 0.5, np.zeros((4, 4)) + np.diag([0, 0, 0, 1.0]), TRIANGLE, FACES)


def test_a_frame_without_hands_is_a_result_too() -> None:
    empty = Reconstruction(stamp_ns=5, frame_id="camera", method="none")

    assert (empty.hands, empty.objects, dict(empty.stage_ms)) == ((), (), {})


def test_two_hands_of_a_frame_cannot_share_a_track_id() -> None:
    with pytest.raises(InvalidValueError, match=r"track ids \[4, 4\] of one frame"):
        Reconstruction(stamp_ns=5, frame_id="camera", method="none", hands=(hand(4), hand(4)))


def test_a_result_names_its_frame_and_method() -> None:
    with pytest.raises(InvalidValueError, match="frame_id is ''"):
        Reconstruction(stamp_ns=5, frame_id="", method="none")
    with pytest.raises(InvalidValueError, match="method is ''"):
        Reconstruction(stamp_ns=5, frame_id="camera", method="")
