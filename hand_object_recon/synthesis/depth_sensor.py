"""What depth cameras make of true distances: noise, steps, mixed pixels and missing readings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics

Float32Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_NEIGHBOURS: Final = np.ones((3, 3), dtype=np.uint8)


class DepthSensor(ABC):
    """A depth camera whose readings are aligned to the colour image."""

    @abstractmethod
    def measure(
        self,
        depth_m: Float32Array,
        facing: Float32Array,
        camera: CameraIntrinsics,
        random: np.random.Generator,
        infrared: Float32Array | None = None,
    ) -> Float32Array:
        """(H, W) float32 metres read where (H, W) true metres lie, NaN where there is none.

        facing
            (H, W) cosine between the surface's normal and the line of sight.
        infrared
            (H, W) 0 (black or mirroring) to 1 (bright and matt) in the sensor's own light; 1 if
            it is None.
        """


@dataclass(frozen=True)
class StereoDepthSensor(DepthSensor):
    """An active-stereo camera of the kind used on robots' wrists.

    noise_at_half_metre_m
        Standard deviation of a reading at 0.5 m; it grows with the square of the distance, as
        disparity noise does.
    baseline_m
        Distance of the second imager: what it cannot see gets no reading.
    disparity_step_px, imager_focal_px
        Step of the disparities the camera can tell apart, in pixels of its own imagers, and
        their focal length: readings lie where ``focal * baseline / disparity`` puts them. A step
        of 0 leaves only ``step_m``.
    noise_grain_px
        Size of the patches over which noise is alike, as block matching has it; 0 for none.
    slant_noise
        How much more noise a slanted surface has: the deviation is multiplied by
        ``1 + slant_noise * tan(angle)``.
    least_infrared
        Below this a surface returns too little of the projected pattern; readings are lost the
        more the darker it is.
    flying_share
        Share of the readings left at an edge that lie between its two sides.
    """

    noise_at_half_metre_m: float = 0.0015
    step_m: float = 0.001
    baseline_m: float = 0.03
    edge_step_m: float = 0.02
    edge_dropout: float = 0.6
    grazing_cosine: float = 0.15
    speck_dropout: float = 0.002
    disparity_step_px: float = 0.0
    imager_focal_px: float = 424.0
    noise_grain_px: float = 0.0
    slant_noise: float = 0.0
    least_infrared: float = 0.0
    flying_share: float = 0.0

    def measure(
        self,
        depth_m: Float32Array,
        facing: Float32Array,
        camera: CameraIntrinsics,
        random: np.random.Generator,
        infrared: Float32Array | None = None,
    ) -> Float32Array:
        near, far = _nearest_and_farthest(depth_m)
        at_edge = np.abs(near + far - 2.0 * depth_m) > self.edge_step_m
        true_m = depth_m
        if self.flying_share > 0.0:
            true_m = _with_flying_pixels(depth_m, near, far, at_edge, self.flying_share, random)
        noisy = true_m + self._sigma(depth_m, facing) * self._noise(depth_m.shape, random)
        stepped = np.round(self._in_disparity_steps(noisy) / self.step_m) * self.step_m
        lost = self._second_imager_blocked(depth_m, camera)
        lost |= self._unreadable(at_edge, facing, random)
        if infrared is not None and self.least_infrared > 0.0:
            lost |= _too_dark(infrared, self.least_infrared, random)
        return np.where(lost, np.float32(np.nan), stepped).astype(np.float32)

    def _sigma(self, depth_m: Float32Array, facing: Float32Array) -> Float32Array:
        sigma = (4.0 * self.noise_at_half_metre_m) * depth_m * depth_m
        if self.slant_noise == 0.0:
            return sigma
        cosine = np.maximum(facing, 0.1)
        tangent = np.sqrt(1.0 / (cosine * cosine) - 1.0)
        return np.asarray(sigma * (1.0 + self.slant_noise * tangent))

    def _noise(self, shape: tuple[int, ...], random: np.random.Generator) -> Float32Array:
        """Normal values of deviation 1, alike over ``noise_grain_px``."""
        noise = random.standard_normal(shape, dtype=np.float32)
        if self.noise_grain_px == 0.0:
            return noise
        kernel = cv2.getGaussianKernel(_odd(6.0 * self.noise_grain_px), self.noise_grain_px)
        smooth = cv2.sepFilter2D(noise, -1, kernel, kernel)
        return np.asarray(smooth / np.float32((kernel**2).sum()), dtype=np.float32)

    def _in_disparity_steps(self, depth_m: Float32Array) -> Float32Array:
        if self.disparity_step_px == 0.0:
            return depth_m
        steps_at_metre = np.float32(self.imager_focal_px * self.baseline_m / self.disparity_step_px)
        return np.asarray(steps_at_metre / np.maximum(np.round(steps_at_metre / depth_m), 1.0))

    def _second_imager_blocked(self, depth_m: Float32Array, camera: CameraIntrinsics) -> Mask:
        """Pixels whose point lies behind one farther right, seen from the second imager."""
        columns = np.arange(camera.width, dtype=np.float32)
        seen_at = columns - np.float32(camera.fx * self.baseline_m) / depth_m
        nearest_right = np.minimum.accumulate(seen_at[:, ::-1], axis=1)[:, ::-1]
        blocked = np.zeros(depth_m.shape, dtype=np.bool_)
        blocked[:, :-1] = seen_at[:, :-1] >= nearest_right[:, 1:]
        return blocked

    def _unreadable(self, at_edge: Mask, facing: Float32Array, random: np.random.Generator) -> Mask:
        chance = random.random(at_edge.shape, dtype=np.float32)
        grazing = facing < self.grazing_cosine
        lost_at_edge = at_edge & (chance < self.edge_dropout)
        return np.asarray(lost_at_edge | grazing | (chance > 1.0 - self.speck_dropout))


@dataclass(frozen=True)
class TimeOfFlightDepthSensor(DepthSensor):
    """A camera that times its own modulated light.

    noise_at_metre_m
        Standard deviation of a reading of a white wall at 1 m, seen straight on. It grows with
        the square of the distance and with the inverse of the light that comes back.
    edge_step_m
        At an edge higher than this the light of both sides mixes.
    edge_dropout
        Share of the mixed readings that the sensor finds out and drops.
    multipath_m
        How much too far a corner reads at most, for the light that took a detour over the other
        side; 0 for none.
    least_light
        Readings with less light than this share of a white wall's at 1 m are dropped.
    """

    noise_at_metre_m: float = 0.0015
    step_m: float = 0.001
    edge_step_m: float = 0.02
    edge_dropout: float = 0.5
    multipath_m: float = 0.0
    multipath_reach_px: int = 15
    least_light: float = 0.04

    def measure(
        self,
        depth_m: Float32Array,
        facing: Float32Array,
        camera: CameraIntrinsics,
        random: np.random.Generator,
        infrared: Float32Array | None = None,
    ) -> Float32Array:
        near, far = _nearest_and_farthest(depth_m)
        at_edge = np.abs(near + far - 2.0 * depth_m) > self.edge_step_m
        reflected = np.clip(facing, 0.05, 1.0)
        if infrared is not None:
            reflected = reflected * np.maximum(infrared, 0.01)
        light = reflected / (depth_m * depth_m)
        mixed = np.where(at_edge, cv2.blur(depth_m, (3, 3)), depth_m)
        if self.multipath_m > 0.0:
            mixed = mixed + self._detour(depth_m)
        noise = random.standard_normal(depth_m.shape, dtype=np.float32)
        noisy = mixed + np.float32(self.noise_at_metre_m) / light * noise
        stepped = np.round(noisy / self.step_m) * self.step_m
        chance = random.random(depth_m.shape, dtype=np.float32)
        lost = (at_edge & (chance < self.edge_dropout)) | (light < self.least_light)
        return np.where(lost, np.float32(np.nan), stepped).astype(np.float32)

    def _detour(self, depth_m: Float32Array) -> Float32Array:
        """Largest where a surface lies a few centimetres behind what is around it."""
        reach = self.multipath_reach_px
        behind = np.maximum(depth_m - cv2.blur(depth_m, (reach, reach)), 0.0) / 0.02
        return np.asarray(np.float32(self.multipath_m) * behind * np.exp(1.0 - behind))


def _nearest_and_farthest(depth_m: Float32Array) -> tuple[Float32Array, Float32Array]:
    """(H, W) least and greatest depth of a pixel and its eight neighbours: on a slope it lies
    midway between them."""
    near = np.asarray(cv2.erode(depth_m, _NEIGHBOURS), dtype=np.float32)
    return near, np.asarray(cv2.dilate(depth_m, _NEIGHBOURS), dtype=np.float32)


def _with_flying_pixels(
    depth_m: Float32Array,
    near: Float32Array,
    far: Float32Array,
    at_edge: Mask,
    share: float,
    random: np.random.Generator,
) -> Float32Array:
    edge = np.flatnonzero(at_edge)
    edge = edge[random.random(len(edge)) < share]
    between = random.random(len(edge), dtype=np.float32)
    low, high = near.ravel()[edge], far.ravel()[edge]
    flying = depth_m.copy()
    flying.ravel()[edge] = low + between * (high - low)
    return flying


def _too_dark(infrared: Float32Array, least: float, random: np.random.Generator) -> Mask:
    """Holes that hang together: below ``least`` the more pixels, the darker they are."""
    dark = infrared < least
    if not dark.any():
        return dark
    chance = cv2.blur(random.random(infrared.shape, dtype=np.float32), (3, 3))
    spread = np.clip(0.5 + 3.0 * (chance - 0.5), 0.0, 1.0)
    return np.asarray(dark & (spread > infrared / least))


def _odd(size: float) -> int:
    return 2 * int(size / 2) + 1
