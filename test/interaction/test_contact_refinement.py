"""Hands and what they hold are brought to agree, within what the depth camera saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.keypoints import FINGERTIPS
from hand_object_recon.core.objects import GraspState, HandPart, ObjectEstimate
from hand_object_recon.core.stage_settings import ContactRefinementSettings
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.geometry.signed_distance import signed_distances
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.interaction.hand_rig import installed_rig
from hand_object_recon.interaction.refinement import ContactRefinement

FloatArray = NDArray[np.floating[Any]]
MakeHand = Callable[..., HandEstimate]
MakeBall = Callable[..., ObjectEstimate]
Film = Callable[..., RgbdFrame]
Perturb = Callable[[HandEstimate, np.random.Generator], HandEstimate]

RADIUS_M = 0.03
INDEX_TIP = FINGERTIPS[HandPart.INDEX]


def refinement(**settings: Any) -> ContactRefinement:
    return ContactRefinement(ContactRefinementSettings(**settings), "open_hand")


def of_part(hand: HandEstimate, part: HandPart) -> NDArray[np.bool_]:
    """(V,) whether a vertex is of a part of the open hand."""
    rig = installed_rig(f"open_hand_{hand.side}")
    assert rig is not None
    return np.asarray(rig.arrays.parts == part)


def gaps_m(hand: HandEstimate, ball: ObjectEstimate, radius_m: float = RADIUS_M) -> FloatArray:
    """(V,) distances of a hand's vertices to a ball."""
    distances = np.linalg.norm(hand.vertices_m - ball.pose[:3, 3], axis=1)
    return np.asarray(distances - radius_m)


def joint_error_mm(hand: HandEstimate, truth: HandEstimate) -> float:
    return float(1000.0 * np.linalg.norm(hand.joints_m - truth.joints_m, axis=1).mean())


@dataclass(frozen=True, eq=False)
class Pinch:
    """A flat hand and a ball under the pad of its index finger, ``gap_m`` off."""

    hand: HandEstimate
    ball: ObjectEstimate

    @classmethod
    def with_gap(cls, gap_m: float, make_hand: MakeHand, make_ball: MakeBall) -> Pinch:
        # the palm faces down in the image and the thumb's side the camera, so that the ball is
        # beside the finger and hides nothing of it
        hand = make_hand(HandSide.RIGHT, [np.pi, *np.zeros(47)], (0.09, 0.0, 0.45))
        pad = hand.vertices_m[of_part(hand, HandPart.INDEX)]
        tip = hand.joints_m[INDEX_TIP].astype(float)
        lowest = pad[np.linalg.norm(pad - tip, axis=1) < 0.015][:, 1].max()
        center = np.array([tip[0] + 0.008, lowest + RADIUS_M + gap_m, tip[2]])
        return cls(hand, make_ball(center, RADIUS_M))


@pytest.fixture
def apart(make_hand: MakeHand, make_ball: MakeBall) -> Pinch:
    return Pinch.with_gap(0.006, make_hand, make_ball)


@pytest.fixture
def inside(make_hand: MakeHand, make_ball: MakeBall) -> Pinch:
    return Pinch.with_gap(-0.005, make_hand, make_ball)


def test_a_finger_that_was_not_seen_is_pulled_to_the_object_it_holds(
    apart: Pinch, film_nothing: Film
) -> None:
    index = of_part(apart.hand, HandPart.INDEX)
    before = gaps_m(apart.hand, apart.ball)[index].min()
    (refined,), _ = refinement().refine(film_nothing(), [apart.hand], [apart.ball])
    assert before > 0.004
    assert gaps_m(refined, apart.ball)[index].min() < 0.4 * before
    assert gaps_m(refined, apart.ball).min() > -0.0015


def test_a_finger_that_was_seen_where_it_is_stays_there(apart: Pinch, film: Film) -> None:
    frame = film([apart.hand], [apart.ball])
    index = of_part(apart.hand, HandPart.INDEX)
    before = gaps_m(apart.hand, apart.ball)[index].min()
    (refined,), _ = refinement().refine(frame, [apart.hand], [apart.ball])
    assert gaps_m(refined, apart.ball)[index].min() > 0.6 * before


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"state": GraspState.TOUCHED}, id="only-touched"),
        pytest.param({"state": GraspState.PUT_DOWN}, id="put-down"),
        pytest.param({"held_by": 9}, id="held-by-another-hand"),
    ],
)
def test_a_hand_is_not_pulled_to_what_it_does_not_hold(
    apart: Pinch, film_nothing: Film, changes: dict[str, Any]
) -> None:
    thing = replace(apart.ball, **changes)
    (refined,), _ = refinement().refine(film_nothing(), [apart.hand], [thing])
    assert np.array_equal(refined.vertices_m, apart.hand.vertices_m)


def test_a_hand_that_barely_touches_what_it_does_not_hold_is_left_where_it_is(
    make_hand: MakeHand, make_ball: MakeBall, film_nothing: Film
) -> None:
    touching = Pinch.with_gap(-0.0005, make_hand, make_ball)
    thing = replace(touching.ball, state=GraspState.TOUCHED)
    assert -0.001 < gaps_m(touching.hand, thing).min() < 0.0
    (refined,), _ = refinement().refine(film_nothing(), [touching.hand], [thing])
    assert np.allclose(refined.vertices_m, touching.hand.vertices_m, atol=1e-5)


def test_fingers_beyond_reach_are_not_pulled(apart: Pinch, film_nothing: Film) -> None:
    (refined,), _ = refinement(reach_mm=3.0).refine(film_nothing(), [apart.hand], [apart.ball])
    assert np.allclose(refined.vertices_m, apart.hand.vertices_m, atol=1e-6)


@pytest.mark.parametrize("state", [GraspState.HELD, GraspState.TOUCHED])
def test_skin_in_an_object_is_pushed_out(
    inside: Pinch, film_nothing: Film, state: GraspState
) -> None:
    thing = replace(inside.ball, state=state)
    before = gaps_m(inside.hand, thing).min()
    (refined,), _ = refinement().refine(film_nothing(), [inside.hand], [thing])
    assert before < -0.004
    assert gaps_m(refined, thing).min() > 0.5 * before


def test_a_surface_that_was_only_completed_moves_the_hand_less(
    inside: Pinch, film_nothing: Film
) -> None:
    count = len(inside.ball.vertices_m)
    moves = []
    for is_seen in (True, False):
        thing = replace(inside.ball, vertex_seen=np.full(count, is_seen))
        (refined,), _ = refinement().refine(film_nothing(), [inside.hand], [thing])
        moves.append(np.linalg.norm(refined.vertices_m - inside.hand.vertices_m, axis=1).max())
    assert 0.0 < moves[1] < 0.6 * moves[0]


def test_the_object_stays_where_it_was_measured(inside: Pinch, film_nothing: Film) -> None:
    _, (thing,) = refinement().refine(film_nothing(), [inside.hand], [inside.ball])
    assert np.array_equal(thing.pose, inside.ball.pose)
    assert np.array_equal(thing.vertices_m, inside.ball.vertices_m)


def test_contacts_are_those_of_the_refined_hand(apart: Pinch, film_nothing: Film) -> None:
    _, (before,) = refinement(enabled=False).refine(film_nothing(), [apart.hand], [apart.ball])
    (hand,), (after,) = refinement().refine(film_nothing(), [apart.hand], [apart.ball])
    assert before.contacts == ()
    [contact] = [one for one in after.contacts if one.part is HandPart.INDEX]
    expected = gaps_m(hand, apart.ball)[of_part(hand, HandPart.INDEX)].min()
    assert contact.gap_m == pytest.approx(expected, abs=5e-4)


def test_without_objects_hands_are_handed_back_themselves(apart: Pinch, film_nothing: Film) -> None:
    hands, objects = refinement().refine(film_nothing(), [apart.hand], [])
    assert hands[0] is apart.hand
    assert objects == ()


def test_joints_stay_within_their_limits(inside: Pinch, film_nothing: Film) -> None:
    rig = installed_rig(inside.hand.topology)
    assert rig is not None
    (refined,), _ = refinement().refine(film_nothing(), [inside.hand], [inside.ball])
    before = rig.angles_rad(inside.hand.pose_rad[3:].reshape(15, 3))
    after = rig.angles_rad(refined.pose_rad[3:].reshape(15, 3))
    assert not np.allclose(before, after, atol=1e-3)
    assert (after >= np.minimum(rig.lowest_rad, before) - 1e-5).all()
    assert (after <= np.maximum(rig.highest_rad, before) + 1e-5).all()


def test_a_mesh_of_an_unknown_model_keeps_its_shape_and_has_contacts(
    inside: Pinch, film_nothing: Film
) -> None:
    unknown = replace(inside.hand, topology="some_network_right")
    (refined,), (thing,) = refinement().refine(film_nothing(), [unknown], [inside.ball])
    assert refined is unknown
    assert HandPart.INDEX in {contact.part for contact in thing.contacts}


def test_of_a_mesh_with_parameters_of_another_pose_only_the_wrist_moves(
    inside: Pinch, film_nothing: Film
) -> None:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    pose = np.concatenate([inside.hand.pose_rad[:3], (0.9 * model.joint_axes[:, 0]).ravel()])
    hand = replace(inside.hand, pose_rad=np.float32(pose))
    (refined,), _ = refinement().refine(film_nothing(), [hand], [inside.ball])
    rotation = refined.wrist_pose[:3, :3] @ hand.wrist_pose[:3, :3].T
    offset = refined.wrist_pose[:3, 3] - rotation @ hand.wrist_pose[:3, 3]
    assert not np.allclose(refined.vertices_m, hand.vertices_m, atol=5e-4)
    rigid = hand.vertices_m @ rotation.T + offset
    assert np.allclose(refined.vertices_m, rigid, atol=1e-5)


def test_what_was_learned_of_one_frame_is_where_the_next_begins(
    apart: Pinch, film_nothing: Film
) -> None:
    stage = refinement()
    tips = []
    for number in range(4):
        (refined,), _ = stage.refine(film_nothing(number), [apart.hand], [apart.ball])
        tips.append(refined.joints_m[INDEX_TIP])
    steps = np.linalg.norm(np.diff([apart.hand.joints_m[INDEX_TIP], *tips], axis=0), axis=1)
    assert (steps[1:] < 0.3 * steps[0]).all()


def test_an_alternating_hand_flickers_no_more_than_it_was_given(
    apart: Pinch, film_nothing: Film, make_hand: MakeHand
) -> None:
    stage = refinement()
    given, found = [], []
    for number in range(12):
        shift = 0.0005 if number % 2 else -0.0005
        hand = apart.hand.moved(np.array([0.0, shift, 0.0]))
        (refined,), _ = stage.refine(film_nothing(number), [hand], [apart.ball])
        given.append(hand.vertices_m)
        found.append(refined.vertices_m)
    flicker = [np.linalg.norm(np.diff(one[4:], axis=0), axis=2).max() for one in (given, found)]
    assert flicker[1] < 1.1 * flicker[0]


@pytest.mark.parametrize("gap_frames", [1, 20])
def test_a_bend_is_forgotten_after_a_fifth_of_a_second(
    apart: Pinch, film_nothing: Film, gap_frames: int
) -> None:
    stage = refinement()
    (first,), _ = stage.refine(film_nothing(0), [apart.hand], [apart.ball])
    (second,), _ = stage.refine(film_nothing(gap_frames), [apart.hand], [apart.ball])
    is_anew = np.array_equal(first.vertices_m, second.vertices_m)
    assert is_anew == (gap_frames == 20)


def test_grasps_are_nearer_to_the_truth_and_touch_as_it_does(
    grasp_scenes: list[Any], perturb: Perturb
) -> None:
    random = np.random.default_rng(0)
    errors, depths, missed = [], [], []
    for scene in grasp_scenes * 2:
        hand = perturb(scene.hand, random)
        (refined,), (thing,) = refinement().refine(scene.frame, [hand], [scene.thing])
        _, (true_thing,) = refinement(enabled=False).refine(
            scene.frame, [scene.hand], [scene.thing]
        )
        _, (given_thing,) = refinement(enabled=False).refine(scene.frame, [hand], [scene.thing])
        errors.append([joint_error_mm(one, scene.hand) for one in (hand, refined)])
        depths.append([deepest_mm(one, scene.thing) for one in (hand, refined)])
        true_parts = {contact.part for contact in true_thing.contacts}
        missed.append(
            [
                len(true_parts - {contact.part for contact in one.contacts})
                for one in (given_thing, thing)
            ]
        )
    error, depth, missing = (np.mean(one, axis=0) for one in (errors, depths, missed))
    assert error[0] > 6.0
    assert error[1] < 0.7 * error[0]
    assert depth[1] < 0.7 * depth[0]
    assert missing[1] < 0.6 * missing[0]


def test_true_grasps_are_left_nearly_as_they_are(grasp_scenes: list[Any]) -> None:
    errors = []
    for scene in grasp_scenes:
        (refined,), _ = refinement().refine(scene.frame, [scene.hand], [scene.thing])
        errors.append(joint_error_mm(refined, scene.hand))
    assert np.mean(errors) < 0.8


@pytest.mark.parametrize("side", list(HandSide), ids=str)
def test_the_left_hand_is_the_mirror_image_of_the_right(
    side: HandSide, make_hand: MakeHand, make_ball: MakeBall, film_nothing: Film
) -> None:
    hand = make_hand(side, np.zeros(48), (0.0, 0.0, 0.45))
    center = hand.joints_m[INDEX_TIP].astype(float) - [0.0, 0.034, 0.0]
    thing = make_ball(center, RADIUS_M)
    (refined,), _ = refinement().refine(film_nothing(), [hand], [thing])
    moved = refined.joints_m[INDEX_TIP] - hand.joints_m[INDEX_TIP]
    other = make_hand(HandSide.RIGHT, np.zeros(48), (0.0, 0.0, 0.45))
    other_center = center * ([-1.0, 1.0, 1.0] if side is HandSide.LEFT else [1.0, 1.0, 1.0])
    (expected,), _ = refinement().refine(
        film_nothing(), [other], [make_ball(other_center, RADIUS_M)]
    )
    expected_move = expected.joints_m[INDEX_TIP] - other.joints_m[INDEX_TIP]
    mirror = np.array([-1.0 if side is HandSide.LEFT else 1.0, 1.0, 1.0])
    assert np.linalg.norm(moved) > 1e-4
    assert np.allclose(moved, mirror * expected_move, atol=3e-4)


def test_a_hand_turned_with_its_object_is_refined_the_same_way(
    inside: Pinch, film_nothing: Film
) -> None:
    """Nothing but the depth image knows of the camera's axes."""
    turn = np.eye(4)
    turn[:3, :3] = axis_angle_to_matrix(np.array([0.3, -0.5, 1.0]))
    (plain,), _ = refinement().refine(film_nothing(), [inside.hand], [inside.ball])
    hand, thing = turned(inside.hand, turn), replace(inside.ball, pose=turn @ inside.ball.pose)
    (refined,), _ = refinement().refine(film_nothing(), [hand], [thing])
    assert np.allclose(refined.vertices_m, turned(plain, turn).vertices_m, atol=2e-4)


def turned(hand: HandEstimate, transform: FloatArray) -> HandEstimate:
    rotation, offset = transform[:3, :3], transform[:3, 3]
    return replace(
        hand,
        vertices_m=np.float32(hand.vertices_m @ rotation.T + offset),
        joints_m=np.float32(hand.joints_m @ rotation.T + offset),
        wrist_pose=transform @ hand.wrist_pose,
    )


def deepest_mm(hand: HandEstimate, thing: ObjectEstimate) -> float:
    """How deep the hand's skin lies in an object, by libigl."""
    local = (hand.vertices_m - thing.pose[:3, 3]) @ thing.pose[:3, :3]
    mesh = SurfaceMesh(thing.vertices_m.astype(np.float64), thing.faces)
    return 1000.0 * max(0.0, -float(signed_distances(local, mesh.vertices_m, mesh.faces).min()))
