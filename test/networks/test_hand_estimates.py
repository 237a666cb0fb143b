"""Joints and vertices of a hand become an estimate with the hand model's parameters."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.hand_estimates import HandEstimates

TURN_RAD = (0.7, -0.4, 1.0)
ALL_SEEN = np.ones(21, dtype=np.float32)


def tracked(side: HandSide) -> TrackedHand:
    detection = HandDetection(side, 0.75, BoundingBox(10.0, 10.0, 90.0, 90.0))
    return TrackedHand(4, detection)


@pytest.mark.parametrize("side", list(HandSide))
def test_an_estimate_has_the_joints_and_vertices_given_and_parameters_that_reach_them(
    side: HandSide,
) -> None:
    model = load_hand_model("open_hand", side)
    fingers = model.pose_mean_rad.reshape(15, 1, 3) @ model.joint_axes
    pose = np.concatenate([TURN_RAD, fingers.ravel()])
    true = pose_hand(model, pose, np.zeros(10), np.array([0.1, -0.05, 0.6]))
    estimates = HandEstimates("open_hand")
    joints_m, vertices_m = true.joints_m.astype(np.float64), true.vertices_m.astype(np.float64)
    found = estimates.of_hand(tracked(side), joints_m, vertices_m, ALL_SEEN)
    assert found is not None
    assert (found.track_id, found.side, found.score) == (4, side, 0.75)
    assert found.topology in {topology.name for topology in estimates.topologies()}
    np.testing.assert_array_equal(found.joints_m, true.joints_m)
    np.testing.assert_array_equal(found.vertices_m, true.vertices_m)
    np.testing.assert_allclose(found.wrist_pose[:3, 3], true.joints_m[0], atol=1e-6)
    turn = axis_angle_to_matrix(np.array(TURN_RAD))
    np.testing.assert_allclose(found.wrist_pose[:3, :3], turn, atol=0.03)
    posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3)).joints_m
    np.testing.assert_allclose(posed - posed[0], joints_m - joints_m[0], atol=0.003)


def test_joints_on_a_line_are_no_hand() -> None:
    line = np.linspace(0.0, 0.2, 21)[:, None] * np.array([1.0, 0.0, 0.0])
    vertices_m = np.zeros((778, 3))
    right = tracked(HandSide.RIGHT)
    assert HandEstimates("open_hand").of_hand(right, line, vertices_m, ALL_SEEN) is None
