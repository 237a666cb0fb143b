"""Acceleration error and jitter are derivatives in time, and never reach across a gap."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.evaluation.metrics.motion import acceleration_error, jitter
from hand_object_recon.evaluation.metrics.paired_points import pair_points

PERIOD_NS = 33_333_333
STAMPS_NS = PERIOD_NS * np.arange(20, dtype=np.int64)
RANDOM = np.random.default_rng(13)
START = RANDOM.normal([0.0, 0.0, 0.5], 0.05, (1, 21, 3))


def path(stamps_ns: np.ndarray, *derivatives: list[float]) -> np.ndarray:
    """(N, 21, 3) points whose first, second, third derivatives at time zero are as given."""
    times = (stamps_ns * 1e-9)[:, None, None]
    points = np.repeat(START, len(stamps_ns), axis=0)
    power, factorial = np.ones_like(times), 1
    for order, derivative in enumerate(derivatives, start=1):
        power, factorial = power * times, factorial * order
        points = points + power / factorial * np.array(derivative)
    return points


def test_constant_accelerations_differ_by_their_difference() -> None:
    estimate = path(STAMPS_NS, [0.1, 0.0, 0.0], [0.0, 0.3, 0.0])
    truth = path(STAMPS_NS, [0.0, 0.2, 0.0], [0.0, 0.0, 0.4])
    found = acceleration_error(pair_points(estimate, truth), STAMPS_NS)

    np.testing.assert_allclose(found.per_sample, 0.5, rtol=1e-6)
    assert (found.unit, found.count_used) == ("m/s²", 18)


def test_unsteady_stamps_do_not_make_acceleration() -> None:
    shaken = STAMPS_NS + RANDOM.integers(-5_000_000, 5_000_000, len(STAMPS_NS))
    estimate, truth = path(shaken, [0.3, 0.0, 0.0], [0.0, 0.0, 2.0]), path(shaken, [0.1, 0.0, 0.2])
    found = acceleration_error(pair_points(estimate, truth), shaken)

    np.testing.assert_allclose(found.per_sample, 2.0, rtol=1e-6)


def test_with_a_steady_period_it_is_the_second_difference_over_its_square() -> None:
    truth = path(STAMPS_NS, [0.0, 0.0, 0.0])
    estimate = truth + RANDOM.normal(0.0, 0.002, truth.shape)
    offset = estimate - truth
    expected = [
        np.mean([np.linalg.norm(offset[i] - 2 * offset[i + 1] + offset[i + 2], axis=1)])
        / (PERIOD_NS * 1e-9) ** 2
        for i in range(18)
    ]

    found = acceleration_error(pair_points(estimate, truth), STAMPS_NS)
    np.testing.assert_allclose(found.per_sample, expected, rtol=1e-9)


def test_no_sample_reaches_across_a_dropped_frame() -> None:
    kept = np.delete(np.arange(20), 9)
    stamps = STAMPS_NS[kept]
    truth = path(STAMPS_NS, [0.0, 0.0, 0.0])[kept]
    jump = truth + 0.05 * (kept > 9)[:, None, None]
    found = acceleration_error(pair_points(jump, truth), stamps)

    assert found.count_total == 7 + 8
    assert found.value == pytest.approx(0.0, abs=1e-9)


def test_a_missing_estimate_takes_out_the_samples_it_is_part_of() -> None:
    truth = path(STAMPS_NS, [0.1, 0.0, 0.0])
    estimate = truth.copy()
    estimate[10] = np.nan
    estimate[0, 3, 0] = np.inf
    found = acceleration_error(pair_points(estimate, truth), STAMPS_NS)

    assert (found.count_used, found.count_missing, found.count_invalid) == (14, 3, 1)


def test_jitter_is_the_size_of_the_jerk() -> None:
    points = path(STAMPS_NS, [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 3.0, 4.0])
    found = jitter(points, STAMPS_NS)

    np.testing.assert_allclose(found.per_sample, 5.0, rtol=1e-4)
    assert (found.unit, found.count_used) == ("m/s³", 17)


def test_a_hand_at_rest_has_no_jitter_and_a_missing_one_is_counted() -> None:
    points = path(STAMPS_NS)
    points[5] = np.nan
    found = jitter(points, STAMPS_NS)

    assert found.value == pytest.approx(0.0, abs=1e-6)
    assert found.count_missing == 4


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_too_few_frames_have_no_acceleration(frames: int) -> None:
    truth = path(STAMPS_NS)[:frames]

    assert acceleration_error(pair_points(truth, truth), STAMPS_NS[:frames]).value is None


def test_stamps_that_do_not_increase_are_refused() -> None:
    truth = path(STAMPS_NS)[:3]
    with pytest.raises(InvalidValueError, match="at frame 2; they must increase"):
        acceleration_error(pair_points(truth, truth), np.array([0, 5, 5]))


def test_stamps_must_be_as_many_as_frames() -> None:
    with pytest.raises(InvalidValueError, match="stamps_ns has shape"):
        jitter(path(STAMPS_NS), STAMPS_NS[:-1])
