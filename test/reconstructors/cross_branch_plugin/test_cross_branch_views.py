"""What the network is shown of hands is what training shows it, and its answers are theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.reconstructors.base import ReconstructorOutput
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp
from hand_object_recon.reconstructors.cross_branch.options import (
    DepthSource,
    DepthTruth,
)
from hand_object_recon.reconstructors.cross_branch.prediction import View
from hand_object_recon.reconstructors.cross_branch.reconstructor import CrossBranchReconstructor
from hand_object_recon.reconstructors.cross_branch.samples import (
    SampleChange,
    grasp_records,
    network_sample,
)
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere
from hand_object_recon.reconstructors.cross_branch.trained_network import load_trained_network

Build = Callable[..., CrossBranchReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
FloatArray = NDArray[np.floating[Any]]
GraspAt = Callable[..., Any]
Grasps = list[Any]
Show = Callable[..., Any]
Axes = Callable[[HandSide, FloatArray], FloatArray]
PaintedDepth = Callable[..., NDArray[np.float32]]
InCamera = Callable[[ObjectEstimate], trimesh.Trimesh]


@pytest.mark.parametrize("side", list(HandSide))
@pytest.mark.parametrize("upright", [False, True])
def test_the_network_sees_what_training_shows_it(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    make_weights: MakeWeights,
    side: HandSide,
    upright: bool,
) -> None:
    grasp = grasp_at(side, (0.12, -0.03, 0.5))
    reconstructor = build(make_weights(upright=upright, image_size=128))
    look = show(reconstructor, grasp)
    depth_m = painted_depth_m(grasp)
    depth_m[:, ::7] = np.nan
    depth_m[:20] = 7.0  # farther than records tell
    frame = frame_at(depth_m=depth_m)
    reconstructor.reconstruct(frame, [grasp.tracked()])
    options = reconstructor._options.model_copy(update={"depth_truth": DepthTruth.SENSOR})
    ((_, record),) = grasp_records(annotated(frame, grasp), options)
    sample = network_sample(record, SampleChange(), options, None)
    (view,) = look.views
    shown = normalised(torch.from_numpy(sample["image"]))
    gap = (view.images[0] - shown).abs().mean()  # resampled once instead of twice
    assert gap < 0.1 * (shown.flip(-1) - shown).abs().mean()
    both = np.stack([view.depth_m[0].numpy(), sample["depth_m"]])
    is_same = np.abs(both[0] - both[1]) < 2e-3
    assert is_same.mean() > 0.9
    assert both.max() < 2.0


def annotated(frame: RgbdFrame, grasp: Any) -> AnnotatedFrame:
    joints_m, vertices_m = grasp.posed.joints_m, grasp.posed.vertices_m
    topology = f"open_hand_{grasp.side}"
    hand = HandAnnotation(
        side=grasp.side, joints_m=joints_m, vertices_m=vertices_m, topology=topology
    )
    held = ObjectAnnotation(
        name="ellipsoid",
        pose=np.eye(4),
        vertices_m=grasp.object_vertices_m.astype(np.float32),
        faces=object_sphere().faces,
        held_by=frozenset({grasp.side}),
    )
    return AnnotatedFrame(frame, FrameAnnotation(frame.stamp_ns, (hand,), (held,)), "take")


@pytest.mark.parametrize(
    "options",
    [{"depth_source": DepthSource.NONE}, {"depth_source": DepthSource.BOTH, "image_size": 96}],
)
def test_a_hand_is_what_the_network_answers_for_its_sample(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    painted_depth_m: PaintedDepth,
    straight_axes: Axes,
    make_weights: MakeWeights,
    options: dict[str, Any],
) -> None:
    grasp, path = grasp_at(HandSide.LEFT, (0.12, -0.03, 0.5)), make_weights(**options)
    reconstructor = build(path, turns=False)
    shown: list[View] = []
    answer = reconstructor._look

    def watch(view: View, sources: Sequence[DepthSource]) -> list[FoundGrasp]:
        shown.append(view)
        return answer(view, sources)

    reconstructor._look = watch
    frame = frame_at(depth_m=painted_depth_m(grasp))
    (found,) = reconstructor.reconstruct(frame, [grasp.tracked()]).hands
    with torch.no_grad():
        expected = load_trained_network(path).network(shown[0]).hand
    about_wrist = (found.vertices_m - found.joints_m[0]) @ straight_axes(
        grasp.side, grasp.joints_m
    ).T
    np.testing.assert_allclose(about_wrist, expected.vertices_m[0].numpy(), atol=2e-6)
    np.testing.assert_allclose(found.shape, expected.shape[0].numpy(), atol=1e-6)


def test_each_hand_of_a_frame_is_what_it_is_alone(
    build: Build,
    frame_at: FrameAt,
    painted_depth_m: PaintedDepth,
    in_camera: InCamera,
    apart: Grasps,
    make_weights: MakeWeights,
) -> None:
    reconstructor = build(make_weights(depth_source=DepthSource.BOTH, sphere_offsets=True))
    frame = frame_at(depth_m=painted_depth_m(*apart))
    hands = [grasp.tracked(number) for number, grasp in enumerate(apart)]
    together = reconstructor.reconstruct(frame, hands)
    assert [hand.track_id for hand in together.hands] == [0, 1]
    assert [thing.held_by for thing in together.objects] == [0, 1]
    for number, hand in enumerate(hands):
        alone = reconstructor.reconstruct(frame, [hand])
        one, other = together.hands[number], alone.hands[0]
        np.testing.assert_allclose(one.vertices_m, other.vertices_m, atol=1e-5)
        np.testing.assert_allclose(
            in_camera(together.objects[number]).vertices,
            in_camera(alone.objects[0]).vertices,
            atol=1e-5,
        )


@pytest.mark.slow
def test_openvino_gives_what_torch_gives(
    build: Build,
    frame_at: FrameAt,
    painted_depth_m: PaintedDepth,
    in_camera: InCamera,
    apart: Grasps,
    make_weights: MakeWeights,
) -> None:
    pytest.importorskip("openvino")
    path = make_weights(sphere_offsets=True, depth_source=DepthSource.BOTH)
    hands = [grasp.tracked(number) for number, grasp in enumerate(apart)]
    frame = frame_at(depth_m=painted_depth_m(*apart))
    by_torch, by_openvino = (build(path, runtime=runtime) for runtime in ("torch", "openvino"))
    for count in (1, 2):
        one, other = (found.reconstruct(frame, hands[:count]) for found in (by_torch, by_openvino))
        assert len(other.hands) == len(other.objects) == count
        for places, same in zip(
            about_wrists(one, in_camera), about_wrists(other, in_camera), strict=True
        ):
            np.testing.assert_allclose(same, places, atol=1e-3)


def about_wrists(output: ReconstructorOutput, in_camera: InCamera) -> list[FloatArray]:
    """Vertices of each hand and its object about the wrist."""
    meshes = [*zip(output.hands, output.objects, strict=True)]
    return [
        np.concatenate([hand.vertices_m, in_camera(thing).vertices]) - hand.joints_m[0]
        for hand, thing in meshes
    ]
