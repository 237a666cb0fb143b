"""The plugin: places hands and turns back, so that what the network answers ends in the camera.

A network that knows the truth shows that the way from its answer to the camera is right; one with
random weights, that the plugin asks it as it was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    TrackedHand,
)
from hand_object_recon.core.method_settings import GSDFSettings
from hand_object_recon.core.objects import GraspState, ObjectEstimate
from hand_object_recon.detectors.base import Detector
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.geometry.signed_distance import signed_distances, unsigned_distances
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.watertight import close_wrist
from hand_object_recon.interaction.refinement import ContactRefinement
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.frame_memory import FrameMemory
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.networks.weights import Weights, save_weights
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.pipeline.smoother import Smoother
from hand_object_recon.pipeline.tracker import Tracker
from hand_object_recon.reconstructors.gsdf import reconstructor as plugin
from hand_object_recon.reconstructors.gsdf.hand_frames import rest_keypoints
from hand_object_recon.reconstructors.gsdf.hand_views import CropBatch, crop_batch, view_of_hand
from hand_object_recon.reconstructors.gsdf.network import Views
from hand_object_recon.reconstructors.gsdf.options import METHOD, GSDFOptions
from hand_object_recon.reconstructors.gsdf.reconstructor import GSDFReconstructor
from hand_object_recon.reconstructors.gsdf.relative_joints import RelativeJoints, wrist_z_by_size
from hand_object_recon.reconstructors.gsdf.sight import BodyFields, look_of
from hand_object_recon.reconstructors.gsdf.trained_network import (
    load_trained_network,
    new_network,
)

CAMERA = CameraIntrinsics(320, 240, 290.0, 280.0, 150.0, 126.0)
UNIT_M = GSDFOptions().unit_m
EARLIER_S = GSDFOptions().earlier_s
CLAMP = 0.05
STEP_NS = 33_333_333
GRASP_M = np.array([0.02, 0.03, 0.05])
"""From the middle knuckle to the middle of what is held."""
LITE = {"crop_around": CropRule.HAND, "crop_enlargement": 2.0, "image_size": 128}
VIDEO = {**LITE, "frames": 3}

FloatArray = NDArray[np.floating[Any]]
Distances = Callable[[FloatArray], FloatArray]
MakeWeights = Callable[..., Path]


@pytest.fixture(scope="module")
def make_weights(tmp_path_factory: pytest.TempPathFactory) -> MakeWeights:
    """A small network with random weights whose joints are not all on one spot."""

    def make(**options: Any) -> Path:
        torch.manual_seed(5)
        chosen = GSDFOptions(**{"width": 24, **LITE, **options})
        network = new_network(chosen).requires_grad_(False)
        network.pose.joints.head.weight.mul_(20.0)
        path = tmp_path_factory.mktemp("weights") / "random.safetensors"
        description = {"method": METHOD, "options": chosen.model_dump(mode="json")}
        save_weights(path, Weights(network.state_dict(), description))
        return path

    return make


@pytest.fixture(scope="module")
def weights(make_weights: MakeWeights) -> Path:
    return make_weights()


def build(weights: Path, **settings: Any) -> GSDFReconstructor:
    fixed = {"weights": str(weights), "device": "cpu", "mesh_cells": 32, "mesh_rate_hz": 5.0}
    return GSDFReconstructor(PipelineConfig(gsdf=GSDFSettings(**{**fixed, **settings})))


def frame_at(number: int = 0, **changes: Any) -> RgbdFrame:
    shape = (CAMERA.height, CAMERA.width)
    noise = np.random.default_rng(number).integers(0, 256, (*shape, 3), dtype=np.uint8)
    rgb = np.asarray(cv2.GaussianBlur(noise, (0, 0), 4.0), dtype=np.uint8)
    depth = np.full(shape, np.nan, dtype=np.float32)
    return replace(RgbdFrame(rgb, depth, CAMERA, 10**9 + number * STEP_NS, "camera"), **changes)


@dataclass(frozen=True, eq=False)
class TrueHand:
    """A posed hand in view, and what a detector says of it."""

    side: HandSide
    posed: PosedHand

    @classmethod
    def at(cls, side: HandSide, at_m: Sequence[float], shape_sd: float = 0.0) -> TrueHand:
        model = load_hand_model("open_hand", side)
        fingers = model.pose_mean_rad.reshape(15, 1, 3) @ model.joint_axes
        pose = np.concatenate([[1.3, 0.9, 1.1], fingers.ravel()])
        shape = shape_sd * np.random.default_rng(4).normal(0.0, 1.0, 10)
        return cls(side, pose_hand(model, pose, shape, np.array(at_m)))

    @property
    def joints_m(self) -> FloatArray:
        return self.posed.joints_m.astype(np.float64)

    @property
    def closed(self) -> tuple[FloatArray, NDArray[np.int32]]:
        lid = close_wrist(load_hand_model("open_hand", self.side))
        return lid.vertices(self.posed.vertices_m.astype(np.float64)), lid.faces

    def distances(self, points_m: FloatArray) -> FloatArray:
        return signed_distances(points_m, *self.closed)

    def tracked(self, track_id: int = 1, **more: Any) -> TrackedHand:
        pixels = project(self.joints_m, CAMERA)
        box = BoundingBox.around(pixels, 0.1)
        detection = HandDetection(self.side, 0.9, box, pixels.astype(np.float32))
        return TrackedHand(track_id, detection, **more)


@dataclass(frozen=True, eq=False)
class Box:
    """A box of half edges half_m about center_m, turned by (3, 3)."""

    center_m: FloatArray
    half_m: FloatArray = field(default_factory=lambda: np.array([0.03, 0.02, 0.045]))
    turn: FloatArray = field(default_factory=lambda: np.eye(3))

    def distances(self, points_m: FloatArray) -> FloatArray:
        away = np.abs((points_m - self.center_m) @ self.turn) - self.half_m
        outside = np.linalg.norm(np.maximum(away, 0.0), axis=1)
        return np.asarray(outside + np.minimum(away.max(axis=1), 0.0))

    @property
    def volume_m3(self) -> float:
        return float(8.0 * self.half_m.prod())


def ball(center_m: FloatArray, radius_m: float) -> Distances:
    return lambda points_m: np.linalg.norm(points_m - center_m, axis=1) - radius_m


def nothing(points_m: FloatArray) -> FloatArray:
    return np.full(len(points_m), 1.0)


def palm_ball(hand: TrueHand) -> Distances:
    return ball(hand.joints_m[9], 0.03)


class KnownField:
    """Distances in the camera's frame as a network answers them: about a wrist, in a crop's axes
    and in its units."""

    def __init__(self, distances: Distances, axes: FloatArray, wrist_m: FloatArray) -> None:
        self._distances, self._axes, self._wrist_m = distances, axes, wrist_m

    def __call__(self, points: Tensor) -> Tensor:
        crop_m = points.double().numpy() * UNIT_M + self._axes @ self._wrist_m
        found = self._distances(crop_m @ self._axes) / UNIT_M
        return torch.from_numpy(np.clip(found, -CLAMP, CLAMP)).float()

    def gradients(self, points: Tensor) -> Tensor:
        step = 1e-3
        along = step * torch.eye(3)
        ends = [(self(points + way), self(points - way)) for way in along]
        return torch.stack([(end - start) / (2 * step) for end, start in ends], dim=1)


class KnowingSight:
    """Answers what is true of hands and of what each holds."""

    def __init__(self, hands: Sequence[TrueHand], bodies: Sequence[tuple[Distances, Distances]]):
        self._hands, self._bodies = hands, bodies
        self.axes = [straight_axes(hand) for hand in hands]

    @property
    def joints(self) -> Sequence[RelativeJoints]:
        turned = [hand.joints_m @ axes.T for hand, axes in zip(self._hands, self.axes, strict=True)]
        return [RelativeJoints.of_joints(one, one[0, 2]) for one in turned]

    def fields(self, row: int, wrist_m: FloatArray) -> BodyFields:
        axes, true_wrist_m = self.axes[row], self._hands[row].joints_m[0]
        hand, held = (KnownField(one, axes, true_wrist_m) for one in self._bodies[row])
        return BodyFields(hand, held)


def straight_axes(hand: TrueHand) -> FloatArray:
    """(3, 3) from the camera's axes to those of a camera that looks at the middle of the hand's
    box, in the mirror image for a left hand."""
    mirror = np.diag([-1.0 if hand.side is HandSide.LEFT else 1.0, 1.0, 1.0])
    pixels = project(hand.joints_m, CAMERA)
    middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    slopes = (middle - [CAMERA.cx, CAMERA.cy]) / [CAMERA.fx, CAMERA.fy]
    ray = mirror @ np.append(slopes, 1.0)
    axis = np.cross([0.0, 0.0, 1.0], ray)
    angle = np.arctan2(np.linalg.norm(axis), 1.0)
    turn, _ = cv2.Rodrigues(axis / np.linalg.norm(axis) * angle)
    return np.asarray(turn.T @ mirror)


def show(
    reconstructor: GSDFReconstructor,
    hands: Sequence[TrueHand],
    bodies: Sequence[tuple[Distances, Distances]],
) -> None:
    reconstructor._look = lambda batch: KnowingSight(hands, bodies)


def painted_depth_m(hand: TrueHand, background_m: float = 1.5) -> NDArray[np.float32]:
    """The depth image of a hand before a wall: the nearest of points strewn over its triangles."""
    vertices, faces = hand.closed
    body = trimesh.Trimesh(vertices, faces, process=False)
    points, _ = trimesh.sample.sample_surface(body, 400_000, seed=1)
    columns, rows = np.rint(project(points, CAMERA)).astype(int).T
    depth = np.full((CAMERA.height, CAMERA.width), background_m)
    is_inside = (columns >= 0) & (columns < CAMERA.width) & (rows >= 0) & (rows < CAMERA.height)
    np.minimum.at(depth, (rows[is_inside], columns[is_inside]), points[is_inside, 2])
    return depth.astype(np.float32)


def in_camera(thing: ObjectEstimate) -> trimesh.Trimesh:
    places = thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3]
    return trimesh.Trimesh(places, thing.faces, process=False)


@pytest.mark.parametrize(
    ("side", "at_m", "has_depth"),
    [
        (HandSide.RIGHT, (-0.1, 0.04, 0.5), False),
        (HandSide.LEFT, (0.14, -0.02, 0.6), False),
        (HandSide.RIGHT, (0.15, 0.05, 0.7), True),
        (HandSide.LEFT, (-0.08, 0.03, 0.45), True),
    ],
)
def test_a_network_that_knows_the_truth_gives_hand_and_object_in_metres(
    weights: Path, side: HandSide, at_m: tuple[float, ...], has_depth: bool
) -> None:
    hand = TrueHand.at(side, at_m, shape_sd=1.5 if has_depth else 0.0)
    box = Box(hand.joints_m[9] + GRASP_M, turn=axis_angle_to_matrix(np.ones(3) * 0.3))
    reconstructor = build(weights, mesh_cells=64)
    show(reconstructor, [hand], [(hand.distances, box.distances)])
    frame = frame_at(depth_m=painted_depth_m(hand)) if has_depth else frame_at()
    output = reconstructor.reconstruct(frame, [hand.tracked()])
    (found,), (thing,) = output.hands, output.objects
    off_m = 0.004 if has_depth else 0.001
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=off_m)
    np.testing.assert_allclose(found.wrist_pose[:3, :3], hand.posed.wrist_pose[:3, :3], atol=0.05)
    assert_is_surface_of_hand(found, hand, off_m)
    assert_is_box(thing, box, off_m)
    assert (thing.held_by, thing.state) == (1, GraspState.HELD)
    assert thing.score > 0.9


def assert_is_surface_of_hand(found: HandEstimate, hand: TrueHand, off_m: float) -> None:
    assert found.topology == f"open_hand_{hand.side}"
    model_gaps = np.linalg.norm(found.vertices_m - hand.posed.vertices_m, axis=1)
    assert model_gaps.mean() < 0.003 + off_m
    surface = found.surface
    assert surface is not None
    body = trimesh.Trimesh(surface.vertices_m, surface.faces, process=False)
    assert body.is_watertight
    vertices, faces = hand.closed
    true = trimesh.Trimesh(vertices, faces, process=False)
    assert body.volume == pytest.approx(true.volume, rel=0.1)
    gaps = unsigned_distances(surface.vertices_m.astype(np.float64), vertices, faces)
    assert np.quantile(gaps, 0.95) < 0.002 + off_m
    agreement = np.einsum("vc,vc->v", surface.normals, body.vertex_normals)
    assert np.median(agreement) > 0.9


def assert_is_box(thing: ObjectEstimate, box: Box, off_m: float) -> None:
    body = in_camera(thing)
    assert body.is_watertight
    assert body.volume == pytest.approx(box.volume_m3, rel=0.05)
    assert np.abs(box.distances(body.vertices)).max() < 0.004 + off_m
    np.testing.assert_allclose(thing.pose[:3, 3], box.center_m, atol=0.001 + off_m)


def test_crops_that_were_rolled_upright_are_rolled_back(make_weights: MakeWeights) -> None:
    hand = TrueHand.at(HandSide.LEFT, (-0.1, 0.04, 0.5))
    box = Box(hand.joints_m[9] + GRASP_M)
    sight = KnowingSight([hand], [(hand.distances, box.distances)])
    right, down, _ = (hand.joints_m / hand.joints_m[:, 2:] @ sight.axes[0].T).T
    up = np.arctan2(down[[5, 9, 13, 17]].mean() - down[0], right[[5, 9, 13, 17]].mean() - right[0])
    roll, _ = cv2.Rodrigues(np.array([0.0, 0.0, -np.pi / 2 - up]))
    assert abs(np.arctan2(roll[1, 0], roll[0, 0])) > 0.3
    sight.axes[0] = roll @ sight.axes[0]
    reconstructor = build(make_weights(upright=True))
    reconstructor._look = lambda batch: sight
    output = reconstructor.reconstruct(frame_at(), [hand.tracked()])
    (found,), (thing,) = output.hands, output.objects
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=0.003)
    assert_is_box(thing, box, 0.004)


@pytest.mark.parametrize("has_depth", [False, True])
def test_the_residual_is_small_on_the_depth_and_unknown_without(
    weights: Path, has_depth: bool
) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.05, 0.02, 0.55), shape_sd=1.0)
    reconstructor = build(weights)
    show(reconstructor, [hand], [(palm_ball(hand), nothing)])
    frame = frame_at(depth_m=painted_depth_m(hand)) if has_depth else frame_at()
    (found,) = reconstructor.reconstruct(frame, [hand.tracked()]).hands
    placement = MetricPlacement(reconstructor.topologies(), is_metric=reconstructor.card.is_metric)
    placed = placement.place(frame, found, hand.tracked().detection)
    assert placed is not None
    np.testing.assert_array_equal(placed.joints_m, found.joints_m)
    if has_depth:
        assert placed.placement_residual_m < 0.004
        assert found.joint_visibility.sum() > 10
    else:
        assert np.isnan(placed.placement_residual_m)


def test_a_hand_of_another_size_is_put_on_the_depth_and_not_where_its_size_says(
    weights: Path,
) -> None:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    small = pose_hand(model, np.zeros(48), np.zeros(10, np.float32), np.zeros(3, np.float32))
    at_m = np.array([0.02, 0.03, 0.6])
    posed = replace(
        small, vertices_m=0.88 * small.vertices_m + at_m, joints_m=0.88 * small.joints_m + at_m
    )
    hand = TrueHand(HandSide.RIGHT, posed)
    reconstructor = build(weights)
    show(reconstructor, [hand], [(palm_ball(hand), nothing)])
    frames = [frame_at(), frame_at(depth_m=painted_depth_m(hand))]
    by_size, by_depth = (
        reconstructor.reconstruct(frame, [hand.tracked()]).hands[0].joints_m for frame in frames
    )
    assert by_size[0, 2] - hand.joints_m[0, 2] > 0.04
    np.testing.assert_allclose(by_depth, hand.joints_m, atol=0.008)


def test_the_length_of_bones_tells_the_distance_even_with_a_few_joints_off() -> None:
    rest = rest_keypoints(load_hand_model("open_hand", HandSide.RIGHT)).numpy()
    joints_m = TrueHand.at(HandSide.RIGHT, (0.1, 0.0, 0.62)).joints_m
    seen = RelativeJoints.of_joints(joints_m, joints_m[0, 2])
    assert wrist_z_by_size(seen, rest) == pytest.approx(joints_m[0, 2], rel=0.003)
    np.testing.assert_allclose(seen.at(joints_m[0, 2]), joints_m)
    seen.beyond_wrist_m[[4, 12]] += 0.08
    assert wrist_z_by_size(seen, rest) == pytest.approx(joints_m[0, 2], rel=0.03)


def test_each_hand_of_a_frame_is_what_it_is_alone(weights: Path) -> None:
    network = load_trained_network(weights).network
    look = look_of(network, torch.device("cpu"), FrameMemory(EARLIER_S))
    frame, options = frame_at(), GSDFOptions(**LITE)
    hands = [
        TrueHand.at(HandSide.RIGHT, (-0.1, 0.0, 0.5)),
        TrueHand.at(HandSide.LEFT, (0.1, 0.02, 0.6)),
    ]
    found = [view_of_hand(frame, hand.tracked(), options) for hand in hands]
    views = [view for view in found if view is not None]
    points, wrist_m = 2.0 * torch.rand(50, 3) - 1.0, np.array([0.01, 0.0, 0.55])
    with torch.no_grad():
        together = look(crop_batch(frame, views, options.image_size))
        for row, view in enumerate(views):
            alone = look(crop_batch(frame, [view], options.image_size))
            np.testing.assert_allclose(
                together.joints[row].slopes, alone.joints[0].slopes, atol=1e-5
            )
            for one, other in zip(
                together.fields(row, wrist_m), alone.fields(0, wrist_m), strict=True
            ):
                torch.testing.assert_close(one(points), other(points), atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_fields_are_those_of_the_network_told_where_the_wrist_is(weights: Path) -> None:
    network = load_trained_network(weights).network
    hand, frame, options = (
        TrueHand.at(HandSide.LEFT, (0.1, 0.0, 0.6)),
        frame_at(),
        GSDFOptions(**LITE),
    )
    view = view_of_hand(frame, hand.tracked(), options)
    assert view is not None
    batch = crop_batch(frame, [view], options.image_size)
    wrist_m = np.array([0.02, -0.01, 0.58])
    scene = network.encode(
        batch.images, Views(batch.cameras, torch.from_numpy(wrist_m[None, None]).float())
    )
    points = 2.0 * torch.rand(200, 3) - 1.0
    expected = network.distances(scene, points[None])
    sight = look_of(network, torch.device("cpu"), FrameMemory(EARLIER_S))(batch)
    for one, values in zip(sight.fields(0, wrist_m), expected, strict=True):
        torch.testing.assert_close(one(points), values[0], atol=1e-4, rtol=1e-3)
    placed = sight.joints[0].at(wrist_m[2])
    np.testing.assert_allclose(placed, scene.joints_m[0].numpy(), atol=1e-5)


@torch.no_grad()
def test_a_network_for_videos_sees_the_frames_that_training_shows_it(
    make_weights: MakeWeights,
) -> None:
    network = load_trained_network(make_weights(frames=3)).network
    hand, options = TrueHand.at(HandSide.LEFT, (0.1, 0.0, 0.6)), GSDFOptions(**VIDEO)
    look = look_of(network, torch.device("cpu"), FrameMemory(EARLIER_S))
    batches = []
    for number in range(0, 11, 5):
        frame = frame_at(number)
        view = view_of_hand(frame, hand.tracked(), options)
        assert view is not None
        batches.append(crop_batch(frame, [view], options.image_size))
        sight = look(batches[-1])
    newest_first = batches[::-1]
    images = torch.cat([batch.images for batch in newest_first], dim=1)
    cameras = torch.cat([batch.cameras for batch in newest_first], dim=1)
    wrist_m = np.array([0.02, -0.01, 0.58])
    wrists = torch.from_numpy(wrist_m).float().expand(1, 3, 3)
    scene = network.encode(images, Views(cameras, wrists))
    points = 2.0 * torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) - 1.0
    expected = network.distances(scene, points.expand(3, 50, 3))
    alone = network.distances(
        network.encode(images[:, :1], Views(cameras[:, :1], wrists[:, :1])), points[None]
    )
    for one, values, others in zip(sight.fields(0, wrist_m), expected, alone, strict=True):
        torch.testing.assert_close(one(points), values[0], atol=5e-5, rtol=0)
        assert (values[0] - others[0]).abs().max() > 1e-4, "earlier frames made no difference"


def test_frames_of_a_hand_that_is_forgotten_help_no_more(make_weights: MakeWeights) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.0, 0.0, 0.5))
    reconstructor = build(make_weights(frames=3))
    ways: list[Callable[[], None]] = [partial(reconstructor.forget, 1), reconstructor.reset]
    for forget in ways:
        reconstructor.reconstruct(frame_at(0), [hand.tracked()])
        assert reconstructor._frames.frame_count(1) == 1
        forget()
        assert reconstructor._frames.frame_count(1) == 0


def test_the_network_sees_the_crop_of_its_training(weights: Path) -> None:
    seen: list[CropBatch] = []

    def watch(batch: CropBatch) -> KnowingSight:
        seen.append(batch)
        return KnowingSight([hand], [(palm_ball(hand), nothing)])

    hand, frame = TrueHand.at(HandSide.LEFT, (0.05, 0.03, 0.5)), frame_at()
    reconstructor = build(weights)
    reconstructor._look = watch
    reconstructor.reconstruct(frame, [hand.tracked()])
    crop = CropCamera.around(hand.joints_m, 2.0, is_mirrored=True)
    image = crop.cut(frame.rgb, CAMERA, 128) / 255.0
    shown = seen[0].images[0, 0].permute(1, 2, 0).numpy() * [0.229, 0.224, 0.225]
    shown += np.array([0.485, 0.456, 0.406])
    np.testing.assert_allclose(shown, image, atol=0.02)
    expected = crop.intrinsics(256).matrix
    np.testing.assert_allclose(seen[0].cameras[0, 0].numpy(), expected, rtol=1e-4)


def test_a_box_without_keypoints_gives_about_the_crop_of_its_keypoints() -> None:
    hand = TrueHand.at(HandSide.LEFT, (0.05, 0.03, 0.5)).tracked()
    bare = replace(hand, detection=replace(hand.detection, keypoints_px=None))
    crops = []
    for one in (hand, bare):
        view = view_of_hand(frame_at(), one, GSDFOptions(**LITE))
        assert view is not None
        crops.append(view.crop)
    np.testing.assert_allclose(crops[1].axes, crops[0].axes, atol=0.01)
    assert crops[1].half_slope == pytest.approx(crops[0].half_slope, rel=0.05)


def test_crops_go_by_the_rule_of_the_weights() -> None:
    hand, edges = TrueHand.at(HandSide.RIGHT, (0.05, 0.03, 0.5)).tracked(), {}
    for rule in CropRule:
        options = GSDFOptions(crop_around=rule, crop_enlargement=1.0)
        view = view_of_hand(frame_at(), hand, options)
        assert view is not None
        edges[rule] = view.crop.half_slope
    assert edges[CropRule.HAND_AND_OBJECT] == pytest.approx(1.5 * edges[CropRule.HAND])
    corners = back_project(np.array([[0.0, 0.0], [320.0, 240.0]]), np.ones(2), CAMERA)
    whole = CropCamera.around(corners, 1.0)
    assert edges[CropRule.IMAGE] == pytest.approx(whole.half_slope)


def test_upright_weights_get_crops_with_the_knuckles_above_the_wrist() -> None:
    hand = TrueHand.at(HandSide.LEFT, (0.05, 0.03, 0.5))
    view = view_of_hand(frame_at(), hand.tracked(), GSDFOptions(upright=True, **LITE))
    assert view is not None
    seen = project(hand.joints_m @ view.crop.axes.T, view.crop.intrinsics(256))
    right, down = seen[[5, 9, 13, 17]].mean(axis=0) - seen[0]
    assert down < 0.0
    assert abs(right) < 0.02 * abs(down)


def test_a_hand_too_small_or_outside_the_image_is_left_out(weights: Path) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    small = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(100.0, 100.0, 108.0, 108.0))
    outside = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(400.0, 300.0, 500.0, 380.0))
    reconstructor = build(weights)
    show(reconstructor, [hand], [(palm_ball(hand), nothing)])
    others = [TrackedHand(2, small), TrackedHand(3, outside)]
    found = reconstructor.reconstruct(frame_at(), [*others, hand.tracked(1)])
    assert [one.track_id for one in found.hands] == [1]
    assert not reconstructor.reconstruct(frame_at(), others).hands
    assert not reconstructor.reconstruct(frame_at(), []).hands


def test_joints_on_one_spot_are_no_hand(weights: Path) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    reconstructor = build(weights)
    spot = RelativeJoints(np.zeros((21, 2)), np.zeros(21))

    class OnOneSpot(KnowingSight):
        @property
        def joints(self) -> Sequence[RelativeJoints]:
            return [spot]

    reconstructor._look = lambda batch: OnOneSpot([hand], [(palm_ball(hand), nothing)])
    assert not reconstructor.reconstruct(frame_at(), [hand.tracked()]).hands


class Take:
    """One hand filmed frame after frame, with bodies that may change."""

    def __init__(self, weights: Path, hand: TrueHand, **settings: Any) -> None:
        self.hand, self.number = hand, 0
        self.reconstructor = build(weights, **settings)

    def next(self, held: Distances, steps: int = 1, **tracked: Any) -> tuple[Any, ...]:
        """The hand and the objects of the next frame, ``steps`` frames later."""
        self.number += steps
        show(self.reconstructor, [self.hand], [(palm_ball(self.hand), held)])
        frame = frame_at(self.number)
        output = self.reconstructor.reconstruct(frame, [self.hand.tracked(**tracked)])
        return output.hands[0], output.objects


@pytest.fixture
def take(weights: Path) -> Take:
    return Take(weights, TrueHand.at(HandSide.LEFT, (0.05, 0.03, 0.5)))


@pytest.fixture
def box(take: Take) -> Box:
    return Box(take.hand.joints_m[9] + GRASP_M)


def test_joints_come_with_every_frame_and_surfaces_at_their_rate(weights: Path) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    take = Take(weights, hand, mesh_rate_hz=12.0)
    made = [take.next(nothing)[0].surface is not None for _ in range(9)]
    assert made == [number % 3 == 0 for number in range(9)]
    slower = take.reconstructor.config.gsdf.model_copy(update={"mesh_rate_hz": 1.0})
    take.reconstructor.change_settings(PipelineConfig(gsdf=slower))
    assert not any(take.next(nothing)[0].surface is not None for _ in range(5))


def test_a_steady_object_keeps_its_id_its_mesh_and_its_pose(take: Take, box: Box) -> None:
    random = np.random.default_rng(0)
    seen = []
    for _ in range(14):
        shaken = replace(box, center_m=box.center_m + random.normal(0.0, 0.001, 3))
        (thing,) = take.next(shaken.distances)[1]
        seen.append(thing)
    assert {thing.track_id for thing in seen} == {0}
    for thing in seen[1:]:
        np.testing.assert_array_equal(thing.vertices_m, seen[0].vertices_m)
        np.testing.assert_array_equal(thing.faces, seen[0].faces)
    poses = np.array([thing.pose for thing in seen])
    assert np.abs(poses[1:, :3, 3] - box.center_m).max() < 0.004
    turns = matrix_to_axis_angle(poses[:, :3, :3] @ poses[0, :3, :3].T)
    assert np.linalg.norm(turns, axis=1).max() < 0.04


def test_an_object_that_is_turned_in_the_hand_is_followed(take: Take, box: Box) -> None:
    (first,) = take.next(box.distances)[1]
    for number in range(1, 11):
        turn = axis_angle_to_matrix(np.array([0.0, 0.04 * number, 0.0]))
        moved = replace(box, center_m=box.center_m + 0.002 * number * np.eye(3)[0], turn=turn)
        (thing,) = take.next(moved.distances)[1]
    assert thing.track_id == first.track_id
    np.testing.assert_array_equal(thing.vertices_m, first.vertices_m)
    np.testing.assert_allclose(thing.pose[:3, 3], moved.center_m, atol=0.004)
    np.testing.assert_allclose(thing.pose[:3, :3], turn, atol=0.1)
    assert np.abs(moved.distances(in_camera(thing).vertices)).mean() < 0.003


def test_an_object_goes_where_the_hand_goes(weights: Path) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (-0.05, 0.03, 0.5))
    take, radius_m = Take(weights, hand), 0.03
    (first,) = take.next(ball(hand.joints_m[9] + GRASP_M, radius_m))[1]
    for number in range(1, 6):
        take.hand = TrueHand.at(HandSide.RIGHT, (-0.05 + 0.03 * number, 0.03, 0.5))
        (thing,) = take.next(ball(take.hand.joints_m[9] + GRASP_M, radius_m))[1]
    assert thing.track_id == first.track_id
    np.testing.assert_allclose(thing.pose[:3, 3], take.hand.joints_m[9] + GRASP_M, atol=0.003)
    np.testing.assert_array_equal(thing.vertices_m, first.vertices_m)


def test_a_mesh_that_no_longer_fits_is_replaced(take: Take, box: Box) -> None:
    (first,) = take.next(box.distances)[1]
    grown = replace(box, half_m=box.half_m + np.array([0.0, 0.0, 0.03]))
    (before,) = take.next(grown.distances)[1]
    (after,) = take.next(grown.distances, steps=7)[1]
    assert {first.track_id, before.track_id, after.track_id} == {0}
    np.testing.assert_array_equal(before.vertices_m, first.vertices_m)
    assert in_camera(after).volume == pytest.approx(grown.volume_m3, rel=0.1)


def test_an_object_that_two_meshes_in_a_row_do_not_show_is_forgotten(take: Take, box: Box) -> None:
    take.next(box.distances)
    (missed,) = take.next(nothing, steps=7)[1]
    assert (missed.track_id, missed.score) == (0, 0.0)
    assert not take.next(nothing, steps=7)[1]
    (again,) = take.next(box.distances, steps=7)[1]
    assert again.track_id == 1


@pytest.mark.parametrize("interrupt", ["new", "forgotten", "reset"])
def test_a_hand_that_begins_anew_holds_another_object(take: Take, box: Box, interrupt: str) -> None:
    take.next(box.distances)
    if interrupt == "forgotten":
        take.reconstructor.forget(1)
    if interrupt == "reset":
        take.reconstructor.reset()
    hand, (thing,) = take.next(box.distances, is_new=interrupt == "new")
    assert thing.track_id == 1
    assert hand.surface is not None


def test_an_empty_field_gives_a_hand_that_holds_nothing(take: Take) -> None:
    hand, objects = take.next(nothing)
    assert not objects
    assert hand.surface is not None
    take.reconstructor.reset()
    show(take.reconstructor, [take.hand], [(nothing, nothing)])
    output = take.reconstructor.reconstruct(frame_at(9), [take.hand.tracked()])
    assert output.hands[0].surface is None
    assert not output.objects


def test_a_crumb_of_the_field_is_no_object(take: Take, box: Box) -> None:
    assert not take.next(ball(box.center_m, 0.006))[1]


def test_what_two_hands_hold_together_is_one_object(weights: Path) -> None:
    hands = [
        TrueHand.at(HandSide.LEFT, (-0.05, 0.03, 0.5)),
        TrueHand.at(HandSide.RIGHT, (0.12, 0.03, 0.5)),
    ]
    middle = (hands[0].joints_m[9] + hands[1].joints_m[9]) / 2
    shared = Box(middle, np.array([0.06, 0.03, 0.03]))
    apart = [ball(hand.joints_m[9] + GRASP_M, 0.025) for hand in hands]
    reconstructor = build(weights)
    tracked = [hand.tracked(number) for number, hand in enumerate(hands)]
    show(reconstructor, hands, [(palm_ball(hand), shared.distances) for hand in hands])
    output = reconstructor.reconstruct(frame_at(), tracked)
    assert [one.track_id for one in output.hands] == [0, 1]
    assert [thing.held_by for thing in output.objects] == [0]
    reconstructor.reset()
    show(reconstructor, hands, [(palm_ball(h), b) for h, b in zip(hands, apart, strict=True)])
    assert [one.held_by for one in reconstructor.reconstruct(frame_at(), tracked).objects] == [0, 1]


class Finds(Detector):
    """A detector that finds what it is given."""

    def __init__(self, detection: HandDetection) -> None:
        self._found = detection

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return [self._found]


def test_the_pipeline_passes_on_the_hand_its_surface_and_the_object_with_contacts(
    weights: Path,
) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.05, 0.03, 0.5))
    held = ball(hand.joints_m[9] + [0.0, 0.0, 0.045], 0.03)
    reconstructor = build(weights)
    show(reconstructor, [hand], [(palm_ball(hand), held)])
    config = PipelineConfig()
    pipeline = Pipeline(
        Finds(hand.tracked().detection),
        Tracker(config.tracker, reconstructor.card.history_frames),
        reconstructor,
        MetricPlacement(reconstructor.topologies(), is_metric=reconstructor.card.is_metric),
        Smoother(config.smoother),
        None,
        ContactRefinement(config.contact_refinement, config.hand_model),
    )
    result = pipeline.process(frame_at(depth_m=painted_depth_m(hand))).reconstruction
    (found,), (thing,) = result.hands, result.objects
    assert found.surface is not None
    assert found.placement_residual_m < 0.006
    assert thing.held_by == found.track_id
    assert thing.contacts


def test_meshes_have_the_faces_asked_for(weights: Path) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.0, 0.02, 0.5))
    take = Take(weights, hand, mesh_faces=200, mesh_cells=64)
    found, (thing,) = take.next(ball(hand.joints_m[9] + GRASP_M, 0.04))
    assert len(found.surface.faces) <= 200
    assert 100 < len(thing.faces) <= 200
    assert in_camera(thing).is_watertight


def test_the_cells_of_meshes_may_change_while_it_runs(weights: Path) -> None:
    take = Take(weights, TrueHand.at(HandSide.RIGHT, (0.0, 0.02, 0.5)), mesh_faces=100_000)
    coarse = take.next(nothing)[0].surface
    finer = take.reconstructor.config.gsdf.model_copy(update={"mesh_cells": 64})
    take.reconstructor.change_settings(PipelineConfig(gsdf=finer))
    fine = take.next(nothing, steps=7)[0].surface
    assert len(fine.faces) > 3 * len(coarse.faces)


def test_warming_up_leaves_nothing_behind(take: Take, box: Box) -> None:
    look = take.reconstructor._look
    take.reconstructor.warm_up()
    assert take.reconstructor._look is look
    (thing,) = take.next(box.distances)[1]
    assert thing.track_id == 0


def test_without_weights_it_says_how_to_get_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plugin, "SHIPPED_WEIGHTS", tmp_path / "none.safetensors")
    with pytest.raises(ConfigError, match=r"gsdf\.weights.*hand-object-recon train"):
        GSDFReconstructor(PipelineConfig())


def test_weights_beside_the_plugin_are_taken_without_being_named(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "SHIPPED_WEIGHTS", weights)
    reconstructor = GSDFReconstructor(PipelineConfig())
    names = {topology.name for topology in reconstructor.topologies()}
    assert names == {"open_hand_left", "open_hand_right"}


def test_weights_the_plugin_cannot_use_are_refused(
    make_weights: MakeWeights, tmp_path: Path
) -> None:
    with pytest.raises(InvalidValueError, match=r"nowhere\.safetensors does not exist"):
        build(tmp_path / "nowhere.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_weights(foreign, Weights({"a": torch.zeros(1)}, {"method": "h2onet", "options": {}}))
    with pytest.raises(InvalidValueError, match="holds 'h2onet'"):
        build(foreign)
    with pytest.raises(InvalidValueError, match="joints' network alone"):
        build(make_weights(part="pose"))


def test_weights_of_another_hand_model_are_refused(weights: Path) -> None:
    settings = GSDFSettings(weights=str(weights))
    with pytest.raises(ConfigError, match="set hand_model to 'open_hand'"):
        GSDFReconstructor(PipelineConfig(hand_model="mano", gsdf=settings))


def test_a_device_that_is_not_there_is_refused(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"gsdf\.device"):
        build(weights, device="cuda")
