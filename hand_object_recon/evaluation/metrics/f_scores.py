"""F-scores of point sets: harmonic mean of precision and recall within a distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from hand_object_recon.core.validation import require_range
from hand_object_recon.evaluation.metrics.metric_value import FloatArray, MetricValue, summarise
from hand_object_recon.evaluation.metrics.paired_points import PairedPoints
from hand_object_recon.evaluation.metrics.points_within import counts_within

HAND_THRESHOLDS_M: Final = (0.005, 0.015)

_LARGEST_THRESHOLD_M: Final = 1.0


def f_scores(
    pairs: PairedPoints, thresholds_m: tuple[float, ...] = HAND_THRESHOLDS_M
) -> Mapping[float, MetricValue]:
    """F-score of each threshold between the vertices of estimate and truth, mean over frames.

    FreiHAND's and HO-3D's form: nearest vertices (not corresponding ones, not surfaces), within
    means strictly nearer, zero where precision and recall are. They publish F@5 and F@15 of the
    pairs as they are and after the Procrustes alignment that may mirror.
    """
    for threshold in thresholds_m:
        require_range("F-score threshold in metres", threshold, 0.0, _LARGEST_THRESHOLD_M)
    usable = pairs.usable
    counts = counts_within(pairs.estimate_m[usable], pairs.truth_m[usable], thresholds_m)
    points = pairs.truth_m.shape[1]
    scores = np.full((len(pairs), len(thresholds_m)), np.nan)
    scores[usable] = harmonic_mean(counts.of_first / points, counts.of_second / points)
    return {
        threshold: summarise(scores[:, column], "", pairs.missing)
        for column, threshold in enumerate(thresholds_m)
    }


def harmonic_mean(precision: FloatArray, recall: FloatArray) -> FloatArray:
    """Of shares elementwise, zero where both are."""
    total = precision + recall
    return np.asarray(2.0 * precision * recall / np.where(total > 0, total, 1.0))
