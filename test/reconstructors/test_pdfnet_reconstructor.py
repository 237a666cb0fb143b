"""The plugin: asks the network about whole images, and gives its answers to tracked hands.

A network that knows the truth shows that the way from its answer to the camera is right, and
keeps what it was given; one with random weights, that the plugin asks it as it was trained.
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
from numpy.typing import NDArray
from scipy.spatial import cKDTree
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
from hand_object_recon.core.method_settings import PDFNetSettings
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.weights import Weights, save_weights
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.reconstructors.base import ReconstructorOutput
from hand_object_recon.reconstructors.pdfnet import reconstructor as plugin
from hand_object_recon.reconstructors.pdfnet.hand_matching import ELSEWHERE, NOT_SEEN, OTHER_SIDE
from hand_object_recon.reconstructors.pdfnet.options import (
    METHOD,
    Inputs,
    PDFNetOptions,
    PointChoice,
)
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandPoints,
    HandsPrediction,
    Pyramid,
    Seen,
)
from hand_object_recon.reconstructors.pdfnet.reconstructor import (
    BY_SIZE,
    NO_DEPTH,
    NO_HAND,
    PDFNetReconstructor,
)
from hand_object_recon.reconstructors.pdfnet.trained_network import new_network

WIDE = CameraIntrinsics(320, 240, 290.0, 280.0, 150.0, 126.0)
TALL = CameraIntrinsics(200, 300, 280.0, 290.0, 140.0, 100.0)
SIZE = 160
SMALL = {"image_size": SIZE, "trunk_layers": 18, "width": 16, "points": 128, "neighbours": 16}
BACKGROUND_M = 1.5

FloatArray = NDArray[np.floating[Any]]
MakeWeights = Callable[..., Path]


@pytest.fixture(scope="module")
def make_weights(tmp_path_factory: pytest.TempPathFactory) -> MakeWeights:
    """A small network with random weights."""

    def make(**options: Any) -> Path:
        torch.manual_seed(3)
        chosen = PDFNetOptions(**{**SMALL, **options})
        path = tmp_path_factory.mktemp("weights") / "random.safetensors"
        description = {"method": METHOD, "options": chosen.model_dump(mode="json")}
        save_weights(path, Weights(new_network(chosen).state_dict(), description))
        return path

    return make


@pytest.fixture(scope="module")
def weights(make_weights: MakeWeights) -> Path:
    return make_weights()


def build(weights: Path, **settings: Any) -> PDFNetReconstructor:
    fixed = {"weights": str(weights), "device": "cpu"}
    return PDFNetReconstructor(PipelineConfig(pdfnet=PDFNetSettings(**{**fixed, **settings})))


@dataclass(frozen=True, eq=False)
class TrueHand:
    """A posed hand in view, and what a detector says of it."""

    side: HandSide
    posed: PosedHand
    camera: CameraIntrinsics = WIDE

    @classmethod
    def at(cls, side: HandSide, at_m: Sequence[float], camera: CameraIntrinsics = WIDE) -> TrueHand:
        model = load_hand_model("open_hand", side)
        fingers = model.pose_mean_rad.reshape(15, 1, 3) @ model.joint_axes
        pose = np.concatenate([[1.3, 0.9, 1.1], fingers.ravel()])
        return cls(side, pose_hand(model, pose, np.zeros(10), np.array(at_m)), camera)

    @property
    def joints_m(self) -> FloatArray:
        return self.posed.joints_m.astype(np.float64)

    @property
    def vertices_m(self) -> FloatArray:
        return self.posed.vertices_m.astype(np.float64)

    @property
    def faces(self) -> NDArray[np.int32]:
        return load_hand_model("open_hand", self.side).faces

    def painted(self, image: NDArray[Any], to_image: FloatArray, values: FloatArray) -> None:
        """Fill the triangles with a value each, the farthest first; (3, 3) camera of the image."""
        rays = self.vertices_m @ to_image.T
        corners = (rays[:, :2] / rays[:, 2:])[self.faces]
        for face in np.argsort(-self.vertices_m[self.faces, 2].mean(axis=1)):
            cv2.fillConvexPoly(image, np.rint(corners[face]).astype(np.int32), float(values[face]))

    def tracked(self, track_id: int = 1, *, with_keypoints: bool = True) -> TrackedHand:
        pixels = project(self.joints_m, self.camera)
        keypoints = pixels.astype(np.float32) if with_keypoints else None
        detection = HandDetection(self.side, 0.9, BoundingBox.around(pixels, 0.1), keypoints)
        return TrackedHand(track_id, detection)


def frame_of(hands: Sequence[TrueHand], *, has_depth: bool = True, stamp_ns: int = 9) -> RgbdFrame:
    """A picture of noise, and hands before a wall in its depth."""
    camera = hands[0].camera
    shape = (camera.height, camera.width)
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    depth_m = np.full(shape, BACKGROUND_M if has_depth else np.nan, dtype=np.float32)
    if has_depth:
        for hand in hands:
            hand.painted(depth_m, camera.matrix, hand.vertices_m[hand.faces, 2].mean(axis=1))
    return RgbdFrame(rgb, depth_m, camera, stamp_ns, "camera")


def square_matrix(camera: CameraIntrinsics) -> FloatArray:
    """(3, 3) camera of the network's image: the whole image in the middle of the square."""
    scale = SIZE / max(camera.width, camera.height)
    middle = (SIZE - 1) / 2
    return np.array(
        [
            [scale * camera.fx, 0.0, middle + scale * (camera.cx - (camera.width - 1) / 2)],
            [0.0, scale * camera.fy, middle + scale * (camera.cy - (camera.height - 1) / 2)],
            [0.0, 0.0, 1.0],
        ]
    )


@dataclass(eq=False)
class KnowingNetwork:
    """Answers what is true of hands, their roots multiplied by ``too_far``."""

    hands: Sequence[TrueHand]
    presence: dict[HandSide, float] = field(default_factory=dict)
    too_far: float = 1.0
    images: list[Tensor] = field(default_factory=list)
    points: list[HandPoints] = field(default_factory=list)
    cameras: list[Tensor] = field(default_factory=list)

    def see(self, images: Tensor) -> Seen:
        self.images.append(images)
        masks = np.full((2, SIZE, SIZE), -9.0, dtype=np.float32)
        presence = torch.full((1, 2), -9.0)
        for hand in self.hands:
            row = _row(hand.side)
            hand.painted(masks[row], square_matrix(hand.camera), np.full(len(hand.faces), 9.0))
            presence[0, row] = torch.logit(torch.tensor(self.presence.get(hand.side, 0.99)))
        cells = torch.zeros(1, 2, SIZE // 4, SIZE // 4)
        pyramid = Pyramid(None, cells, cells)
        return Seen(cells, torch.from_numpy(masks)[None], None, presence, pyramid)

    def reconstruct(
        self, seen: Seen, points: HandPoints | None, cameras: Tensor
    ) -> HandsPrediction:
        self.cameras.append(cameras)
        if points is not None:
            self.points.append(points)
        vertices, joints = torch.zeros(1, 2, 778, 3), torch.zeros(1, 2, 21, 3)
        roots = torch.tensor([[[0.0, 0.0, 0.5]] * 2])
        for hand in self.hands:
            row, root_m = _row(hand.side), hand.joints_m[9]
            vertices[0, row] = torch.from_numpy(hand.vertices_m - root_m)
            joints[0, row] = torch.from_numpy(hand.joints_m - root_m)
            roots[0, row] = self.too_far * torch.from_numpy(root_m)
        return HandsPrediction(vertices, joints, roots, torch.zeros(1, 2, dtype=torch.int64))


def _row(side: HandSide) -> int:
    return 0 if side is HandSide.LEFT else 1


def show(
    reconstructor: PDFNetReconstructor, hands: Sequence[TrueHand], **more: Any
) -> KnowingNetwork:
    """Let the plugin ask a network that knows these hands."""
    network = KnowingNetwork(hands, **more)
    reconstructor._look._network = network
    return network


def both_hands(camera: CameraIntrinsics = WIDE) -> list[TrueHand]:
    apart = 0.11 if camera is WIDE else 0.06
    left = TrueHand.at(HandSide.LEFT, (-apart, 0.03, 0.6), camera)
    return [left, TrueHand.at(HandSide.RIGHT, (apart, 0.06, 0.75), camera)]


def tracked(hands: Sequence[TrueHand], **more: Any) -> list[TrackedHand]:
    return [hand.tracked(5 + number, **more) for number, hand in enumerate(hands)]


def require_equal(found: HandEstimate, true: TrueHand, within_m: float = 1e-4) -> None:
    assert found.side is true.side
    assert found.topology == f"open_hand_{true.side}"
    np.testing.assert_allclose(found.joints_m, true.joints_m, atol=within_m)
    np.testing.assert_allclose(found.vertices_m, true.vertices_m, atol=within_m)
    np.testing.assert_allclose(found.wrist_pose[:3, 3], true.joints_m[0], atol=within_m)
    turn = axis_angle_to_matrix(np.array([1.3, 0.9, 1.1]))
    np.testing.assert_allclose(found.wrist_pose[:3, :3], turn, atol=0.05)
    posed = pose_hand(
        load_hand_model("open_hand", true.side), found.pose_rad, found.shape, np.zeros(3)
    )
    bones = posed.joints_m - posed.joints_m[0]
    np.testing.assert_allclose(bones, true.joints_m - true.joints_m[0], atol=0.004)


@pytest.mark.parametrize("camera", [WIDE, TALL])
def test_both_hands_come_out_where_the_network_knows_them(
    weights: Path, camera: CameraIntrinsics
) -> None:
    reconstructor = build(weights, lay_on_depth=False)
    hands = both_hands(camera)
    show(reconstructor, hands)
    output = reconstructor.reconstruct(frame_of(hands), tracked(hands))
    assert [one.track_id for one in output.hands] == [5, 6]
    for found, true in zip(output.hands, hands, strict=True):
        require_equal(found, true)
        assert found.score == pytest.approx(0.9)
        assert found.joint_visibility.mean() > 0.5
    assert not output.left_out
    assert not output.notes


@pytest.mark.parametrize("camera", [WIDE, TALL])
def test_the_network_sees_the_whole_image_in_the_middle_of_a_square(
    weights: Path, camera: CameraIntrinsics
) -> None:
    reconstructor, hands = build(weights), both_hands(camera)
    network = show(reconstructor, hands)
    frame = frame_of(hands)
    rgb = np.full_like(frame.rgb, 255)
    rgb[10:40, 20:60] = (255, 0, 0)
    reconstructor.reconstruct(replace(frame, rgb=rgb), tracked(hands))
    image = network.images[0][0].numpy() * [[[0.229]], [[0.224]], [[0.225]]]
    image += np.array([0.485, 0.456, 0.406])[:, None, None]
    scale = SIZE / max(camera.width, camera.height)
    left, top = (SIZE - scale * camera.width) / 2, (SIZE - scale * camera.height) / 2
    column, row = int(left + scale * 40), int(top + scale * 25)
    np.testing.assert_allclose(image[:, row, column], [1.0, 0.0, 0.0], atol=1e-5)
    beyond = image[:, 0, :] if camera is WIDE else image[:, :, 0]
    np.testing.assert_allclose(beyond, 0.0, atol=1e-5)
    np.testing.assert_allclose((image[2] > 0.5).sum(axis=0).max(), scale * camera.height, atol=1.0)
    np.testing.assert_allclose(network.cameras[0][0], square_matrix(camera), rtol=1e-5)


@pytest.mark.parametrize("with_keypoints", [True, False])
def test_a_network_of_hands_sees_the_least_square_about_them(
    make_weights: MakeWeights, with_keypoints: bool
) -> None:
    reconstructor = build(make_weights(view="hands", view_enlargement=1.6))
    hands = both_hands()
    network = show(reconstructor, hands)
    reconstructor.reconstruct(frame_of(hands), tracked(hands, with_keypoints=with_keypoints))
    joints_m = np.concatenate([hand.joints_m for hand in hands])
    rays = joints_m @ network.cameras[0][0].double().numpy().T
    pixels = rays[:, :2] / rays[:, 2:]
    assert np.ptp(pixels, axis=0).max() == pytest.approx(SIZE / 1.6, rel=0.03)
    middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    np.testing.assert_allclose(middle, (SIZE - 1) / 2, atol=2.0)


@pytest.mark.parametrize("camera", [WIDE, TALL])
@pytest.mark.parametrize("point_choice", ["farthest", "random"])
def test_the_network_reads_points_on_the_hands_that_it_sees(
    weights: Path, camera: CameraIntrinsics, point_choice: str
) -> None:
    reconstructor = build(weights, point_choice=point_choice)
    hands = both_hands(camera)
    network = show(reconstructor, hands)
    frame = frame_of(hands)
    depth_m = frame.depth_m.copy()
    depth_m[::3] = np.nan
    reconstructor.reconstruct(replace(frame, depth_m=depth_m), tracked(hands))
    assert network.points[0].is_enough.tolist() == [[True, True]]
    for hand in hands:
        cloud_m = network.points[0].cloud_m[0, _row(hand.side)].numpy()
        gaps, _ = cKDTree(hand.vertices_m).query(cloud_m)
        assert np.median(gaps) < 0.006
        assert gaps.max() < 0.02
        seen = cloud_m @ square_matrix(camera).T
        row, column = np.divmod(network.points[0].pixels[0, _row(hand.side)].numpy(), SIZE)
        pixels = np.stack([column, row], axis=1)
        np.testing.assert_allclose(seen[:, :2] / seen[:, 2:], pixels, atol=1e-3)


def test_random_points_of_a_frame_are_the_same_each_time(weights: Path) -> None:
    reconstructor, hands = build(weights, point_choice="random"), both_hands()
    drawn = []
    for stamp_ns in (1, 1, 2):
        network = show(reconstructor, hands)
        reconstructor.reconstruct(frame_of(hands, stamp_ns=stamp_ns), tracked(hands))
        drawn.append(network.points[0].pixels)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("too_far", [0.93, 1.0, 1.08])
def test_hands_are_laid_on_the_depth(weights: Path, too_far: float) -> None:
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


def test_hands_stay_where_the_network_puts_them_if_that_is_asked_for(weights: Path) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands, too_far=1.08)
    loose = PDFNetSettings(weights=str(weights), lay_on_depth=False)
    reconstructor.change_settings(PipelineConfig(pdfnet=loose))
    output = reconstructor.reconstruct(frame_of(hands), tracked(hands))
    for found, true in zip(output.hands, hands, strict=True):
        np.testing.assert_allclose(found.joints_m[9], 1.08 * true.joints_m[9], atol=1e-5)


@pytest.mark.parametrize("side", list(HandSide))
def test_a_hand_that_no_detector_found_is_not_given(weights: Path, side: HandSide) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands)
    one = [hand for hand in hands if hand.side is side]
    output = reconstructor.reconstruct(frame_of(hands), tracked(one))
    (found,) = output.hands
    require_equal(found, one[0], within_m=0.012)
    assert not output.left_out


def test_no_detection_gives_nothing_and_asks_nothing(weights: Path) -> None:
    reconstructor, hands = build(weights), both_hands()
    network = show(reconstructor, hands)
    assert reconstructor.reconstruct(frame_of(hands), []) == ReconstructorOutput()
    assert not network.images


def test_a_hand_that_the_network_hardly_sees_is_left_out(weights: Path) -> None:
    reconstructor, hands = build(weights), both_hands()
    show(reconstructor, hands, presence={HandSide.LEFT: 0.3})
    output = reconstructor.reconstruct(frame_of(hands), tracked(hands))
    assert [one.side for one in output.hands] == [HandSide.RIGHT]
    assert output.left_out == {5: NOT_SEEN}
    trusting = PDFNetSettings(weights=str(weights), least_presence=0.2)
    reconstructor.change_settings(PipelineConfig(pdfnet=trusting))
    assert len(reconstructor.reconstruct(frame_of(hands), tracked(hands)).hands) == 2


def test_hands_that_the_detector_took_for_each_other_are_left_out(weights: Path) -> None:
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


def test_a_detection_beside_the_image_gets_no_hand(weights: Path) -> None:
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
    weights: Path, *, with_keypoints: bool, too_far: float
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


def test_a_hole_in_depth_on_one_hand_leaves_the_other_as_it_is(weights: Path) -> None:
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
    make_weights: MakeWeights,
) -> None:
    reconstructor, hands = build(make_weights(inputs=Inputs.DEPTH_ONLY)), both_hands()
    show(reconstructor, hands)
    output = reconstructor.reconstruct(frame_of(hands, has_depth=False), tracked(hands))
    assert not output.hands
    assert output.left_out == {5: NO_DEPTH, 6: NO_DEPTH}


@pytest.mark.parametrize("trouble", ["one spot", "not a number"])
def test_what_is_no_hand_is_left_out(
    weights: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
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


@pytest.mark.parametrize("inputs", list(Inputs))
def test_every_kind_of_network_runs(make_weights: MakeWeights, inputs: Inputs) -> None:
    reconstructor = build(make_weights(inputs=inputs), least_presence=0.0)
    hands = both_hands()
    detections = [hand.tracked().detection for hand in hands]
    found, again = (
        reconstructor._look(frame_of(hands), detections, PointChoice.FARTHEST) for _ in range(2)
    )
    for side, hand in found.items():
        assert hand.joints_m.shape == (21, 3)
        assert np.isfinite(hand.vertices_m).all()
        np.testing.assert_array_equal(hand.vertices_m, again[side].vertices_m)


def test_openvino_finds_what_torch_finds(weights: Path) -> None:
    pytest.importorskip("openvino")
    hands = both_hands()
    frame, detections = frame_of(hands), [hand.tracked().detection for hand in hands]
    first, second = (
        build(weights, runtime=runtime)._look(frame, detections, PointChoice.FARTHEST)
        for runtime in ("torch", "openvino")
    )
    for side, hand in first.items():
        assert second[side].presence == pytest.approx(hand.presence, abs=1e-3)
        np.testing.assert_allclose(second[side].joints_m, hand.joints_m, atol=1e-3)


def test_openvino_on_a_gpu_is_refused(weights: Path) -> None:
    with pytest.raises(ConfigError, match=r"pdfnet\.runtime 'openvino' is for CPUs"):
        build(weights, runtime="openvino", device="cuda")


def test_warming_up_needs_no_camera(weights: Path) -> None:
    reconstructor = build(weights)
    reconstructor.warm_up()
    names = {topology.name for topology in reconstructor.topologies()}
    assert names == {"open_hand_left", "open_hand_right"}


def test_without_weights_it_says_how_to_get_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plugin, "SHIPPED_WEIGHTS", tmp_path / "none.safetensors")
    with pytest.raises(ConfigError, match=r"pdfnet\.weights.*hand-object-recon train"):
        PDFNetReconstructor(PipelineConfig())


def test_weights_beside_the_plugin_are_taken_without_being_named(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "SHIPPED_WEIGHTS", weights)
    assert len(PDFNetReconstructor(PipelineConfig()).topologies()) == 2


def test_weights_the_plugin_cannot_use_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"nowhere\.safetensors does not exist"):
        build(tmp_path / "nowhere.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_weights(foreign, Weights({"a": torch.zeros(1)}, {"method": "h2onet", "options": {}}))
    with pytest.raises(InvalidValueError, match="holds 'h2onet'"):
        build(foreign)
    settings = PDFNetSettings(weights=str(weights))
    with pytest.raises(ConfigError, match="set hand_model to 'open_hand'"):
        PDFNetReconstructor(PipelineConfig(hand_model="mano", pdfnet=settings))


def test_the_authors_repository_asks_for_one_of_their_checkpoints(tmp_path: Path) -> None:
    settings = PDFNetSettings(official_repository=str(tmp_path))
    with pytest.raises(ConfigError, match=r"pdfnet\.weights is empty"):
        PDFNetReconstructor(PipelineConfig(pdfnet=settings))


def test_a_device_that_is_not_there_is_refused(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"pdfnet\.device"):
        build(weights, device="cuda")
