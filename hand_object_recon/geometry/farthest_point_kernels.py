"""Farthest-point sampling, compiled."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

_RUN: Final = 32  # points that are passed over together


@compiled
def farthest_in_turn(points: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """(count,) numbers of points (N, 3): the first one, then always the one farthest from all
    those before it.

    A run of neighbours in the list lies in a box. Where the box is farther from the newest point
    than each of the run is from an older one, nothing changes for the run.
    """
    low, high = boxes_of_runs(points)
    chosen = np.empty(count, np.int64)
    nearest = np.full(len(points), np.float32(np.inf))
    farthest = np.full(len(low), np.float32(np.inf))  # of each run
    number = np.zeros(len(low), np.int64)
    newest = 0
    for turn in range(count):
        chosen[turn] = newest
        best = np.float32(-1.0)
        point = points[newest]
        for run in range(len(low)):
            if squared_to_box(point, low[run], high[run]) < farthest[run]:
                farthest[run], number[run] = approach(points, nearest, point, run)
            if farthest[run] > best:
                best, newest = farthest[run], number[run]
    return chosen


@compiled
def boxes_of_runs(
    points: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(R, 3) least and (R, 3) greatest coordinates of each run of points (N, 3)."""
    runs = (len(points) + _RUN - 1) // _RUN
    low = np.empty((runs, 3), points.dtype)
    high = np.empty((runs, 3), points.dtype)
    for run in range(runs):
        low[run] = high[run] = points[run * _RUN]
        for n in range(run * _RUN, min((run + 1) * _RUN, len(points))):
            for axis in range(3):
                low[run, axis] = min(low[run, axis], points[n, axis])
                high[run, axis] = max(high[run, axis], points[n, axis])
    return low, high


@compiled
def squared_to_box(
    point: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]
) -> float:
    """Squared distance of a point (3,) from a box, 0 inside it."""
    x = max(low[0] - point[0], point[0] - high[0], np.float32(0.0))
    y = max(low[1] - point[1], point[1] - high[1], np.float32(0.0))
    z = max(low[2] - point[2], point[2] - high[2], np.float32(0.0))
    squared: float = x * x + y * y + z * z
    return squared


@compiled
def approach(
    points: NDArray[np.float32], nearest: NDArray[np.float32], point: NDArray[np.float32], run: int
) -> tuple[np.float32, int]:
    """Enter the squared distances of a run to one more point into ``nearest`` (N,); the greatest
    that is left, and the number of the first point that has it."""
    best, number = np.float32(-1.0), 0
    for n in range(run * _RUN, min((run + 1) * _RUN, len(points))):
        x, y, z = points[n, 0] - point[0], points[n, 1] - point[1], points[n, 2] - point[2]
        squared = x * x + y * y + z * z
        nearest[n] = min(nearest[n], squared)
        if nearest[n] > best:
            best, number = nearest[n], n
    return best, number
