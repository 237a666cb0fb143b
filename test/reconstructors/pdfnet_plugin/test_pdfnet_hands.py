"""The network's answers are given to tracked hands, and placed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandSide,
    TrackedHand,
)
from hand_object_recon.core.method_settings import PDFNetSettings
from hand_object_recon.networks.hand_estimates import NO_HAND
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.reconstructors.base import ReconstructorOutput
from hand_object_recon.reconstructors.pdfnet.hand_matching import ELSEWHERE, NOT_SEEN, OTHER_SIDE
from hand_object_recon.reconstructors.pdfnet.options import Inputs, View
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandPoints,
    HandsPrediction,
    Seen,
)
from hand_object_recon.reconstructors.pdfnet.reconstructor import (
    BY_SIZE,
    NO_DEPTH,
    PDFNetReconstructor,
)

Build = Callable[..., PDFNetReconstructor]
MakeWeights = Callable[..., Path]
BothHands = Callable[..., list[Any]]
Tracked = Callable[..., list[TrackedHand]]
FrameOf = Callable[..., RgbdFrame]
Show = Callable[..., Any]
RequireEqual = Callable[..., None]


def test_both_hands_come_out_where_the_network_knows_them(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    require_equal: RequireEqual,
    any_camera: CameraIntrinsics,
    weights: Path,
) -> None:
    reconstructor = build(weights, lay_on_depth=False)
    hands = both_hands(any_camera)
    show(reconstructor, hands)
    output = reconstructor.reconstruct(frame_of(hands), tracked(hands))
    assert [one.track_id for one in output.hands] == [5, 6]
    for found, true in zip(output.hands, hands, strict=True):
        require_equal(found, true)
        assert found.score == pytest.approx(0.9)
        assert found.joint_visibility.mean() > 0.5
    assert not output.left_out
    assert not output.notes


@pytest.mark.parametrize("too_far", [1.0, 1.05])
def test_a_network_of_joints_alone_gets_the_hand_models_mesh_about_them(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    weights: Path,
    too_far: float,
) -> None:
    reconstructor = build(weights)
    hands = both_hands()
    show(reconstructor, hands, gives_mesh=False, too_far=too_far)

    output = reconstructor.reconstruct(frame_of(hands), tracked(hands))

    assert len(output.hands) == 2
    for found, true in zip(output.hands, hands, strict=True):
        np.testing.assert_allclose(found.joints_m, true.joints_m, atol=0.006)
        assert found.vertices_m.shape == (778, 3)
        assert np.linalg.norm(found.vertices_m - true.vertices_m, axis=1).mean() < 0.005


@pytest.mark.parametrize("too_far", [0.93, 1.0, 1.08])
def test_hands_are_laid_on_the_depth(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    require_equal: RequireEqual,
    weights: Path,
    too_far: float,
) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands, too_far=too_far)
    frame = frame_of(hands)
    output = reconstructor.reconstruct(frame, tracked(hands))
    placement = MetricPlacement(reconstructor.topologies(), is_metric=True)
    for found, true in zip(output.hands, hands, strict=True):
        require_equal(found, true, within_m=0.012)
        placed = placement.place(frame, found, true.tracked().detection)
        assert placed is not None
        assert placed.placement_residual_m < 0.004


def test_hands_stay_where_the_network_puts_them_if_that_is_asked_for(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    weights: Path,
) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands, too_far=1.08)
    loose = PDFNetSettings(weights=str(weights), lay_on_depth=False)
    reconstructor.change_settings(PipelineConfig(pdfnet=loose))
    output = reconstructor.reconstruct(frame_of(hands), tracked(hands))
    for found, true in zip(output.hands, hands, strict=True):
        np.testing.assert_allclose(found.joints_m[9], 1.08 * true.joints_m[9], atol=1e-5)


def test_a_hand_that_the_network_sees_turned_is_turned_onto_the_depth(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    weights: Path,
) -> None:
    hands = both_hands()
    errors_m = {}
    for turns in (False, True):
        reconstructor = build(weights, turns=turns)
        show(reconstructor, hands, turned_rad=(0.25, -0.15, 0.0))
        output = reconstructor.reconstruct(frame_of(hands), tracked(hands))
        gaps = [
            np.linalg.norm(found.joints_m - true.joints_m, axis=1).mean()
            for found, true in zip(output.hands, hands, strict=True)
        ]
        errors_m[turns] = np.array(gaps)
    assert (errors_m[True] < 0.6 * errors_m[False]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"centered_points": True, "sides_by_detector": True},
        {"inputs": Inputs.RGB_ONLY, "view": View.HANDS},
    ],
    ids=["no mask", "only colours of a picture of hands"],
)
@pytest.mark.parametrize("with_keypoints", [True, False])
def test_a_hand_whose_place_is_not_told_by_what_is_seen_is_put_where_it_was_detected(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    make_weights: MakeWeights,
    options: dict[str, Any],
    *,
    with_keypoints: bool,
) -> None:
    reconstructor = build(make_weights(**options))
    hands = both_hands()
    show(reconstructor, hands, sees_masks=False, too_far=0.0)

    tracks = tracked(hands, with_keypoints=with_keypoints)
    output = reconstructor.reconstruct(frame_of(hands), tracks)

    assert output.notes == (BY_SIZE,)
    assert len(output.hands) == 2
    for found, true in zip(output.hands, hands, strict=True):
        np.testing.assert_allclose(found.joints_m, true.joints_m, atol=0.015)


def test_a_side_that_was_not_detected_is_no_reason(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    make_weights: MakeWeights,
) -> None:
    """The network's left hand is where the right one was detected; the detector has the say."""
    reconstructor = build(make_weights(sides_by_detector=True))
    left, right = both_hands()
    show(reconstructor, [left, right])
    misplaced = replace(
        tracked([left])[0], detection=replace(tracked([left])[0].detection, side=HandSide.RIGHT)
    )

    output = reconstructor.reconstruct(frame_of([left, right]), [misplaced])

    assert output.left_out == {misplaced.track_id: ELSEWHERE}


@pytest.mark.parametrize("side", list(HandSide))
def test_a_hand_that_no_detector_found_is_not_given(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    require_equal: RequireEqual,
    weights: Path,
    side: HandSide,
) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands)
    one = [hand for hand in hands if hand.side is side]
    output = reconstructor.reconstruct(frame_of(hands), tracked(one))
    (found,) = output.hands
    require_equal(found, one[0], within_m=0.012)
    assert not output.left_out


def test_no_detection_gives_nothing_and_asks_nothing(
    build: Build, both_hands: BothHands, frame_of: FrameOf, show: Show, weights: Path
) -> None:
    reconstructor, hands = build(weights), both_hands()
    network = show(reconstructor, hands)
    assert reconstructor.reconstruct(frame_of(hands), []) == ReconstructorOutput()
    assert not network.images


def test_a_hand_that_the_network_hardly_sees_is_left_out(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    weights: Path,
) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands, presence={HandSide.LEFT: 0.3})
    output = reconstructor.reconstruct(frame_of(hands), tracked(hands))
    assert [one.side for one in output.hands] == [HandSide.RIGHT]
    assert output.left_out == {5: NOT_SEEN}
    trusting = PDFNetSettings(weights=str(weights), least_presence=0.2)
    reconstructor.change_settings(PipelineConfig(pdfnet=trusting))
    assert len(reconstructor.reconstruct(frame_of(hands), tracked(hands)).hands) == 2


def test_hands_that_the_detector_took_for_each_other_are_left_out(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    weights: Path,
) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands)
    exchanged = [
        replace(one, detection=replace(one.detection, side=other.side))
        for one, other in zip(tracked(hands), reversed(hands), strict=True)
    ]
    output = reconstructor.reconstruct(frame_of(hands), exchanged)
    assert not output.hands
    assert output.left_out == {5: OTHER_SIDE, 6: OTHER_SIDE}


def test_of_two_detections_of_a_side_the_one_where_the_network_sees_it_is_the_hand(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    weights: Path,
) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands)
    first, second = tracked(hands)
    both_right = [replace(first, detection=replace(first.detection, side=HandSide.RIGHT)), second]
    output = reconstructor.reconstruct(frame_of(hands), both_right)
    assert [one.track_id for one in output.hands] == [6]
    assert output.left_out == {5: OTHER_SIDE}
    box = second.detection.box
    again = TrackedHand(9, replace(second.detection, box=box.shifted(10.0, 0.0)))
    output = reconstructor.reconstruct(frame_of(hands), [again, second])
    assert [one.track_id for one in output.hands] == [6]
    assert output.left_out == {9: ELSEWHERE}


def test_a_detection_beside_the_image_gets_no_hand(
    build: Build, both_hands: BothHands, frame_of: FrameOf, show: Show, weights: Path
) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands)
    beside = HandDetection(HandSide.LEFT, 0.9, BoundingBox(-130.0, 60.0, -40.0, 160.0))
    given = [TrackedHand(5, beside), hands[1].tracked(6)]
    output = reconstructor.reconstruct(frame_of(hands), given)
    assert [one.track_id for one in output.hands] == [6]
    assert output.left_out == {5: ELSEWHERE}


@pytest.mark.parametrize("with_keypoints", [True, False])
@pytest.mark.parametrize("too_far", [0.8, 1.3])
def test_without_depth_hands_are_as_far_away_as_their_size_says(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    require_equal: RequireEqual,
    weights: Path,
    *,
    with_keypoints: bool,
    too_far: float,
) -> None:
    reconstructor, hands = build(weights), both_hands()
    network = show(reconstructor, hands, too_far=too_far)
    frame = frame_of(hands, has_depth=False)
    output = reconstructor.reconstruct(frame, tracked(hands, with_keypoints=with_keypoints))
    assert not network.points[0].is_enough.any()
    for found, true in zip(output.hands, hands, strict=True):
        require_equal(found, true, within_m=0.001 if with_keypoints else 0.03)
        assert not found.joint_visibility.any()
    assert output.notes == (BY_SIZE,)


def test_a_hole_in_depth_on_one_hand_leaves_the_other_as_it_is(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    require_equal: RequireEqual,
    weights: Path,
) -> None:
    reconstructor, hands = build(weights, lay_on_depth=False), both_hands()
    network = show(reconstructor, hands, too_far=1.1)
    frame, given = frame_of(hands), tracked(hands)
    depth_m = frame.depth_m.copy()
    depth_m[given[0].detection.box.grown(0.2).pixel_slices(*depth_m.shape)] = np.nan
    output = reconstructor.reconstruct(replace(frame, depth_m=depth_m), given)
    assert network.points[0].is_enough.tolist() == [[False, True]]
    assert output.notes == (BY_SIZE,)
    require_equal(output.hands[0], hands[0], within_m=0.001)
    np.testing.assert_allclose(output.hands[1].joints_m[9], 1.1 * hands[1].joints_m[9], atol=1e-5)


def test_a_network_of_depth_alone_leaves_out_hands_without_depth(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    make_weights: MakeWeights,
) -> None:
    reconstructor, hands = build(make_weights(inputs=Inputs.DEPTH_ONLY)), both_hands()
    show(reconstructor, hands)
    output = reconstructor.reconstruct(frame_of(hands, has_depth=False), tracked(hands))
    assert not output.hands
    assert output.left_out == {5: NO_DEPTH, 6: NO_DEPTH}


@pytest.mark.parametrize("trouble", ["one spot", "not a number"])
def test_what_is_no_hand_is_left_out(
    build: Build,
    both_hands: BothHands,
    tracked: Tracked,
    frame_of: FrameOf,
    show: Show,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    reconstructor, hands = build(weights), both_hands()
    network = show(reconstructor, hands)
    answer = network.reconstruct

    def broken(seen: Seen, points: HandPoints | None, cameras: Tensor) -> HandsPrediction:
        told: HandsPrediction = answer(seen, points, cameras)
        if trouble == "one spot":
            told.joints[0, 0] = 0.0
        else:
            told.vertices[0, 0, 7] = torch.nan
        return told

    monkeypatch.setattr(network, "reconstruct", broken)
    output = reconstructor.reconstruct(frame_of(hands), tracked(hands))
    assert [one.track_id for one in output.hands] == [6]
    assert output.left_out == {5: NO_HAND}
