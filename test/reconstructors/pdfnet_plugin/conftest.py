"""Hands in view, and a network that knows the truth about them and keeps what it was given.

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
from torch import Tensor

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    TrackedHand,
)
from hand_object_recon.core.method_settings import PDFNetSettings
from hand_object_recon.core.stage_settings import DepthTurnSettings
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.pdfnet.options import METHOD, PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandPoints,
    HandsPrediction,
    Pyramid,
    Seen,
)
from hand_object_recon.reconstructors.pdfnet.reconstructor import PDFNetReconstructor
from hand_object_recon.reconstructors.pdfnet.trained_network import new_network

SIZE = 160
SMALL = {"image_size": SIZE, "trunk_layers": 18, "width": 16, "points": 128, "neighbours": 16}
BACKGROUND_M = 1.5

FloatArray = NDArray[np.floating[Any]]


@pytest.fixture(scope="session")
def make_weights(write_weights: Callable[..., Path]) -> Callable[..., Path]:
    """A small network with random weights."""

    def make(**options: Any) -> Path:
        torch.manual_seed(3)
        chosen = PDFNetOptions(**{**SMALL, **options})
        return write_weights(METHOD, chosen, new_network(chosen))

    return make


@pytest.fixture(scope="session")
def weights(make_weights: Callable[..., Path]) -> Path:
    return make_weights()


@pytest.fixture(scope="session")
def build() -> Callable[..., PDFNetReconstructor]:
    """The plugin with a weights file, and with changed settings."""

    def plugin(weights: Path, *, turns: bool = True, **settings: Any) -> PDFNetReconstructor:
        section = PDFNetSettings(**{"weights": str(weights), "device": "cpu", **settings})
        turn = DepthTurnSettings(enabled=turns)
        return PDFNetReconstructor(PipelineConfig(pdfnet=section, depth_turn=turn))

    return plugin


@pytest.fixture(scope="session")
def wide() -> CameraIntrinsics:
    return CameraIntrinsics(320, 240, 290.0, 280.0, 150.0, 126.0)


@pytest.fixture(scope="session", params=["wide", "tall"])
def any_camera(request: pytest.FixtureRequest, wide: CameraIntrinsics) -> CameraIntrinsics:
    """A camera whose image is wide, and one whose image is tall."""
    tall = CameraIntrinsics(200, 300, 280.0, 290.0, 140.0, 100.0)
    return wide if request.param == "wide" else tall


@dataclass(frozen=True, eq=False)
class TrueHand:
    """A posed hand in view, and what a detector says of it."""

    side: HandSide
    posed: PosedHand
    camera: CameraIntrinsics

    @classmethod
    def at(cls, side: HandSide, at_m: Sequence[float], camera: CameraIntrinsics) -> TrueHand:
        model = load_hand_model("open_hand", side)
        fingers = model.pose_mean_rad.reshape(15, 1, 3) @ model.joint_axes
        pose = np.concatenate([[1.3, 0.9, 1.1], fingers.ravel()])
        return cls(side, pose_hand(model, pose, np.zeros(10), np.array(at_m)), camera)

    @property
    def row(self) -> int:
        """The hand's place in what the network answers."""
        return 0 if self.side is HandSide.LEFT else 1

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


@pytest.fixture(scope="session")
def both_hands(wide: CameraIntrinsics) -> Callable[..., list[TrueHand]]:
    """A left and a right hand before a camera."""

    def hands(camera: CameraIntrinsics = wide) -> list[TrueHand]:
        apart = 0.11 if camera is wide else 0.06
        left = TrueHand.at(HandSide.LEFT, (-apart, 0.03, 0.6), camera)
        return [left, TrueHand.at(HandSide.RIGHT, (apart, 0.06, 0.75), camera)]

    return hands


@pytest.fixture(scope="session")
def tracked() -> Callable[..., list[TrackedHand]]:
    """What a detector and a tracker say of hands, which are tracks 5, 6 and so on."""

    def tracks(hands: Sequence[TrueHand], **more: Any) -> list[TrackedHand]:
        return [hand.tracked(5 + number, **more) for number, hand in enumerate(hands)]

    return tracks


@pytest.fixture(scope="session")
def frame_of() -> Callable[..., RgbdFrame]:
    """A picture of noise, and hands before a wall in its depth."""

    def frame(hands: Sequence[TrueHand], *, has_depth: bool = True, stamp_ns: int = 9) -> RgbdFrame:
        camera = hands[0].camera
        shape = (camera.height, camera.width)
        rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
        depth_m = np.full(shape, BACKGROUND_M if has_depth else np.nan, dtype=np.float32)
        if has_depth:
            for hand in hands:
                hand.painted(depth_m, camera.matrix, hand.vertices_m[hand.faces, 2].mean(axis=1))
        return RgbdFrame(rgb, depth_m, camera, stamp_ns, "camera")

    return frame


def square_matrix_of(camera: CameraIntrinsics) -> FloatArray:
    scale = SIZE / max(camera.width, camera.height)
    middle = (SIZE - 1) / 2
    return np.array(
        [
            [scale * camera.fx, 0.0, middle + scale * (camera.cx - (camera.width - 1) / 2)],
            [0.0, scale * camera.fy, middle + scale * (camera.cy - (camera.height - 1) / 2)],
            [0.0, 0.0, 1.0],
        ]
    )


@pytest.fixture(scope="session")
def square_matrix() -> Callable[[CameraIntrinsics], FloatArray]:
    """(3, 3) camera of the network's image: the whole image in the middle of the square."""
    return square_matrix_of


@dataclass(eq=False)
class KnowingNetwork:
    """Answers what is true of hands, their roots multiplied by ``too_far``."""

    hands: Sequence[TrueHand]
    presence: dict[HandSide, float] = field(default_factory=dict)
    too_far: float = 1.0
    gives_mesh: bool = True
    mixes_up_sides: bool = False
    sees_masks: bool = True
    turned_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    images: list[Tensor] = field(default_factory=list)
    points: list[HandPoints] = field(default_factory=list)
    cameras: list[Tensor] = field(default_factory=list)

    def see(self, images: Tensor) -> Seen:
        self.images.append(images)
        masks = np.full((2, SIZE, SIZE), -9.0, dtype=np.float32)
        presence = torch.full((1, 2), -9.0)
        for hand in self.hands:
            to_image, inside = square_matrix_of(hand.camera), np.full(len(hand.faces), 9.0)
            hand.painted(masks[hand.row], to_image, inside)
            presence[0, hand.row] = torch.logit(torch.tensor(self.presence.get(hand.side, 0.99)))
        if not self.sees_masks:
            masks[:] = -9.0
        if self.mixes_up_sides:
            masks = masks[::-1].copy()
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
            root_m = hand.joints_m[9]
            turn = axis_angle_to_matrix(np.array(self.turned_rad))
            vertices[0, hand.row] = torch.from_numpy((hand.vertices_m - root_m) @ turn.T)
            joints[0, hand.row] = torch.from_numpy((hand.joints_m - root_m) @ turn.T)
            roots[0, hand.row] = self.too_far * torch.from_numpy(root_m)
        if not self.gives_mesh:
            vertices = vertices[:, :, :0]
        return HandsPrediction(vertices, joints, roots, torch.zeros(1, 2, dtype=torch.int64))


@pytest.fixture(scope="session")
def show() -> Callable[..., KnowingNetwork]:
    """Let the plugin ask a network that knows hands."""

    def show_to(
        reconstructor: PDFNetReconstructor, hands: Sequence[TrueHand], **more: Any
    ) -> KnowingNetwork:
        network = KnowingNetwork(hands, **more)
        reconstructor._look._network = network
        return network

    return show_to


@pytest.fixture(scope="session")
def require_equal() -> Callable[..., None]:
    """Hold an estimate to a true hand."""

    def compare(found: HandEstimate, true: TrueHand, within_m: float = 1e-4) -> None:
        assert found.side is true.side
        assert found.topology == f"open_hand_{true.side}"
        np.testing.assert_allclose(found.joints_m, true.joints_m, atol=within_m)
        np.testing.assert_allclose(found.vertices_m, true.vertices_m, atol=within_m)
        np.testing.assert_allclose(found.wrist_pose[:3, 3], true.joints_m[0], atol=within_m)
        turn = axis_angle_to_matrix(np.array([1.3, 0.9, 1.1]))
        np.testing.assert_allclose(found.wrist_pose[:3, :3], turn, atol=0.05)
        model = load_hand_model("open_hand", true.side)
        posed = pose_hand(model, found.pose_rad, found.shape, np.zeros(3))
        bones = posed.joints_m - posed.joints_m[0]
        np.testing.assert_allclose(bones, true.joints_m - true.joints_m[0], atol=0.004)

    return compare
