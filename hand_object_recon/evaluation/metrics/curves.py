"""Share of points within a distance, over all distances up to a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import FloatArray, MetricValue, summarise
from hand_object_recon.evaluation.metrics.paired_points import PairedPoints
from hand_object_recon.evaluation.metrics.point_errors import point_distances

HO3D_THRESHOLDS_M: Final = np.linspace(0.0, 0.05, 100)
OBMAN_THRESHOLDS_M: Final = np.linspace(0.0, 0.05, 20)


@dataclass(frozen=True, eq=False)
class PckCurve:
    """Share (T,) of all points of all usable frames that are within each of thresholds_m (T,)."""

    thresholds_m: FloatArray
    share: FloatArray
    count_used: int
    count_missing: int
    count_invalid: int


def pck_curve(pairs: PairedPoints, thresholds_m: NDArray[Any] = HO3D_THRESHOLDS_M) -> PckCurve:
    """Percentage of correct key points as shares: distance ``<=`` threshold."""
    thresholds = _require_thresholds(thresholds_m)
    distances = np.sort(point_distances(pairs)[pairs.usable].ravel())
    within = np.searchsorted(distances, thresholds, side="right")
    return PckCurve(
        thresholds_m=thresholds,
        share=within / max(1, len(distances)) if len(distances) else np.full(len(within), np.nan),
        count_used=int(pairs.usable.sum()),
        count_missing=int(pairs.missing.sum()),
        count_invalid=int(pairs.invalid.sum()),
    )


def area_under_curve(
    pairs: PairedPoints, thresholds_m: NDArray[Any] = HO3D_THRESHOLDS_M
) -> MetricValue:
    """Area under the PCK curve by trapezoids, divided by that of a perfect curve.

    HO-3D's server takes 100 thresholds from 0 to 50 mm, both included, ObMan 20. Both take the
    area of each point's own curve over frames and then the mean over points. The area is linear
    in the curve, so the mean over frames of each frame's area is the same figure.
    """
    share_left = _area_from(_require_thresholds(thresholds_m))
    distances = point_distances(pairs)
    first_reached = np.searchsorted(thresholds_m, distances, side="left")
    areas = share_left[first_reached].mean(axis=1)
    return summarise(np.where(pairs.usable, areas, np.nan), "", pairs.missing)


def _area_from(thresholds: FloatArray) -> FloatArray:
    """(T + 1,) area of a point's curve that rises to one at threshold k, zero if at none."""
    gaps = np.diff(thresholds)
    weights = 0.5 * (np.append(0.0, gaps) + np.append(gaps, 0.0))
    areas: FloatArray = np.append(np.cumsum(weights[::-1])[::-1], 0.0)
    areas /= thresholds[-1] - thresholds[0]
    return areas


def _require_thresholds(thresholds_m: NDArray[Any]) -> FloatArray:
    thresholds = require_array("thresholds", thresholds_m, (None,), np.float64, finite=True)
    if len(thresholds) < 2 or not (np.diff(thresholds) > 0).all():
        raise InvalidValueError(
            f"thresholds are {thresholds}; there must be two or more and each above the last"
        )
    return thresholds
