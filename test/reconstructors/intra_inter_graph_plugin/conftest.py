"""Hands in view, and a network that knows the truth about them and keeps what it was shown.

It shows that the way from the network's answer to the camera is right; a network with random
weights, that the plugin asks it as it was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.core.method_settings import IntraInterGraphSettings
from hand_object_recon.core.stage_settings import DepthTurnSettings
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.intra_inter_graph.hand_look import look_of
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    METHOD,
    IntraInterGraphOptions,
)
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction, View
from hand_object_recon.reconstructors.intra_inter_graph.reconstructor import (
    IntraInterGraphReconstructor,
)
from hand_object_recon.reconstructors.intra_inter_graph.trained_network import new_network

WALL_M = 1.2
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

FloatArray = NDArray[np.floating[Any]]


@pytest.fixture(scope="session")
def make_weights(write_weights: Callable[..., Path]) -> Callable[..., Path]:
    """A small network with random weights, whose refinement moves points by centimetres."""

    def make(**options: Any) -> Path:
        torch.manual_seed(5)
        chosen = IntraInterGraphOptions.model_validate({**SMALL, **options})
        network = new_network(chosen)
        if network.refinement is not None:
            for head in (network.refinement.joint_head, network.refinement.vertex_head):
                nn.init.normal_(head[-1].weight, std=0.05)
        return write_weights(METHOD, chosen, network)

    return make


@pytest.fixture(scope="session")
def weights(make_weights: Callable[..., Path]) -> Path:
    return make_weights()


@pytest.fixture(scope="session")
def build() -> Callable[..., IntraInterGraphReconstructor]:
    """The plugin with a weights file, and with changed settings."""

    def plugin(
        weights: Path, *, turns: bool = True, **settings: Any
    ) -> IntraInterGraphReconstructor:
        fixed = {"weights": str(weights), "device": "cpu"}
        section = IntraInterGraphSettings(**{**fixed, **settings})
        turn = DepthTurnSettings(enabled=turns)
        config = PipelineConfig(intra_inter_graph=section, depth_turn=turn)
        return IntraInterGraphReconstructor(config)

    return plugin


@dataclass(frozen=True, eq=False)
class TrueHand:
    """A posed hand, and what a detector says of it."""

    side: HandSide
    posed: PosedHand
    pose_rad: FloatArray
    shape: FloatArray
    camera: CameraIntrinsics

    @property
    def joints_m(self) -> FloatArray:
        return self.posed.joints_m.astype(np.float64)

    @property
    def vertices_m(self) -> FloatArray:
        return self.posed.vertices_m.astype(np.float64)

    def tracked(self, track_id: int = 1, *, with_keypoints: bool = True) -> TrackedHand:
        pixels = project(self.joints_m, self.camera)
        keypoints = pixels.astype(np.float32) if with_keypoints else None
        detection = HandDetection(self.side, 0.9, BoundingBox.around(pixels, 0.1), keypoints)
        return TrackedHand(track_id, detection)


@pytest.fixture(scope="session")
def hand_at(camera: CameraIntrinsics) -> Callable[..., TrueHand]:
    """A hand whose fingers are bent, its wrist near a place."""

    def hand(side: HandSide, at_m: Sequence[float]) -> TrueHand:
        random = np.random.default_rng(4)
        model = load_hand_model("open_hand", side)
        fingers = model.hands_mean + random.normal(0.0, 0.3, 45)
        pose, shape = np.concatenate([[1.3, 0.9, 1.1], fingers]), random.normal(0.0, 1.0, 10)
        return TrueHand(side, pose_hand(model, pose, shape, np.array(at_m)), pose, shape, camera)

    return hand


@pytest.fixture(scope="session")
def apart(hand_at: Callable[..., TrueHand]) -> list[TrueHand]:
    """A left and a right hand, each in its half of the image."""
    return [hand_at(HandSide.LEFT, (-0.12, 0.0, 0.5)), hand_at(HandSide.RIGHT, (0.12, 0.0, 0.6))]


@pytest.fixture(scope="session")
def painted_depth_m(camera: CameraIntrinsics) -> Callable[..., NDArray[np.float32]]:
    """The depth image of hands before a wall: their triangles, the farthest first."""

    def paint(*hands: TrueHand) -> NDArray[np.float32]:
        depth_m = np.full((camera.height, camera.width), WALL_M, dtype=np.float32)
        corners_m = np.concatenate(
            [hand.vertices_m[load_hand_model("open_hand", hand.side).faces] for hand in hands]
        )
        z = corners_m[:, :, 2].mean(axis=1)
        corners = np.rint(project(corners_m, camera)).astype(np.int32)
        for face in np.argsort(-z):
            cv2.fillConvexPoly(depth_m, corners[face], float(z[face]))
        return depth_m

    return paint


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
        axes: Sequence[FloatArray],
        growth: float = 1.0,
        *,
        tells_distance: bool = False,
    ) -> None:
        super().__init__()
        self.seen = [hand.joints_m @ one.T for hand, one in zip(hands, axes, strict=True)]
        self.meshes = [hand.vertices_m @ one.T for hand, one in zip(hands, axes, strict=True)]
        self.growth, self.tells_distance = growth, tells_distance
        self.off_uv = np.zeros((21, 2))
        self.confidence = np.linspace(0.2, 1.0, 21)
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


@pytest.fixture(scope="session")
def show(straight_axes: Callable[..., FloatArray]) -> Callable[..., KnowingNetwork]:
    """Let the plugin ask a network that knows hands; ``axes`` of crops that are not straight."""

    def show_to(
        reconstructor: IntraInterGraphReconstructor,
        *hands: TrueHand,
        axes: Sequence[FloatArray] | None = None,
        **more: Any,
    ) -> KnowingNetwork:
        straight = [straight_axes(hand.side, hand.joints_m) for hand in hands]
        network = KnowingNetwork(hands, straight if axes is None else axes, **more)
        reconstructor._look = look_of(network, torch.device("cpu"))  # type: ignore[arg-type]
        return network

    return show_to
