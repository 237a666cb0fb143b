"""What hands hold, from frame to frame and through the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import (
    HandEstimate,
    HandSide,
)
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp
from hand_object_recon.reconstructors.cross_branch.options import DepthSource
from hand_object_recon.reconstructors.cross_branch.prediction import View
from hand_object_recon.reconstructors.cross_branch.reconstructor import CrossBranchReconstructor
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere

Build = Callable[..., CrossBranchReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
FloatArray = NDArray[np.floating[Any]]
GraspAt = Callable[..., Any]
Show = Callable[..., Any]
PaintedDepth = Callable[..., NDArray[np.float32]]
InCamera = Callable[[ObjectEstimate], trimesh.Trimesh]
PipelineOf = Callable[..., Pipeline]


class Take:
    """One grasp filmed frame after frame."""

    def __init__(
        self, grasp: Any, reconstructor: CrossBranchReconstructor, show: Show, frame_at: FrameAt
    ) -> None:
        self.grasp, self.reconstructor, self.number = grasp, reconstructor, 0
        self._show, self._frame_at = show, frame_at

    def next(self, **tracked: Any) -> tuple[HandEstimate, ObjectEstimate]:
        self.number += 1
        self._show(self.reconstructor, self.grasp)
        hand = self.grasp.tracked(**tracked)
        output = self.reconstructor.reconstruct(self._frame_at(self.number), [hand])
        return output.hands[0], output.objects[0]


@pytest.fixture
def take(weights: Path, build: Build, grasp_at: GraspAt, show: Show, frame_at: FrameAt) -> Take:
    return Take(grasp_at(HandSide.LEFT, (0.05, 0.03, 0.5)), build(weights), show, frame_at)


@pytest.mark.parametrize("side", list(HandSide))
def test_a_sphere_turned_inside_out_is_seen_from_outside(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    in_camera: InCamera,
    weights: Path,
    side: HandSide,
) -> None:
    grasp = grasp_at(side, (0.05, 0.02, 0.5))
    grasp = replace(grasp, radii_m=grasp.radii_m * [1.0, -1.0, 1.0])
    reconstructor = build(weights)
    show(reconstructor, grasp)
    (thing,) = reconstructor.reconstruct(frame_at(), [grasp.tracked()]).objects
    assert in_camera(thing).volume == pytest.approx(-grasp.volume_m3, rel=0.03)


@pytest.mark.parametrize(
    "vertices_m",
    [
        np.full((642, 3), np.nan),
        np.zeros((642, 3)),
        0.006 * object_sphere().vertices,
        0.05 * object_sphere().vertices * np.array([1.0, 1.0, 1e-4]),
    ],
    ids=["not a number", "point", "crumb", "sheet"],
)
def test_a_mesh_that_is_no_body_leaves_the_hand_alone(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    weights: Path,
    vertices_m: FloatArray,
) -> None:
    grasp, reconstructor = grasp_at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
    look = show(reconstructor, grasp)
    look.answers = [replace(look.answers[0], object_vertices_m=vertices_m)]
    output = reconstructor.reconstruct(frame_at(), [grasp.tracked()])
    assert len(output.hands) == 1
    assert not output.objects


@pytest.mark.parametrize(("least_held", "count"), [(0.0, 1), (0.3, 1), (0.5, 0)])
def test_a_hand_that_is_thought_to_hold_nothing_comes_alone(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    weights: Path,
    least_held: float,
    count: int,
) -> None:
    grasp = grasp_at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    reconstructor = build(weights, least_held=least_held)
    look = show(reconstructor, grasp)
    look.answers = [replace(look.answers[0], held_share=0.4)]
    output = reconstructor.reconstruct(frame_at(), [grasp.tracked()])
    assert len(output.hands) == 1
    assert len(output.objects) == count


def test_a_network_that_has_learned_from_empty_hands_says_how_likely_there_is_an_object(
    build: Build, grasp_at: GraspAt, frame_at: FrameAt, make_weights: MakeWeights
) -> None:
    hand = grasp_at(HandSide.RIGHT, (0.0, 0.02, 0.5)).tracked()
    for told in (False, True):
        options = {"depth_source": "none", "empty_hands": told, "sphere_offsets": True}
        reconstructor = build(make_weights(**options), least_held=1.0)
        objects = reconstructor.reconstruct(frame_at(), [hand]).objects
        assert len(objects) == (0 if told else 1)


def test_an_object_keeps_its_id_and_goes_with_the_hand(grasp_at: GraspAt, take: Take) -> None:
    _, first = take.next()
    for number in range(1, 5):
        take.grasp = grasp_at(HandSide.LEFT, (0.05 - 0.02 * number, 0.03, 0.5))
        _, thing = take.next()
        assert thing.track_id == first.track_id == 0
        moved = thing.pose[:3, 3] - first.pose[:3, 3]
        np.testing.assert_allclose(moved, [-0.02 * number, 0.0, 0.0], atol=1e-4)
        np.testing.assert_allclose(thing.vertices_m, first.vertices_m, atol=1e-4)


def test_the_axes_of_an_object_turn_with_the_wrist(in_camera: InCamera, take: Take) -> None:
    _, first = take.next()
    turn = Rotation.from_rotvec([0.1, -0.3, 0.2]).as_matrix()
    pose_rad = take.grasp.pose_rad.copy()
    pose_rad[:3] = (
        Rotation.from_matrix(turn) * Rotation.from_rotvec(take.grasp.pose_rad[:3])
    ).as_rotvec()
    model = load_hand_model("open_hand", HandSide.LEFT)
    posed = pose_hand(model, pose_rad, take.grasp.shape, np.array([0.05, 0.03, 0.5]))
    take.grasp = replace(take.grasp, posed=posed, pose_rad=pose_rad)
    _, thing = take.next()
    np.testing.assert_allclose(thing.pose[:3, :3], turn, atol=1e-5)
    np.testing.assert_allclose(in_camera(thing).vertices, take.grasp.object_vertices_m, atol=1e-4)
    assert not np.allclose(thing.vertices_m, first.vertices_m, atol=1e-3)


@pytest.mark.parametrize("interrupt", ["new", "forgotten", "reset", "new_but_not_seen"])
def test_a_hand_that_begins_anew_holds_another_object(
    frame_at: FrameAt, show: Show, take: Take, interrupt: str
) -> None:
    assert [take.next()[1].track_id for _ in range(2)] == [0, 0]
    if interrupt == "forgotten":
        take.reconstructor.forget(1)
    if interrupt == "reset":
        take.reconstructor.reset()
    if interrupt == "new_but_not_seen":
        look = show(take.reconstructor, take.grasp)
        look.answers = [replace(look.answers[0], shape=np.full(10, np.nan))]
        take.reconstructor.reconstruct(frame_at(5), [take.grasp.tracked(is_new=True)])
        take.number = 5
    _, thing = take.next(is_new=interrupt == "new")
    assert thing.track_id == 1
    np.testing.assert_allclose(thing.pose[:3, :3], np.eye(3), atol=1e-6)


def test_what_two_hands_hold_together_is_one_object(
    build: Build, grasp_at: GraspAt, frame_at: FrameAt, show: Show, weights: Path
) -> None:
    grasps = [
        grasp_at(HandSide.LEFT, (-0.06, 0.03, 0.5)),
        grasp_at(HandSide.RIGHT, (0.1, 0.03, 0.5)),
    ]
    shared_m = (grasps[0].center_m + grasps[1].center_m) / 2
    hands = [grasp.tracked(number) for number, grasp in enumerate(grasps)]
    reconstructor = build(weights)
    show(reconstructor, *(replace(grasp, center_m=shared_m) for grasp in grasps))
    output = reconstructor.reconstruct(frame_at(), hands)
    assert len(output.hands) == 2
    assert [thing.held_by for thing in output.objects] == [0]
    show(reconstructor, *grasps)
    output = reconstructor.reconstruct(frame_at(1), hands)
    assert [thing.held_by for thing in output.objects] == [0, 1]


@pytest.mark.parametrize("has_depth", [True, False])
def test_the_pipeline_gives_hand_object_residual_and_contacts(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    pipeline_of: PipelineOf,
    weights: Path,
    has_depth: bool,
) -> None:
    grasp, reconstructor = grasp_at(HandSide.RIGHT, (0.05, 0.03, 0.5)), build(weights)
    touching_m = grasp.joints_m[9] + [0.0, 0.0, 0.035]
    grasp = replace(grasp, center_m=touching_m, radii_m=np.full(3, 0.025))
    show(reconstructor, grasp)
    pipeline = pipeline_of(reconstructor, grasp.tracked().detection)
    frame = frame_at(depth_m=painted_depth_m(grasp)) if has_depth else frame_at()
    result = pipeline.process(frame).reconstruction
    (found,), (thing,) = result.hands, result.objects
    assert thing.held_by == found.track_id
    assert thing.contacts
    assert np.isnan(found.placement_residual_m) == (not has_depth)
    if has_depth:
        assert found.placement_residual_m < 0.006


def test_warming_up_runs_the_network_with_its_depth_and_leaves_nothing_behind(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    make_weights: MakeWeights,
) -> None:
    grasp = grasp_at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    reconstructor = build(make_weights(depth_source="sensor", sphere_offsets=True))
    answer, batches = reconstructor._look, []

    def watch(view: View, sources: Sequence[DepthSource]) -> list[FoundGrasp]:
        batches.append(len(sources))
        return answer(view, sources)

    reconstructor._look = watch
    reconstructor.warm_up()
    assert batches == [1, 2]
    show(reconstructor, grasp)
    frame = frame_at(depth_m=painted_depth_m(grasp))
    first, second = (
        reconstructor.reconstruct(frame, [grasp.tracked()]).objects[0] for _ in range(2)
    )
    assert first.track_id == second.track_id == 0
    np.testing.assert_allclose(first.pose[:3, :3], np.eye(3), atol=1e-6)


def test_weights_of_a_stage_without_both_branches_are_refused(
    build: Build, make_weights: MakeWeights
) -> None:
    with pytest.raises(InvalidValueError, match="stage hand, which has not both branches"):
        build(make_weights(part="hand"))
