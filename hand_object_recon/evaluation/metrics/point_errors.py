"""Distances between corresponding points: joints, vertices, roots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_NAMES, WRIST
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.alignments import (
    procrustes_aligned,
    procrustes_aligned_with_reflection,
    root_relative,
    scale_translation_aligned,
    shifted_by_anchor,
)
from hand_object_recon.evaluation.metrics.metric_value import (
    FloatArray,
    MetricValue,
    summarise,
)
from hand_object_recon.evaluation.metrics.paired_points import (
    PairedPoints,
    chunks,
    missing_and_invalid,
)

MM_PER_M: Final = 1000.0


def mean_point_error(pairs: PairedPoints) -> MetricValue:
    """MPJPE or MPVPE as the pairs are: mean over points, then over frames, mm.

    Of pairs as they come it is the camera-space error that PDFNet reports. With as many points
    in every frame it equals the HO-3D server's mean of the means of each point.
    """
    return _summarise_m(_row_means(pairs), pairs)


def root_relative_error(pairs: PairedPoints, root: int = WRIST) -> MetricValue:
    """MPJPE with point ``root`` of the estimate moved onto the true one, mm."""
    return mean_point_error(root_relative(pairs, root))


def procrustes_error(pairs: PairedPoints) -> MetricValue:
    """PA-MPJPE or PA-MPVPE after a similarity with a proper rotation, mm (HandOccNet).

    Vertices are aligned by themselves, not by the joints.
    """
    return mean_point_error(procrustes_aligned(pairs))


def procrustes_error_with_reflection(pairs: PairedPoints) -> MetricValue:
    """PA-MPJPE or PA-MPVPE after a similarity that may mirror, mm (HO-3D server, H2ONet)."""
    return mean_point_error(procrustes_aligned_with_reflection(pairs))


def scale_translation_error(pairs: PairedPoints) -> MetricValue:
    """MPJPE with the length from wrist to middle knuckle and the wrist corrected, mm (HO-3D
    server)."""
    return mean_point_error(scale_translation_aligned(pairs))


def anchored_error(pairs: PairedPoints, true_anchors_m: NDArray[Any]) -> MetricValue:
    """PDFNet's AL-MPJPE or AL-MPVPE, mm: the estimate holds offsets from the middle knuckle as
    the network gives them, the anchors (N, 3) are the true knuckle."""
    return mean_point_error(shifted_by_anchor(pairs, true_anchors_m))


def root_error(pairs: PairedPoints, root: int = WRIST) -> MetricValue:
    """Distance of the estimated from the true point ``root`` in the camera frame, mm."""
    count = pairs.truth_m.shape[1]
    if not 0 <= root < count:
        raise InvalidValueError(f"point {root} is not among the {count} points of a frame")
    distances = np.linalg.norm(pairs.estimate_m[:, root] - pairs.truth_m[:, root], axis=1)
    return _summarise_m(np.where(pairs.usable, distances, np.nan), pairs)


def error_of_each_point(
    pairs: PairedPoints, names: Sequence[str] = KEYPOINT_NAMES
) -> Mapping[str, MetricValue]:
    """Mean distance over frames of each point on its own, by its name, mm."""
    distances = point_distances(pairs)
    if len(names) != distances.shape[1]:
        raise InvalidValueError(
            f"{len(names)} names for {distances.shape[1]} points; there must be one for each"
        )
    return {name: _summarise_m(distances[:, i], pairs) for i, name in enumerate(names)}


def relative_root_error(
    left_m: NDArray[Any],
    right_m: NDArray[Any],
    true_left_m: NDArray[Any],
    true_right_m: NDArray[Any],
) -> MetricValue:
    """MRRPE, mm: error of the left root seen from the right root, each (N, 3) (InterHand2.6M).

    A frame is missing when either hand of the estimate is.
    """
    true_left = require_array("true left roots", true_left_m, (None, 3), np.float64, finite=True)
    shape = true_left.shape
    true_right = require_array("true right roots", true_right_m, shape, np.float64, finite=True)
    left = require_array("left roots", left_m, shape, np.float64)
    right = require_array("right roots", right_m, shape, np.float64)
    missing = missing_and_invalid(left)[0] | missing_and_invalid(right)[0]
    errors = np.linalg.norm((left - right) - (true_left - true_right), axis=1)
    return summarise(MM_PER_M * errors, "mm", missing)


def point_distances(pairs: PairedPoints) -> FloatArray:
    """(N, P) distances in metres, NaN where there is no usable estimate."""
    distances = np.full(pairs.truth_m.shape[:2], np.nan)
    for rows in chunks(np.flatnonzero(pairs.usable)):
        offsets = pairs.estimate_m[rows] - pairs.truth_m[rows]
        distances[rows] = np.sqrt(np.einsum("npi,npi->np", offsets, offsets))
    return distances


def _row_means(pairs: PairedPoints) -> FloatArray:
    return np.asarray(point_distances(pairs).mean(axis=1))


def _summarise_m(per_sample_m: FloatArray, pairs: PairedPoints) -> MetricValue:
    return summarise(MM_PER_M * per_sample_m, "mm", pairs.missing)
