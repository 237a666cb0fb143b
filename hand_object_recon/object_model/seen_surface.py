"""What was seen of a body's surface: oriented points, their extent, and which way they are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.object_model.distance_grid import DistanceGrid

MOST_POINTS: Final = 1500

_FULLY_OPEN: Final = 0.5  # the mean normal of a half ball is half as long as one normal
_HARDLY_OPEN: Final = 0.15
_STRAY_SHARE: Final = 0.01
_WIDTH_DIRECTIONS: Final = 18

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class SeenSurface:
    """Points (N, 3) in metres in the body's frame and unit normals (N, 3) outwards."""

    points_m: FloatArray
    normals: FloatArray

    def box(self, stray_share: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Corners (3,) of the box around the points without a share of strays at either end."""
        return _between(self.points_m, stray_share)

    def closing_shift_m(self) -> NDArray[np.float64]:
        """(3,) how far and whither the seen side must be swept to close the body.

        A body is taken to be as deep as it is narrow: along the mean of the inward normals,
        which is about the direction of view, it reaches from its front as far as its narrowest
        width across is long, or as far as was seen. The more the seen sides face each other the
        less is missing, so the width counts in full only for a surface as one-sided as a half
        ball, and not at all for one seen all around.
        """
        inward = -self.normals.mean(axis=0, dtype=np.float64)
        openness = float(np.linalg.norm(inward))
        if openness < _HARDLY_OPEN:
            return np.zeros(3)
        direction = inward / openness
        front, back = _between(self.points_m @ direction, _STRAY_SHARE)
        share = min(1.0, (openness - _HARDLY_OPEN) / (_FULLY_OPEN - _HARDLY_OPEN))
        missing = share * self._narrowest_m(direction) - float(back - front)
        return np.asarray(max(missing, 0.0) * direction)

    def _narrowest_m(self, direction: FloatArray) -> float:
        """Least extent of the points across a unit direction (3,)."""
        across = np.linalg.svd(direction[None])[2][1:]
        angles = np.arange(_WIDTH_DIRECTIONS) * (np.pi / _WIDTH_DIRECTIONS)
        axes = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ across
        low, high = _between(self.points_m @ axes.T, _STRAY_SHARE)
        return float((high - low).min())


def seen_surface(grid: DistanceGrid, texture: NDArray[np.float32]) -> SeenSurface:
    """Points where a fused grid's surface was seen, which is where ``texture`` is known.

    Evenly thinned to at most ``MOST_POINTS``.
    """
    from hand_object_recon.object_model.seen_surface_kernels import surface_points

    points, normals = surface_points(grid.values, texture, grid.origin_m, grid.voxel_m)
    stride = max(1, -(-len(points) // MOST_POINTS))
    return SeenSurface(points[::stride], normals[::stride])


def _between(values: FloatArray, stray_share: float) -> tuple[Any, Any]:
    """Least and greatest along the first axis, a share of strays left out at either end."""
    strays = int(stray_share * len(values))
    ordered = np.partition(values, (strays, len(values) - 1 - strays), axis=0)
    return ordered[strays], ordered[len(values) - 1 - strays]
