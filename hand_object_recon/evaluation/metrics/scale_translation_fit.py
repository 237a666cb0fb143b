"""gSDF's alignment before surfaces are compared: scale and shift, no rotation."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import FloatArray

_MOST_STEPS: Final = 100
_GOOD_ENOUGH_M: Final = 1e-3
_LEAST_GAIN_M: Final = 1e-5


class ScaleTranslation(NamedTuple):
    """``target = scale * source + translation_m``."""

    scale: float
    translation_m: FloatArray

    def apply(self, points_m: FloatArray) -> FloatArray:
        """(..., 3) points, moved."""
        return self.scale * points_m + self.translation_m


def fit_scale_translation(source_m: NDArray[Any], target_m: NDArray[Any]) -> ScaleTranslation:
    """Scale and shift that bring surface samples (P, 3) onto samples (Q, 3).

    gSDF fits the hands, 30,000 samples each, and moves the object with the result. It starts
    with equal centroids and root-mean-square sizes. Each step pairs every point of both sets
    with its nearest and solves for scale and shift. It stops after 100 steps, when the
    root-mean-square distance is below 1 mm, or when a step gains less than 0.01 mm.
    """
    source = require_array("source samples", source_m, (None, 3), np.float64, finite=True)
    target = require_array("target samples", target_m, (None, 3), np.float64, finite=True)
    size, target_size = _rms_size(source), _rms_size(target)
    if size <= 0 or target_size <= 0:
        raise InvalidValueError(
            "samples to align are all in one point or none; give samples of a surface"
        )
    ratio = target_size / size
    start = ScaleTranslation(ratio, target.mean(axis=0) - ratio * source.mean(axis=0))
    return _refine(source, target, start)


def _refine(source: FloatArray, target: FloatArray, fit: ScaleTranslation) -> ScaleTranslation:
    from scipy.spatial import cKDTree

    source_tree, target_tree = cKDTree(source), cKDTree(target)
    previous = np.inf
    for _ in range(_MOST_STEPS):
        moved = fit.apply(source)
        _, of_source = target_tree.query(moved, workers=-1)
        _, of_target = source_tree.query((target - fit.translation_m) / fit.scale, workers=-1)
        paired = np.concatenate([source, source[of_target]])
        goals = np.concatenate([target[of_source], target])
        error = _rms(fit.apply(paired) - goals)
        if previous - error < _LEAST_GAIN_M or error < _GOOD_ENOUGH_M:
            break
        previous = error
        fit = _least_squares(paired, goals)
    return fit


def _least_squares(points: FloatArray, goals: FloatArray) -> ScaleTranslation:
    mean, goal_mean = points.mean(axis=0), goals.mean(axis=0)
    centred = points - mean
    scale = float((centred * (goals - goal_mean)).sum() / np.square(centred).sum())
    return ScaleTranslation(scale, goal_mean - scale * mean)


def _rms_size(points: FloatArray) -> float:
    return _rms(points - points.mean(axis=0)) if len(points) else 0.0


def _rms(offsets: FloatArray) -> float:
    return float(np.sqrt(np.square(offsets).sum(axis=1).mean()))
