"""The large planes hands work before: tables, walls. Found now and then, kept between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import BoundingBox
from hand_object_recon.core.keypoints import MIDDLE_MCP, WRIST

FloatArray = NDArray[np.floating[Any]]

_EVERY_NS: Final = 500_000_000
_STEP_PX: Final = 8
_TRIES: Final = 48
_PLANES: Final = 3
_LEAST_SHARE: Final = 0.06
_LEAST_POINTS: Final = 150
_LEAST_EXTENT_M: Final = 0.35
_NOISE: Final = 0.006  # of the depth squared, what sensors of the shops scatter by
_FARTHEST_M: Final = 3.0
_ABOVE_M: Final = 0.005
_FOREARM_PALMS: Final = 3.0  # wrist to elbow, in lengths from wrist to middle knuckle


class BackgroundPlanes:
    """Planes of a camera's surroundings, looked for anew twice a second.

    planes (P, 4) float64: unit normal towards the camera and offset.
    """

    def __init__(self) -> None:
        self.planes: NDArray[np.float64] = np.zeros((0, 4))
        self._found_ns: int | None = None

    def update(self, frame: RgbdFrame, arms: Sequence[BoundingBox]) -> None:
        """Look for planes if it is time to; the boxes of arms are left out (``arm_box``)."""
        if self._found_ns is not None and 0 <= frame.stamp_ns - self._found_ns < _EVERY_NS:
            return
        self._found_ns = frame.stamp_ns
        points = _points_without(frame, arms)
        self.planes = _large_planes(points)

    def reach_m(self, depth_m: float) -> float:
        """Height above a plane up to which noise at a depth may lift its points."""
        return _ABOVE_M + _NOISE * depth_m * depth_m

    def reset(self) -> None:
        """Forget them, as before another camera."""
        self.planes = np.zeros((0, 4))
        self._found_ns = None


def arm_box(keypoints_px: FloatArray) -> BoundingBox:
    """About a hand's (21, 2) keypoints and its forearm, which is straight enough for a plane."""
    wrist, knuckle = keypoints_px[WRIST], keypoints_px[MIDDLE_MCP]
    elbow = wrist + _FOREARM_PALMS * (wrist - knuckle)
    return BoundingBox.around(np.vstack([keypoints_px, elbow]))


def _points_without(frame: RgbdFrame, arms: Sequence[BoundingBox]) -> NDArray[np.float64]:
    """(N, 3) of every eighth pixel, without boxes about the arms."""
    depth = frame.depth_m[::_STEP_PX, ::_STEP_PX].astype(np.float64)
    usable = depth < _FARTHEST_M
    for box in arms:
        covered = box.pixel_slices(*frame.depth_m.shape)
        usable[_thinned(covered[0]), _thinned(covered[1])] = False
    rows, columns = np.nonzero(usable)
    z = depth[rows, columns]
    camera = frame.camera
    x = (columns * _STEP_PX - camera.cx) / camera.fx * z
    y = (rows * _STEP_PX - camera.cy) / camera.fy * z
    return np.stack([x, y, z], axis=1)


def _thinned(pixels: slice) -> slice:
    """The steps about a range of pixels, and one more on each side."""
    return slice(max(pixels.start // _STEP_PX - 1, 0), pixels.stop // _STEP_PX + 2)


def _large_planes(points_m: NDArray[np.float64]) -> NDArray[np.float64]:
    from hand_object_recon.geometry.plane_kernels import best_plane

    random = np.random.default_rng(0)
    left = np.ones(len(points_m), dtype=np.bool_)
    found: list[NDArray[np.float64]] = []
    while len(found) < _PLANES:
        candidates = np.flatnonzero(left)
        if len(candidates) < _LEAST_POINTS:
            break
        triples = candidates[random.integers(len(candidates), size=(_TRIES, 3))]
        rough, _ = best_plane(points_m, left, triples, _NOISE)
        on_plane = left & _is_near(points_m, rough)
        if on_plane.sum() < max(_LEAST_POINTS, _LEAST_SHARE * len(points_m)):
            break
        plane = _through_middle(points_m[on_plane])
        on_plane = left & _is_near(points_m, plane)
        left &= ~on_plane
        if _extent_m(points_m[on_plane]) > _LEAST_EXTENT_M:
            found.append(plane)
    return np.array(found, dtype=np.float64).reshape(-1, 4)


def _is_near(points_m: FloatArray, plane: FloatArray) -> NDArray[np.bool_]:
    heights = points_m @ plane[:3] + plane[3]
    return np.asarray(np.abs(heights) < 0.004 + _NOISE * points_m[:, 2] ** 2)


def _through_middle(points_m: FloatArray) -> NDArray[np.float64]:
    """(4,) least-squares plane, normal towards the camera."""
    middle = points_m.mean(axis=0)
    centred = points_m - middle
    normal = np.linalg.eigh(centred.T @ centred)[1][:, 0]
    offset = -float(normal @ middle)
    towards = 1.0 if offset >= 0 else -1.0
    return np.asarray(towards * np.append(normal, offset), dtype=np.float64)


def _extent_m(points_m: FloatArray) -> float:
    if len(points_m) == 0:
        return 0.0
    return float(np.linalg.norm(np.ptp(points_m, axis=0)))
