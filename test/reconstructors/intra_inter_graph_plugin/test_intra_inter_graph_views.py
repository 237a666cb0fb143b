"""What the network is shown of hands is what training shows it, and its answers are theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, FrameAnnotation, HandAnnotation
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.reconstructors.intra_inter_graph.prediction import View
from hand_object_recon.reconstructors.intra_inter_graph.reconstructor import (
    IntraInterGraphReconstructor,
)
from hand_object_recon.reconstructors.intra_inter_graph.samples import (
    SampleChange,
    hand_records,
    network_sample,
)
from hand_object_recon.reconstructors.intra_inter_graph.trained_network import load_trained_network

Build = Callable[..., IntraInterGraphReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
FloatArray = NDArray[np.floating[Any]]
HandAt = Callable[..., Any]
Hands = list[Any]
Show = Callable[..., Any]
Axes = Callable[[HandSide, FloatArray], FloatArray]
PaintedDepth = Callable[..., NDArray[np.float32]]


@pytest.mark.parametrize("side", list(HandSide))
@pytest.mark.parametrize("upright", [False, True])
def test_the_network_sees_what_training_shows_it(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    make_weights: MakeWeights,
    side: HandSide,
    upright: bool,
) -> None:
    hand = hand_at(side, (0.12, -0.03, 0.5))
    reconstructor = build(make_weights(upright=upright, with_depth=True, image_size=128))
    network = show(reconstructor, hand)
    depth_m = painted_depth_m(hand)
    depth_m[:, ::7] = np.nan
    depth_m[:20] = 7.0  # farther than records tell
    frame = frame_at(depth_m=depth_m)
    reconstructor.reconstruct(frame, [hand.tracked()])
    ((_, record),) = hand_records(annotated(frame, hand), reconstructor._options)
    sample = network_sample(record, SampleChange(), reconstructor._options, None)
    (view,) = network.views
    shown = normalised(torch.from_numpy(sample["image"]))
    gap = (view.images[0] - shown).abs().mean()  # resampled once instead of twice
    assert gap < 0.1 * (shown.flip(-1) - shown).abs().mean()
    assert view.half_slopes[0] == pytest.approx(float(sample["half_slope"]), rel=1e-3)
    assert view.depth_m is not None
    is_same = np.abs(view.depth_m[0].numpy() - sample["depth_m"]) < 2e-3
    assert is_same.mean() > 0.9
    assert view.depth_m.max() < 2.0


def annotated(frame: RgbdFrame, hand: Any) -> AnnotatedFrame:
    told = HandAnnotation(
        side=hand.side,
        joints_m=hand.posed.joints_m,
        vertices_m=hand.posed.vertices_m,
        topology=f"open_hand_{hand.side}",
        pose_rad=hand.pose_rad.astype(np.float32),
        shape=hand.shape.astype(np.float32),
    )
    return AnnotatedFrame(frame, FrameAnnotation(frame.stamp_ns, (told,), ()), "take")


def test_networks_without_depth_are_shown_none(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    weights: Path,
) -> None:
    hand, reconstructor = hand_at(HandSide.RIGHT, (0.1, 0.03, 0.5)), build(weights)
    network = show(reconstructor, hand)
    reconstructor.reconstruct(frame_at(depth_m=painted_depth_m(hand)), [hand.tracked()])
    assert network.views[0].depth_m is None


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"refinement": "none"},
        {"with_depth": True, "local_features": True, "rotation": "two_columns", "hourglasses": 2},
    ],
    ids=["paper", "no refinement", "lite"],
)
def test_a_hand_is_what_the_network_answers_for_its_sample(
    build: Build,
    hand_at: HandAt,
    frame_at: FrameAt,
    painted_depth_m: PaintedDepth,
    straight_axes: Axes,
    make_weights: MakeWeights,
    options: dict[str, Any],
) -> None:
    hand, path = hand_at(HandSide.LEFT, (0.12, -0.03, 0.5)), make_weights(**options)
    reconstructor, shown = build(path, turns=False), []
    answer = reconstructor._look

    def watch(view: View) -> Any:
        shown.append(view)
        return answer(view)

    reconstructor._look = watch
    frame = frame_at(depth_m=painted_depth_m(hand))
    (found,) = reconstructor.reconstruct(frame, [hand.tracked()]).hands
    with torch.no_grad():
        expected = load_trained_network(path).network(shown[0])
    wrist_m = expected.hands.joints_m[0, 0].numpy()
    axes = straight_axes(hand.side, hand.joints_m)
    about_wrist = (found.vertices_m - found.joints_m[0]) @ axes.T
    vertices_m = expected.hands.vertices_m[0].numpy() - wrist_m
    np.testing.assert_allclose(about_wrist, vertices_m, atol=2e-6)
    np.testing.assert_allclose(found.joint_confidence, expected.confidence[0], atol=1e-6)


def test_each_hand_of_a_frame_is_what_it_is_alone(
    build: Build,
    frame_at: FrameAt,
    painted_depth_m: PaintedDepth,
    apart: Hands,
    make_weights: MakeWeights,
) -> None:
    reconstructor = build(make_weights(with_depth=True, local_features=True, upright=True))
    frame = frame_at(depth_m=painted_depth_m(*apart))
    hands = [true.tracked(number) for number, true in enumerate(apart)]
    together = reconstructor.reconstruct(frame, hands).hands
    assert [one.track_id for one in together] == [0, 1]
    for hand, one in zip(hands, together, strict=True):
        (alone,) = reconstructor.reconstruct(frame, [hand]).hands
        np.testing.assert_allclose(one.vertices_m, alone.vertices_m, atol=1e-5)
        np.testing.assert_allclose(one.joint_confidence, alone.joint_confidence, atol=1e-5)
    assert not np.allclose(together[0].joint_confidence, together[1].joint_confidence, atol=1e-3)
