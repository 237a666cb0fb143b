"""Bootstrap intervals have the width that statistics says, and depend on the seed alone."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.evaluation.metrics.bootstrap import bootstrap_interval
from hand_object_recon.evaluation.metrics.metric_value import MetricValue, Statistic, summarise

RANDOM = np.random.default_rng(16)


def metric(values: np.ndarray, statistic: Statistic = Statistic.MEAN) -> MetricValue:
    return summarise(values, "mm", np.isnan(values), statistic)


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    values = RANDOM.normal(10.0, 2.0, 4000)
    found = bootstrap_interval(metric(values), resamples=2000)

    assert found is not None
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


@pytest.mark.parametrize("count", [40, 41])
def test_the_interval_of_a_median_is_that_of_medians_of_resamples(count: int) -> None:
    values = RANDOM.exponential(5.0, count)
    random = np.random.default_rng(0)
    medians = [np.median(random.choice(values, count)) for _ in range(4000)]
    found = bootstrap_interval(metric(values, Statistic.MEDIAN), resamples=4000)

    np.testing.assert_allclose(
        [found.low, found.high], np.percentile(medians, [2.5, 97.5]), rtol=0.05
    )


def test_frames_of_one_sequence_that_err_alike_widen_the_interval() -> None:
    groups = np.repeat(np.arange(30), 50)
    values = RANDOM.normal(10.0, 2.0, 30)[groups] + RANDOM.normal(0.0, 0.1, 1500)
    alone = bootstrap_interval(metric(values))
    grouped = bootstrap_interval(metric(values), groups)

    assert alone is not None
    assert grouped is not None
    widening = (grouped.high - grouped.low) / (alone.high - alone.low)
    assert widening == pytest.approx(np.sqrt(50), rel=0.2)


@pytest.mark.parametrize("statistic", list(Statistic))
def test_each_sample_a_group_of_its_own_is_no_grouping(statistic: Statistic) -> None:
    values = RANDOM.normal(10.0, 2.0, 50)

    assert bootstrap_interval(metric(values, statistic), np.arange(50)) == bootstrap_interval(
        metric(values, statistic)
    )


def test_the_seed_decides() -> None:
    values = metric(RANDOM.normal(10.0, 2.0, 50))

    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_missing_samples_take_no_part() -> None:
    values = RANDOM.normal(10.0, 2.0, 50)
    with_gaps = np.full(100, np.nan)
    with_gaps[::2] = values

    assert bootstrap_interval(metric(with_gaps)) == bootstrap_interval(metric(values))


def test_without_samples_there_is_no_interval_and_one_sample_has_no_width() -> None:
    assert bootstrap_interval(metric(np.array([np.nan]))) is None
    found = bootstrap_interval(metric(np.array([3.0])))
    assert found is not None
    assert (found.low, found.high) == (3.0, 3.0)


def test_groups_must_be_one_for_each_sample() -> None:
    with pytest.raises(InvalidValueError, match="one for each of 3 samples"):
        bootstrap_interval(metric(np.ones(3)), np.zeros(2))


def test_a_level_beyond_one_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="level is 95"):
        bootstrap_interval(metric(np.ones(3)), level=95)
