"""What a metric found, and from how many samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.validation import require_array

FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]


class Statistic(str, Enum):
    """How the values of the samples become one."""

    MEAN = "mean"
    MEDIAN = "median"
    PERCENTILE_95 = "95th percentile"

    def __str__(self) -> str:
        return self.value

    @property
    def quantile(self) -> float | None:
        """Share of the values that lie below, or None for the mean."""
        return {Statistic.MEDIAN: 0.5, Statistic.PERCENTILE_95: 0.95}.get(self)

    def of(self, values: FloatArray) -> float:
        quantile = self.quantile
        return float(np.mean(values) if quantile is None else np.quantile(values, quantile))


@dataclass(frozen=True, eq=False)
class MetricValue:
    """One figure and the samples behind it.

    value
        None where no sample could be used.
    count_missing
        Samples of the truth without an estimate.
    count_invalid
        Samples whose estimate is partly or wholly not a number of finite size.
    per_sample
        (N,) float64, one for each sample of the truth, NaN where there is none.
    """

    value: float | None
    unit: str
    count_used: int
    count_missing: int
    count_invalid: int
    per_sample: FloatArray
    statistic: Statistic = Statistic.MEAN

    @property
    def count_total(self) -> int:
        """Samples of the truth."""
        return self.count_used + self.count_missing + self.count_invalid

    def with_worst(self, worst: float) -> MetricValue:
        """The same with every missing or invalid sample given the value ``worst``."""
        per_sample = np.where(np.isnan(self.per_sample), worst, self.per_sample)
        nobody = np.zeros(len(per_sample), dtype=np.bool_)
        return summarise(per_sample, self.unit, nobody, self.statistic)

    def over(self, statistic: Statistic) -> MetricValue:
        """The same samples with another figure for all of them."""
        used = np.isfinite(self.per_sample)
        value = statistic.of(self.per_sample[used]) if used.any() else None
        return replace(self, value=value, statistic=statistic)

    def __str__(self) -> str:
        figure = "none" if self.value is None else f"{self.value:.4g}"
        figure = f"{figure} {self.unit}".rstrip()
        return (
            f"{figure} ({self.statistic} of {self.count_used} of {self.count_total}; "
            f"{self.count_missing} missing, {self.count_invalid} invalid)"
        )


def summarise(
    per_sample: FloatArray,
    unit: str,
    missing: BoolArray,
    statistic: Statistic = Statistic.MEAN,
) -> MetricValue:
    """Sum up (N,) values; what is not finite counts as missing where (N,) ``missing`` says so,
    as invalid elsewhere."""
    values = require_array("per_sample", per_sample, (None,), np.float64)
    absent = require_array("missing", missing, (len(values),), np.bool_)
    used = np.isfinite(values) & ~absent
    kept = np.where(used, values, np.nan)
    kept.setflags(write=False)
    return MetricValue(
        value=statistic.of(kept[used]) if used.any() else None,
        unit=unit,
        count_used=int(used.sum()),
        count_missing=int(absent.sum()),
        count_invalid=int((~used & ~absent).sum()),
        per_sample=kept,
        statistic=statistic,
    )


def summarise_found(
    found: Sequence[float | None], unit: str, statistic: Statistic = Statistic.MEAN
) -> MetricValue:
    """Sum up one value a sample, None where the estimate is missing."""
    missing = np.array([value is None for value in found], dtype=np.bool_)
    values = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    return summarise(values, unit, missing, statistic)
