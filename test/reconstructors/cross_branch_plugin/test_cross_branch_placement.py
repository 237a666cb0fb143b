"""Hands are placed and turned back, so that what the network answers ends in the camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandSide,
    TrackedHand,
)
from hand_object_recon.core.objects import GraspState, ObjectEstimate
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.grasp_views import OUTSIDE, TOO_SMALL
from hand_object_recon.networks.hand_estimates import NO_HAND
from hand_object_recon.reconstructors.cross_branch import estimates as estimates_module
from hand_object_recon.reconstructors.cross_branch.options import DepthSource
from hand_object_recon.reconstructors.cross_branch.placement import turned_onto_depth
from hand_object_recon.reconstructors.cross_branch.reconstructor import (
    NO_KEYPOINTS,
    CrossBranchReconstructor,
)

Build = Callable[..., CrossBranchReconstructor]
MakeWeights = Callable[..., Path]
FrameAt = Callable[..., RgbdFrame]
FloatArray = NDArray[np.floating[Any]]
GraspAt = Callable[..., Any]
Show = Callable[..., Any]
Axes = Callable[[HandSide, FloatArray], FloatArray]
PaintedDepth = Callable[..., NDArray[np.float32]]
InCamera = Callable[[ObjectEstimate], trimesh.Trimesh]

PLACES = [
    (HandSide.RIGHT, (-0.1, 0.04, 0.5)),
    (HandSide.LEFT, (0.14, -0.02, 0.6)),
    (HandSide.RIGHT, (0.15, 0.05, 0.7)),
    (HandSide.LEFT, (-0.08, 0.03, 0.45)),
]


@pytest.mark.parametrize("has_depth", [False, True])
@pytest.mark.parametrize(("side", "at_m"), PLACES)
def test_a_network_that_knows_the_truth_gives_hand_and_object_in_metres(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    in_camera: InCamera,
    weights: Path,
    side: HandSide,
    at_m: tuple[float, ...],
    has_depth: bool,
) -> None:
    grasp, reconstructor = grasp_at(side, at_m), build(weights)
    show(reconstructor, grasp)
    frame = frame_at(depth_m=painted_depth_m(grasp)) if has_depth else frame_at()
    output = reconstructor.reconstruct(frame, [grasp.tracked()])
    (found,), (thing,) = output.hands, output.objects
    off_m = 0.003 if has_depth else 1e-4
    assert (found.track_id, found.side, found.topology) == (1, side, f"open_hand_{side}")
    np.testing.assert_allclose(found.joints_m, grasp.joints_m, atol=off_m)
    np.testing.assert_allclose(found.vertices_m, grasp.vertices_m, atol=off_m)
    assert_is_the_ellipsoid(thing, in_camera(thing), grasp, off_m)
    assert (thing.held_by, thing.state, thing.score) == (1, GraspState.HELD, 0.9)


@pytest.mark.parametrize("side", list(HandSide))
def test_a_grasp_that_the_network_sees_turned_is_turned_onto_the_depth(
    grasp_at: GraspAt, frame_at: FrameAt, painted_depth_m: PaintedDepth, side: HandSide
) -> None:
    grasp = grasp_at(side, (0.0, 0.04, 0.5))
    frame = frame_at(depth_m=painted_depth_m(grasp))
    faces = load_hand_model("open_hand", side).faces
    found, turn = grasp.answered(np.eye(3)), Rotation.from_rotvec([0.25, 0.1, 0.0]).as_matrix()
    wrong = found.turned(turn)
    np.testing.assert_allclose(wrong.joints_m, found.joints_m @ turn.T)
    np.testing.assert_allclose(wrong.orientation, turn @ found.orientation)
    middle_m = grasp.joints_m.mean(axis=0)
    wrist_m = middle_m - wrong.joints_m.mean(axis=0)
    after, after_wrist_m = turned_onto_depth(frame, wrong, wrist_m, faces)

    def off_m(one: Any, at_m: FloatArray) -> list[float]:
        gaps = (
            one.joints_m + at_m - grasp.joints_m,
            one.object_vertices_m + at_m - grasp.object_vertices_m,
        )
        return [float(np.linalg.norm(gap, axis=1).mean()) for gap in gaps]

    for better, before in zip(off_m(after, after_wrist_m), off_m(wrong, wrist_m), strict=True):
        assert better < 0.7 * before
    blind = frame_at()
    same, same_wrist_m = turned_onto_depth(blind, wrong, wrist_m, faces)
    assert same is wrong
    assert same_wrist_m is wrist_m


def assert_is_the_ellipsoid(
    thing: ObjectEstimate, mesh: trimesh.Trimesh, grasp: Any, off_m: float
) -> None:
    np.testing.assert_allclose(mesh.vertices, grasp.object_vertices_m, atol=off_m)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(grasp.volume_m3, rel=0.03)
    np.testing.assert_allclose(thing.pose[:3, 3], grasp.center_m, atol=off_m + 2e-4)
    np.testing.assert_allclose(thing.pose[:3, :3], np.eye(3), atol=1e-6)


@pytest.mark.parametrize("side", list(HandSide))
def test_the_parameters_of_a_hand_give_its_mesh(
    build: Build, grasp_at: GraspAt, frame_at: FrameAt, show: Show, weights: Path, side: HandSide
) -> None:
    grasp, reconstructor = grasp_at(side, (0.1, 0.03, 0.5)), build(weights)
    show(reconstructor, grasp)
    (found,) = reconstructor.reconstruct(frame_at(), [grasp.tracked()]).hands
    model = load_hand_model("open_hand", side)
    posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3))
    moved_m = found.joints_m[0] - posed.joints_m[0]
    np.testing.assert_allclose(posed.vertices_m + moved_m, found.vertices_m, atol=1e-5)
    np.testing.assert_allclose(found.wrist_pose[:3, :3], posed.wrist_pose[:3, :3], atol=1e-5)
    np.testing.assert_allclose(found.wrist_pose[:3, 3], found.joints_m[0], atol=1e-6)


def test_a_left_hand_that_mirrors_no_right_one_gets_parameters_that_fit_its_joints(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(estimates_module, "_are_mirrored", lambda right, left: False)
    grasp, reconstructor = grasp_at(HandSide.LEFT, (0.1, 0.03, 0.5), 0.0), build(weights)
    show(reconstructor, grasp)
    (found,) = reconstructor.reconstruct(frame_at(), [grasp.tracked()]).hands
    np.testing.assert_allclose(found.vertices_m, grasp.vertices_m, atol=1e-4)
    model = load_hand_model("open_hand", HandSide.LEFT)
    posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3))
    moved_m = found.joints_m[0] - posed.joints_m[0]
    assert np.linalg.norm(posed.joints_m + moved_m - found.joints_m, axis=1).mean() < 0.006


@pytest.mark.parametrize("side", list(HandSide))
def test_upright_crops_are_turned_back(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    upright_axes: Axes,
    in_camera: InCamera,
    make_weights: MakeWeights,
    side: HandSide,
) -> None:
    grasp = grasp_at(side, (0.1, 0.03, 0.5))
    reconstructor = build(make_weights(depth_source=DepthSource.NONE, upright=True))
    show(reconstructor, grasp, axes=[upright_axes(side, grasp.joints_m)])
    output = reconstructor.reconstruct(frame_at(), [grasp.tracked()])
    np.testing.assert_allclose(output.hands[0].vertices_m, grasp.vertices_m, atol=1e-4)
    (thing,) = output.objects
    assert_is_the_ellipsoid(thing, in_camera(thing), grasp, 1e-4)
    assert not output.notes


def test_upright_weights_want_keypoints(
    build: Build, grasp_at: GraspAt, frame_at: FrameAt, show: Show, make_weights: MakeWeights
) -> None:
    grasp = grasp_at(HandSide.RIGHT, (0.1, 0.03, 0.5))
    reconstructor = build(make_weights(depth_source=DepthSource.NONE, upright=True))
    show(reconstructor, grasp)
    output = reconstructor.reconstruct(frame_at(), [grasp.tracked(with_keypoints=False)])
    assert output.notes == (NO_KEYPOINTS,)


def test_depth_corrects_the_distance_of_a_hand_that_the_network_sees_too_large(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    painted_depth_m: PaintedDepth,
    weights: Path,
) -> None:
    grasp, reconstructor = grasp_at(HandSide.LEFT, (0.1, 0.03, 0.5)), build(weights, turns=False)
    look = show(reconstructor, grasp)
    found = look.answers[0]
    large = replace(found, joints_m=1.1 * found.joints_m, vertices_m=1.1 * found.vertices_m)
    look.answers = [large]
    by_size, by_depth = (
        reconstructor.reconstruct(frame, [grasp.tracked()])
        for frame in (frame_at(), frame_at(depth_m=painted_depth_m(grasp)))
    )
    assert by_size.hands[0].joints_m[0, 2] - grasp.joints_m[0, 2] > 0.04
    assert abs(by_depth.hands[0].joints_m[0, 2] - grasp.joints_m[0, 2]) < 0.008
    for output in (by_size, by_depth):  # what is held keeps its place about the wrist
        offset_m = output.objects[0].pose[:3, 3] - output.hands[0].joints_m[0]
        np.testing.assert_allclose(offset_m, grasp.center_m - grasp.joints_m[0], atol=3e-4)


@pytest.mark.parametrize("with_keypoints", [True, False])
def test_a_hand_turned_the_wrong_way_is_as_far_away_as_its_size_says(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    weights: Path,
    with_keypoints: bool,
) -> None:
    grasp, reconstructor = grasp_at(HandSide.RIGHT, (0.1, 0.03, 0.5)), build(weights)
    look = show(reconstructor, grasp)
    turned = {name: getattr(look.answers[0], name) for name in ("joints_m", "vertices_m")}
    turned = {name: value * [-1.0, -1.0, 1.0] for name, value in turned.items()}
    look.answers = [replace(look.answers[0], **turned)]
    hand = grasp.tracked(with_keypoints=with_keypoints)
    (found,) = reconstructor.reconstruct(frame_at(), [hand]).hands
    off_m = np.linalg.norm(found.joints_m.mean(axis=0) - grasp.joints_m.mean(axis=0))
    assert off_m < 0.06


@pytest.mark.parametrize(("side", "at_m"), PLACES)
def test_a_box_places_a_hand_without_keypoints(
    build: Build,
    grasp_at: GraspAt,
    frame_at: FrameAt,
    show: Show,
    camera: CameraIntrinsics,
    weights: Path,
    side: HandSide,
    at_m: tuple[float, ...],
) -> None:
    grasp, reconstructor = grasp_at(side, at_m), build(weights)
    show(reconstructor, grasp)
    hand = grasp.tracked(with_keypoints=False)
    (found,) = reconstructor.reconstruct(frame_at(), [hand]).hands
    pixels = project(found.joints_m.astype(float), camera)
    x, y = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    assert hand.detection.box.center == pytest.approx((x, y), abs=0.5)
    assert np.linalg.norm(found.joints_m - grasp.joints_m, axis=1).max() < 0.08 * at_m[2]


def test_a_hand_too_small_or_outside_the_image_is_left_out(
    build: Build, grasp_at: GraspAt, frame_at: FrameAt, show: Show, weights: Path
) -> None:
    grasp, reconstructor = grasp_at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
    show(reconstructor, grasp)
    small = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(100.0, 100.0, 108.0, 108.0))
    outside = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(400.0, 300.0, 500.0, 380.0))
    others = [TrackedHand(2, small), TrackedHand(3, outside)]
    found = reconstructor.reconstruct(frame_at(), [*others, grasp.tracked(1)])
    assert [one.track_id for one in found.hands] == [1]
    assert found.left_out == {2: TOO_SMALL, 3: OUTSIDE}
    alone = reconstructor.reconstruct(frame_at(), others)
    assert (alone.hands, alone.objects, set(alone.left_out)) == ((), (), {2, 3})
    empty = reconstructor.reconstruct(frame_at(), [])
    assert (empty.hands, empty.objects, empty.left_out, empty.notes) == ((), (), {}, ())


@pytest.mark.parametrize("fault", ["not_a_number", "point"])
def test_an_answer_that_is_no_hand_is_left_out(
    build: Build, grasp_at: GraspAt, frame_at: FrameAt, show: Show, weights: Path, fault: str
) -> None:
    grasp, reconstructor = grasp_at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
    look = show(reconstructor, grasp)
    found = look.answers[0]
    changed = {
        "not_a_number": {"shape": np.full(10, np.nan)},
        "point": {"joints_m": np.zeros((21, 3))},
    }
    look.answers = [replace(found, **changed[fault])]
    output = reconstructor.reconstruct(frame_at(), [grasp.tracked()])
    assert (output.hands, output.objects) == ((), ())
    assert output.left_out == {1: NO_HAND}
