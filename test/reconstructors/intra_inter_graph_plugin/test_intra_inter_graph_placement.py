"""Hands are turned back and placed, so that what the network answers ends in the camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.intra_inter_graph.hand_look import FoundHand
from hand_object_recon.reconstructors.intra_inter_graph.placement import turned_onto_depth
from hand_object_recon.reconstructors.intra_inter_graph.reconstructor import (
    NO_KEYPOINTS,
    IntraInterGraphReconstructor,
)

Build = Callable[..., IntraInterGraphReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
FloatArray = NDArray[np.floating[Any]]
HandAt = Callable[..., Any]
Hands = list[Any]
Show = Callable[..., Any]
Axes = Callable[[HandSide, FloatArray], FloatArray]
PaintedDepth = Callable[..., NDArray[np.float32]]

PLACES = [
    (HandSide.RIGHT, (-0.1, 0.04, 0.5)),
    (HandSide.LEFT, (0.14, -0.02, 0.6)),
    (HandSide.RIGHT, (0.15, 0.05, 0.7)),
    (HandSide.LEFT, (-0.08, 0.03, 0.45)),
]


@pytest.mark.parametrize("has_depth", [False, True])
@pytest.mark.parametrize(("side", "at_m"), PLACES)
def test_a_network_that_knows_the_truth_gives_the_hand_in_metres(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    weights: Path,
    side: HandSide,
    at_m: tuple[float, ...],
    has_depth: bool,
) -> None:
    hand, reconstructor = hand_at(side, at_m), build(weights)
    show(reconstructor, hand)
    frame = frame_at(depth_m=painted_depth_m(hand)) if has_depth else frame_at()
    output = reconstructor.reconstruct(frame, [hand.tracked()])
    (found,) = output.hands
    off_m = 0.003 if has_depth else 1e-4
    assert (found.track_id, found.side, found.topology) == (1, side, f"open_hand_{side}")
    assert (found.score, output.notes, output.left_out) == (0.9, (), {})
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=off_m)
    np.testing.assert_allclose(found.vertices_m, hand.vertices_m, atol=off_m)


@pytest.mark.parametrize("side", list(HandSide))
def test_upright_crops_are_turned_back(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    upright_axes: Axes,
    make_weights: MakeWeights,
    side: HandSide,
) -> None:
    hand, reconstructor = hand_at(side, (0.1, 0.03, 0.5)), build(make_weights(upright=True))
    show(reconstructor, hand, axes=[upright_axes(side, hand.joints_m)])
    output = reconstructor.reconstruct(frame_at(), [hand.tracked()])
    np.testing.assert_allclose(output.hands[0].vertices_m, hand.vertices_m, atol=1e-4)
    assert not output.notes


def test_upright_weights_want_keypoints(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, make_weights: MakeWeights
) -> None:
    hand = hand_at(HandSide.RIGHT, (0.1, 0.03, 0.5))
    reconstructor = build(make_weights(upright=True))
    show(reconstructor, hand)
    output = reconstructor.reconstruct(frame_at(), [hand.tracked(with_keypoints=False)])
    assert output.notes == (NO_KEYPOINTS,)


def test_a_box_without_keypoints_is_enough(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, weights: Path
) -> None:
    hand, reconstructor = hand_at(HandSide.LEFT, (0.1, 0.03, 0.5)), build(weights)
    show(reconstructor, hand)
    (found,) = reconstructor.reconstruct(frame_at(), [hand.tracked(with_keypoints=False)]).hands
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=2e-3)


def test_joints_that_the_heat_maps_are_not_sure_of_do_not_move_the_hand(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, weights: Path
) -> None:
    hand, reconstructor = hand_at(HandSide.RIGHT, (0.1, 0.03, 0.5)), build(weights)
    network = show(reconstructor, hand)
    network.off_uv[[4, 8, 20]] = 0.2
    gaps_m = []
    for confidence in (1.0, 0.0):
        network.confidence = np.where(network.off_uv.any(axis=1), confidence, 1.0)
        (found,) = reconstructor.reconstruct(frame_at(), [hand.tracked()]).hands
        gaps_m.append(np.linalg.norm(found.joints_m - hand.joints_m, axis=1).max())
    assert gaps_m[0] > 0.01
    assert gaps_m[1] < 0.001


def test_a_network_that_reads_depth_says_how_far_away_a_hand_of_wrong_size_is(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    straight_axes: Axes,
    camera: CameraIntrinsics,
    make_weights: MakeWeights,
) -> None:
    hand = hand_at(HandSide.LEFT, (0.1, 0.03, 0.5))
    optical_axis = straight_axes(hand.side, hand.joints_m)[2]
    reconstructor = build(make_weights(with_depth=True))
    off_m = []
    for tells in (False, True):
        show(reconstructor, hand, growth=1.2, tells_distance=tells)
        (found,) = reconstructor.reconstruct(frame_at(), [hand.tracked()]).hands
        off_m.append(abs(optical_axis @ (found.joints_m[0] - hand.joints_m[0])))
        pixels = project(found.joints_m.astype(float), camera)
        middle = project(hand.joints_m, camera).mean(axis=0)
        np.testing.assert_allclose(pixels.mean(axis=0), middle, atol=4.0)
    assert off_m[0] > 0.08
    assert off_m[1] < 1e-4


@pytest.mark.parametrize("growth", [0.85, 1.15])
def test_depth_corrects_the_distance_of_a_hand_of_wrong_size(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    weights: Path,
    growth: float,
) -> None:
    hand, reconstructor = hand_at(HandSide.LEFT, (0.1, 0.03, 0.5)), build(weights)
    show(reconstructor, hand, growth=growth)
    by_size, by_depth = (
        reconstructor.reconstruct(frame, [hand.tracked()]).hands[0].joints_m.mean(axis=0)
        for frame in (frame_at(), frame_at(depth_m=painted_depth_m(hand)))
    )
    true_m = hand.joints_m.mean(axis=0)
    assert by_size[2] / true_m[2] == pytest.approx(growth, abs=0.02)
    assert abs(by_depth[2] - true_m[2]) < 0.01


def test_a_hand_that_the_network_sees_turned_is_turned_onto_the_depth(
    frame_at: FrameAt, painted_depth_m: PaintedDepth, apart: Hands
) -> None:
    hand = apart[0]
    frame = frame_at(depth_m=painted_depth_m(hand))
    faces = load_hand_model("open_hand", hand.side).faces
    middle_m = hand.joints_m.mean(axis=0)
    turn = Rotation.from_rotvec([0.25, 0.1, 0.0])
    wrong = FoundHand(
        turn.apply(hand.joints_m - middle_m) + middle_m,
        turn.apply(hand.vertices_m - middle_m) + middle_m,
        *(np.zeros((21, 2)), np.ones(21), np.nan),
    )
    after = turned_onto_depth(frame, wrong, faces)
    for part in ("joints_m", "vertices_m"):
        before_m, after_m = (
            np.linalg.norm(getattr(one, part) - getattr(hand, part), axis=1).mean()
            for one in (wrong, after)
        )
        assert after_m < 0.7 * before_m
    assert turned_onto_depth(frame_at(), wrong, faces) is wrong
