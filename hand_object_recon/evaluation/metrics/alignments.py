"""What is taken out of an estimate before it is compared: place, size, orientation.

Each function returns new pairs; a metric of the aligned pairs is the aligned metric.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import MIDDLE_MCP, WRIST
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import FloatArray
from hand_object_recon.evaluation.metrics.paired_points import PairedPoints


def root_relative(pairs: PairedPoints, root: int = WRIST) -> PairedPoints:
    """The estimate shifted so that its point ``root`` lies on the true one.

    H2ONet and HandOccNet take the wrist (0); PDFNet names the middle knuckle (9).
    """
    _require_point(pairs, root)
    return pairs.with_estimate(
        lambda estimate, truth: estimate + (truth - estimate)[:, root : root + 1]
    )


def shifted_to_root(
    pairs: PairedPoints, estimated_roots_m: NDArray[Any], true_roots_m: NDArray[Any]
) -> PairedPoints:
    """The estimate shifted by true minus estimated root (N, 3), for points without a root of
    their own, such as vertices."""
    count = len(pairs)
    estimated = require_array("estimated roots", estimated_roots_m, (count, 3), np.float64)
    true = require_array("true roots", true_roots_m, (count, 3), np.float64, finite=True)
    return _shifted(pairs, true - estimated)


def shifted_by_anchor(pairs: PairedPoints, true_anchors_m: NDArray[Any]) -> PairedPoints:
    """An estimate that is relative to an anchor already, with the true anchor (N, 3) added.

    PDFNet's AL form: what the network gives as offsets from the middle knuckle (9) is taken as
    it is; only the truth is centred. The estimate's own knuckle is not moved onto the anchor.
    """
    anchors = require_array(
        "true anchors", true_anchors_m, (len(pairs), 3), np.float64, finite=True
    )
    return _shifted(pairs, anchors)


def procrustes_aligned(pairs: PairedPoints) -> PairedPoints:
    """The estimate after the similarity with a proper rotation that fits it best.

    Umeyama (1991); HandOccNet scores DexYCB this way. A mirrored hand does not fit.
    """
    return pairs.with_estimate(lambda estimate, truth: _procrustes(estimate, truth, proper=True))


def procrustes_aligned_with_reflection(pairs: PairedPoints) -> PairedPoints:
    """The estimate after the similarity that fits it best, mirrored where that fits better.

    The HO-3D and FreiHAND servers and H2ONet score this way (SciPy's orthogonal Procrustes).
    """
    return pairs.with_estimate(lambda estimate, truth: _procrustes(estimate, truth, proper=False))


def scale_translation_aligned(
    pairs: PairedPoints, root: int = WRIST, tip: int = MIDDLE_MCP
) -> PairedPoints:
    """The estimate with the length from ``root`` to ``tip`` and the place of ``root`` corrected.

    The HO-3D server's form. Its joints 0 and 4 are our 0 and 9. No rotation is taken out.
    An estimate whose two points coincide keeps its scale, as there.
    """
    _require_point(pairs, root)
    _require_point(pairs, tip)

    def transform(estimate: FloatArray, truth: FloatArray) -> FloatArray:
        length = np.linalg.norm(estimate[:, tip] - estimate[:, root], axis=1)
        true_length = np.linalg.norm(truth[:, tip] - truth[:, root], axis=1)
        scale = true_length / np.where(length > 0, length, 1.0)
        offsets = estimate - estimate[:, root : root + 1]
        return np.asarray(scale[:, None, None] * offsets + truth[:, root : root + 1])

    return pairs.with_estimate(transform)


def _procrustes(estimate: FloatArray, truth: FloatArray, *, proper: bool) -> FloatArray:
    truth_mean = truth.mean(axis=1, keepdims=True)
    centred = estimate - estimate.mean(axis=1, keepdims=True)
    covariance = (truth - truth_mean).transpose(0, 2, 1) @ centred
    left, singular, right = np.linalg.svd(covariance)
    if proper:
        signs = np.sign(np.linalg.det(left) * np.linalg.det(right))
        left[..., 2] *= signs[:, None]
        singular[:, 2] *= signs
    size = np.einsum("npi,npi->n", centred, centred)
    scale = singular.sum(axis=1) / np.where(size > 0, size, 1.0)
    turned = (left @ right) * scale[:, None, None]
    return np.asarray(centred @ turned.transpose(0, 2, 1) + truth_mean)


def _shifted(pairs: PairedPoints, shifts_m: FloatArray) -> PairedPoints:
    return replace(pairs, estimate_m=pairs.estimate_m + shifts_m[:, None])


def _require_point(pairs: PairedPoints, index: int) -> None:
    count = pairs.truth_m.shape[1]
    if not 0 <= index < count:
        raise InvalidValueError(f"point {index} is not among the {count} points of a frame")
