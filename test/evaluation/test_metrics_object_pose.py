"""Pose errors of objects agree with a loop over frames and points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.evaluation.metrics.metric_value import MetricValue
from hand_object_recon.evaluation.metrics.object_pose import add_error, add_s_error, center_error

PoseMetric = Callable[[np.ndarray, np.ndarray, np.ndarray], MetricValue]

RANDOM = np.random.default_rng(15)
POINTS = RANDOM.normal(0.0, 0.05, (80, 3))


def poses(count: int, seed: int) -> np.ndarray:
    made = np.tile(np.eye(4), (count, 1, 1))
    made[:, :3, :3] = Rotation.random(count, random_state=seed).as_matrix()
    made[:, :3, 3] = np.random.default_rng(seed).normal(0.0, 0.05, (count, 3))
    return made


TRUTH, ESTIMATE = poses(12, 1), poses(12, 2)


def moved(pose: np.ndarray) -> np.ndarray:
    return np.array([pose[:3, :3] @ point + pose[:3, 3] for point in POINTS])


def test_add_is_the_mean_distance_of_each_point_from_itself() -> None:
    expected = [
        1000 * np.linalg.norm(moved(e) - moved(t), axis=1).mean()
        for e, t in zip(ESTIMATE, TRUTH, strict=True)
    ]
    found = add_error(ESTIMATE, TRUTH, POINTS)

    np.testing.assert_allclose(found.per_sample, expected)
    assert found.value == pytest.approx(np.mean(expected))


def test_add_s_is_the_mean_distance_from_the_true_to_the_nearest_estimated_point() -> None:
    expected = [
        1000 * np.mean([np.linalg.norm(moved(e) - point, axis=1).min() for point in moved(t)])
        for e, t in zip(ESTIMATE, TRUTH, strict=True)
    ]

    np.testing.assert_allclose(add_s_error(ESTIMATE, TRUTH, POINTS).per_sample, expected)


def test_a_shift_alone_is_its_length_for_add_and_at_most_that_for_add_s() -> None:
    shifted = TRUTH.copy()
    shifted[:, :3, 3] += [0.0, 0.003, 0.004]

    assert add_error(shifted, TRUTH, POINTS).value == pytest.approx(5.0)
    symmetric = add_s_error(shifted, TRUTH, POINTS).value
    assert symmetric is not None
    assert symmetric <= 5.0


def test_a_half_turn_of_a_square_costs_add_but_not_add_s() -> None:
    square = np.array([[1.0, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]]) * 0.03
    turned = TRUTH.copy()
    turned[:, :3, :3] = TRUTH[:, :3, :3] @ np.diag([-1.0, -1.0, 1.0])

    assert add_s_error(turned, TRUTH, square).value == pytest.approx(0.0, abs=1e-9)
    assert add_error(turned, TRUTH, square).value == pytest.approx(2000 * 0.03 * np.sqrt(2))


def test_the_centre_error_is_a_distance_in_millimetres() -> None:
    centers = np.array([[0.003, 0.004, 0.5], [np.nan] * 3])
    found = center_error(centers, np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 0.5]]))

    assert found.value == pytest.approx(5.0)
    assert (found.count_used, found.count_missing) == (1, 1)


@pytest.mark.parametrize("metric", [add_error, add_s_error])
def test_missing_and_broken_poses_are_counted(metric: PoseMetric) -> None:
    estimate = ESTIMATE.copy()
    estimate[0] = np.nan
    estimate[1, 0, 3] = np.inf
    found = metric(estimate, TRUTH, POINTS)

    assert (found.count_used, found.count_missing, found.count_invalid) == (10, 1, 1)


def test_no_frames_have_no_error() -> None:
    assert add_error(ESTIMATE[:0], TRUTH[:0], POINTS).value is None


def test_a_pose_that_is_not_rigid_and_a_model_without_points_are_refused() -> None:
    scaled = ESTIMATE.copy()
    scaled[4, :3, :3] *= 1.1
    with pytest.raises(InvalidValueError, match="poses: row 4 is not rigid"):
        add_error(scaled, TRUTH, POINTS)
    with pytest.raises(InvalidValueError, match="0 points"):
        add_s_error(ESTIMATE, TRUTH, POINTS[:0])
