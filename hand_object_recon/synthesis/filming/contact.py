"""Which points of a hand lie on or in an object, measured on its mesh."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.objects.signed_distance import import_igl

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_SHAPES_AT_HAND: Final = 32
_INSIDE: Final = 0.5
_SERIES_ORDER: Final = 2  # what libigl recommends
_ACCURACY: Final = 2.0


def within_reach(shape: ObjectShape, points_m: FloatArray, reach_m: float) -> Mask:
    """(N,) points, of (N, 3) in the object's frame, less than ``reach_m`` outside its surface."""
    reached = _in_box(shape, points_m, reach_m)
    candidates = np.flatnonzero(reached)
    if len(candidates):
        reached[candidates] = _surface(shape).within_reach(points_m[candidates], reach_m)
    return reached


def _in_box(shape: ObjectShape, points_m: FloatArray, margin_m: float) -> Mask:
    low, high = shape.vertices_m.min(axis=0) - margin_m, shape.vertices_m.max(axis=0) + margin_m
    return np.asarray(((points_m > low) & (points_m < high)).all(axis=1))


class _Surface:
    """A mesh with its search trees, which a sequence asks in every frame."""

    def __init__(self, shape: ObjectShape) -> None:
        self._igl = import_igl()
        self._vertices = np.ascontiguousarray(shape.vertices_m, dtype=np.float64)
        self._faces = np.ascontiguousarray(shape.faces, dtype=np.int64)
        self._tree = self._igl.AABB()
        self._tree.init(self._vertices, self._faces)
        self._winding = self._igl.FastWindingNumberBVH()
        self._winding.init(self._vertices, self._faces, _SERIES_ORDER)

    def within_reach(self, points_m: FloatArray, reach_m: float) -> Mask:
        points = np.ascontiguousarray(points_m, dtype=np.float64)
        squared, _, _ = self._tree.squared_distance(self._vertices, self._faces, points)
        reached = np.asarray(squared < reach_m**2)
        far = np.flatnonzero(~reached)
        if len(far):
            reached[far] = self._winding.winding_number(points[far], _ACCURACY) > _INSIDE
        return reached


@lru_cache(maxsize=_SHAPES_AT_HAND)
def _surface(shape: ObjectShape) -> _Surface:
    return _Surface(shape)
