"""Exact signed distances to an object's surface (libigl), and samples of them to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.objects.surface_points import random_surface_points

NEAR_SIGMAS_M: Final = (0.0025, 0.010)
_NEAR_SHARES: Final = (0.4, 0.4)
_BOX_MARGIN_M: Final = 0.02

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class NearestSurface:
    """For each of N points the signed distance (N,), negative inside, and the foot (N, 3)."""

    distances_m: NDArray[np.float64]
    feet_m: NDArray[np.float64]


def nearest_surface(shape: ObjectShape, points_m: FloatArray) -> NearestSurface:
    """Signed distances and closest surface points of (N, 3) points in the object's frame."""
    igl = import_igl()
    distances, _, feet, _ = igl.signed_distance(
        np.ascontiguousarray(points_m, dtype=np.float64),
        np.ascontiguousarray(shape.vertices_m, dtype=np.float64),
        np.ascontiguousarray(shape.faces, dtype=np.int64),
        igl.SignedDistanceType.SIGNED_DISTANCE_TYPE_PSEUDONORMAL,
    )
    return NearestSurface(distances, feet)


def signed_distance_samples(
    shape: ObjectShape, count: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points (N, 3) in the object's frame and their exact signed distances (N,), both metres.

    Two fifths each lie off the surface by normal noise of 2.5 mm and of 10 mm an axis, the rest
    evenly in the bounding box widened by 20 mm. The order is random.
    """
    if count < 1:
        raise InvalidValueError(f"count of signed distance samples is {count}; ask for 1 or more")
    near = [round(share * count) for share in _NEAR_SHARES]
    points = np.concatenate(
        [
            *(
                _points_off_surface(shape, amount, sigma_m, random)
                for amount, sigma_m in zip(near, NEAR_SIGMAS_M, strict=True)
            ),
            _points_in_box(shape, count - sum(near), random),
        ]
    ).astype(np.float32)
    points = random.permutation(points)
    return points, nearest_surface(shape, points).distances_m.astype(np.float32)


def import_igl() -> Any:
    """The module igl, or an error that says how to install it."""
    try:
        import igl
    except ImportError:
        raise DependencyError(
            "distances to objects need libigl, which is not installed: pip install libigl"
        ) from None
    return igl


def _points_off_surface(
    shape: ObjectShape, count: int, sigma_m: float, random: np.random.Generator
) -> FloatArray:
    on_surface = random_surface_points(shape.vertices_m, shape.faces, count, random)
    return on_surface + random.normal(scale=sigma_m, size=(count, 3))


def _points_in_box(shape: ObjectShape, count: int, random: np.random.Generator) -> FloatArray:
    low = shape.vertices_m.min(axis=0) - _BOX_MARGIN_M
    high = shape.vertices_m.max(axis=0) + _BOX_MARGIN_M
    return random.uniform(low, high, size=(count, 3))
