"""Points around a hand and what it holds, with their signed distances to both, to learn from."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.geometry.signed_distance import signed_distances

FloatArray = NDArray[np.floating[Any]]

NEAR_SIGMAS_M: Final = (0.0025, 0.010)
_NEAR_SHARES: Final = (0.4, 0.4)
_DRAWN_PER_KEPT: Final = 4
_MOST_DRAWS: Final = 8


class SdfSamples(NamedTuple):
    """points_m (4 N, 3) float16 and distances_m (4 N, 2) float16 to hand and object.

    N inside the hand, N outside it, N inside the object, N outside it, each in random order. The
    distances are those of the rounded points.
    """

    points_m: NDArray[np.float16]
    distances_m: NDArray[np.float16]


def sdf_samples(
    hand: Body, held: Body, reach_m: float, count: int, random: np.random.Generator
) -> SdfSamples | None:
    """N = ``count`` points of each kind in the cube that reaches ``reach_m`` from the origin.

    Two fifths each of the drawn points lie off a body's surface by normal noise of 2.5 mm and of
    10 mm an axis, the rest evenly in the cube. None where a body has no inside within it. Where a
    thin body has few points inside they are repeated.
    """
    groups = [_inside_and_outside(body, reach_m, count, random) for body in (hand, held)]
    if any(group is None for group in groups):
        return None
    points = np.concatenate([group for group in groups if group is not None])
    distances = [signed_distances(points, body.vertices_m, body.faces) for body in (hand, held)]
    return SdfSamples(points, np.stack(distances, axis=1).astype(np.float16))


def _inside_and_outside(
    body: Body, reach_m: float, count: int, random: np.random.Generator
) -> NDArray[np.float16] | None:
    """(2 N, 3) points, the first half inside."""
    inside, outside = np.empty((2, 0, 3), dtype=np.float16)
    for _ in range(_MOST_DRAWS):
        points = _drawn_points(body, reach_m, _DRAWN_PER_KEPT * count, random)
        is_inside = signed_distances(points, body.vertices_m, body.faces) < 0.0
        inside = np.concatenate([inside, points[is_inside]])
        outside = np.concatenate([outside, points[~is_inside]])
        if min(len(inside), len(outside)) >= count:
            break
    if not len(inside):
        return None
    return np.concatenate([np.resize(group, (count, 3)) for group in (inside, outside)])


def _drawn_points(
    body: Body, reach_m: float, count: int, random: np.random.Generator
) -> NDArray[np.float16]:
    near = [
        body.surface_points(round(share * count), random)
        + random.normal(scale=sigma_m, size=(round(share * count), 3))
        for share, sigma_m in zip(_NEAR_SHARES, NEAR_SIGMAS_M, strict=True)
    ]
    even = random.uniform(-reach_m, reach_m, (count - sum(map(len, near)), 3))
    points = np.concatenate([*near, even]).astype(np.float16)
    return random.permutation(points[(np.abs(points) <= reach_m).all(axis=1)])
