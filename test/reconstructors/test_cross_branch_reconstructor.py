"""The plugin: places hands and turns back, so that what the network answers ends in the camera.

A network that knows the truth shows that the way from its answer to the camera is right; one with
random weights, that the plugin asks it as it was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    ObjectAnnotation,
)
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
from hand_object_recon.core.method_settings import CrossBranchSettings
from hand_object_recon.core.objects import GraspState, ObjectEstimate
from hand_object_recon.detectors.base import Detector
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.interaction.refinement import ContactRefinement
from hand_object_recon.networks.grasp_views import OUTSIDE, TOO_SMALL
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.weights import Weights, save_weights
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.pipeline.smoother import Smoother
from hand_object_recon.pipeline.tracker import Tracker
from hand_object_recon.reconstructors.base import ReconstructorOutput
from hand_object_recon.reconstructors.cross_branch import estimates as estimates_module
from hand_object_recon.reconstructors.cross_branch import reconstructor as plugin
from hand_object_recon.reconstructors.cross_branch.depth_channel import filled, relative_depth
from hand_object_recon.reconstructors.cross_branch.depth_choice import BY_ESTIMATE, NO_DEPTH
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp
from hand_object_recon.reconstructors.cross_branch.network import CrossBranchNetwork
from hand_object_recon.reconstructors.cross_branch.options import (
    METHOD,
    CrossBranchOptions,
    DepthSource,
    DepthTruth,
)
from hand_object_recon.reconstructors.cross_branch.prediction import View
from hand_object_recon.reconstructors.cross_branch.reconstructor import (
    NO_HAND,
    NO_KEYPOINTS,
    CrossBranchReconstructor,
)
from hand_object_recon.reconstructors.cross_branch.samples import (
    SampleChange,
    grasp_records,
    network_sample,
)
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere
from hand_object_recon.reconstructors.cross_branch.trained_network import (
    load_trained_network,
    new_network,
)

CAMERA = CameraIntrinsics(320, 240, 290.0, 280.0, 150.0, 126.0)
MIRROR = np.diag([-1.0, 1.0, 1.0])
STEP_NS = 33_333_333
GRASP_M = np.array([0.02, 0.03, 0.05])
"""From the middle knuckle to the middle of what is held."""
WALL_M = 1.2
SMALL = {"width": 8, "image_size": 64}

FloatArray = NDArray[np.floating[Any]]
MakeWeights = Callable[..., Path]


@pytest.fixture(scope="module")
def make_weights(tmp_path_factory: pytest.TempPathFactory) -> MakeWeights:
    """A small network with random weights."""

    def make(**options: Any) -> Path:
        torch.manual_seed(5)
        chosen = CrossBranchOptions(**{**SMALL, "depth_source": DepthSource.SENSOR, **options})
        path = tmp_path_factory.mktemp("weights") / "random.safetensors"
        description = {"method": METHOD, "options": chosen.model_dump(mode="json")}
        save_weights(path, Weights(new_network(chosen).state_dict(), description))
        return path

    return make


@pytest.fixture(scope="module")
def weights(make_weights: MakeWeights) -> Path:
    return make_weights(depth_source=DepthSource.NONE)


def build(weights: Path, **settings: Any) -> CrossBranchReconstructor:
    fixed = {"weights": str(weights), "device": "cpu"}
    section = CrossBranchSettings(**{**fixed, **settings})
    return CrossBranchReconstructor(PipelineConfig(cross_branch=section))


@dataclass(frozen=True, eq=False)
class TrueGrasp:
    """A posed hand with an ellipsoid in it, and what a detector says of the hand."""

    side: HandSide
    posed: PosedHand
    pose_rad: FloatArray
    shape: FloatArray
    center_m: FloatArray
    radii_m: FloatArray = field(default_factory=lambda: np.array([0.03, 0.02, 0.045]))

    @classmethod
    def at(cls, side: HandSide, at_m: Sequence[float], shape_sd: float = 1.0) -> TrueGrasp:
        model = load_hand_model("open_hand", side)
        random = np.random.default_rng(4)
        fingers = model.hands_mean + random.normal(0.0, 0.3, 45)
        pose = np.concatenate([[1.3, 0.9, 1.1], fingers])
        shape = shape_sd * random.normal(0.0, 1.0, 10)
        posed = pose_hand(model, pose, shape, np.array(at_m))
        return cls(side, posed, pose, shape, posed.joints_m[9] + GRASP_M)

    @property
    def joints_m(self) -> FloatArray:
        return self.posed.joints_m.astype(np.float64)

    @property
    def vertices_m(self) -> FloatArray:
        return self.posed.vertices_m.astype(np.float64)

    @property
    def object_vertices_m(self) -> FloatArray:
        turn = Rotation.from_rotvec([0.3, 0.4, -0.2]).as_matrix()
        return (object_sphere().vertices * self.radii_m) @ turn.T + self.center_m

    @property
    def volume_m3(self) -> float:
        return float(4.0 / 3.0 * np.pi * self.radii_m.prod())

    def tracked(
        self, track_id: int = 1, *, with_keypoints: bool = True, **more: Any
    ) -> TrackedHand:
        pixels = project(self.joints_m, CAMERA)
        keypoints = pixels.astype(np.float32) if with_keypoints else None
        box = BoundingBox.around(pixels, 0.1)
        return TrackedHand(track_id, HandDetection(self.side, 0.9, box, keypoints), **more)

    def answered(self, axes: FloatArray) -> FoundGrasp:
        """The truth as the network would say it: a right hand about its wrist, in (3, 3) axes of
        the crop's camera."""
        is_left = self.side is HandSide.LEFT
        wrist_m = self.joints_m[0]
        turn = Rotation.from_rotvec(self.pose_rad[:3]).as_matrix()
        fingers = self.pose_rad[3:].reshape(15, 3) * ([1.0, -1.0, -1.0] if is_left else 1.0)
        return FoundGrasp(
            joints_m=(self.joints_m - wrist_m) @ axes.T,
            vertices_m=(self.vertices_m - wrist_m) @ axes.T,
            orientation=axes @ turn @ (MIRROR if is_left else np.eye(3)),
            fingers_rad=fingers,
            shape=self.shape,
            object_vertices_m=(self.object_vertices_m - wrist_m) @ axes.T,
        )


def straight_axes(grasp: TrueGrasp) -> FloatArray:
    """(3, 3) from the camera's axes to those of a camera that looks at the middle of the hand's
    box, in the mirror image for a left hand."""
    mirror = MIRROR if grasp.side is HandSide.LEFT else np.eye(3)
    pixels = project(grasp.joints_m, CAMERA)
    middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    ray = mirror @ np.append((middle - [CAMERA.cx, CAMERA.cy]) / [CAMERA.fx, CAMERA.fy], 1.0)
    axis = np.cross([0.0, 0.0, 1.0], ray)
    angle = np.arctan2(np.linalg.norm(axis), 1.0)
    turn, _ = cv2.Rodrigues(axis / np.linalg.norm(axis) * angle)
    return np.asarray(turn.T @ mirror)


def upright_axes(grasp: TrueGrasp) -> FloatArray:
    """The same, rolled until the knuckles are seen right above the wrist."""
    straight = straight_axes(grasp)
    seen = grasp.joints_m @ straight.T
    slopes = seen[:, :2] / seen[:, 2:]
    right, down = slopes[[5, 9, 13, 17]].mean(axis=0) - slopes[0]
    roll = Rotation.from_rotvec([0.0, 0.0, -np.pi / 2 - np.arctan2(down, right)])
    return np.asarray(roll.as_matrix() @ straight)


class KnowingLook:
    """Answers what is true of grasps, and keeps what it was shown."""

    def __init__(self, grasps: Sequence[TrueGrasp], axes: Sequence[FloatArray] | None = None):
        self.answers = [
            grasp.answered(straight_axes(grasp) if axes is None else axes[row])
            for row, grasp in enumerate(grasps)
        ]
        self.views: list[View] = []
        self.sources: list[list[DepthSource]] = []

    def __call__(self, view: View, sources: Sequence[DepthSource]) -> list[FoundGrasp]:
        self.views.append(view)
        self.sources.append(list(sources))
        assert len(view.images) == len(view.depth_m) == len(sources)
        return self.answers[: len(sources)]


def show(reconstructor: CrossBranchReconstructor, *grasps: TrueGrasp) -> KnowingLook:
    look = reconstructor._look = KnowingLook(grasps)  # type: ignore[assignment]
    return look


def frame_at(number: int = 0, **changes: Any) -> RgbdFrame:
    shape = (CAMERA.height, CAMERA.width)
    noise = np.random.default_rng(number).integers(0, 256, (*shape, 3), dtype=np.uint8)
    rgb = np.asarray(cv2.GaussianBlur(noise, (0, 0), 4.0), dtype=np.uint8)
    depth = np.full(shape, np.nan, dtype=np.float32)
    return replace(RgbdFrame(rgb, depth, CAMERA, 10**9 + number * STEP_NS, "camera"), **changes)


def painted_depth_m(*grasps: TrueGrasp, with_objects: bool = True) -> NDArray[np.float32]:
    """The depth image of grasps before a wall: their triangles, the farthest first."""
    depth_m = np.full((CAMERA.height, CAMERA.width), WALL_M, dtype=np.float32)
    triangles = []
    for grasp in grasps:
        faces = load_hand_model("open_hand", grasp.side).faces
        triangles.append(grasp.vertices_m[faces])
        if with_objects:
            triangles.append(grasp.object_vertices_m[object_sphere().faces])
    corners_m = np.concatenate(triangles)
    z = corners_m[:, :, 2].mean(axis=1)
    corners = np.rint(project(corners_m, CAMERA)).astype(np.int32)
    for face in np.argsort(-z):
        cv2.fillConvexPoly(depth_m, corners[face], float(z[face]))
    return depth_m


def in_camera(thing: ObjectEstimate) -> trimesh.Trimesh:
    places = thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3]
    return trimesh.Trimesh(places, thing.faces, process=False)


PLACES = [
    (HandSide.RIGHT, (-0.1, 0.04, 0.5)),
    (HandSide.LEFT, (0.14, -0.02, 0.6)),
    (HandSide.RIGHT, (0.15, 0.05, 0.7)),
    (HandSide.LEFT, (-0.08, 0.03, 0.45)),
]


@pytest.mark.parametrize("has_depth", [False, True])
@pytest.mark.parametrize(("side", "at_m"), PLACES)
def test_a_network_that_knows_the_truth_gives_hand_and_object_in_metres(
    weights: Path, side: HandSide, at_m: tuple[float, ...], has_depth: bool
) -> None:
    grasp, reconstructor = TrueGrasp.at(side, at_m), build(weights)
    show(reconstructor, grasp)
    frame = frame_at(depth_m=painted_depth_m(grasp)) if has_depth else frame_at()
    output = reconstructor.reconstruct(frame, [grasp.tracked()])
    (found,), (thing,) = output.hands, output.objects
    off_m = 0.003 if has_depth else 1e-4
    assert (found.track_id, found.side, found.topology) == (1, side, f"open_hand_{side}")
    np.testing.assert_allclose(found.joints_m, grasp.joints_m, atol=off_m)
    np.testing.assert_allclose(found.vertices_m, grasp.vertices_m, atol=off_m)
    assert_is_the_ellipsoid(thing, grasp, off_m)
    assert (thing.held_by, thing.state, thing.score) == (1, GraspState.HELD, 0.9)


def assert_is_the_ellipsoid(thing: ObjectEstimate, grasp: TrueGrasp, off_m: float) -> None:
    mesh = in_camera(thing)
    np.testing.assert_allclose(mesh.vertices, grasp.object_vertices_m, atol=off_m)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(grasp.volume_m3, rel=0.03)
    np.testing.assert_allclose(thing.pose[:3, 3], grasp.center_m, atol=off_m + 2e-4)
    np.testing.assert_allclose(thing.pose[:3, :3], np.eye(3), atol=1e-6)


@pytest.mark.parametrize("side", list(HandSide))
def test_the_parameters_of_a_hand_give_its_mesh(weights: Path, side: HandSide) -> None:
    grasp, reconstructor = TrueGrasp.at(side, (0.1, 0.03, 0.5)), build(weights)
    show(reconstructor, grasp)
    (found,) = reconstructor.reconstruct(frame_at(), [grasp.tracked()]).hands
    model = load_hand_model("open_hand", side)
    posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3))
    moved_m = found.joints_m[0] - posed.joints_m[0]
    np.testing.assert_allclose(posed.vertices_m + moved_m, found.vertices_m, atol=1e-5)
    np.testing.assert_allclose(found.wrist_pose[:3, :3], posed.wrist_pose[:3, :3], atol=1e-5)
    np.testing.assert_allclose(found.wrist_pose[:3, 3], found.joints_m[0], atol=1e-6)


def test_a_left_hand_that_mirrors_no_right_one_gets_parameters_that_fit_its_joints(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates_module, "_are_mirrored", lambda right, left: False)
    grasp, reconstructor = TrueGrasp.at(HandSide.LEFT, (0.1, 0.03, 0.5), 0.0), build(weights)
    show(reconstructor, grasp)
    (found,) = reconstructor.reconstruct(frame_at(), [grasp.tracked()]).hands
    np.testing.assert_allclose(found.vertices_m, grasp.vertices_m, atol=1e-4)
    model = load_hand_model("open_hand", HandSide.LEFT)
    posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3))
    moved_m = found.joints_m[0] - posed.joints_m[0]
    assert np.linalg.norm(posed.joints_m + moved_m - found.joints_m, axis=1).mean() < 0.006


@pytest.mark.parametrize("side", list(HandSide))
def test_upright_crops_are_turned_back(make_weights: MakeWeights, side: HandSide) -> None:
    grasp = TrueGrasp.at(side, (0.1, 0.03, 0.5))
    reconstructor = build(make_weights(depth_source=DepthSource.NONE, upright=True))
    reconstructor._look = KnowingLook([grasp], [upright_axes(grasp)])  # type: ignore[assignment]
    output = reconstructor.reconstruct(frame_at(), [grasp.tracked()])
    np.testing.assert_allclose(output.hands[0].vertices_m, grasp.vertices_m, atol=1e-4)
    assert_is_the_ellipsoid(output.objects[0], grasp, 1e-4)
    assert not output.notes


def test_upright_weights_want_keypoints(make_weights: MakeWeights) -> None:
    grasp = TrueGrasp.at(HandSide.RIGHT, (0.1, 0.03, 0.5))
    reconstructor = build(make_weights(depth_source=DepthSource.NONE, upright=True))
    show(reconstructor, grasp)
    output = reconstructor.reconstruct(frame_at(), [grasp.tracked(with_keypoints=False)])
    assert output.notes == (NO_KEYPOINTS,)


def test_depth_corrects_the_distance_of_a_hand_that_the_network_sees_too_large(
    weights: Path,
) -> None:
    grasp, reconstructor = TrueGrasp.at(HandSide.LEFT, (0.1, 0.03, 0.5)), build(weights)
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
    weights: Path, with_keypoints: bool
) -> None:
    grasp, reconstructor = TrueGrasp.at(HandSide.RIGHT, (0.1, 0.03, 0.5)), build(weights)
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
    weights: Path, side: HandSide, at_m: tuple[float, ...]
) -> None:
    grasp, reconstructor = TrueGrasp.at(side, at_m), build(weights)
    show(reconstructor, grasp)
    hand = grasp.tracked(with_keypoints=False)
    (found,) = reconstructor.reconstruct(frame_at(), [hand]).hands
    pixels = project(found.joints_m.astype(float), CAMERA)
    x, y = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    assert hand.detection.box.center == pytest.approx((x, y), abs=0.5)
    assert np.linalg.norm(found.joints_m - grasp.joints_m, axis=1).max() < 0.08 * at_m[2]


def annotated(frame: RgbdFrame, grasp: TrueGrasp) -> AnnotatedFrame:
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


@pytest.mark.parametrize("side", list(HandSide))
@pytest.mark.parametrize("upright", [False, True])
def test_the_network_sees_what_training_shows_it(
    make_weights: MakeWeights, side: HandSide, upright: bool
) -> None:
    grasp = TrueGrasp.at(side, (0.12, -0.03, 0.5))
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


@pytest.mark.parametrize(
    "options",
    [{"depth_source": DepthSource.NONE}, {"depth_source": DepthSource.BOTH, "image_size": 96}],
)
def test_a_hand_is_what_the_network_answers_for_its_sample(
    make_weights: MakeWeights, options: dict[str, Any]
) -> None:
    grasp, path = TrueGrasp.at(HandSide.LEFT, (0.12, -0.03, 0.5)), make_weights(**options)
    reconstructor = build(path)
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
    about_wrist = (found.vertices_m - found.joints_m[0]) @ straight_axes(grasp).T
    np.testing.assert_allclose(about_wrist, expected.vertices_m[0].numpy(), atol=2e-6)
    np.testing.assert_allclose(found.shape, expected.shape[0].numpy(), atol=1e-6)


def test_each_hand_of_a_frame_is_what_it_is_alone(make_weights: MakeWeights) -> None:
    reconstructor = build(make_weights(depth_source=DepthSource.BOTH, sphere_offsets=True))
    grasps = [
        TrueGrasp.at(HandSide.LEFT, (-0.12, 0.0, 0.5)),
        TrueGrasp.at(HandSide.RIGHT, (0.12, 0.0, 0.6)),
    ]
    frame = frame_at(depth_m=painted_depth_m(*grasps))
    hands = [grasp.tracked(number) for number, grasp in enumerate(grasps)]
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


def test_openvino_gives_what_torch_gives(make_weights: MakeWeights) -> None:
    pytest.importorskip("openvino")
    path = make_weights(sphere_offsets=True, depth_source=DepthSource.BOTH)
    grasps = [
        TrueGrasp.at(HandSide.LEFT, (-0.12, 0.0, 0.5)),
        TrueGrasp.at(HandSide.RIGHT, (0.12, 0.0, 0.6)),
    ]
    hands = [grasp.tracked(number) for number, grasp in enumerate(grasps)]
    frame = frame_at(depth_m=painted_depth_m(*grasps))
    by_torch, by_openvino = (build(path, runtime=runtime) for runtime in ("torch", "openvino"))
    for count in (1, 2):
        one, other = (found.reconstruct(frame, hands[:count]) for found in (by_torch, by_openvino))
        assert len(other.hands) == len(other.objects) == count
        for places, same in zip(about_wrists(one), about_wrists(other), strict=True):
            np.testing.assert_allclose(same, places, atol=1e-3)


def about_wrists(output: ReconstructorOutput) -> list[FloatArray]:
    """Vertices of each hand and its object about the wrist."""
    meshes = [*zip(output.hands, output.objects, strict=True)]
    return [
        np.concatenate([hand.vertices_m, in_camera(thing).vertices]) - hand.joints_m[0]
        for hand, thing in meshes
    ]


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
        ("both", "both", "both"),
    ],
)
def test_the_depth_asked_for_is_shown_and_another_than_trained_is_noted(
    make_weights: MakeWeights, trained: str, asked: str, source: str
) -> None:
    grasp = TrueGrasp.at(HandSide.RIGHT, (0.0, 0.03, 0.5))
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
    make_weights: MakeWeights, trained: str, asked: str, reason: str
) -> None:
    pattern = rf"cross_branch\.depth_source is '{asked}'.*{reason}.*set it to 'as_trained'"
    with pytest.raises(ConfigError, match=pattern):
        build(make_weights(depth_source=trained), depth_source=asked)


@pytest.mark.parametrize(
    ("trained", "asked"), [("both", "as_trained"), ("both", "sensor"), ("estimated", "sensor")]
)
def test_a_hand_without_depth_is_estimated_with_a_note(
    make_weights: MakeWeights, trained: str, asked: str
) -> None:
    grasps = [
        TrueGrasp.at(HandSide.LEFT, (-0.12, 0.0, 0.5)),
        TrueGrasp.at(HandSide.RIGHT, (0.12, 0.0, 0.5)),
    ]
    reconstructor = build(make_weights(depth_source=trained), depth_source=asked)
    look = show(reconstructor, *grasps)
    depth_m = painted_depth_m(*grasps)
    depth_m[:, : int(CAMERA.cx)] = np.nan
    hands = [grasp.tracked(number) for number, grasp in enumerate(grasps)]
    output = reconstructor.reconstruct(frame_at(depth_m=depth_m), hands)
    measured = DepthSource(trained if asked == "as_trained" else asked)
    assert look.sources == [[DepthSource.ESTIMATED, measured]]
    assert BY_ESTIMATE in output.notes
    assert len(output.hands) == len(output.objects) == 2


def test_a_hand_without_depth_is_left_out_where_the_network_needs_it(
    make_weights: MakeWeights,
) -> None:
    grasps = [
        TrueGrasp.at(HandSide.LEFT, (-0.12, 0.0, 0.5)),
        TrueGrasp.at(HandSide.RIGHT, (0.12, 0.0, 0.5)),
    ]
    reconstructor = build(make_weights(depth_source="sensor"))
    look = show(reconstructor, grasps[1])
    depth_m = painted_depth_m(*grasps)
    depth_m[:, : int(CAMERA.cx)] = np.nan
    hands = [grasp.tracked(number) for number, grasp in enumerate(grasps)]
    frame = frame_at(depth_m=depth_m)
    output = reconstructor.reconstruct(frame, hands)
    assert output.left_out == {0: NO_DEPTH}
    assert [hand.track_id for hand in output.hands] == [1]
    np.testing.assert_allclose(output.hands[0].joints_m, grasps[1].joints_m, atol=0.003)
    assert look.views[0].depth_m.max() > 0.4
    nothing = reconstructor.reconstruct(frame_at(), hands)
    assert nothing.left_out == {0: NO_DEPTH, 1: NO_DEPTH}
    assert not nothing.hands
    assert not nothing.objects


def test_a_hand_too_small_or_outside_the_image_is_left_out(weights: Path) -> None:
    grasp, reconstructor = TrueGrasp.at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
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
def test_an_answer_that_is_no_hand_is_left_out(weights: Path, fault: str) -> None:
    grasp, reconstructor = TrueGrasp.at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
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


@pytest.mark.parametrize("side", list(HandSide))
def test_a_sphere_turned_inside_out_is_seen_from_outside(weights: Path, side: HandSide) -> None:
    grasp = TrueGrasp.at(side, (0.05, 0.02, 0.5))
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
    weights: Path, vertices_m: FloatArray
) -> None:
    grasp, reconstructor = TrueGrasp.at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
    look = show(reconstructor, grasp)
    look.answers = [replace(look.answers[0], object_vertices_m=vertices_m)]
    output = reconstructor.reconstruct(frame_at(), [grasp.tracked()])
    assert len(output.hands) == 1
    assert not output.objects


class Take:
    """One grasp filmed frame after frame."""

    def __init__(self, weights: Path) -> None:
        self.grasp = TrueGrasp.at(HandSide.LEFT, (0.05, 0.03, 0.5))
        self.reconstructor, self.number = build(weights), 0

    def next(self, **tracked: Any) -> tuple[HandEstimate, ObjectEstimate]:
        self.number += 1
        show(self.reconstructor, self.grasp)
        hand = self.grasp.tracked(**tracked)
        output = self.reconstructor.reconstruct(frame_at(self.number), [hand])
        return output.hands[0], output.objects[0]


@pytest.fixture
def take(weights: Path) -> Take:
    return Take(weights)


def test_an_object_keeps_its_id_and_goes_with_the_hand(take: Take) -> None:
    _, first = take.next()
    for number in range(1, 5):
        take.grasp = TrueGrasp.at(HandSide.LEFT, (0.05 - 0.02 * number, 0.03, 0.5))
        _, thing = take.next()
        assert thing.track_id == first.track_id == 0
        moved = thing.pose[:3, 3] - first.pose[:3, 3]
        np.testing.assert_allclose(moved, [-0.02 * number, 0.0, 0.0], atol=1e-4)
        np.testing.assert_allclose(thing.vertices_m, first.vertices_m, atol=1e-4)


def test_the_axes_of_an_object_turn_with_the_wrist(take: Take) -> None:
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
def test_a_hand_that_begins_anew_holds_another_object(take: Take, interrupt: str) -> None:
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


def test_what_two_hands_hold_together_is_one_object(weights: Path) -> None:
    grasps = [
        TrueGrasp.at(HandSide.LEFT, (-0.06, 0.03, 0.5)),
        TrueGrasp.at(HandSide.RIGHT, (0.1, 0.03, 0.5)),
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


class Finds(Detector):
    """A detector that finds what it is given."""

    def __init__(self, detection: HandDetection) -> None:
        self._found = detection

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return [self._found]


@pytest.mark.parametrize("has_depth", [True, False])
def test_the_pipeline_gives_hand_object_residual_and_contacts(
    weights: Path, has_depth: bool
) -> None:
    grasp, reconstructor = TrueGrasp.at(HandSide.RIGHT, (0.05, 0.03, 0.5)), build(weights)
    touching_m = grasp.joints_m[9] + [0.0, 0.0, 0.035]
    grasp = replace(grasp, center_m=touching_m, radii_m=np.full(3, 0.025))
    show(reconstructor, grasp)
    config = PipelineConfig()
    pipeline = Pipeline(
        Finds(grasp.tracked().detection),
        Tracker(config.tracker, reconstructor.card.history_frames),
        reconstructor,
        MetricPlacement(reconstructor.topologies(), is_metric=reconstructor.card.is_metric),
        Smoother(config.smoother),
        None,
        ContactRefinement(config.contact_refinement, config.hand_model),
    )
    frame = frame_at(depth_m=painted_depth_m(grasp)) if has_depth else frame_at()
    result = pipeline.process(frame).reconstruction
    (found,), (thing,) = result.hands, result.objects
    assert thing.held_by == found.track_id
    assert thing.contacts
    assert np.isnan(found.placement_residual_m) == (not has_depth)
    if has_depth:
        assert found.placement_residual_m < 0.006


def test_warming_up_runs_the_network_with_its_depth_and_leaves_nothing_behind(
    make_weights: MakeWeights,
) -> None:
    grasp = TrueGrasp.at(HandSide.RIGHT, (0.0, 0.02, 0.5))
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


def test_without_weights_it_says_how_to_get_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plugin, "SHIPPED_WEIGHTS", tmp_path / "none.safetensors")
    with pytest.raises(ConfigError, match=r"cross_branch\.weights.*hand-object-recon train"):
        CrossBranchReconstructor(PipelineConfig())


def test_weights_beside_the_plugin_are_taken_without_being_named(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "SHIPPED_WEIGHTS", weights)
    reconstructor = CrossBranchReconstructor(PipelineConfig())
    names = {topology.name for topology in reconstructor.topologies()}
    assert names == {"open_hand_left", "open_hand_right"}


def test_weights_the_plugin_cannot_use_are_refused(
    make_weights: MakeWeights, tmp_path: Path
) -> None:
    with pytest.raises(InvalidValueError, match=r"nowhere\.safetensors does not exist"):
        build(tmp_path / "nowhere.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_weights(foreign, Weights({"a": torch.zeros(1)}, {"method": "gsdf", "options": {}}))
    with pytest.raises(InvalidValueError, match="holds 'gsdf', not 'cross_branch'"):
        build(foreign)
    with pytest.raises(InvalidValueError, match="stage hand, which has not both branches"):
        build(make_weights(part="hand"))
    settings = CrossBranchSettings(weights=str(make_weights()))
    with pytest.raises(ConfigError, match="set hand_model to 'open_hand'"):
        CrossBranchReconstructor(PipelineConfig(hand_model="mano", cross_branch=settings))


def test_a_device_that_is_not_there_is_refused(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"cross_branch\.device"):
        build(weights, device="cuda")
    with pytest.raises(ConfigError, match=r"cross_branch\.runtime 'openvino' is for CPUs"):
        build(weights, device="cuda", runtime="openvino")
