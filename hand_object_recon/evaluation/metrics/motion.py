"""How smoothly a sequence moves: acceleration error and jitter, never across a gap in time."""

from __future__ import annotations

from itertools import pairwise
from math import factorial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import (
    BoolArray,
    FloatArray,
    MetricValue,
    summarise,
)
from hand_object_recon.evaluation.metrics.paired_points import PairedPoints, missing_and_invalid

_S_PER_NS: Final = 1e-9

_LONGEST_STEP: Final = 1.5
"""Of the median step between stamps; a longer one has at least one frame missing in it."""


def acceleration_error(pairs: PairedPoints, stamps_ns: NDArray[Any]) -> MetricValue:
    """Distance of estimated from true acceleration, mean over points, then over frames, m/s².

    A sample is three consecutive frames; a frame dropped from the recording parts them. With a
    steady frame period it is the second difference of the video papers (VIBE) over the period
    squared; with an unsteady one it is the curvature of the parabola through the three.
    """
    windows = _windows(stamps_ns, len(pairs), order=2)
    error = np.linalg.norm(
        windows.derivative(pairs.estimate_m) - windows.derivative(pairs.truth_m), axis=2
    )
    return summarise(error.mean(axis=1), "m/s²", windows.any_of(pairs.missing))


def jitter(points_m: NDArray[Any], stamps_ns: NDArray[Any]) -> MetricValue:
    """Size of the jerk (third derivative) of points (N, P, 3), mean over points and frames, m/s³.

    The jitter of the motion-capture papers (TransPose). It needs no truth: compare it with that
    of the truth where there is one. A sample is four consecutive frames.
    """
    points = require_array("points", points_m, (None, None, 3), np.float64)
    windows = _windows(stamps_ns, len(points), order=3)
    size = np.linalg.norm(windows.derivative(points), axis=2)
    return summarise(size.mean(axis=1), "m/s³", windows.any_of(missing_and_invalid(points)[0]))


class _Windows:
    """Runs of ``order + 1`` consecutive frames, by the number of their first."""

    def __init__(self, times_s: FloatArray, firsts: NDArray[np.intp], order: int) -> None:
        self._times_s = times_s
        self._firsts = firsts
        self._order = order

    def derivative(self, values: FloatArray) -> FloatArray:
        """(W, P, 3) derivative of (N, P, 3) values: the divided difference times order!."""
        differences = [values[self._firsts + i] for i in range(self._order + 1)]
        for level in range(1, self._order + 1):
            differences = [
                (later - earlier) / self._span(start, level)
                for start, (earlier, later) in enumerate(pairwise(differences))
            ]
        return np.asarray(factorial(self._order) * differences[0])

    def any_of(self, flags: BoolArray) -> BoolArray:
        """(W,) where any frame of the run is flagged."""
        found: BoolArray = np.any([flags[self._firsts + i] for i in range(self._order + 1)], axis=0)
        return found

    def _span(self, start: int, frames: int) -> FloatArray:
        first = self._firsts + start
        return np.asarray(self._times_s[first + frames] - self._times_s[first])[:, None, None]


def _windows(stamps_ns: NDArray[Any], count: int, order: int) -> _Windows:
    stamps = require_array("stamps_ns", stamps_ns, (count,), np.int64)
    steps = np.diff(stamps)
    if (steps <= 0).any():
        at = int(np.argmax(steps <= 0)) + 1
        raise InvalidValueError(
            f"stamps_ns go from {stamps[at - 1]} to {stamps[at]} at frame {at}; they must increase"
        )
    if len(steps) < order:
        return _Windows(np.empty(0), np.empty(0, dtype=np.intp), order)
    consecutive = steps <= _LONGEST_STEP * np.median(steps)
    runs = np.lib.stride_tricks.sliding_window_view(consecutive, order).all(axis=1)
    return _Windows(_S_PER_NS * (stamps - stamps[0]), np.flatnonzero(runs), order)
