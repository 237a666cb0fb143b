"""Chamfer distances and F-scores of surfaces, in the forms in which they are published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from hand_object_recon.core.validation import require_range
from hand_object_recon.evaluation.metrics.f_scores import harmonic_mean
from hand_object_recon.evaluation.metrics.metric_value import (
    MetricValue,
    Statistic,
    summarise_found,
)
from hand_object_recon.evaluation.metrics.nearest_samples import NearestSamples

GSDF_SAMPLES: Final = 30_000

GSDF_HAND_THRESHOLDS_M: Final = (0.001, 0.005)
GSDF_OBJECT_THRESHOLDS_M: Final = (0.005, 0.010)

_MM2_PER_M2: Final = 1e6
_CM2_PER_M2: Final = 1e4
_LARGEST_THRESHOLD_M: Final = 1.0


def chamfer_obman(samples: Sequence[NearestSamples | None]) -> MetricValue:
    """Mean squared distances both ways, added, mm², mean over samples.

    ObMan compares the 642 vertices of its sphere mesh with 600 samples of the true surface.
    """
    return _over(samples, "mm²", lambda found: _MM2_PER_M2 * _sum_m2(found))


def chamfer_chen(samples: Sequence[NearestSamples | None]) -> MetricValue:
    """Half of ``chamfer_obman``: Chen and others print the mean of the two ways."""
    return _over(samples, "mm²", lambda found: 0.5 * _MM2_PER_M2 * _sum_m2(found))


def chamfer_gsdf(samples: Sequence[NearestSamples | None]) -> MetricValue:
    """Mean squared distances both ways, added, cm², **median** over samples.

    gSDF and AlignSDF take 30,000 samples of each surface, after ``fit_scale_translation`` on the
    hand. They leave samples without a mesh out; here these are counted.
    """
    return _over(samples, "cm²", lambda found: _CM2_PER_M2 * _sum_m2(found), Statistic.MEDIAN)


def surface_f_scores(
    samples: Sequence[NearestSamples | None], thresholds_m: tuple[float, ...]
) -> Mapping[float, MetricValue]:
    """F-score of each threshold, strictly nearer, mean over samples.

    gSDF prints 1 and 5 mm for the hand, 5 and 10 mm for the object.
    """
    for threshold in thresholds_m:
        require_range("F-score threshold in metres", threshold, 0.0, _LARGEST_THRESHOLD_M)
    return {
        threshold: _over(samples, "", partial(_f_score, threshold_m=threshold))
        for threshold in thresholds_m
    }


def _sum_m2(found: NearestSamples) -> float:
    return float(np.square(found.to_truth_m).mean() + np.square(found.to_estimate_m).mean())


def _f_score(found: NearestSamples, threshold_m: float) -> float:
    if np.isnan(found.to_truth_m).any():
        return float("nan")
    precision = (found.to_truth_m < threshold_m).mean(keepdims=True)
    recall = (found.to_estimate_m < threshold_m).mean(keepdims=True)
    return float(harmonic_mean(precision, recall)[0])


def _over(
    samples: Sequence[NearestSamples | None],
    unit: str,
    score: Callable[[NearestSamples], float],
    statistic: Statistic = Statistic.MEAN,
) -> MetricValue:
    found = [None if sample is None else score(sample) for sample in samples]
    return summarise_found(found, unit, statistic)
