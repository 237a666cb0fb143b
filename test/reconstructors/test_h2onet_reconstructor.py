"""The plugin: crops, mirrors and turns back, so that what the network answers ends in the camera.

A network with random weights answers something for every crop; one that knows the truth shows
that the way from its answer to the camera is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    TrackedHand,
)
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.core.method_settings import H2ONetSettings
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.grasp_views import TOO_SMALL
from hand_object_recon.networks.hand_crop import HandCrop
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.reconstructors.h2onet.hand_views import NOT_IN_IMAGE, HandView, view_of_hand
from hand_object_recon.reconstructors.h2onet.network import HandMesh, MultiFrameNetwork
from hand_object_recon.reconstructors.h2onet.options import METHOD, H2ONetOptions
from hand_object_recon.reconstructors.h2onet.reconstructor import H2ONetReconstructor
from hand_object_recon.reconstructors.h2onet.streamed_network import StreamedNetwork
from hand_object_recon.reconstructors.h2onet.trained_network import new_network

CAMERA = CameraIntrinsics(320, 240, 290.0, 280.0, 150.0, 126.0)
MIRROR = np.array([-1.0, 1.0, 1.0])
TURNED_BY_MIRROR = np.array([1.0, -1.0, -1.0])
STEP_NS = 33_333_333
HAND_SPREAD_M = 0.05

MakeWeights = Callable[..., Path]


@pytest.fixture(scope="module")
def make_weights(write_weights: Callable[..., Path]) -> MakeWeights:
    """A small network with random weights whose vertices spread out like a hand's."""

    def make(frames: int = 1, **options: Any) -> Path:
        torch.manual_seed(frames)
        chosen = H2ONetOptions(width=16, frames=frames, **options)
        network = new_network(chosen).requires_grad_(False)
        spread_out(network)
        return write_weights(METHOD, chosen, network)

    return make


def spread_out(network: nn.Module) -> None:
    """Normalise by what random images give, and scale the mesh to the size of a hand."""
    torch.nn.init.normal_(network.decoder.lifting)
    for layer in network.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.momentum = None
    shown = torch.rand(6, 3, 128, 128)
    is_multi = isinstance(network, MultiFrameNetwork)
    images = shown.reshape(3, 2, 3, 128, 128) if is_multi else shown
    network.train()(images)
    answer = network.eval()(images)
    hands = answer[0] if is_multi else answer
    scale = HAND_SPREAD_M / float(hands.canonical_vertices.std(dim=1).mean())
    heads = (
        [network.decoder.head, network.finger_fusion.head] if is_multi else [network.decoder.head]
    )
    for head in heads:
        head.linear.weight.mul_(scale)


def build(weights: Path, **settings: Any) -> H2ONetReconstructor:
    chosen = H2ONetSettings(**{"weights": str(weights), "device": "cpu", **settings})
    return H2ONetReconstructor(PipelineConfig(h2onet=chosen))


@pytest.fixture(scope="module")
def single(make_weights: MakeWeights) -> H2ONetReconstructor:
    return build(make_weights())


@pytest.fixture(scope="module")
def multi(make_weights: MakeWeights) -> H2ONetReconstructor:
    return build(make_weights(frames=3))


def photograph(seed: int = 0) -> NDArray[np.uint8]:
    shape = (CAMERA.height, CAMERA.width, 3)
    noise = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 4.0), dtype=np.uint8)


def frame_at(number: int = 0, **changes: Any) -> RgbdFrame:
    depth = np.full((CAMERA.height, CAMERA.width), np.nan, dtype=np.float32)
    frame = RgbdFrame(photograph(number), depth, CAMERA, 10**9 + number * STEP_NS, "camera")
    return replace(frame, **changes)


def hand_at(
    track_id: int = 1,
    side: HandSide = HandSide.RIGHT,
    box: tuple[float, float, float, float] = (90.0, 60.0, 190.0, 170.0),
    **more: Any,
) -> TrackedHand:
    return TrackedHand(track_id, HandDetection(side, 0.9, BoundingBox(*box), **more))


def only_hand(
    reconstructor: H2ONetReconstructor, frame: RgbdFrame, hand: TrackedHand
) -> HandEstimate:
    (found,) = reconstructor.reconstruct(frame, [hand]).hands
    return found


@dataclass(frozen=True, eq=False)
class TrueHand:
    """A posed hand in view, and what a detector says of it."""

    side: HandSide
    posed: PosedHand
    shape: NDArray[np.float32]

    @classmethod
    def at(cls, side: HandSide, at_m: Sequence[float]) -> TrueHand:
        random = np.random.default_rng(4)
        model = load_hand_model("open_hand", side)
        fingers = model.pose_mean_rad.reshape(15, 1, 3) @ model.joint_axes
        orientation = [1.3, 0.9, 1.1]
        pose = np.concatenate([orientation, fingers.ravel()])
        shape = np.float32(random.normal(0.0, 0.7, 10))
        return cls(side, pose_hand(model, pose, shape, np.float32(at_m)), shape)

    @property
    def keypoints_px(self) -> NDArray[np.float64]:
        return project(self.posed.joints_m.astype(np.float64), CAMERA)

    def tracked(self) -> TrackedHand:
        pixels = self.keypoints_px
        detection = HandDetection(
            self.side, 0.9, BoundingBox.around(pixels, 0.1), pixels.astype(np.float32)
        )
        return TrackedHand(1, detection)


class KnowingNetwork(StreamedNetwork):
    """Answers what is true, in the axes and about the origin a trained network would."""

    def __init__(
        self, hand: TrueHand, *, from_ray: bool, occlusion_logits: Tensor | None = None
    ) -> None:
        self._hand, self._from_ray, self._logits = hand, from_ray, occlusion_logits

    def hands(self, images: Tensor, tracked: Sequence[TrackedHand], stamp_ns: int) -> HandMesh:
        hand, is_left = self._hand, self._hand.side is HandSide.LEFT
        pixels = hand.keypoints_px
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        mirror = MIRROR if is_left else np.ones(3)
        ray = np.append(((low + high) / 2 - [CAMERA.cx, CAMERA.cy]) / [CAMERA.fx, CAMERA.fy], 1.0)
        axis = np.cross([0.0, 0.0, 1.0], ray * mirror)
        angle = np.arctan2(np.linalg.norm(axis), 1.0)
        camera_from_ray = axis_angle_to_matrix(axis / np.linalg.norm(axis) * angle)
        turn = camera_from_ray if self._from_ray else np.eye(3)
        edge = 1.5 * (high - low).max()
        places = (pixels - (low + high) / 2) / edge * mirror[:2] + 0.5
        joints, vertices = (
            torch.from_numpy((points * mirror) @ turn)[None]
            for points in (hand.posed.joints_m, hand.posed.vertices_m)
        )
        rest = torch.zeros(1, 21, 3)
        return HandMesh(
            canonical_vertices=torch.zeros_like(vertices),
            canonical_joints=rest,
            vertices=vertices,
            joints=joints,
            joints_uv=torch.from_numpy(places)[None],
            orientation=torch.eye(3)[None],
            occlusion_logits=self._logits,
        )


@pytest.mark.parametrize(
    ("side", "at_m", "from_ray"),
    [
        (HandSide.RIGHT, (-0.06, 0.03, 0.55), True),
        (HandSide.LEFT, (0.12, 0.03, 0.8), True),
        (HandSide.RIGHT, (0.12, 0.03, 0.8), False),
        (HandSide.LEFT, (-0.06, 0.03, 0.55), False),
    ],
)
def test_a_network_that_knows_the_truth_gives_the_true_hand_in_metres(
    make_weights: MakeWeights, side: HandSide, at_m: tuple[float, ...], from_ray: bool
) -> None:
    hand = TrueHand.at(side, at_m)
    reconstructor = build(make_weights(orientation_from="ray" if from_ray else "camera"))
    reconstructor._network = KnowingNetwork(hand, from_ray=from_ray)
    frame, tracked = frame_at(), hand.tracked()
    output = reconstructor.reconstruct(frame, [tracked])
    np.testing.assert_allclose(output.keypoints_px[1], hand.keypoints_px, atol=1e-3)
    placed = MetricPlacement(reconstructor.topologies(), is_metric=False).place(
        frame, output.hands[0], tracked.detection, output.keypoints_px[1]
    )
    assert placed is not None
    np.testing.assert_allclose(placed.joints_m, hand.posed.joints_m, atol=5e-4)
    np.testing.assert_allclose(placed.vertices_m, hand.posed.vertices_m, atol=5e-4)
    np.testing.assert_allclose(placed.wrist_pose[:3, :3], hand.posed.wrist_pose[:3, :3], atol=0.03)
    assert placed.topology == f"open_hand_{side}"


@pytest.mark.parametrize("side", list(HandSide))
def test_parameters_pose_the_model_where_the_joints_are(
    make_weights: MakeWeights, side: HandSide
) -> None:
    hand = TrueHand.at(side, (0.02, 0.03, 0.5))
    reconstructor = build(make_weights())
    reconstructor._network = KnowingNetwork(hand, from_ray=True)
    found = only_hand(reconstructor, frame_at(), hand.tracked())
    model = load_hand_model("open_hand", side)
    posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3, np.float32))
    about_wrist = posed.joints_m - posed.joints_m[WRIST]
    assert np.linalg.norm(about_wrist - found.joints_m, axis=1).mean() < 0.002


def test_the_mirror_image_gives_the_mirrored_hand_of_the_other_side(
    single: H2ONetReconstructor,
) -> None:
    hand = hand_at(box=(100.0, 60.0, 190.0, 150.0))
    flipped_box = (CAMERA.width - 1 - 190.0, 60.0, CAMERA.width - 1 - 100.0, 150.0)
    mirrored = frame_at(
        rgb=np.ascontiguousarray(photograph()[:, ::-1]),
        camera=replace(CAMERA, cx=CAMERA.width - 1 - CAMERA.cx),
    )
    right = only_hand(single, frame_at(), hand)
    left = only_hand(single, mirrored, hand_at(side=HandSide.LEFT, box=flipped_box))
    size = np.abs(right.vertices_m).max()
    np.testing.assert_allclose(left.vertices_m, right.vertices_m * MIRROR, atol=0.02 * size)
    np.testing.assert_allclose(left.joints_m, right.joints_m * MIRROR, atol=0.02 * size)
    vectors = right.pose_rad.reshape(16, 3) * TURNED_BY_MIRROR
    np.testing.assert_allclose(left.pose_rad.reshape(16, 3)[1:], vectors[1:], atol=0.1)
    assert (left.topology, right.topology) == ("open_hand_left", "open_hand_right")


def test_hands_of_one_frame_are_what_each_is_alone(single: H2ONetReconstructor) -> None:
    hands = [
        hand_at(1),
        hand_at(2, HandSide.LEFT, (180.0, 40.0, 270.0, 130.0)),
        hand_at(3, box=(10.0, 100.0, 90.0, 200.0)),
    ]
    together = single.reconstruct(frame_at(), hands)
    assert [one.track_id for one in together.hands] == [1, 2, 3]
    for one, hand in zip(together.hands, hands, strict=True):
        alone = only_hand(single, frame_at(), hand)
        assert one.side is hand.side
        np.testing.assert_allclose(one.vertices_m, alone.vertices_m, atol=1e-4)


def test_a_box_without_keypoints_gives_about_the_crop_of_its_keypoints() -> None:
    points = np.random.default_rng(1).uniform([100.0, 60.0], [180.0, 160.0], (21, 2))
    box = BoundingBox.around(points, 0.1)
    detection = HandDetection(HandSide.LEFT, 0.9, box, points.astype(np.float32))
    crops = []
    for one in (detection, replace(detection, keypoints_px=None)):
        view = view_of_hand(frame_at(), TrackedHand(1, one), from_ray=True)
        assert isinstance(view, HandView)
        crops.append(view.crop)
    assert crops[1].is_mirrored
    np.testing.assert_allclose(crops[1].center_px, crops[0].center_px, atol=1.0)
    assert crops[1].edge_px == pytest.approx(crops[0].edge_px, rel=0.03)


@pytest.mark.parametrize("is_upright", [False, True])
def test_keypoints_outside_the_image_give_no_view(is_upright: bool) -> None:
    points = np.random.default_rng(1).uniform([400.0, 60.0], [480.0, 160.0], (21, 2))
    detection = HandDetection(
        HandSide.RIGHT, 0.9, BoundingBox.around(points), points.astype(np.float32)
    )
    hand = TrackedHand(1, detection)
    view = view_of_hand(frame_at(), hand, from_ray=True, is_upright=is_upright)
    assert view == NOT_IN_IMAGE


def test_a_hand_too_small_or_outside_the_image_is_left_out_with_the_reason(
    single: H2ONetReconstructor,
) -> None:
    tiny = hand_at(1, box=(100.0, 100.0, 112.0, 112.0))
    outside = hand_at(2, box=(400.0, 300.0, 500.0, 380.0))
    found = single.reconstruct(frame_at(), [tiny, outside, hand_at(3)])
    assert [one.track_id for one in found.hands] == [3]
    assert found.left_out == {1: TOO_SMALL, 2: NOT_IN_IMAGE}
    assert single.reconstruct(frame_at(), [tiny]).left_out == {1: TOO_SMALL}
    assert not single.reconstruct(frame_at(), []).hands


def test_fingers_are_as_visible_as_the_network_thinks(make_weights: MakeWeights) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.0, 0.03, 0.5))
    reconstructor = build(make_weights())
    chances = np.array([0.9, 0.2, 0.7, 0.5, 0.1, 0.8])  # five fingers, then the hand
    logits = torch.from_numpy(np.log([chances, 1.0 - chances]))[None]
    reconstructor._network = KnowingNetwork(hand, from_ray=True, occlusion_logits=logits)
    visibility = only_hand(reconstructor, frame_at(), hand.tracked()).joint_visibility
    np.testing.assert_allclose(visibility, [0.8, *np.repeat(chances[:5], 4)], atol=1e-6)


def test_a_network_of_one_frame_takes_joints_at_the_hand_s_own_depth_for_visible(
    make_weights: MakeWeights,
) -> None:
    hand = TrueHand.at(HandSide.RIGHT, (0.0, 0.03, 0.5))
    reconstructor = build(make_weights())
    reconstructor._network = KnowingNetwork(hand, from_ray=True)
    depth = np.full((CAMERA.height, CAMERA.width), np.nan, dtype=np.float32)
    pixels = np.rint(hand.keypoints_px).astype(int)
    for (x, y), joint in reversed(list(zip(pixels, hand.posed.joints_m, strict=True))):
        depth[y, x] = joint[2] - 0.01
    x, y = pixels[8]
    depth[y, x] -= 0.1  # something hides the tip of the index finger
    found = only_hand(reconstructor, frame_at(depth_m=depth), hand.tracked())
    assert found.joint_visibility[8] == 0.0
    assert found.joint_visibility.sum() >= 17
    blind = only_hand(reconstructor, frame_at(), hand.tracked())
    assert not blind.joint_visibility.any()


def test_earlier_frames_help_until_the_track_is_forgotten_or_lost(
    multi: H2ONetReconstructor,
) -> None:
    def after_others(interrupt: Callable[[], object], **last: Any) -> NDArray[np.float32]:
        multi.reset()
        for number in (2, 7):  # 1/3 s and 1/6 s before
            multi.reconstruct(frame_at(number), [hand_at()])
        interrupt()
        return only_hand(multi, frame_at(12), replace(hand_at(), **last)).vertices_m

    multi.reset()
    alone = only_hand(multi, frame_at(12), hand_at()).vertices_m
    assert np.abs(after_others(lambda: None) - alone).max() > 1e-4
    for interrupt in (multi.reset, lambda: multi.forget(1)):
        np.testing.assert_allclose(after_others(interrupt), alone, atol=1e-6)
    np.testing.assert_allclose(after_others(lambda: None, is_new=True), alone, atol=1e-6)


def test_warming_up_leaves_nothing_behind(multi: H2ONetReconstructor) -> None:
    multi.reset()
    before = only_hand(multi, frame_at(3), hand_at(track_id=0)).vertices_m
    multi.warm_up()
    after = only_hand(multi, frame_at(3), hand_at(track_id=0)).vertices_m
    np.testing.assert_allclose(after, before, atol=1e-6)


@pytest.mark.slow
def test_openvino_gives_what_torch_gives(make_weights: MakeWeights) -> None:
    pytest.importorskip("openvino")
    path = make_weights(frames=3)
    hands = [hand_at(1), hand_at(2, HandSide.LEFT, (180.0, 40.0, 270.0, 130.0))]
    by_torch, by_openvino = (build(path, runtime=runtime) for runtime in ("torch", "openvino"))
    for number, count in enumerate((1, 2)):
        both = [
            one.reconstruct(frame_at(number), hands[:count]).hands
            for one in (by_torch, by_openvino)
        ]
        for expected, found in zip(*both, strict=True):
            size = np.abs(expected.vertices_m).max()
            np.testing.assert_allclose(found.vertices_m, expected.vertices_m, atol=1e-3 * size)


def test_the_crop_is_that_of_training(single: H2ONetReconstructor) -> None:
    seen: list[Tensor] = []

    class Watching(StreamedNetwork):
        def hands(self, images: Tensor, tracked: Sequence[TrackedHand], stamp_ns: int) -> HandMesh:
            seen.append(images)
            raise StopIteration

    hand = TrueHand.at(HandSide.RIGHT, (0.0, 0.03, 0.5))
    network, single._network = single._network, Watching()
    with pytest.raises(StopIteration):
        single.reconstruct(frame_at(), [hand.tracked()])
    single._network = network
    crop = HandCrop.around(hand.keypoints_px, (CAMERA.width, CAMERA.height))
    expected = crop.cut(photograph(), 128).transpose(2, 0, 1) / 255.0
    np.testing.assert_allclose(seen[0][0].numpy(), expected, atol=0.01)
