"""A metric's value says from how many samples it comes."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.evaluation.metrics.metric_value import (
    Statistic,
    summarise,
    summarise_found,
)

VALUES = np.array([1.0, np.nan, 2.0, 6.0, np.inf])
MISSING = np.array([False, True, False, False, False])


def test_the_value_is_of_the_samples_used_and_the_others_are_counted() -> None:
    found = summarise(VALUES, "mm", MISSING)

    assert found.value == 3.0
    assert (found.count_used, found.count_missing, found.count_invalid) == (3, 1, 1)
    assert found.count_total == 5
    np.testing.assert_array_equal(found.per_sample, [1.0, np.nan, 2.0, 6.0, np.nan])


def test_the_median_is_of_the_same_samples() -> None:
    assert summarise(VALUES, "mm", MISSING, Statistic.MEDIAN).value == 2.0


def test_its_text_names_the_samples_behind_it() -> None:
    text = str(summarise(VALUES, "mm", MISSING))

    assert text == "3 mm (mean of 3 of 5; 1 missing, 1 invalid)"


def test_without_samples_its_text_says_so() -> None:
    assert str(summarise_found([None], "")) == "none (mean of 0 of 1; 1 missing, 0 invalid)"


def test_what_is_missing_can_be_given_the_worst_value() -> None:
    found = summarise(VALUES, "mm", MISSING).with_worst(10.0)

    assert found.value == pytest.approx((1 + 2 + 6 + 10 + 10) / 5)
    assert (found.count_used, found.count_missing, found.count_invalid) == (5, 0, 0)


def test_samples_cannot_be_changed_afterwards() -> None:
    found = summarise(VALUES, "mm", MISSING)
    with pytest.raises(ValueError, match="read-only"):
        found.per_sample[0] = 0.0


def test_flags_must_be_as_many_as_samples() -> None:
    with pytest.raises(InvalidValueError, match="missing has shape"):
        summarise(VALUES, "mm", MISSING[:2])
