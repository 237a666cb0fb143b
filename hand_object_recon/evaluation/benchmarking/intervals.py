"""Confidence intervals of an evaluation's scores, and of the difference of two."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.evaluation.benchmarking.scores import Score
from hand_object_recon.evaluation.metrics.bootstrap import Interval, bootstrap_interval
from hand_object_recon.evaluation.metrics.metric_value import summarise

LEAST_SEQUENCES: Final = 10
"""With fewer, too few whole sequences can be drawn to tell anything; blocks of them are drawn."""

_LEAST_BLOCKS: Final = 4


def interval_of(score: Score) -> Interval | None:
    """95 % bootstrap interval; None where there are too few samples to draw from."""
    groups = drawing_groups(score.sequence_of)
    if len(np.unique(groups[np.isfinite(score.value.per_sample)])) < _LEAST_BLOCKS:
        return None
    return bootstrap_interval(score.value, groups)


def paired_difference(first: Score, second: Score) -> tuple[float, Interval | None] | None:
    """Second minus first over the samples that both have, with its interval; None without any."""
    difference = second.value.per_sample - first.value.per_sample
    missing = ~np.isfinite(difference)
    value = summarise(difference, first.value.unit, missing)
    if value.value is None:
        return None
    paired = Score(first.key, first.name, value, first.sequence_of, first.higher_is_better)
    return value.value, interval_of(paired)


def drawing_groups(sequence_of: NDArray[Any]) -> NDArray[np.int64]:
    """(N,) which samples are drawn together: those of a sequence where there are ten or more of
    these, else as many blocks of neighbours as the square root of a sequence's length."""
    numbers = np.asarray(sequence_of, dtype=np.int64)
    names = np.unique(numbers)
    if len(names) >= LEAST_SEQUENCES:
        return numbers
    groups = np.zeros(len(numbers), dtype=np.int64)
    first = 0
    for name in names:
        rows = np.flatnonzero(numbers == name)
        blocks = max(1, round(np.sqrt(len(rows))))
        groups[rows] = first + np.arange(len(rows)) * blocks // len(rows)
        first += blocks
    return groups
