"""Grasps hold what they are said to hold: checked on meshes with trimesh, libigl and manifold3d."""

from __future__ import annotations

import igl
import manifold3d
import numpy as np
import pytest
import torch
import trimesh

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.core.objects import HandPart
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.topology.solid import winding_numbers
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.hand_model.watertight import close_wrist
from hand_object_recon.synthesis.grasping.grasp import Grasp, PlacedHand, between
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_types import STYLES, GraspType
from hand_object_recon.synthesis.grasping.judgement import MOST_PENETRATION_M, Rejection
from hand_object_recon.synthesis.grasping.synthesis import (
    GraspRequest,
    GraspTrials,
    synthesize_grasps,
)
from hand_object_recon.synthesis.grasping.two_hands import second_grasps
from hand_object_recon.synthesis.objects.object_shape import ObjectShape, centered_object

GRID_ERROR_M = 0.001
TRIES_OF_TYPE = 6


def solid_object(name: str, mesh: trimesh.Trimesh) -> ObjectShape:
    return centered_object(name, name, np.array(mesh.vertices), np.array(mesh.faces, np.int32))


SHAPES = (
    solid_object("box", trimesh.creation.box((0.05, 0.065, 0.15))),
    solid_object("ball", trimesh.creation.icosphere(subdivisions=3, radius=0.034)),
    solid_object("can", trimesh.creation.cylinder(0.031, 0.13)),
    solid_object("rod", trimesh.creation.cylinder(0.011, 0.2)),
)
REQUESTS = tuple(
    GraspRequest(
        object_number=number % len(SHAPES),
        grasp_type=grasp_type,
        side=HandSide.LEFT if number % 3 == 0 else HandSide.RIGHT,
        seed=100 * place + number,
    )
    for place, grasp_type in enumerate(GraspType)
    for number in range(TRIES_OF_TYPE)
)


@pytest.fixture(scope="module")
def objects() -> GraspObjects:
    torch.set_num_threads(1)
    return GraspObjects.of(SHAPES)


@pytest.fixture(scope="module")
def trials(objects: GraspObjects) -> GraspTrials:
    return synthesize_grasps(objects, REQUESTS)


def shape_of(grasp: Grasp) -> ObjectShape:
    return next(shape for shape in SHAPES if shape.name == grasp.object_name)


def model_of(hand: PlacedHand) -> HandModel:
    return load_hand_model("open_hand", hand.side)


def skin_m(hand: PlacedHand) -> np.ndarray:
    posed = pose_hand(model_of(hand), hand.pose_rad, hand.shape, hand.translation_m)
    return posed.vertices_m.astype(np.float64)


def depths_m(shape: ObjectShape, points_m: np.ndarray) -> np.ndarray:
    distances, *_ = igl.signed_distance(
        np.ascontiguousarray(points_m),
        shape.vertices_m.astype(np.float64),
        shape.faces.astype(np.int64),
        igl.SignedDistanceType.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER,
    )
    return -distances


def overlap_m3(one: PlacedHand, other: PlacedHand) -> float:
    def solid(hand: PlacedHand) -> manifold3d.Manifold:
        closed = close_wrist(model_of(hand))
        vertices = np.array(closed.vertices(skin_m(hand)))
        return manifold3d.Manifold(manifold3d.Mesh64(vertices, closed.faces.astype(np.uint64)))

    return float((solid(one) ^ solid(other)).volume())


@pytest.mark.parametrize("grasp_type", GraspType)
def test_some_grasp_of_every_type_is_accepted(trials: GraspTrials, grasp_type: GraspType) -> None:
    accepted = [grasp for grasp in trials.accepted if grasp.grasp_type is grasp_type]
    assert len(accepted) >= TRIES_OF_TYPE // 4


def test_every_try_is_a_grasp_or_a_counted_rejection_with_its_reason(trials: GraspTrials) -> None:
    assert len(trials.grasps) == len(REQUESTS)
    for grasp_type in GraspType:
        tried = [
            grasp
            for request, grasp in zip(REQUESTS, trials.grasps, strict=True)
            if request.grasp_type is grasp_type
        ]
        counted = sum(trials.rejections[grasp_type, reason] for reason in Rejection)
        assert counted == tried.count(None)


def test_grasps_are_of_the_object_side_and_type_asked_for(trials: GraspTrials) -> None:
    for request, grasp in zip(REQUESTS, trials.grasps, strict=True):
        if grasp is not None:
            assert grasp.object_name == SHAPES[request.object_number].name
            assert (grasp.grasp_type, grasp.hand.side) == (request.grasp_type, request.side)


def test_no_skin_lies_deep_in_the_object(trials: GraspTrials) -> None:
    deepest = [depths_m(shape_of(one), skin_m(one.hand)).max() for one in trials.accepted]
    assert np.max(deepest) < MOST_PENETRATION_M + GRID_ERROR_M
    assert np.mean(deepest) < 0.003


def test_fingers_said_to_touch_have_skin_at_the_surface(trials: GraspTrials) -> None:
    part = vertex_labels(load_hand_model("open_hand", HandSide.RIGHT)).part
    for grasp in trials.accepted:
        depths = depths_m(shape_of(grasp), skin_m(grasp.hand))
        for place in np.flatnonzero(grasp.is_touching):
            assert depths[part == place].max() > -0.0025
        style = STYLES[grasp.grasp_type]
        assert grasp.is_touching.sum() >= style.least_touching >= 2
        assert grasp.is_touching[np.array(style.required)].all()


def test_pinches_press_from_two_sides(trials: GraspTrials) -> None:
    """A line from the thumb's nearest skin to the index finger's goes through the object."""
    part = vertex_labels(load_hand_model("open_hand", HandSide.RIGHT)).part
    pinches = [one for one in trials.accepted if one.grasp_type is GraspType.PINCH]
    assert pinches
    for grasp in pinches:
        skin = skin_m(grasp.hand)
        depths = depths_m(shape_of(grasp), skin)
        ends = [
            skin[part == finger][depths[part == finger].argmax()]
            for finger in (HandPart.THUMB, HandPart.INDEX)
        ]
        between_ends = np.linspace(*ends, 11)[2:-2]
        assert (depths_m(shape_of(grasp), between_ends) > 0.0).all()


def test_joint_limits_hold_for_the_closed_and_the_opened_hand(trials: GraspTrials) -> None:
    for grasp in trials.accepted:
        for hand in (grasp.hand, grasp.opened):
            model = model_of(hand)
            angles = np.einsum("jc,jac->ja", hand.fingers_rad, model.joint_axes)
            assert (angles > model.joint_limits_rad[..., 0] - 1e-4).all()
            assert (angles < model.joint_limits_rad[..., 1] + 1e-4).all()


def is_pressed_into_itself(hand: PlacedHand) -> bool:
    """Whether points of finger ends 4 mm under their skin are wound around twice."""
    model, skin = model_of(hand), skin_m(hand)
    mesh = trimesh.Trimesh(skin, model.faces, process=False)
    last = [finger_joints(finger)[2] for finger in FINGER_NAMES]
    ends = model.weights[:, last].max(axis=1) > 0.9
    inward = (skin - 0.004 * mesh.vertex_normals)[ends]
    closed = close_wrist(model)
    wound = winding_numbers(inward, closed.vertices(skin), closed.faces)
    return bool(np.mean(wound > 1.5) > 0.05)


def test_hardly_any_hand_presses_a_finger_end_into_another_part(trials: GraspTrials) -> None:
    """Balls along the bones stand for the hand in the search, so a few come a little too near."""
    pressed = [is_pressed_into_itself(one.hand) for one in trials.accepted]
    assert np.mean(pressed) <= 0.1


def test_the_way_from_the_pregrasp_to_the_closed_hand_meets_nothing(trials: GraspTrials) -> None:
    for grasp in trials.accepted:
        shape = shape_of(grasp)
        assert depths_m(shape, skin_m(grasp.pregrasp)).max() < -0.005
        for share in (0.25, 0.5, 0.75):
            coming = between(grasp.pregrasp, grasp.opened, share)
            assert depths_m(shape, skin_m(coming)).max() < 0.006
            closing = between(grasp.opened, grasp.hand, share)
            assert depths_m(shape, skin_m(closing)).max() < 0.006


def test_the_pregrasp_is_backed_off_along_the_approach(trials: GraspTrials) -> None:
    for grasp in trials.accepted:
        way = grasp.hand.wrist_pose[:3, 3] - grasp.pregrasp.wrist_pose[:3, 3]
        np.testing.assert_allclose(way, np.linalg.norm(way) * grasp.approach, atol=1e-5)
        assert np.linalg.norm(way) > 0.03


def test_a_grasp_moves_with_its_object(trials: GraspTrials) -> None:
    transform = trimesh.transformations.rotation_matrix(1.1, [1, 2, 3], [0.1, 0.0, -0.2])
    transform[:3, 3] += [0.05, -0.1, 0.6]
    for side in HandSide:
        grasp = next(one for one in trials.accepted if one.hand.side is side)
        moved = trimesh.transform_points(skin_m(grasp.hand), transform)
        np.testing.assert_allclose(skin_m(grasp.hand.moved(transform)), moved, atol=1e-5)


def test_a_seed_gives_the_same_grasp_alone_and_in_a_batch(
    objects: GraspObjects, trials: GraspTrials
) -> None:
    place = next(place for place, grasp in enumerate(trials.grasps) if grasp is not None)
    again = synthesize_grasps(objects, REQUESTS[place : place + 1]).grasps[0]
    expected = trials.grasps[place]
    assert again is not None
    assert expected is not None
    np.testing.assert_allclose(skin_m(again.hand), skin_m(expected.hand), atol=1e-3)


def test_the_same_requests_give_the_same_grasps(objects: GraspObjects) -> None:
    requests = REQUESTS[:TRIES_OF_TYPE]
    first, second = (synthesize_grasps(objects, requests).grasps for _ in range(2))
    assert any(grasp is not None for grasp in first)
    for one, other in zip(first, second, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.hand.fingers_rad, other.hand.fingers_rad)
            np.testing.assert_array_equal(one.hand.wrist_pose, other.hand.wrist_pose)


def test_an_object_too_thick_to_pinch_is_rejected_for_want_of_a_place() -> None:
    block = GraspObjects.of([solid_object("block", trimesh.creation.box((0.2, 0.2, 0.2)))])
    requests = [GraspRequest(0, GraspType.PINCH, HandSide.RIGHT, seed) for seed in range(4)]
    trials = synthesize_grasps(block, requests)
    assert trials.accepted == ()
    assert trials.rejections == {(GraspType.PINCH, Rejection.NO_PLACE): 4}


def test_a_second_hand_takes_the_object_beside_the_first(
    objects: GraspObjects, trials: GraspTrials
) -> None:
    long_ones = [one for one in trials.accepted if one.object_name in ("box", "can", "rod")]
    firsts = [one for one in long_ones if one.grasp_type is GraspType.TRIPOD][:3]
    pairs = list(zip(firsts, second_grasps(objects, firsts, seed=1), strict=True))
    found = [(first, second) for first, second in pairs if second is not None]
    assert found
    for first, second in found:
        assert second.object_name == first.object_name
        assert second.hand.side is not first.hand.side
        for hand in (second.hand, second.opened, second.pregrasp):
            assert overlap_m3(first.hand, hand) == pytest.approx(0.0, abs=1e-12)
