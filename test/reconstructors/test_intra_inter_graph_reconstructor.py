"""The plugin: cuts crops as training does, turns answers back, and places hands in the camera.

A network that knows the truth shows that the way from its answer to the camera is right; one with
random weights, that the plugin asks it as it was trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import nn

from hand_object_recon.core.annotation import AnnotatedFrame, FrameAnnotation, HandAnnotation
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import DepthTurnSettings, PipelineConfig
from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandSide,
    TrackedHand,
)
from hand_object_recon.core.method_settings import IntraInterGraphSettings
from hand_object_recon.detectors.base import Detector
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.interaction.refinement import ContactRefinement
from hand_object_recon.networks.grasp_views import OUTSIDE, TOO_SMALL
from hand_object_recon.networks.hand_estimates import NO_HAND
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.weights import Weights, save_weights
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.pipeline.smoother import Smoother
from hand_object_recon.pipeline.tracker import Tracker
from hand_object_recon.reconstructors.intra_inter_graph import reconstructor as plugin
from hand_object_recon.reconstructors.intra_inter_graph.hand_look import FoundHand, look_of
from hand_object_recon.reconstructors.intra_inter_graph.hand_views import (
    network_view,
    view_of_hand,
)
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    METHOD,
    IntraInterGraphOptions,
)
from hand_object_recon.reconstructors.intra_inter_graph.placement import turned_onto_depth
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction, View
from hand_object_recon.reconstructors.intra_inter_graph.reconstructor import (
    NO_DEPTH,
    NO_KEYPOINTS,
    IntraInterGraphReconstructor,
)
from hand_object_recon.reconstructors.intra_inter_graph.samples import (
    SampleChange,
    hand_records,
    network_sample,
)
from hand_object_recon.reconstructors.intra_inter_graph.trained_network import (
    load_trained_network,
    new_network,
)
from hand_object_recon.training.config import load_training_config

CONFIGURATIONS = Path(__file__).parents[2] / "config/train"
CAMERA = CameraIntrinsics(320, 240, 290.0, 280.0, 150.0, 126.0)
MIRROR = np.diag([-1.0, 1.0, 1.0])
WALL_M = 1.2
CONFIDENCE = np.linspace(0.2, 1.0, 21)
SMALL: dict[str, Any] = {
    "image_size": 64,
    "trunk_layers": 18,
    "width": 8,
    "channels": 16,
    "hourglass_depth": 2,
    "pose_channels": 16,
    "pose_blocks": 1,
    "refinement_channels": 16,
    "refinement_blocks": 1,
    "vertex_level": 2,
}
PLACES = [
    (HandSide.RIGHT, (-0.1, 0.04, 0.5)),
    (HandSide.LEFT, (0.14, -0.02, 0.6)),
    (HandSide.RIGHT, (0.15, 0.05, 0.7)),
    (HandSide.LEFT, (-0.08, 0.03, 0.45)),
]

FloatArray = NDArray[np.floating[Any]]
MakeWeights = Callable[..., Path]


@pytest.fixture(scope="module")
def make_weights(tmp_path_factory: pytest.TempPathFactory) -> MakeWeights:
    """A small network with random weights, whose refinement moves points by centimetres."""

    def make(**options: Any) -> Path:
        torch.manual_seed(5)
        chosen = IntraInterGraphOptions.model_validate({**SMALL, **options})
        network = new_network(chosen)
        if network.refinement is not None:
            for head in (network.refinement.joint_head, network.refinement.vertex_head):
                nn.init.normal_(head[-1].weight, std=0.05)
        path = tmp_path_factory.mktemp("weights") / "random.safetensors"
        description = {"method": METHOD, "options": chosen.model_dump(mode="json")}
        save_weights(path, Weights(network.state_dict(), description))
        return path

    return make


@pytest.fixture(scope="module")
def weights(make_weights: MakeWeights) -> Path:
    return make_weights()


def build(weights: Path, *, turns: bool = True, **settings: Any) -> IntraInterGraphReconstructor:
    fixed = {"weights": str(weights), "device": "cpu"}
    section, turn = (
        IntraInterGraphSettings(**{**fixed, **settings}),
        DepthTurnSettings(enabled=turns),
    )
    config = PipelineConfig(intra_inter_graph=section, depth_turn=turn)
    return IntraInterGraphReconstructor(config)


@dataclass(frozen=True, eq=False)
class TrueHand:
    """A posed hand, and what a detector says of it."""

    side: HandSide
    posed: PosedHand
    pose_rad: FloatArray
    shape: FloatArray

    @classmethod
    def at(cls, side: HandSide, at_m: Sequence[float]) -> TrueHand:
        random = np.random.default_rng(4)
        model = load_hand_model("open_hand", side)
        fingers = model.hands_mean + random.normal(0.0, 0.3, 45)
        pose, shape = np.concatenate([[1.3, 0.9, 1.1], fingers]), random.normal(0.0, 1.0, 10)
        return cls(side, pose_hand(model, pose, shape, np.array(at_m)), pose, shape)

    @property
    def joints_m(self) -> FloatArray:
        return self.posed.joints_m.astype(np.float64)

    @property
    def vertices_m(self) -> FloatArray:
        return self.posed.vertices_m.astype(np.float64)

    def tracked(self, track_id: int = 1, *, with_keypoints: bool = True) -> TrackedHand:
        pixels = project(self.joints_m, CAMERA)
        keypoints = pixels.astype(np.float32) if with_keypoints else None
        detection = HandDetection(self.side, 0.9, BoundingBox.around(pixels, 0.1), keypoints)
        return TrackedHand(track_id, detection)


def straight_axes(hand: TrueHand) -> FloatArray:
    """(3, 3) from the camera's axes to those of a camera that looks at the middle of the hand's
    box, in the mirror image for a left hand."""
    mirror = MIRROR if hand.side is HandSide.LEFT else np.eye(3)
    pixels = project(hand.joints_m, CAMERA)
    middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    ray = mirror @ np.append((middle - [CAMERA.cx, CAMERA.cy]) / [CAMERA.fx, CAMERA.fy], 1.0)
    axis = np.cross([0.0, 0.0, 1.0], ray)
    angle = np.arctan2(np.linalg.norm(axis), 1.0)
    turn, _ = cv2.Rodrigues(axis / np.linalg.norm(axis) * angle)
    return np.asarray(turn.T @ mirror)


def upright_axes(hand: TrueHand) -> FloatArray:
    """The same, rolled until the knuckles are seen right above the wrist."""
    straight = straight_axes(hand)
    seen = hand.joints_m @ straight.T
    slopes = seen[:, :2] / seen[:, 2:]
    right, down = slopes[[5, 9, 13, 17]].mean(axis=0) - slopes[0]
    roll = Rotation.from_rotvec([0.0, 0.0, -np.pi / 2 - np.arctan2(down, right)])
    return np.asarray(roll.as_matrix() @ straight)


class KnowingNetwork(nn.Module):
    """Answers what is true of hands in the axes of their crops, and keeps what it was shown.

    growth
        How much too large it thinks they are.
    tells_distance
        As one that reads depth.
    """

    def __init__(
        self,
        hands: Sequence[TrueHand],
        axes_of: Callable[[TrueHand], FloatArray] = straight_axes,
        growth: float = 1.0,
        *,
        tells_distance: bool = False,
    ) -> None:
        super().__init__()
        self.seen = [(hand.joints_m @ axes_of(hand).T) for hand in hands]
        self.meshes = [(hand.vertices_m @ axes_of(hand).T) for hand in hands]
        self.growth, self.tells_distance = growth, tells_distance
        self.off_uv = np.zeros((21, 2))
        self.confidence = CONFIDENCE
        self.views: list[View] = []

    def forward(self, view: View) -> Prediction:
        self.views.append(view)
        count, size = len(view.images), view.images.shape[-1]
        joints, vertices = (np.stack(part[:count]) for part in (self.seen, self.meshes))
        half = view.half_slopes.double().numpy()[:, None, None]
        # the crop's camera looks along the pixel at half of its size
        pixels = joints[..., :2] / joints[..., 2:] * size / (2.0 * half) + size / 2.0
        wrist = joints[:, :1]
        maps = torch.zeros(count, 1, 21, 8, 8)
        about = [self.growth * torch.tensor(part - wrist).float() for part in (joints, vertices)]
        return Prediction(
            heatmaps=maps,
            heatmap_logits=maps,
            joints_uv=torch.tensor((pixels + 0.5) / size + self.off_uv).float(),
            confidence=torch.tensor(self.confidence).float().expand(count, 21),
            rotations=torch.eye(3).expand(count, 16, 3, 3),
            pose=torch.zeros(count, 16, 6),
            shape=torch.zeros(count, 10),
            initial=Hands(*(torch.zeros_like(part) for part in about)),
            refined=Hands(*about),
            distance_m=torch.tensor(wrist[:, 0, 2]).float() if self.tells_distance else None,
        )


def show(reconstructor: IntraInterGraphReconstructor, network: nn.Module) -> None:
    reconstructor._look = look_of(network, torch.device("cpu"))  # type: ignore[arg-type]


def frame_with(depth_m: NDArray[np.float32] | None = None) -> RgbdFrame:
    shape = (CAMERA.height, CAMERA.width)
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    rgb = np.asarray(cv2.GaussianBlur(noise, (0, 0), 4.0), dtype=np.uint8)
    if depth_m is None:
        depth_m = np.full(shape, np.nan, dtype=np.float32)
    return RgbdFrame(rgb, depth_m, CAMERA, 10**9, "camera")


def painted_depth_m(*hands: TrueHand) -> NDArray[np.float32]:
    """The depth image of hands before a wall: their triangles, the farthest first."""
    depth_m = np.full((CAMERA.height, CAMERA.width), WALL_M, dtype=np.float32)
    corners_m = np.concatenate(
        [hand.vertices_m[load_hand_model("open_hand", hand.side).faces] for hand in hands]
    )
    z = corners_m[:, :, 2].mean(axis=1)
    corners = np.rint(project(corners_m, CAMERA)).astype(np.int32)
    for face in np.argsort(-z):
        cv2.fillConvexPoly(depth_m, corners[face], float(z[face]))
    return depth_m


def two_hands() -> list[TrueHand]:
    return [
        TrueHand.at(HandSide.LEFT, (-0.12, 0.0, 0.5)),
        TrueHand.at(HandSide.RIGHT, (0.12, 0.0, 0.6)),
    ]


@pytest.mark.parametrize("has_depth", [False, True])
@pytest.mark.parametrize(("side", "at_m"), PLACES)
def test_a_network_that_knows_the_truth_gives_the_hand_in_metres(
    weights: Path, side: HandSide, at_m: tuple[float, ...], has_depth: bool
) -> None:
    hand, reconstructor = TrueHand.at(side, at_m), build(weights)
    show(reconstructor, KnowingNetwork([hand]))
    frame = frame_with(painted_depth_m(hand) if has_depth else None)
    output = reconstructor.reconstruct(frame, [hand.tracked()])
    (found,) = output.hands
    off_m = 0.003 if has_depth else 1e-4
    assert (found.track_id, found.side, found.topology) == (1, side, f"open_hand_{side}")
    assert (found.score, output.notes, output.left_out) == (0.9, (), {})
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=off_m)
    np.testing.assert_allclose(found.vertices_m, hand.vertices_m, atol=off_m)


@pytest.mark.parametrize("side", list(HandSide))
def test_upright_crops_are_turned_back(make_weights: MakeWeights, side: HandSide) -> None:
    hand, reconstructor = TrueHand.at(side, (0.1, 0.03, 0.5)), build(make_weights(upright=True))
    show(reconstructor, KnowingNetwork([hand], upright_axes))
    output = reconstructor.reconstruct(frame_with(), [hand.tracked()])
    np.testing.assert_allclose(output.hands[0].vertices_m, hand.vertices_m, atol=1e-4)
    assert not output.notes


def test_upright_weights_want_keypoints(make_weights: MakeWeights) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.1, 0.03, 0.5))
    reconstructor = build(make_weights(upright=True))
    show(reconstructor, KnowingNetwork([hand]))
    output = reconstructor.reconstruct(frame_with(), [hand.tracked(with_keypoints=False)])
    assert output.notes == (NO_KEYPOINTS,)


def test_a_box_without_keypoints_is_enough(weights: Path) -> None:
    hand, reconstructor = TrueHand.at(HandSide.LEFT, (0.1, 0.03, 0.5)), build(weights)
    show(reconstructor, KnowingNetwork([hand]))
    (found,) = reconstructor.reconstruct(frame_with(), [hand.tracked(with_keypoints=False)]).hands
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=2e-3)


@pytest.mark.parametrize("side", list(HandSide))
def test_the_confidence_of_each_joint_reaches_the_estimate(weights: Path, side: HandSide) -> None:
    hand, reconstructor = TrueHand.at(side, (0.1, 0.03, 0.5)), build(weights)
    show(reconstructor, KnowingNetwork([hand]))
    (found,) = reconstructor.reconstruct(frame_with(), [hand.tracked()]).hands
    assert found.joint_confidence is not None
    np.testing.assert_allclose(found.joint_confidence, CONFIDENCE, atol=1e-6)


def test_joints_that_the_heat_maps_are_not_sure_of_do_not_move_the_hand(weights: Path) -> None:
    hand, reconstructor = TrueHand.at(HandSide.RIGHT, (0.1, 0.03, 0.5)), build(weights)
    network = KnowingNetwork([hand])
    show(reconstructor, network)
    network.off_uv[[4, 8, 20]] = 0.2
    gaps_m = []
    for confidence in (1.0, 0.0):
        network.confidence = np.where(network.off_uv.any(axis=1), confidence, 1.0)
        (found,) = reconstructor.reconstruct(frame_with(), [hand.tracked()]).hands
        gaps_m.append(np.linalg.norm(found.joints_m - hand.joints_m, axis=1).max())
    assert gaps_m[0] > 0.01
    assert gaps_m[1] < 0.001


def test_a_network_that_reads_depth_says_how_far_away_a_hand_of_wrong_size_is(
    make_weights: MakeWeights,
) -> None:
    hand = TrueHand.at(HandSide.LEFT, (0.1, 0.03, 0.5))
    reconstructor = build(make_weights(with_depth=True))
    off_m = []
    for tells in (False, True):
        show(reconstructor, KnowingNetwork([hand], growth=1.2, tells_distance=tells))
        (found,) = reconstructor.reconstruct(frame_with(), [hand.tracked()]).hands
        off_m.append(abs(straight_axes(hand)[2] @ (found.joints_m[0] - hand.joints_m[0])))
        pixels = project(found.joints_m.astype(float), CAMERA)
        middle = project(hand.joints_m, CAMERA).mean(axis=0)
        np.testing.assert_allclose(pixels.mean(axis=0), middle, atol=4.0)
    assert off_m[0] > 0.08
    assert off_m[1] < 1e-4


@pytest.mark.parametrize("growth", [0.85, 1.15])
def test_depth_corrects_the_distance_of_a_hand_of_wrong_size(weights: Path, growth: float) -> None:
    hand, reconstructor = TrueHand.at(HandSide.LEFT, (0.1, 0.03, 0.5)), build(weights)
    show(reconstructor, KnowingNetwork([hand], growth=growth))
    by_size, by_depth = (
        reconstructor.reconstruct(frame, [hand.tracked()]).hands[0].joints_m.mean(axis=0)
        for frame in (frame_with(), frame_with(painted_depth_m(hand)))
    )
    true_m = hand.joints_m.mean(axis=0)
    assert by_size[2] / true_m[2] == pytest.approx(growth, abs=0.02)
    assert abs(by_depth[2] - true_m[2]) < 0.01


def test_a_hand_that_the_network_sees_turned_is_turned_onto_the_depth() -> None:
    hand = two_hands()[0]
    frame = frame_with(painted_depth_m(hand))
    faces = load_hand_model("open_hand", hand.side).faces
    middle_m = hand.joints_m.mean(axis=0)
    turn = Rotation.from_rotvec([0.25, 0.1, 0.0])
    wrong = FoundHand(
        turn.apply(hand.joints_m - middle_m) + middle_m,
        turn.apply(hand.vertices_m - middle_m) + middle_m,
        *(np.zeros((21, 2)), np.ones(21), np.nan),
    )
    after = turned_onto_depth(frame, wrong, faces)
    for part in ("joints_m", "vertices_m"):
        before_m, after_m = (
            np.linalg.norm(getattr(one, part) - getattr(hand, part), axis=1).mean()
            for one in (wrong, after)
        )
        assert after_m < 0.7 * before_m
    assert turned_onto_depth(frame_with(), wrong, faces) is wrong


def annotated(frame: RgbdFrame, hand: TrueHand) -> AnnotatedFrame:
    told = HandAnnotation(
        side=hand.side,
        joints_m=hand.posed.joints_m,
        vertices_m=hand.posed.vertices_m,
        topology=f"open_hand_{hand.side}",
        pose_rad=hand.pose_rad.astype(np.float32),
        shape=hand.shape.astype(np.float32),
    )
    return AnnotatedFrame(frame, FrameAnnotation(frame.stamp_ns, (told,), ()), "take")


@pytest.mark.parametrize("side", list(HandSide))
@pytest.mark.parametrize("upright", [False, True])
def test_the_network_sees_what_training_shows_it(
    make_weights: MakeWeights, side: HandSide, upright: bool
) -> None:
    hand = TrueHand.at(side, (0.12, -0.03, 0.5))
    path = make_weights(upright=upright, with_depth=True, image_size=128)
    reconstructor, network = build(path), KnowingNetwork([hand], upright_axes)
    show(reconstructor, network)
    depth_m = painted_depth_m(hand)
    depth_m[:, ::7] = np.nan
    depth_m[:20] = 7.0  # farther than records tell
    frame = frame_with(depth_m)
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


def test_networks_without_depth_are_shown_none(weights: Path) -> None:
    hand, reconstructor = TrueHand.at(HandSide.RIGHT, (0.1, 0.03, 0.5)), build(weights)
    network = KnowingNetwork([hand])
    show(reconstructor, network)
    reconstructor.reconstruct(frame_with(painted_depth_m(hand)), [hand.tracked()])
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
    make_weights: MakeWeights, options: dict[str, Any]
) -> None:
    hand, path = TrueHand.at(HandSide.LEFT, (0.12, -0.03, 0.5)), make_weights(**options)
    reconstructor, shown = build(path, turns=False), []
    answer = reconstructor._look

    def watch(view: View) -> Any:
        shown.append(view)
        return answer(view)

    reconstructor._look = watch
    frame = frame_with(painted_depth_m(hand))
    (found,) = reconstructor.reconstruct(frame, [hand.tracked()]).hands
    with torch.no_grad():
        expected = load_trained_network(path).network(shown[0])
    wrist_m = expected.hands.joints_m[0, 0].numpy()
    about_wrist = (found.vertices_m - found.joints_m[0]) @ straight_axes(hand).T
    vertices_m = expected.hands.vertices_m[0].numpy() - wrist_m
    np.testing.assert_allclose(about_wrist, vertices_m, atol=2e-6)
    np.testing.assert_allclose(found.joint_confidence, expected.confidence[0], atol=1e-6)


def test_each_hand_of_a_frame_is_what_it_is_alone(make_weights: MakeWeights) -> None:
    reconstructor = build(make_weights(with_depth=True, local_features=True, upright=True))
    trues = two_hands()
    frame = frame_with(painted_depth_m(*trues))
    hands = [true.tracked(number) for number, true in enumerate(trues)]
    together = reconstructor.reconstruct(frame, hands).hands
    assert [one.track_id for one in together] == [0, 1]
    for hand, one in zip(hands, together, strict=True):
        (alone,) = reconstructor.reconstruct(frame, [hand]).hands
        np.testing.assert_allclose(one.vertices_m, alone.vertices_m, atol=1e-5)
        np.testing.assert_allclose(one.joint_confidence, alone.joint_confidence, atol=1e-5)
    assert not np.allclose(together[0].joint_confidence, together[1].joint_confidence, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"refinement": "none", "pose_branch": "regression"},
        {"refinement": "graph", "refined": "places", "vertex_level": 0},
        {"with_depth": True, "local_features": True, "pyramid": "eighth", "hourglasses": 2},
    ],
    ids=["paper", "baseline", "places", "lite"],
)
def test_openvino_gives_what_torch_gives(
    make_weights: MakeWeights, options: dict[str, Any]
) -> None:
    pytest.importorskip("openvino")
    path, trues = make_weights(**options), two_hands()
    hands = [true.tracked(number) for number, true in enumerate(trues)]
    frame = frame_with(painted_depth_m(*trues))
    by_torch, by_openvino = (build(path, runtime=runtime) for runtime in ("torch", "openvino"))
    for count in (1, 2):
        views = [view_of_hand(frame, hand, by_torch._options) for hand in hands[:count]]
        shown = network_view(frame, views, by_torch._options)
        with torch.inference_mode():
            answers = zip(by_torch._look(shown), by_openvino._look(shown), strict=True)
            for expected, found in answers:
                for name in ("joints_m", "vertices_m", "slopes", "confidence"):
                    one, other = getattr(found, name), getattr(expected, name)
                    np.testing.assert_allclose(one, other, atol=1e-4, err_msg=name)


@pytest.mark.timing
@pytest.mark.parametrize("runtime", ["torch", "openvino", "openvino_bf16"])
def test_a_hand_takes_the_lite_plugin_sixty_milliseconds_on_one_core(
    make_weights: MakeWeights, runtime: str
) -> None:
    if runtime != "torch":
        pytest.importorskip("openvino")
    torch.set_num_threads(1)
    lite = load_training_config(CONFIGURATIONS / "intra_inter_graph_lite_synthetic.yaml")
    true = TrueHand.at(HandSide.LEFT, (0.05, 0.03, 0.5))
    reconstructor = build(make_weights(**lite.method_options), runtime=runtime)
    frame, hand = frame_with(painted_depth_m(true)), true.tracked()
    views = [view_of_hand(frame, hand, reconstructor._options)]
    shown = network_view(frame, views, reconstructor._options)
    network_ms = least_ms(lambda: reconstructor._look(shown))
    show(reconstructor, KnowingNetwork([true], upright_axes))
    rest_ms = least_ms(lambda: reconstructor.reconstruct(frame, [hand]))
    print(f"{runtime}: network {network_ms:.1f} ms, crop to estimate without it {rest_ms:.1f} ms")
    assert network_ms + rest_ms < 60.0


@torch.inference_mode()
def least_ms(work: Callable[[], object]) -> float:
    times_ms = []
    for _ in range(20):
        start = time.process_time()
        work()
        times_ms.append(1e3 * (time.process_time() - start))
    return min(times_ms)


@pytest.mark.parametrize("side", list(HandSide))
def test_parameters_fit_the_refined_mesh_better_than_those_before_the_refinement(
    weights: Path, side: HandSide
) -> None:
    """The hand model was posed by angles that are 10 degrees off, and 60 % of it was mended."""
    true, reconstructor = TrueHand.at(side, (0.1, 0.03, 0.5)), build(weights)
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
    show(reconstructor, KnowingNetwork([refined]))
    (found,) = reconstructor.reconstruct(frame_with(), [refined.tracked()]).hands
    posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3))
    fitted_m = posed.vertices_m - posed.joints_m[0] + found.joints_m[0]
    gap_m = np.linalg.norm(fitted_m - found.vertices_m, axis=1).mean()
    assert gap_m < 0.6 * np.linalg.norm(before_m - refined.vertices_m, axis=1).mean()
    np.testing.assert_allclose(found.wrist_pose[:3, 3], found.joints_m[0], atol=1e-6)


def test_a_hand_without_depth_is_noted_where_the_network_reads_it(
    make_weights: MakeWeights,
) -> None:
    trues, reconstructor = two_hands(), build(make_weights(with_depth=True))
    hands = [true.tracked(number) for number, true in enumerate(trues)]
    network = KnowingNetwork(trues, tells_distance=True)
    show(reconstructor, network)
    assert not reconstructor.reconstruct(frame_with(), hands).notes

    def half_blind(view: View) -> Prediction:
        found = KnowingNetwork.forward(network, view)
        return found._replace(distance_m=torch.tensor([0.5, torch.nan]))

    network.forward = half_blind  # type: ignore[method-assign]
    output = reconstructor.reconstruct(frame_with(), hands)
    assert output.notes == (NO_DEPTH,)
    np.testing.assert_allclose(output.hands[1].joints_m, trues[1].joints_m, atol=1e-4)


def test_a_frame_without_depth_leaves_a_network_that_reads_it_without_a_distance(
    make_weights: MakeWeights,
) -> None:
    true, reconstructor = two_hands()[0], build(make_weights(with_depth=True))
    output = reconstructor.reconstruct(frame_with(), [true.tracked()])
    assert output.notes == (NO_DEPTH,)


def test_a_hand_too_small_or_outside_the_image_is_left_out(weights: Path) -> None:
    hand, reconstructor = TrueHand.at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
    show(reconstructor, KnowingNetwork([hand]))
    small = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(100.0, 100.0, 108.0, 108.0))
    outside = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(400.0, 300.0, 500.0, 380.0))
    others = [TrackedHand(2, small), TrackedHand(3, outside)]
    found = reconstructor.reconstruct(frame_with(), [*others, hand.tracked(1)])
    assert [one.track_id for one in found.hands] == [1]
    assert found.left_out == {2: TOO_SMALL, 3: OUTSIDE}
    alone = reconstructor.reconstruct(frame_with(), others)
    assert (alone.hands, set(alone.left_out)) == ((), {2, 3})
    empty = reconstructor.reconstruct(frame_with(), [])
    assert (empty.hands, empty.left_out, empty.notes) == ((), {}, ())


@pytest.mark.parametrize("fault", ["not a number", "point", "one ray", "distance behind"])
def test_an_answer_that_is_no_hand_is_left_out(weights: Path, fault: str) -> None:
    hand, reconstructor = TrueHand.at(HandSide.RIGHT, (0.0, 0.02, 0.5)), build(weights)
    network = KnowingNetwork([hand])
    show(reconstructor, network)

    def spoiled(view: View) -> Prediction:
        found = KnowingNetwork.forward(network, view)
        return found._replace(
            **{
                "not a number": {"joints_uv": found.joints_uv * torch.nan},
                "point": {"refined": Hands(*(0.0 * part for part in found.hands))},
                "one ray": {"joints_uv": torch.full_like(found.joints_uv, 0.4)},
                "distance behind": {"distance_m": torch.tensor([-0.2])},
            }[fault]
        )

    network.forward = spoiled  # type: ignore[method-assign]
    output = reconstructor.reconstruct(frame_with(), [hand.tracked()])
    assert output.hands == ()
    assert output.left_out == {1: NO_HAND}


class Finds(Detector):
    """A detector that finds what it is given."""

    def __init__(self, detection: HandDetection) -> None:
        self._found = detection

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return [self._found]


@pytest.mark.parametrize("has_depth", [True, False])
def test_the_pipeline_gives_the_hand_its_confidence_and_its_residual(
    weights: Path, has_depth: bool
) -> None:
    hand, reconstructor = TrueHand.at(HandSide.LEFT, (0.05, 0.03, 0.5)), build(weights)
    show(reconstructor, KnowingNetwork([hand]))
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
    frame = frame_with(painted_depth_m(hand) if has_depth else None)
    for number in range(3):
        later = replace(frame, stamp_ns=frame.stamp_ns + number * 33_333_333)
        (found,) = pipeline.process(later).reconstruction.hands
    np.testing.assert_allclose(found.joints_m, hand.joints_m, atol=0.003)
    np.testing.assert_allclose(found.joint_confidence, CONFIDENCE, atol=1e-6)
    assert np.isnan(found.placement_residual_m) == (not has_depth)
    assert not has_depth or found.placement_residual_m < 0.006


def test_warming_up_runs_the_network_with_one_hand_and_with_two(
    make_weights: MakeWeights,
) -> None:
    reconstructor = build(make_weights(with_depth=True))
    answer, batches = reconstructor._look, []

    def watch(view: View) -> Any:
        batches.append(len(view.images))
        return answer(view)

    reconstructor._look = watch
    reconstructor.warm_up()
    assert batches == [1, 2]


def test_without_weights_it_says_how_to_get_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plugin, "SHIPPED_WEIGHTS", tmp_path / "none.safetensors")
    with pytest.raises(ConfigError, match=r"intra_inter_graph\.weights.*hand-object-recon train"):
        IntraInterGraphReconstructor(PipelineConfig())


def test_weights_beside_the_plugin_are_taken_without_being_named(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "SHIPPED_WEIGHTS", weights)
    reconstructor = IntraInterGraphReconstructor(PipelineConfig())
    names = {topology.name for topology in reconstructor.topologies()}
    assert names == {"open_hand_left", "open_hand_right"}


def test_weights_the_plugin_cannot_use_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"nowhere\.safetensors does not exist"):
        build(tmp_path / "nowhere.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_weights(foreign, Weights({"a": torch.zeros(1)}, {"method": "gsdf", "options": {}}))
    with pytest.raises(InvalidValueError, match="holds 'gsdf', not 'intra_inter_graph'"):
        build(foreign)
    settings = IntraInterGraphSettings(weights=str(weights))
    with pytest.raises(ConfigError, match="set hand_model to 'open_hand'"):
        IntraInterGraphReconstructor(PipelineConfig(hand_model="mano", intra_inter_graph=settings))


def test_a_device_that_is_not_there_is_refused(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"intra_inter_graph\.device"):
        build(weights, device="cuda")
    with pytest.raises(ConfigError, match=r"intra_inter_graph\.runtime 'openvino' is for CPUs"):
        build(weights, device="cuda", runtime="openvino")
