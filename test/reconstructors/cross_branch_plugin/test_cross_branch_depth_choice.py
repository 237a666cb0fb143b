"""Each hand is shown the depth that is asked for and that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.reconstructors.cross_branch.depth_channel import filled, relative_depth
from hand_object_recon.reconstructors.cross_branch.depth_choice import BY_ESTIMATE, NO_DEPTH
from hand_object_recon.reconstructors.cross_branch.network import CrossBranchNetwork
from hand_object_recon.reconstructors.cross_branch.options import DepthSource
from hand_object_recon.reconstructors.cross_branch.prediction import View
from hand_object_recon.reconstructors.cross_branch.reconstructor import CrossBranchReconstructor
from hand_object_recon.reconstructors.cross_branch.trained_network import load_trained_network

Build = Callable[..., CrossBranchReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
GraspAt = Callable[..., Any]
Grasps = list[Any]
Show = Callable[..., Any]
PaintedDepth = Callable[..., NDArray[np.float32]]


def test_each_hand_of_a_batch_has_the_depth_chosen_for_it(make_weights: MakeWeights) -> None:
    network = load_trained_network(make_weights(depth_source=DepthSource.BOTH)).network
    random = torch.Generator().manual_seed(1)
    images = torch.randn(3, 3, 64, 64, generator=random)
    depth_m = 0.5 + 0.05 * torch.rand(3, 64, 64, generator=random)
    depth_m[:, 28:36, 20:44] = 0.0
    sources = [DepthSource.ESTIMATED, DepthSource.BOTH, DepthSource.SENSOR]
    channels = fourth_channels(network, View(images, depth_m), sources)
    assert network.depth is not None
    with torch.no_grad():
        estimate = network.depth(images)
    measured = relative_depth(depth_m)
    torch.testing.assert_close(channels[0], estimate[0])
    torch.testing.assert_close(channels[2], measured[2])
    torch.testing.assert_close(channels[1], filled(measured, depth_m, estimate)[1])
    is_hole = depth_m[1] == 0.0
    torch.testing.assert_close(channels[1][~is_hole], measured[1][~is_hole])
    assert channels[1][is_hole].std() > 0.0, "holes are not filled with the estimate"
    assert (channels[2][is_hole] == 0.0).all()
    as_trained = fourth_channels(network, View(images, depth_m), None)
    torch.testing.assert_close(as_trained[1], channels[1])


def fourth_channels(
    network: CrossBranchNetwork, view: View, sources: Sequence[DepthSource] | None
) -> torch.Tensor:
    """(B, S, S) what the encoders of hand and object see beside colour."""
    assert network.hand is not None
    seen: list[torch.Tensor] = []
    hook = network.hand.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        network(view, sources)
    hook.remove()
    return seen[0][:, 3]


@torch.no_grad()
def test_an_estimate_that_no_hand_is_shown_is_not_made(make_weights: MakeWeights) -> None:
    network = load_trained_network(make_weights(depth_source=DepthSource.BOTH)).network
    view = View(torch.zeros(2, 3, 64, 64), torch.full((2, 64, 64), 0.5))
    assert network(view, [DepthSource.SENSOR] * 2).relative_depth is None
    assert network(view, [DepthSource.SENSOR, DepthSource.BOTH]).relative_depth is not None


@pytest.mark.parametrize(
    ("trained", "asked", "source"),
    [
        ("sensor", "as_trained", "sensor"),
        ("estimated", "as_trained", "estimated"),
        ("both", "as_trained", "both"),
        ("none", "as_trained", "none"),
        ("both", "sensor", "sensor"),
        ("both", "estimated", "estimated"),
        ("estimated", "both", "both"),
        ("estimated", "sensor", "sensor"),
        ("both", "none", "none"),
        ("sensor", "none", "none"),
        ("none", "none", "none"),
        ("both", "both", "both"),
    ],
)
def test_the_depth_asked_for_is_shown_and_another_than_trained_is_noted(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    make_weights: MakeWeights,
    trained: str,
    asked: str,
    source: str,
) -> None:
    grasp = grasp_at(HandSide.RIGHT, (0.0, 0.03, 0.5))
    reconstructor = build(make_weights(depth_source=trained), depth_source=asked)
    look = show(reconstructor, grasp)
    frame = frame_at(depth_m=painted_depth_m(grasp))
    notes = {reconstructor.reconstruct(frame, [grasp.tracked()]).notes for _ in range(2)}
    assert look.sources == [[DepthSource(source)]] * 2
    if source == trained:
        assert notes == {()}
    else:
        ((note,),) = notes
        assert f"cross_branch.depth_source is '{asked}'" in note
        assert f"trained with '{trained}'" in note


@pytest.mark.parametrize(
    ("trained", "asked", "reason"),
    [
        ("sensor", "estimated", "estimates no depth"),
        ("sensor", "both", "estimates no depth"),
        ("none", "sensor", "reads no depth"),
        ("none", "estimated", "reads no depth"),
    ],
)
def test_depth_that_the_network_has_not_is_refused(
    build: Build, make_weights: MakeWeights, trained: str, asked: str, reason: str
) -> None:
    pattern = rf"cross_branch\.depth_source is '{asked}'.*{reason}.*set it to 'as_trained'"
    with pytest.raises(ConfigError, match=pattern):
        build(make_weights(depth_source=trained), depth_source=asked)


@pytest.mark.parametrize(
    ("trained", "asked"), [("both", "as_trained"), ("both", "sensor"), ("estimated", "sensor")]
)
def test_a_hand_without_depth_is_estimated_with_a_note(
    build: Build,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    camera: CameraIntrinsics,
    apart: Grasps,
    make_weights: MakeWeights,
    trained: str,
    asked: str,
) -> None:
    reconstructor = build(make_weights(depth_source=trained), depth_source=asked)
    look = show(reconstructor, *apart)
    depth_m = painted_depth_m(*apart)
    depth_m[:, : int(camera.cx)] = np.nan
    hands = [grasp.tracked(number) for number, grasp in enumerate(apart)]
    output = reconstructor.reconstruct(frame_at(depth_m=depth_m), hands)
    measured = DepthSource(trained if asked == "as_trained" else asked)
    assert look.sources == [[DepthSource.ESTIMATED, measured]]
    assert BY_ESTIMATE in output.notes
    assert len(output.hands) == len(output.objects) == 2


def test_a_hand_without_depth_is_left_out_where_the_network_needs_it(
    build: Build,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    camera: CameraIntrinsics,
    apart: Grasps,
    make_weights: MakeWeights,
) -> None:
    reconstructor = build(make_weights(depth_source="sensor"))
    look = show(reconstructor, apart[1])
    depth_m = painted_depth_m(*apart)
    depth_m[:, : int(camera.cx)] = np.nan
    hands = [grasp.tracked(number) for number, grasp in enumerate(apart)]
    frame = frame_at(depth_m=depth_m)
    output = reconstructor.reconstruct(frame, hands)
    assert output.left_out == {0: NO_DEPTH}
    assert [hand.track_id for hand in output.hands] == [1]
    np.testing.assert_allclose(output.hands[0].joints_m, apart[1].joints_m, atol=0.003)
    assert look.views[0].depth_m.max() > 0.4
    nothing = reconstructor.reconstruct(frame_at(), hands)
    assert nothing.left_out == {0: NO_DEPTH, 1: NO_DEPTH}
    assert not nothing.hands
    assert not nothing.objects
