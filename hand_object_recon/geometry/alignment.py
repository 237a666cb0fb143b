"""Least-squares alignment of corresponding points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Similarity:
    """``target = scale * source @ rotation.T + translation`` for row vectors."""

    rotation: FloatArray
    translation: FloatArray
    scale: float

    def apply(self, points: FloatArray) -> FloatArray:
        """(N, 3) points, transformed."""
        return self.scale * points @ self.rotation.T + self.translation


def align(
    source: FloatArray,
    target: FloatArray,
    weights: FloatArray | None = None,
    *,
    with_scale: bool = True,
) -> Similarity:
    """Similarity (or rigid motion) that best maps (N, 3) ``source`` onto ``target``.

    The rotation is proper: a mirrored target is not matched by a reflection (Umeyama, 1991,
    equations 34 to 43, with weights).
    """
    share = np.full(len(source), 1.0 / len(source)) if weights is None else weights / weights.sum()
    source_mean, target_mean = share @ source, share @ target
    source_centred, target_centred = source - source_mean, target - target_mean
    covariance = (target_centred * share[:, None]).T @ source_centred
    rotation, singular = _nearest_rotation(covariance)
    variance = float(share @ np.square(source_centred).sum(axis=1))
    scale = float(singular.sum()) / variance if with_scale and variance > 0 else 1.0
    return Similarity(rotation, target_mean - scale * rotation @ source_mean, scale)


def nearest_rotation(covariance: FloatArray) -> FloatArray:
    """Proper rotation (3, 3) nearest to a covariance of target (rows) and source (columns)."""
    return _nearest_rotation(covariance)[0]


def _nearest_rotation(covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The rotation and the singular values, the least one negative for a mirrored target."""
    left, singular, right = np.linalg.svd(covariance)
    signs = np.ones(3)
    signs[2] = np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0
    return (left * signs) @ right, singular * signs
