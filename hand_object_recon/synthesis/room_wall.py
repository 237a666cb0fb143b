"""The wall behind the hand: its distance, and its colour with the hand's soft shadow on it."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.synthesis.ray_surface import RaySurface

FloatArray = NDArray[np.floating[Any]]

_NORMAL: Final = np.array([0.10, 0.03, -1.0]) / np.linalg.norm([0.10, 0.03, -1.0])
_PAINT_COLOR: Final = np.array([0.33, 0.36, 0.37])
_SHADOW_SHARE: Final = 8
_SHADOW_BLUR: Final = 1.5


class RoomWall:
    """A painted plane across the whole image.

    distance_m
        Where the optical axis meets it.
    """

    def __init__(
        self, camera: CameraIntrinsics, distance_m: float, random: np.random.Generator
    ) -> None:
        directions = pixel_directions(camera)
        along = directions @ _NORMAL
        self.depth_m = (distance_m * _NORMAL[2] / along).astype(np.float32)
        self.facing = (-along / np.linalg.norm(directions, axis=2)).astype(np.float32)
        self._points = directions * self.depth_m[..., None]
        self._color = _paint(camera, random)

    def color_behind(self, surface: RaySurface, lamp: FloatArray) -> FloatArray:
        """(H, W, 3) linear RGB with the shadow of ``surface`` under ``lamp`` directions (D, 3)."""
        coarse = self._points[::_SHADOW_SHARE, ::_SHADOW_SHARE]
        flat = coarse.reshape(-1, 3)
        normals = np.broadcast_to(_NORMAL, flat.shape)
        lit = surface.openness(flat, normals, lamp).reshape(coarse.shape[:2])
        soft = cv2.GaussianBlur(lit, (0, 0), _SHADOW_BLUR)
        height, width = self.depth_m.shape
        light = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(self._color * (0.62 + 0.38 * light[..., None]))


def pixel_directions(camera: CameraIntrinsics) -> FloatArray:
    """(H, W, 3) rays through the pixel centres, of length one along the optical axis."""
    rows, columns = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    x = (columns - camera.cx) / camera.fx
    y = (rows - camera.cy) / camera.fy
    return np.stack([x, y, np.ones_like(x)], axis=2)


def _paint(camera: CameraIntrinsics, random: np.random.Generator) -> FloatArray:
    """(H, W, 3) linear RGB: brighter towards the lamp, with faint roller marks."""
    rows, columns = np.mgrid[: camera.height, : camera.width]
    across, down = columns / camera.width, rows / camera.height
    light = 1.22 - 0.42 * across - 0.40 * down
    marks = sum(
        strength * _smooth_noise(camera, size, random)
        for size, strength in ((1.2, 0.012), (6.0, 0.014), (40.0, 0.03))
    )
    return np.asarray(_PAINT_COLOR * (light + marks)[..., None])


def _smooth_noise(
    camera: CameraIntrinsics, size_px: float, random: np.random.Generator
) -> FloatArray:
    noise = random.standard_normal((camera.height, camera.width), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), size_px)
    return np.asarray(smooth / smooth.std())
