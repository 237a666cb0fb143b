"""What a stereo depth camera makes of true distances: noise, steps and missing readings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics

Float32Array = NDArray[np.float32]


@dataclass(frozen=True)
class StereoDepthSensor:
    """An active-stereo camera of the kind used on robots' wrists.

    noise_at_half_metre_m
        Standard deviation of a reading at 0.5 m; it grows with the square of the distance, as
        disparity noise does.
    baseline_m
        Distance of the second imager: what it cannot see gets no reading.
    """

    noise_at_half_metre_m: float = 0.0015
    step_m: float = 0.001
    baseline_m: float = 0.03
    edge_step_m: float = 0.02
    edge_dropout: float = 0.6
    grazing_cosine: float = 0.15
    speck_dropout: float = 0.002

    def measure(
        self,
        depth_m: Float32Array,
        facing: Float32Array,
        camera: CameraIntrinsics,
        random: np.random.Generator,
    ) -> Float32Array:
        """(H, W) float32 metres read where (H, W) true metres lie, NaN where there is none.

        facing
            (H, W) cosine between the surface's normal and the line of sight.
        """
        sigma = self.noise_at_half_metre_m * (depth_m / 0.5) ** 2
        noisy = depth_m + sigma * random.standard_normal(depth_m.shape, dtype=np.float32)
        stepped = np.round(noisy / self.step_m) * self.step_m
        lost = self._second_imager_blocked(depth_m, camera) | self._unreadable(
            depth_m, facing, random
        )
        return np.where(lost, np.nan, stepped).astype(np.float32)

    def _second_imager_blocked(
        self, depth_m: Float32Array, camera: CameraIntrinsics
    ) -> NDArray[np.bool_]:
        """Pixels whose point lies behind one farther right, seen from the second imager."""
        columns = np.arange(camera.width, dtype=np.float32)
        seen_at = columns - camera.fx * self.baseline_m / depth_m
        nearest_right = np.minimum.accumulate(seen_at[:, ::-1], axis=1)[:, ::-1]
        blocked = np.zeros(depth_m.shape, dtype=np.bool_)
        blocked[:, :-1] = seen_at[:, :-1] >= nearest_right[:, 1:]
        return blocked

    def _unreadable(
        self, depth_m: Float32Array, facing: Float32Array, random: np.random.Generator
    ) -> NDArray[np.bool_]:
        kernel = np.ones((3, 3), dtype=np.uint8)
        step = cv2.dilate(depth_m, kernel) - cv2.erode(depth_m, kernel)
        chance = random.random(depth_m.shape, dtype=np.float32)
        at_edge = (step > self.edge_step_m) & (chance < self.edge_dropout)
        grazing = facing < self.grazing_cosine
        return np.asarray(at_edge | grazing | (chance > 1.0 - self.speck_dropout))
