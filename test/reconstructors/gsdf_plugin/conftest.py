"""Hands and bodies in view, and a network that knows the truth about them.

It shows that the way from the network's answer to the camera is right; a network with random
weights, that the plugin asks it as it was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.core.method_settings import GSDFSettings
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.signed_distance import signed_distances
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.watertight import close_wrist
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.reconstructors.gsdf.options import METHOD, GSDFOptions
from hand_object_recon.reconstructors.gsdf.reconstructor import GSDFReconstructor
from hand_object_recon.reconstructors.gsdf.relative_joints import RelativeJoints
from hand_object_recon.reconstructors.gsdf.sight import BodyFields
from hand_object_recon.reconstructors.gsdf.trained_network import new_network

UNIT_M = GSDFOptions().unit_m
CLAMP = 0.05
LITE = {"crop_around": CropRule.HAND, "crop_enlargement": 2.0, "image_size": 128}

FloatArray = NDArray[np.floating[Any]]
Distances = Callable[[FloatArray], FloatArray]


@pytest.fixture(scope="session")
def lite() -> dict[str, Any]:
    """Options that make a network quick."""
    return LITE


@pytest.fixture(scope="session")
def make_weights(write_weights: Callable[..., Path]) -> Callable[..., Path]:
    """A small network with random weights whose joints are not all on one spot."""

    def make(**options: Any) -> Path:
        torch.manual_seed(5)
        chosen = GSDFOptions(**{"width": 24, **LITE, **options})
        network = new_network(chosen).requires_grad_(False)
        network.pose.joints.head.weight.mul_(20.0)
        return write_weights(METHOD, chosen, network)

    return make


@pytest.fixture(scope="session")
def weights(make_weights: Callable[..., Path]) -> Path:
    return make_weights()


@pytest.fixture(scope="session")
def build() -> Callable[..., GSDFReconstructor]:
    """The plugin with a weights file, and with changed settings."""

    def plugin(weights: Path, **settings: Any) -> GSDFReconstructor:
        fixed = {"weights": str(weights), "device": "cpu", "mesh_cells": 32, "mesh_rate_hz": 5.0}
        return GSDFReconstructor(PipelineConfig(gsdf=GSDFSettings(**{**fixed, **settings})))

    return plugin


@dataclass(frozen=True, eq=False)
class TrueHand:
    """A posed hand in view, and what a detector says of it."""

    side: HandSide
    posed: PosedHand
    camera: CameraIntrinsics

    @property
    def joints_m(self) -> FloatArray:
        return self.posed.joints_m.astype(np.float64)

    @property
    def closed(self) -> tuple[FloatArray, NDArray[np.int32]]:
        lid = close_wrist(load_hand_model("open_hand", self.side))
        return lid.vertices(self.posed.vertices_m.astype(np.float64)), lid.faces

    def distances(self, points_m: FloatArray) -> FloatArray:
        return signed_distances(points_m, *self.closed)

    def distances_to_palm_ball(self, points_m: FloatArray) -> FloatArray:
        return np.linalg.norm(points_m - self.joints_m[9], axis=1) - 0.03

    def tracked(self, track_id: int = 1, **more: Any) -> TrackedHand:
        pixels = project(self.joints_m, self.camera)
        box = BoundingBox.around(pixels, 0.1)
        detection = HandDetection(self.side, 0.9, box, pixels.astype(np.float32))
        return TrackedHand(track_id, detection, **more)

    def painted_depth_m(self, background_m: float = 1.5) -> NDArray[np.float32]:
        """The depth image of the hand before a wall: the nearest of points strewn over its
        triangles."""
        camera = self.camera
        body = trimesh.Trimesh(*self.closed, process=False)
        points, _ = trimesh.sample.sample_surface(body, 400_000, seed=1)
        columns, rows = np.rint(project(points, camera)).astype(int).T
        depth_m = np.full((camera.height, camera.width), background_m)
        is_inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
        np.minimum.at(depth_m, (rows[is_inside], columns[is_inside]), points[is_inside, 2])
        return depth_m.astype(np.float32)


@pytest.fixture(scope="session")
def hand_at(camera: CameraIntrinsics) -> Callable[..., TrueHand]:
    """A hand whose fingers are somewhat bent, its wrist near a place."""

    def hand(side: HandSide, at_m: Sequence[float], shape_sd: float = 0.0) -> TrueHand:
        model = load_hand_model("open_hand", side)
        fingers = model.pose_mean_rad.reshape(15, 1, 3) @ model.joint_axes
        pose = np.concatenate([[1.3, 0.9, 1.1], fingers.ravel()])
        shape = shape_sd * np.random.default_rng(4).normal(0.0, 1.0, 10)
        return TrueHand(side, pose_hand(model, pose, shape, np.array(at_m)), camera)

    return hand


@dataclass(frozen=True, eq=False)
class HeldBox:
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


@pytest.fixture(scope="session")
def held_box() -> Callable[..., HeldBox]:
    """A box in a hand's grasp."""

    def box(hand: TrueHand, **more: Any) -> HeldBox:
        return HeldBox(hand.joints_m[9] + [0.02, 0.03, 0.05], **more)

    return box


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


@dataclass(eq=False)
class KnowingSight:
    """Answers what is true of hands, of their bodies and of what each holds, in axes of crops."""

    hands: Sequence[TrueHand]
    bodies: Sequence[Distances]
    held: Sequence[Distances]
    axes: list[FloatArray]

    @property
    def joints(self) -> Sequence[RelativeJoints]:
        turned = [hand.joints_m @ axes.T for hand, axes in zip(self.hands, self.axes, strict=True)]
        return [RelativeJoints.of_joints(one, one[0, 2]) for one in turned]

    def fields(self, row: int, wrist_m: FloatArray, joints_m: FloatArray) -> BodyFields:
        axes, true_wrist_m = self.axes[row], self.hands[row].joints_m[0]
        hand, held = (
            KnownField(one, axes, true_wrist_m) for one in (self.bodies[row], self.held[row])
        )
        return BodyFields(hand, held)


@pytest.fixture(scope="session")
def knowing(straight_axes: Callable[..., FloatArray]) -> Callable[..., KnowingSight]:
    """What the network sees of hands that hold nothing, or bodies told by distances; where it is
    not told, a ball about the palm stands for the hand's body."""

    def sight(
        hands: Sequence[TrueHand],
        held: Sequence[Distances] | None = None,
        bodies: Sequence[Distances] | None = None,
    ) -> KnowingSight:
        nothing = [lambda points_m: np.full(len(points_m), 1.0)] * len(hands)
        palms = [hand.distances_to_palm_ball for hand in hands]
        axes = [straight_axes(hand.side, hand.joints_m) for hand in hands]
        return KnowingSight(hands, bodies or palms, held or nothing, axes)

    return sight


@pytest.fixture(scope="session")
def show(knowing: Callable[..., KnowingSight]) -> Callable[..., None]:
    """Let the plugin ask a network that knows hands and bodies."""

    def show_to(reconstructor: GSDFReconstructor, *known: Any) -> None:
        sight = knowing(*known)
        reconstructor._look = lambda batch: sight

    return show_to
