"""Grasps in view, and a network that knows the truth about them.

It shows that the way from the network's answer to the camera is right; a network with random
weights, that the plugin asks it as it was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.core.method_settings import CrossBranchSettings
from hand_object_recon.core.stage_settings import DepthTurnSettings
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp
from hand_object_recon.reconstructors.cross_branch.options import (
    METHOD,
    CrossBranchOptions,
    DepthSource,
)
from hand_object_recon.reconstructors.cross_branch.prediction import View
from hand_object_recon.reconstructors.cross_branch.reconstructor import CrossBranchReconstructor
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere
from hand_object_recon.reconstructors.cross_branch.trained_network import new_network

MIRROR = np.diag([-1.0, 1.0, 1.0])
GRASP_M = np.array([0.02, 0.03, 0.05])
"""From the middle knuckle to the middle of what is held."""
WALL_M = 1.2

FloatArray = NDArray[np.floating[Any]]


@pytest.fixture(scope="session")
def make_weights(write_weights: Callable[..., Path]) -> Callable[..., Path]:
    """A small network with random weights."""

    def make(**options: Any) -> Path:
        torch.manual_seed(5)
        small = {"width": 8, "image_size": 64, "depth_source": DepthSource.SENSOR}
        chosen = CrossBranchOptions(**{**small, **options})
        return write_weights(METHOD, chosen, new_network(chosen))

    return make


@pytest.fixture(scope="session")
def weights(make_weights: Callable[..., Path]) -> Path:
    return make_weights(depth_source=DepthSource.NONE)


@pytest.fixture(scope="session")
def build() -> Callable[..., CrossBranchReconstructor]:
    """The plugin with a weights file, and with changed settings."""

    def plugin(weights: Path, *, turns: bool = True, **settings: Any) -> CrossBranchReconstructor:
        section = CrossBranchSettings(**{"weights": str(weights), "device": "cpu", **settings})
        turn = DepthTurnSettings(enabled=turns)
        return CrossBranchReconstructor(PipelineConfig(cross_branch=section, depth_turn=turn))

    return plugin


@dataclass(frozen=True, eq=False)
class TrueGrasp:
    """A posed hand with an ellipsoid in it, and what a detector says of the hand."""

    side: HandSide
    posed: PosedHand
    pose_rad: FloatArray
    shape: FloatArray
    center_m: FloatArray
    camera: CameraIntrinsics
    radii_m: FloatArray = field(default_factory=lambda: np.array([0.03, 0.02, 0.045]))

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
        pixels = project(self.joints_m, self.camera)
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


@pytest.fixture(scope="session")
def grasp_at(camera: CameraIntrinsics) -> Callable[..., TrueGrasp]:
    """A grasp of a hand whose wrist is near a place."""

    def grasp(side: HandSide, at_m: Sequence[float], shape_sd: float = 1.0) -> TrueGrasp:
        model = load_hand_model("open_hand", side)
        random = np.random.default_rng(4)
        fingers = model.hands_mean + random.normal(0.0, 0.3, 45)
        pose = np.concatenate([[1.3, 0.9, 1.1], fingers])
        shape = shape_sd * random.normal(0.0, 1.0, 10)
        posed = pose_hand(model, pose, shape, np.array(at_m))
        return TrueGrasp(side, posed, pose, shape, posed.joints_m[9] + GRASP_M, camera)

    return grasp


@pytest.fixture(scope="session")
def apart(grasp_at: Callable[..., TrueGrasp]) -> list[TrueGrasp]:
    """A left and a right hand's grasp, each in its half of the image."""
    return [
        grasp_at(HandSide.LEFT, (-0.12, 0.0, 0.5)),
        grasp_at(HandSide.RIGHT, (0.12, 0.0, 0.6)),
    ]


class KnowingLook:
    """Answers what is true of grasps, and keeps what it was shown."""

    def __init__(self, answers: Sequence[FoundGrasp]) -> None:
        self.answers = list(answers)
        self.views: list[View] = []
        self.sources: list[list[DepthSource]] = []

    def __call__(self, view: View, sources: Sequence[DepthSource]) -> list[FoundGrasp]:
        self.views.append(view)
        self.sources.append(list(sources))
        assert len(view.images) == len(view.depth_m) == len(sources)
        return self.answers[: len(sources)]


@pytest.fixture(scope="session")
def show(straight_axes: Callable[..., FloatArray]) -> Callable[..., KnowingLook]:
    """Let the plugin ask a network that knows grasps; ``axes`` of crops that are not straight."""

    def show_to(
        reconstructor: CrossBranchReconstructor,
        *grasps: TrueGrasp,
        axes: Sequence[FloatArray] | None = None,
    ) -> KnowingLook:
        straight = [straight_axes(grasp.side, grasp.joints_m) for grasp in grasps]
        seen_in = straight if axes is None else axes
        answers = [grasp.answered(one) for grasp, one in zip(grasps, seen_in, strict=True)]
        look = reconstructor._look = KnowingLook(answers)  # type: ignore[assignment]
        return look

    return show_to


@pytest.fixture(scope="session")
def painted_depth_m(camera: CameraIntrinsics) -> Callable[..., NDArray[np.float32]]:
    """The depth image of grasps before a wall: their triangles, the farthest first."""

    def paint(*grasps: TrueGrasp) -> NDArray[np.float32]:
        depth_m = np.full((camera.height, camera.width), WALL_M, dtype=np.float32)
        triangles = []
        for grasp in grasps:
            triangles.append(grasp.vertices_m[load_hand_model("open_hand", grasp.side).faces])
            triangles.append(grasp.object_vertices_m[object_sphere().faces])
        corners_m = np.concatenate(triangles)
        z = corners_m[:, :, 2].mean(axis=1)
        corners = np.rint(project(corners_m, camera)).astype(np.int32)
        for face in np.argsort(-z):
            cv2.fillConvexPoly(depth_m, corners[face], float(z[face]))
        return depth_m

    return paint
