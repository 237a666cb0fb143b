"""Estimated and true points that correspond, one row a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import BoolArray, FloatArray

ROWS_AT_ONCE: Final = 128
"""Frames of 778 points in double precision whose intermediates stay in a processor's cache."""

_LARGEST_M: Final = 5.0
"""No hand and nothing that a hand holds is as large; in millimetres all of them are larger."""

_ROWS_MEASURED: Final = 64

Transform = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class PairedPoints:
    """Made by ``pair_points``: estimate_m and truth_m (N, P, 3) float64, missing and invalid (N,).

    A missing row has no estimate; an invalid one has an estimate that is partly NaN or infinite.
    """

    estimate_m: FloatArray
    truth_m: FloatArray
    missing: BoolArray
    invalid: BoolArray

    def __len__(self) -> int:
        return len(self.truth_m)

    @property
    def usable(self) -> BoolArray:
        """(N,) where there is a finite estimate."""
        return ~(self.missing | self.invalid)

    def with_estimate(self, transform: Transform) -> PairedPoints:
        """The same truth beside ``transform(estimate, truth)``, called with (n, P, 3) usable
        rows at a time."""
        moved = np.full(self.truth_m.shape, np.nan)
        for rows in chunks(np.flatnonzero(self.usable)):
            moved[rows] = transform(self.estimate_m[rows], self.truth_m[rows])
        return replace(self, estimate_m=moved)


def pair_points(estimate_m: NDArray[Any], truth_m: NDArray[Any]) -> PairedPoints:
    """Pair estimates (N, P, 3) with the truth (N, P, 3), both in metres.

    A row of the estimate that is wholly NaN is a missing result.

    Raises
    ------
    InvalidValueError
        The shapes differ, the truth is not finite, or either is not in metres.
    """
    truth = require_array("truth", truth_m, (None, None, 3), np.float64, finite=True)
    if truth.shape[1] == 0:
        raise InvalidValueError("truth has 0 points a frame; a metric needs at least one")
    estimate = require_array("estimate", estimate_m, truth.shape, np.float64)
    missing, invalid = missing_and_invalid(estimate)
    _require_metres("truth", truth)
    _require_metres("estimate", estimate[~(missing | invalid)])
    return PairedPoints(estimate, truth, missing, invalid)


def stack_rows(rows: Sequence[NDArray[Any] | None], point_count: int) -> FloatArray:
    """(N, P, 3) float64 of one (P, 3) array a frame, NaN where there is None."""
    stacked = np.full((len(rows), point_count, 3), np.nan)
    for row, points in enumerate(rows):
        if points is not None:
            stacked[row] = require_array(f"row {row}", points, (point_count, 3), np.float64)
    return stacked


def missing_and_invalid(values: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Two (N,) masks of (N, ...) values: rows wholly NaN, and other rows not wholly finite."""
    flat = values.reshape(len(values), prod(values.shape[1:]))
    not_finite = ~np.isfinite(flat.sum(axis=1))
    missing = np.zeros(len(values), dtype=np.bool_)
    invalid = np.zeros(len(values), dtype=np.bool_)
    for row in np.flatnonzero(not_finite):
        missing[row] = np.isnan(flat[row]).all()
        invalid[row] = not missing[row] and not np.isfinite(flat[row]).all()
    return missing, invalid


def chunks(rows: NDArray[np.intp], size: int = ROWS_AT_ONCE) -> list[NDArray[np.intp]]:
    """Row numbers in groups of at most ``size``."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _require_metres(name: str, points: FloatArray) -> None:
    sample = points[:: max(1, len(points) // _ROWS_MEASURED)]
    if not len(sample):
        return
    extent = float(np.median(np.ptp(sample, axis=1).max(axis=1)))
    if extent > _LARGEST_M:
        raise InvalidValueError(
            f"{name} spans {extent:.4g} m in half of its frames; points must be in metres "
            "(millimetres have to be divided by 1000)"
        )
