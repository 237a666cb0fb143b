"""Distances between two sets of surface samples, from which Chamfer and F-scores follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import FloatArray


class NearestSamples(NamedTuple):
    """Metres: from each estimated point (P,) to the nearest true one, and back (Q,)."""

    to_truth_m: FloatArray
    to_estimate_m: FloatArray


def nearest_samples(
    estimates_m: Sequence[FloatArray | None], truths_m: Sequence[FloatArray]
) -> list[NearestSamples | None]:
    """One entry a sample for points (P, 3) and (Q, 3) in metres, None where there is no estimate.

    An estimate that is not finite has distances that are NaN, which the metrics count as invalid.
    """
    if len(estimates_m) != len(truths_m):
        raise InvalidValueError(
            f"{len(estimates_m)} estimates for {len(truths_m)} truths; "
            "give None where there is no estimate"
        )
    return [
        None if estimate is None else _nearest(estimate, truth)
        for estimate, truth in zip(estimates_m, truths_m, strict=True)
    ]


def _nearest(estimate_m: FloatArray, truth_m: FloatArray) -> NearestSamples:
    from scipy.spatial import cKDTree

    truth = require_array("true samples", truth_m, (None, 3), np.float64, finite=True)
    estimate = require_array("estimated samples", estimate_m, (None, 3), np.float64)
    if not len(truth) or not len(estimate):
        raise InvalidValueError(
            f"{len(estimate)} estimated and {len(truth)} true samples; both need at least one"
        )
    if not np.isfinite(estimate).all():
        return NearestSamples(np.full(len(estimate), np.nan), np.full(len(truth), np.nan))
    return NearestSamples(
        cKDTree(truth).query(estimate, workers=-1)[0],
        cKDTree(estimate).query(truth, workers=-1)[0],
    )
