"""Where a hand is by how large it looks, whichever way it is turned.

A least-squares fit to keypoints is drawn to the camera by joints that are off, and behind it by a
hand that is turned the wrong way. How large and where the hand looks as a whole knows nothing of
turns. Translations are NaN where what was seen has no extent, which says nothing of the distance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]

_ROUNDS: Final = 8
_LEAST_SIZE: Final = 1e-6


class _Extent(NamedTuple):
    """What rays with slopes x/z and y/z cover: their (2,) middle, and how large that is."""

    middle: FloatArray
    size: np.float64


def offset_by_spread(
    points_m: FloatArray, slopes: FloatArray, weights: FloatArray | None = None
) -> FloatArray:
    """(3,) translation with which (N, 3) points are seen with the mean and the spread of rays.

    slopes (N, 2)
        x/z and y/z of the rays on which the points were found.
    weights (N,)
        How much each point counts, not negative; all alike where left out.
    """
    shares = np.ones(len(points_m)) if weights is None else weights.astype(np.float64)
    shares = shares / shares.sum()

    def extent(of: FloatArray) -> _Extent:
        middle = shares @ of
        return _Extent(middle, np.sqrt(shares @ ((of - middle) ** 2).sum(axis=1)))

    return _offset_to(extent(slopes), extent, points_m)


def offset_by_box(points_m: FloatArray, corner_slopes: FloatArray) -> FloatArray:
    """(3,) translation with which the box of (N, 3) points, as it is seen, has the middle and the
    diagonal of another one of (2, 2) opposite corners: x/z and y/z."""
    return _offset_to(_box(corner_slopes), _box, points_m)


def _offset_to(
    wanted: _Extent, extent_of: Callable[[FloatArray], _Extent], points_m: FloatArray
) -> FloatArray:
    """Begins as if all points were equally far away, and moves them so in each round; ends where
    a point is not before the camera."""
    if not wanted.size > _LEAST_SIZE:
        return np.full(3, np.nan)
    axis = np.append(wanted.middle, 1.0)
    flat = extent_of(points_m[:, :2])
    depth_m = float(points_m[:, 2].mean())
    offset = flat.size / wanted.size * axis - np.append(flat.middle, depth_m)
    for _ in range(_ROUNDS):
        places = points_m + offset
        if not (places[:, 2] > 0.0).all():
            break
        found = extent_of(places[:, :2] / places[:, 2:])
        distance = depth_m + offset[2]
        offset[:2] += distance * (wanted.middle - found.middle)
        offset += distance * (found.size / wanted.size - 1.0) * axis
    return np.asarray(offset)


def _box(slopes: FloatArray) -> _Extent:
    low, high = slopes.min(axis=0), slopes.max(axis=0)
    return _Extent((low + high) / 2, np.hypot(*(high - low)))
