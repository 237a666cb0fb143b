"""A hand in front of a wall, ray-cast frame by frame as a colour + depth camera would see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import PosedHand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.synthesis.depth_sensor import StereoDepthSensor
from hand_object_recon.synthesis.lighting import lamp_directions
from hand_object_recon.synthesis.moving_arm import Body, MovingArm
from hand_object_recon.synthesis.room_wall import RoomWall, pixel_directions
from hand_object_recon.synthesis.view_rays import look_at

FloatArray = NDArray[np.floating[Any]]

DEMO_CAMERA: Final = CameraIntrinsics(width=640, height=480, fx=612.0, fy=612.0, cx=321.4, cy=238.7)
FRAME_RATE_HZ: Final = 30
START_NS: Final = 1_700_000_000_000_000_000
FRAME_ID: Final = "camera_color_optical_frame"

_WALL_DISTANCE_M: Final = 0.92
_LAMP_RAYS: Final = 12
_LENS_BLUR_PX: Final = 0.7
_IMAGE_NOISE: Final = 1.6


@dataclass(frozen=True, eq=False)
class VisibleHand:
    """The truth of one hand: its model and its pose in the camera optical frame."""

    model: HandModel
    posed: PosedHand


@dataclass(frozen=True, eq=False)
class SyntheticFrame:
    """A frame and the hands wholly inside its image."""

    frame: RgbdFrame
    hands: tuple[VisibleHand, ...]


class DemoScene:
    """A right hand that turns and moves its fingers, joined half-way by the left one.

    Everything random (wall, noise, lost readings) comes from ``seed``, so a scene looks the
    same each time.

    frame_count
        Frames at 30 Hz; the left hand starts to come up after half of them.
    """

    def __init__(
        self, frame_count: int = 90, seed: int = 0, camera: CameraIntrinsics = DEMO_CAMERA
    ) -> None:
        self.frame_count = frame_count
        self._camera = camera
        self._random = np.random.default_rng(seed)
        self._wall = RoomWall(camera, _WALL_DISTANCE_M, self._random)
        self._sensor = StereoDepthSensor()
        self._directions = pixel_directions(camera)
        half_s = 0.5 * frame_count / FRAME_RATE_HZ
        self._arms = (
            MovingArm(HandSide.RIGHT, (-0.085, 0.085, 0.52), (-0.125, 0.42, 0.64)),
            MovingArm(HandSide.LEFT, (0.145, 0.09, 0.55), (0.19, 0.43, 0.66), half_s, phase_s=2.2),
        )

    def frames(self) -> Iterator[SyntheticFrame]:
        """Render the frames one after the other."""
        for number in range(self.frame_count):
            yield self._render(number)

    def _render(self, frame_number: int) -> SyntheticFrame:
        time_s = frame_number / FRAME_RATE_HZ
        poses = [arm.motion.at(time_s) for arm in self._arms]
        parts = [
            arm.surface(posed, number)
            for number, (arm, posed) in enumerate(zip(self._arms, poses, strict=True))
        ]
        rgb, depth_m = self._take(Body(parts, [arm.texture for arm in self._arms]))
        frame = RgbdFrame(
            rgb=rgb,
            depth_m=depth_m,
            camera=self._camera,
            stamp_ns=START_NS + frame_number * 10**9 // FRAME_RATE_HZ,
            frame_id=FRAME_ID,
        )
        hands = tuple(
            VisibleHand(arm.model, posed)
            for arm, posed in zip(self._arms, poses, strict=True)
            if self._is_inside(posed)
        )
        return SyntheticFrame(frame, hands)

    def _is_inside(self, posed: PosedHand) -> bool:
        pixels = project(posed.joints_m, self._camera)
        size = (self._camera.width - 1, self._camera.height - 1)
        return bool(((pixels >= 0) & (pixels <= size)).all())

    def _take(self, body: Body) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Colour (H, W, 3) uint8 and measured depth (H, W) m of the scene."""
        surface = body.surface
        lamp = lamp_directions(_LAMP_RAYS, self._random)
        color = self._wall.color_behind(surface, lamp)
        depth_m, facing = self._wall.depth_m.copy(), self._wall.facing.copy()
        pixels, rays, hits = look_at(surface, self._directions, self._camera)
        color[pixels], facing[pixels] = body.shade(hits, rays, lamp)
        depth_m[pixels] = hits.distances
        rgb = _develop(color, self._random)
        return rgb, self._sensor.measure(depth_m, facing, self._camera, self._random)


def _develop(linear_rgb: FloatArray, random: np.random.Generator) -> NDArray[np.uint8]:
    """8-bit sRGB of linear light: lens blur, tone curve and sensor noise."""
    blurred = cv2.GaussianBlur(linear_rgb.astype(np.float32), (0, 0), _LENS_BLUR_PX)
    encoded = 255.0 * cv2.pow(np.clip(blurred, 0.0, 1.0), 1.0 / 2.2)
    noise = _IMAGE_NOISE * random.standard_normal((*encoded.shape[:2], 1), dtype=np.float32)
    return np.clip(encoded + noise + 0.5, 0, 255).astype(np.uint8)
