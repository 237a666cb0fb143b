"""Which places a distant lamp reaches: the bodies drawn as the lamp sees them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.rendering.rasterizer import rasterize

Float32Array = NDArray[np.float32]

_SIZE: Final = 160
_MARGIN: Final = 4
_LIFT_M: Final = 0.004
_PENUMBRA_TEXELS: Final = 1.3
_TAPS: Final = ((-0.9, -0.3), (0.3, -0.9), (0.9, 0.3), (-0.3, 0.9))


class ShadowMap:
    """How near to the lamp the bodies reach, on a grid across its light.

    towards_lamp
        (3,) unit vector, in the frame of the vertices (V, 3) metres.
    """

    def __init__(
        self,
        vertices_m: NDArray[np.floating[Any]],
        faces: NDArray[np.int32],
        towards_lamp: NDArray[np.floating[Any]],
    ) -> None:
        across, down = _across(towards_lamp)
        axes = np.stack([across, down, towards_lamp]).astype(np.float32)
        points = vertices_m @ axes.T
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        texels_per_m = (_SIZE - 1 - 2 * _MARGIN) / max(float((high - low).max()), 1e-3)
        self._axes = axes
        self._scale = np.float32(texels_per_m)
        self._origin = (low * texels_per_m - _MARGIN).astype(np.float32)
        points[:, :2] = points[:, :2] * texels_per_m - self._origin
        self._nearest = np.full(_SIZE * _SIZE, -np.inf, dtype=np.float32)
        seen = rasterize(points, faces, (_SIZE, _SIZE))
        self._nearest[seen.pixels] = seen.nearness

    def lit(self, points_m: Float32Array) -> Float32Array:
        """(N,) 0 in shadow to 1 in the light, for places (3, N)."""
        place = self._axes @ points_m
        x = place[0] * self._scale - self._origin[0]
        y = place[1] * self._scale - self._origin[1]
        height = place[2] + np.float32(_LIFT_M)
        open_taps = np.zeros(len(x), dtype=np.float32)
        for shift_x, shift_y in _TAPS:
            column = (x + np.float32(0.5 + _PENUMBRA_TEXELS * shift_x)).astype(np.int32)
            row = (y + np.float32(0.5 + _PENUMBRA_TEXELS * shift_y)).astype(np.int32)
            np.clip(column, 0, _SIZE - 1, out=column)
            np.clip(row, 0, _SIZE - 1, out=row)
            open_taps += np.take(self._nearest, row * _SIZE + column) <= height
        return open_taps / np.float32(len(_TAPS))


def _across(towards_lamp: NDArray[np.floating[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two unit vectors at right angles to the light, right and down as the lamp sees it."""
    least = np.eye(3)[np.argmin(np.abs(towards_lamp))]
    across = np.cross(least, towards_lamp)
    across /= np.linalg.norm(across)
    return across, np.cross(-towards_lamp, across)
