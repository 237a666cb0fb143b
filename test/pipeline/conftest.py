"""Frames, detections and posed open hands to put through the stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandEstimate, HandSide
from hand_object_recon.hand_model.model import load_hand_model

START_NS = 1_700_000_000_000_000_000
STEP_NS = 33_333_333


@pytest.fixture(scope="session")
def camera() -> CameraIntrinsics:
    return CameraIntrinsics(320, 240, 300.0, 300.0, 160.4, 118.7)


@dataclass(frozen=True)
class FrameMaker:
    """Frames of one camera at 30 Hz."""

    camera: CameraIntrinsics

    def __call__(self, number: int = 0, depth_m: NDArray[np.float32] | float = 0.6) -> RgbdFrame:
        size = (self.camera.height, self.camera.width)
        return RgbdFrame(
            rgb=np.zeros((*size, 3), np.uint8),
            depth_m=np.broadcast_to(np.float32(depth_m), size).copy(),
            camera=self.camera,
            stamp_ns=START_NS + number * STEP_NS,
            frame_id="some_optical_frame",
        )


@pytest.fixture(scope="session")
def make_frame(camera: CameraIntrinsics) -> FrameMaker:
    return FrameMaker(camera)


@pytest.fixture(scope="session")
def make_detection() -> Callable[..., HandDetection]:
    """A 60-pixel box around (x, y)."""

    def detection(
        x: float,
        y: float = 120.0,
        side: HandSide = HandSide.RIGHT,
        score: float = 0.9,
        **more: Any,
    ) -> HandDetection:
        box = BoundingBox(x - 30.0, y - 30.0, x + 30.0, y + 30.0)
        return HandDetection(side, score, box, **more)

    return detection


def curled_pose_rad() -> NDArray[np.float32]:
    """(48,): palm to the camera, finger tips up, every finger joint flexed by 0.25 rad."""
    model = load_hand_model("open_hand", HandSide.RIGHT)
    towards_camera = 2 * np.pi / 3 / np.sqrt(3) * np.array([1.0, 1.0, 1.0])
    curl = 0.25 * model.joint_axes[:, 0]
    return np.float32(np.concatenate([towards_camera, curl.ravel()]))


@pytest.fixture(scope="session")
def make_hand(pose_open_hand: Callable[..., HandEstimate]) -> Callable[..., HandEstimate]:
    """A posed open hand whose wrist is near ``at_m``."""

    def hand(
        at_m: Any = (0.0, 0.05, 0.5),
        *,
        track_id: int = 1,
        side: HandSide = HandSide.RIGHT,
        pose_rad: NDArray[np.float32] | None = None,
    ) -> HandEstimate:
        pose = curled_pose_rad() if pose_rad is None else pose_rad
        return pose_open_hand(pose, at_m, track_id=track_id, side=side)

    return hand
