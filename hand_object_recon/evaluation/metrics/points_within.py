"""Which points of a set have a point of another set within a distance, for batches of sets.

A point whose own counterpart is near enough needs no search. For the others all distances come
from matrix products in single precision, in blocks that stay in a core's cache. Their rounding
error has a bound; the few points whose nearest neighbour is nearer to the threshold than that
bound are computed again in double precision. So the answer is exact, and no search tree, which
costs several times as much for sets of a hand's size, is built.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.evaluation.metrics.metric_value import BoolArray, FloatArray

_FRAMES_A_TASK: Final = 64

_POINTS_A_BLOCK: Final = 130
"""With 778 others 0.4 MB of distances, and six even blocks of a hand."""

_ROUNDING: Final = 16.0 * 2.0**-24
"""Bound on the error of a squared distance, over the square of the sum of both sets' radii.

Rounding the factors takes three unit roundings at most, five products and their sum seven.
"""

_DOUBTFUL_AT_ONCE: Final = 256

_FEW_OPEN: Final = 0.6
"""Share of points up to which a product each way for them is faster than one for all."""


class CountsWithin(NamedTuple):
    """Points (N, T) of each set that have a point of the other within threshold T."""

    of_first: NDArray[np.int64]
    of_second: NDArray[np.int64]


def counts_within(
    first_m: FloatArray, second_m: FloatArray, thresholds_m: tuple[float, ...]
) -> CountsWithin:
    """Count points of ``first_m`` (N, P, 3) nearer than ``<`` a threshold to any of ``second_m``
    (N, P, 3), and the other way round. All must be finite float64."""
    shape = (len(first_m), len(thresholds_m))
    counts = CountsWithin(np.zeros(shape, np.int64), np.zeros(shape, np.int64))

    def count(start: int) -> None:
        rows = slice(start, start + _FRAMES_A_TASK)
        first, second = first_m[rows], second_m[rows]
        nearest = _nearest_squared(first, second, min(thresholds_m))
        for column, threshold in enumerate(thresholds_m):
            of_first = _within(nearest.of_first, nearest.error, threshold, first, second)
            of_second = _within(nearest.of_second, nearest.error, threshold, second, first)
            counts.of_first[rows, column] = of_first.sum(axis=1)
            counts.of_second[rows, column] = of_second.sum(axis=1)

    with ThreadPoolExecutor(_cores()) as threads:
        list(threads.map(count, range(0, len(first_m), _FRAMES_A_TASK)))
    return counts


class _NearestSquared(NamedTuple):
    """Squared distances (N, P) to the nearest point of the other set, -inf where it is surely
    near enough, and the bound (N,) on their error."""

    of_first: NDArray[np.float32]
    of_second: NDArray[np.float32]
    error: FloatArray


def _nearest_squared(
    first: FloatArray, second: FloatArray, least_threshold: float
) -> _NearestSquared:
    """Smallest |a|² - 2 a·b + |b|², a product of the factors (-2 a, 1, |a|²) and (b, |b|², 1)."""
    center = second.mean(axis=1, keepdims=True)
    left, first_radii = _factor(first - center, (-2.0, 3, 4))
    right, second_radii = _factor(second - center, (1.0, 4, 3))
    offsets = first - second
    is_open = np.sqrt(np.einsum("npi,npi->np", offsets, offsets)) >= least_threshold
    of_first = np.full(first.shape[:2], -np.inf, np.float32)
    of_second = of_first.copy()
    left_rows, right_rows = _transposed(left), _transposed(right)
    buffer = np.empty((_POINTS_A_BLOCK, first.shape[1]), np.float32)
    for frame, open_points in enumerate(is_open):
        a, b = left[frame], right[frame]
        if open_points.mean() > _FEW_OPEN:
            of_first[frame], of_second[frame] = _least_both_ways(a, right_rows[frame], buffer)
        elif open_points.any():
            of_first[frame, open_points] = _least(a[open_points], right_rows[frame], buffer)
            of_second[frame, open_points] = _least(b[open_points], left_rows[frame], buffer)
    error = _ROUNDING * np.square(first_radii + second_radii)
    return _NearestSquared(of_first, of_second, error)


def _least_both_ways(
    left: NDArray[np.float32], right: NDArray[np.float32], buffer: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Least of each row (P,) and of each column (Q,) of the product of (P, 5) and (5, Q)."""
    of_rows = np.empty(len(left), np.float32)
    of_columns = np.full(right.shape[1], np.inf, np.float32)
    for start in range(0, len(left), _POINTS_A_BLOCK):
        block = left[start : start + _POINTS_A_BLOCK]
        product = np.matmul(block, right, out=buffer[: len(block)])
        product.min(axis=1, out=of_rows[start : start + _POINTS_A_BLOCK])
        np.minimum(of_columns, product.min(axis=0), out=of_columns)
    return of_rows, of_columns


def _least(
    left: NDArray[np.float32], right: NDArray[np.float32], buffer: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Least of each row (P,) of the product of (P, 5) and (5, Q)."""
    least = np.empty(len(left), np.float32)
    for start in range(0, len(left), _POINTS_A_BLOCK):
        block = left[start : start + _POINTS_A_BLOCK]
        product = np.matmul(block, right, out=buffer[: len(block)])
        product.min(axis=1, out=least[start : start + _POINTS_A_BLOCK])
    return least


def _factor(
    points: FloatArray, layout: tuple[float, int, int]
) -> tuple[NDArray[np.float32], FloatArray]:
    """(N, P, 5) scaled points with a one and the squared length in the given columns, and the
    largest length (N,)."""
    scale, of_one, of_squared = layout
    squared = np.einsum("npi,npi->np", points, points)
    factor = np.empty((*points.shape[:2], 5), np.float32)
    factor[..., :3] = scale * points
    factor[..., of_one] = 1.0
    factor[..., of_squared] = squared
    return factor, np.sqrt(squared.max(axis=1))


def _transposed(factor: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 5, P) in memory, too: the product is a quarter faster for it."""
    return np.ascontiguousarray(factor.transpose(0, 2, 1))


def _within(
    squared: NDArray[np.float32],
    error: FloatArray,
    threshold: float,
    points: FloatArray,
    others: FloatArray,
) -> BoolArray:
    """(N, P) where the nearest of ``others`` is nearer than the threshold, beyond doubt."""
    above = squared - np.float64(threshold) ** 2
    within: BoolArray = above < 0
    frames, places = np.nonzero(np.abs(above) <= error[:, None])
    for start in range(0, len(frames), _DOUBTFUL_AT_ONCE):
        part = slice(start, start + _DOUBTFUL_AT_ONCE)
        offsets = others[frames[part]] - points[frames[part], places[part]][:, None]
        nearest = np.einsum("npi,npi->np", offsets, offsets).min(axis=1)
        within[frames[part], places[part]] = np.sqrt(nearest) < threshold
    return within


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
