"""The metrics of an evaluation, by name, each with what it measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.evaluation.metrics.metric_value import MetricValue


@dataclass(frozen=True, eq=False)
class Score:
    """A metric's value, and the sequence each of its samples is of.

    key
        The same in every file of every evaluation.
    name
        As a heading.
    higher_is_better
        None where neither end is the good one.
    sequence_of
        (N,) number of each sample's sequence; samples of a sequence are in order of time.
    counted
        What is counted, such as hands or windows of frames.
    """

    key: str
    name: str
    value: MetricValue
    sequence_of: NDArray[Any]
    higher_is_better: bool | None = False
    counted: str = "hands"


@dataclass(frozen=True, eq=False)
class ScoreGroup:
    """Scores that stand in one table."""

    key: str
    title: str
    text: str
    scores: tuple[Score, ...] = field(default=())

    def by_key(self) -> Mapping[str, Score]:
        return {score.key: score for score in self.scores}


def joined(parts: list[MetricValue], unit: str) -> MetricValue:
    """One metric of the samples of several."""
    samples = [part.per_sample for part in parts]
    per_sample = np.concatenate(samples) if samples else np.empty(0)
    used = per_sample[np.isfinite(per_sample)]
    return MetricValue(
        value=float(used.mean()) if len(used) else None,
        unit=unit,
        count_used=len(used),
        count_missing=sum(part.count_missing for part in parts),
        count_invalid=sum(part.count_invalid for part in parts),
        per_sample=per_sample,
    )
