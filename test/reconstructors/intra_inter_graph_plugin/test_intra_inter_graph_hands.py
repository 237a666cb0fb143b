"""What is told of hands beside their place: confidence, parameters, notes, and who is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.grasp_views import OUTSIDE, TOO_SMALL
from hand_object_recon.networks.hand_estimates import NO_HAND
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction, View
from hand_object_recon.reconstructors.intra_inter_graph.reconstructor import (
    NO_DEPTH,
    IntraInterGraphReconstructor,
)

Build = Callable[..., IntraInterGraphReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
HandAt = Callable[..., Any]
TrueHands = list[Any]
Show = Callable[..., Any]
PaintedDepth = Callable[..., NDArray[np.float32]]
PipelineOf = Callable[..., Pipeline]


@pytest.mark.parametrize("side", list(HandSide))
def test_the_confidence_of_each_joint_reaches_the_estimate(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, weights: Path, side: HandSide
) -> None:
    hand, reconstructor = hand_at(side, (0.1, 0.03, 0.5)), build(weights)
    network = show(reconstructor, hand)
    (found,) = reconstructor.reconstruct(frame_at(), [hand.tracked()]).hands
    assert found.joint_confidence is not None
    np.testing.assert_allclose(found.joint_confidence, network.confidence, atol=1e-6)


@pytest.mark.parametrize("side", list(HandSide))
def test_parameters_fit_the_refined_mesh_better_than_those_before_the_refinement(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, weights: Path, side: HandSide
) -> None:
    """The hand model was posed by angles that are 10 degrees off, and 60 % of it was mended."""
    true, reconstructor = hand_at(side, (0.1, 0.03, 0.5)), build(weights)
    random, model = np.random.default_rng(2), load_hand_model("open_hand", side)
    pose = true.pose_rad + random.normal(0.0, 0.2, 48)
    before = pose_hand(model, pose, true.shape + random.normal(0.0, 0.5, 10), np.zeros(3))
    before_m = before.vertices_m - before.joints_m[0] + true.joints_m[0]
    mended = [
        0.6 * after + 0.4 * (old - before.joints_m[0] + true.joints_m[0])
        for after, old in (
            (true.joints_m, before.joints_m),
            (true.vertices_m, before.vertices_m),
        )
    ]
    refined = replace(true, posed=replace(true.posed, joints_m=mended[0], vertices_m=mended[1]))
    show(reconstructor, refined)
    (found,) = reconstructor.reconstruct(frame_at(), [refined.tracked()]).hands
    posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3))
    fitted_m = posed.vertices_m - posed.joints_m[0] + found.joints_m[0]
    gap_m = np.linalg.norm(fitted_m - found.vertices_m, axis=1).mean()
    assert gap_m < 0.6 * np.linalg.norm(before_m - refined.vertices_m, axis=1).mean()
    np.testing.assert_allclose(found.wrist_pose[:3, 3], found.joints_m[0], atol=1e-6)


def test_a_hand_without_depth_is_noted_where_the_network_reads_it(
    build: Build, frame_at: FrameAt, show: Show, apart: TrueHands, make_weights: MakeWeights
) -> None:
    reconstructor = build(make_weights(with_depth=True))
    hands = [true.tracked(number) for number, true in enumerate(apart)]
    network = show(reconstructor, *apart, tells_distance=True)
    assert not reconstructor.reconstruct(frame_at(), hands).notes
    answer = network.forward

    def half_blind(view: View) -> Prediction:
        return answer(view)._replace(distance_m=torch.tensor([0.5, torch.nan]))

    network.forward = half_blind
    output = reconstructor.reconstruct(frame_at(), hands)
    assert output.notes == (NO_DEPTH,)
    np.testing.assert_allclose(output.hands[1].joints_m, apart[1].joints_m, atol=1e-4)


def test_a_frame_without_depth_leaves_a_network_that_reads_it_without_a_distance(
    build: Build, frame_at: FrameAt, apart: TrueHands, make_weights: MakeWeights
) -> None:
    reconstructor = build(make_weights(with_depth=True))
    output = reconstructor.reconstruct(frame_at(), [apart[0].tracked()])
    assert output.notes == (NO_DEPTH,)


def test_a_hand_too_small_or_outside_the_image_is_left_out(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, weights: Path
) -> None:
    hand, reconstructor = hand_at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
    show(reconstructor, hand)
    small = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(100.0, 100.0, 108.0, 108.0))
    outside = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(400.0, 300.0, 500.0, 380.0))
    others = [TrackedHand(2, small), TrackedHand(3, outside)]
    found = reconstructor.reconstruct(frame_at(), [*others, hand.tracked(1)])
    assert [one.track_id for one in found.hands] == [1]
    assert found.left_out == {2: TOO_SMALL, 3: OUTSIDE}
    alone = reconstructor.reconstruct(frame_at(), others)
    assert (alone.hands, set(alone.left_out)) == ((), {2, 3})
    empty = reconstructor.reconstruct(frame_at(), [])
    assert (empty.hands, empty.left_out, empty.notes) == ((), {}, ())


@pytest.mark.parametrize("fault", ["not a number", "point", "one ray", "distance behind"])
def test_an_answer_that_is_no_hand_is_left_out(
    build: Build, hand_at: HandAt, frame_at: FrameAt, show: Show, weights: Path, fault: str
) -> None:
    hand, reconstructor = hand_at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
    network = show(reconstructor, hand)
    answer = network.forward

    def spoiled(view: View) -> Prediction:
        found: Prediction = answer(view)
        return found._replace(
            **{
                "not a number": {"joints_uv": found.joints_uv * torch.nan},
                "point": {"refined": Hands(*(0.0 * part for part in found.hands))},
                "one ray": {"joints_uv": torch.full_like(found.joints_uv, 0.4)},
                "distance behind": {"distance_m": torch.tensor([-0.2])},
            }[fault]
        )

    network.forward = spoiled
    output = reconstructor.reconstruct(frame_at(), [hand.tracked()])
    assert output.hands == ()
    assert output.left_out == {1: NO_HAND}


@pytest.mark.parametrize("has_depth", [True, False])
def test_the_pipeline_gives_the_hand_its_confidence_and_its_residual(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    pipeline_of: PipelineOf,
    weights: Path,
    has_depth: bool,
) -> None:
    hand, reconstructor = hand_at(HandSide.LEFT, (0.05, 0.03, 0.5)), build(weights)
    network = show(reconstructor, hand)
    pipeline = pipeline_of(reconstructor, hand.tracked().detection)
    frame = frame_at(depth_m=painted_depth_m(hand)) if has_depth else frame_at()
    for number in range(3):
        later = replace(frame, stamp_ns=frame.stamp_ns + number * 33_333_333)
        (found,) = pipeline.process(later).reconstruction.hands
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=0.003)
    np.testing.assert_allclose(found.joint_confidence, network.confidence, atol=1e-6)
    assert np.isnan(found.placement_residual_m) == (not has_depth)
    assert not has_depth or found.placement_residual_m < 0.006


def test_warming_up_runs_the_network_with_one_hand_and_with_two(
    build: Build, make_weights: MakeWeights
) -> None:
    reconstructor = build(make_weights(with_depth=True))
    answer, batches = reconstructor._look, []

    def watch(view: View) -> Any:
        batches.append(len(view.images))
        return answer(view)

    reconstructor._look = watch
    reconstructor.warm_up()
    assert batches == [1, 2]
