"""Named poses are what their names say, and skin does not run through skin."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.open_hand.pose_space import (
    POSE_NAMES,
    joint_limits_rad,
    named_pose_rad,
    to_axis_angle,
)
from hand_object_recon.hand_model.topology.solid import winding_numbers
from hand_object_recon.hand_model.watertight import close_wrist

FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def posed(model: HandModel, angles_rad: np.ndarray, shape: np.ndarray | None = None) -> PosedHand:
    pose = np.concatenate([np.zeros(3), to_axis_angle(angles_rad, model.joint_axes)])
    return pose_hand(model, pose, np.zeros(10) if shape is None else shape, np.zeros(3))


def share_deeper_than(model: HandModel, hand: PosedHand, depth_m: float) -> float:
    """Share of the finger ends' skin that lies deeper than this inside another part.

    A point moved inwards by ``depth_m`` is in its own finger; wound twice, it is in another
    part as well.
    """
    vertices = hand.vertices_m.astype(np.float64)
    normals = vertex_normals(face_area_vectors(vertices, model.faces), model.faces, len(vertices))
    ends = model.weights[:, [finger_joints(finger)[2] for finger in FINGERS]].max(axis=1) > 0.9
    closed = close_wrist(model)
    inward = (vertices - depth_m * normals)[ends]
    return float(np.mean(winding_numbers(inward, closed.vertices(vertices), closed.faces) > 1.5))


def gap_mm(model: HandModel, hand: PosedHand, first: str, second: str) -> float:
    """Least distance between the skin of the last segments of two fingers."""
    one, other = (
        hand.vertices_m[model.weights[:, finger_joints(name)[2]] > 0.5] for name in (first, second)
    )
    return 1000.0 * float(np.linalg.norm(one[:, None] - other, axis=2).min())


@pytest.mark.parametrize("name", POSE_NAMES)
def test_named_poses_keep_the_joint_limits(name: str) -> None:
    angles, limits = named_pose_rad(name), joint_limits_rad()
    assert np.all(angles >= limits[..., 0])
    assert np.all(angles <= limits[..., 1])


@pytest.mark.parametrize("name", POSE_NAMES)
def test_no_finger_end_is_pressed_into_another_part(either: HandModel, name: str) -> None:
    assert share_deeper_than(either, posed(either, named_pose_rad(name)), 0.002) < 0.02


def test_most_poses_of_the_set_are_free_of_skin_in_skin(
    right: HandModel, pose_set: np.ndarray
) -> None:
    """Mixtures of poses may press a finger into the palm: 8 of 100 deeper than 2 mm."""
    chosen = pose_set[::80]
    pressed = [share_deeper_than(right, posed(right, one), 0.002) > 0.02 for one in chosen]
    assert np.mean(pressed) < 0.15


@pytest.mark.parametrize(
    ("pose", "finger"),
    [("pinch", "index"), ("tripod", "index"), ("tripod", "middle"), ("opposition", "pinky")],
)
def test_the_thumb_meets_the_finger(either: HandModel, pose: str, finger: str) -> None:
    assert gap_mm(either, posed(either, named_pose_rad(pose)), "thumb", finger) < 7.0


def test_in_a_fist_the_thumb_lies_over_the_fingers(either: HandModel) -> None:
    hand = posed(either, named_pose_rad("fist"))
    assert gap_mm(either, hand, "thumb", "middle") < 5.0
    # On the palm's side of them.
    assert hand.joints_m[4, 1] < hand.joints_m[[7, 11], 1].min()


def test_pointing_keeps_the_index_straight_and_the_others_bent(either: HandModel) -> None:
    joints = posed(either, named_pose_rad("point")).joints_m
    reach = np.linalg.norm(joints[[8, 12, 16, 20]] - joints[[5, 9, 13, 17]], axis=1)
    along = [
        np.linalg.norm(np.diff(joints[first : first + 4], axis=0), axis=1).sum()
        for first in (5, 9, 13, 17)
    ]
    straightness = reach / along
    assert straightness[0] > 0.98
    assert straightness[1:].max() < 0.65


def regressed_joint_errors_mm(
    model: HandModel, pose_set: np.ndarray, shape_seed: int | None
) -> np.ndarray:
    random = np.random.default_rng(3)
    shapes = np.random.default_rng(shape_seed) if shape_seed is not None else None
    limits = joint_limits_rad()
    anywhere = random.uniform(limits[..., 0], limits[..., 1], (40, 15, 3))
    errors = []
    for angles in np.concatenate([pose_set[7::100], anywhere]):
        shape = np.zeros(10) if shapes is None else shapes.normal(size=10)
        hand = posed(model, angles, shape)
        regressed = model.joint_regressor @ hand.vertices_m
        errors.append(np.linalg.norm(regressed - hand.joint_positions_m, axis=1))
    return 1000.0 * np.array(errors)


def test_joints_regressed_from_the_posed_skin_are_those_of_the_skeleton(
    either: HandModel, pose_set: np.ndarray
) -> None:
    assert regressed_joint_errors_mm(either, pose_set, None).max() < 0.5


def test_so_they_are_over_the_shape_space(either: HandModel, pose_set: np.ndarray) -> None:
    assert regressed_joint_errors_mm(either, pose_set, 4).max() < 1.5
