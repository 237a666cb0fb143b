"""A bent hand is the hand the model poses: mesh, joints and parameters stay one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.hand_model.hand_poser import HandPoser, PosedHand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.interaction.hand_bend import bent_estimate, given_hand
from hand_object_recon.interaction.hand_rig import HandRig, installed_rig

MakeHand = Callable[..., HandEstimate]


def rig_of(hand: HandEstimate) -> HandRig:
    rig = installed_rig(hand.topology)
    assert rig is not None
    return rig


def posed_by_parameters(hand: HandEstimate) -> PosedHand:
    """What the hand model makes of an estimate's own parameters, put at its wrist."""
    model = load_hand_model("open_hand", hand.side)
    poser = HandPoser(model, hand.shape)
    at_origin = poser.pose(hand.pose_rad)
    return poser.pose(hand.pose_rad, hand.wrist_pose[:3, 3] - at_origin.joints_m[0])


@pytest.fixture(params=list(HandSide), ids=str)
def hand(request: pytest.FixtureRequest, make_hand: MakeHand) -> HandEstimate:
    """A hand of some shape in some pose."""
    random = np.random.default_rng(3)
    pose, shape = random.normal(0.0, 0.3, 48), random.normal(0.0, 1.0, 10)
    return make_hand(request.param, pose, (0.02, -0.03, 0.5), shape)


@pytest.mark.parametrize("seed", range(3))
def test_a_bent_hand_is_what_the_model_makes_of_its_parameters(
    hand: HandEstimate, seed: int
) -> None:
    random = np.random.default_rng(seed)
    bend = random.normal(0.0, 0.08, 51)
    bend[3:6] *= 0.05
    bent = bent_estimate(hand, rig_of(hand), bend)
    posed = posed_by_parameters(bent)
    apart_mm = 1000.0 * np.linalg.norm(bent.vertices_m - posed.vertices_m, axis=1)
    moved_mm = 1000.0 * np.linalg.norm(bent.vertices_m - hand.vertices_m, axis=1)
    assert moved_mm.mean() > 3.0
    assert apart_mm.mean() < 0.15  # pose correctives and webs between fingers
    assert apart_mm.max() < 2.0
    assert np.allclose(bent.joints_m, posed.joints_m, atol=3e-4)
    assert np.allclose(bent.wrist_pose, posed.wrist_pose, atol=1e-5)


def test_no_bend_leaves_a_hand_as_it_is(hand: HandEstimate) -> None:
    bent = bent_estimate(hand, rig_of(hand), np.zeros(51))
    assert np.allclose(bent.vertices_m, hand.vertices_m, atol=1e-6)
    assert np.allclose(bent.joints_m, hand.joints_m, atol=1e-6)
    assert np.allclose(bent.pose_rad, hand.pose_rad, atol=1e-5)


def test_a_move_of_the_wrist_moves_mesh_joints_and_pose_alike(hand: HandEstimate) -> None:
    bend = np.zeros(51)
    bend[3:6] = 0.002, -0.003, 0.004
    bent = bent_estimate(hand, rig_of(hand), bend)
    assert np.allclose(bent.vertices_m - hand.vertices_m, bend[3:6], atol=1e-6)
    assert np.allclose(bent.joints_m - hand.joints_m, bend[3:6], atol=1e-6)
    assert np.allclose(bent.wrist_pose[:3, 3] - hand.wrist_pose[:3, 3], bend[3:6], atol=1e-6)


def test_what_a_mesh_has_beyond_its_parameters_is_kept(hand: HandEstimate) -> None:
    swollen = replace(hand, vertices_m=hand.vertices_m + np.float32([0.0, 0.003, 0.0]))
    bend = np.zeros(51)
    bend[6:] = 0.02
    rig = rig_of(hand)
    difference = (
        bent_estimate(swollen, rig, bend).vertices_m - bent_estimate(hand, rig, bend).vertices_m
    )
    assert np.allclose(np.linalg.norm(difference, axis=1), 0.003, atol=2e-4)


def test_joint_limits_are_given_as_changes_that_allow_where_a_joint_is(hand: HandEstimate) -> None:
    rig = rig_of(hand)
    given = given_hand(hand, rig)
    angles = rig.angles_rad(given.vectors_rad)
    assert np.allclose(rig.vectors_rad(angles), given.vectors_rad, atol=1e-6)
    assert (given.lowest_rad <= 0.0).all()
    assert (given.highest_rad >= 0.0).all()
    inside = (angles > rig.lowest_rad) & (angles < rig.highest_rad)
    assert 0 < inside.sum() < len(inside)
    assert np.allclose((angles + given.lowest_rad)[inside], rig.lowest_rad[inside])
    assert np.allclose((angles + given.highest_rad)[inside], rig.highest_rad[inside])


def test_parameters_that_go_with_the_joints_are_told_from_those_that_do_not(
    hand: HandEstimate,
) -> None:
    rig = rig_of(hand)
    assert rig.explains(hand)
    curled = np.tile(0.9 * load_hand_model("open_hand", hand.side).joint_axes[:, 0], 1).ravel()
    other_pose = np.concatenate([hand.pose_rad[:3], curled]).astype(np.float32)
    assert not rig.explains(replace(hand, pose_rad=other_pose))


@pytest.mark.parametrize("topology", ["my_network_right", "open_hand", "right"])
def test_a_mesh_of_no_installed_model_has_no_rig(topology: str) -> None:
    assert installed_rig(topology) is None
