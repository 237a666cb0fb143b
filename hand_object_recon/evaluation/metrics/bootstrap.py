"""How far a metric could have come out otherwise: percentile bootstrap over frames or groups."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_range
from hand_object_recon.evaluation.metrics.metric_value import (
    FloatArray,
    MetricValue,
    Statistic,
)

DEFAULT_RESAMPLES: Final = 1000

_DRAWN_AT_ONCE: Final = 2_000_000


class Interval(NamedTuple):
    """Between which a metric lies with probability ``level``, in the metric's unit."""

    low: float
    high: float
    level: float


def bootstrap_interval(
    metric: MetricValue,
    groups: NDArray[Any] | None = None,
    *,
    level: float = 0.95,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Percentile interval of a metric's statistic; None where no sample could be used.

    groups
        (N,) the sequence each sample belongs to. Neighbouring frames err alike, so frames drawn
        one by one give too narrow an interval; whole sequences are drawn instead.

    Samples that are missing or invalid take no part, as in the metric itself.
    """
    require_range("bootstrap level", level, 0.0, 1.0)
    if resamples < 1:
        raise InvalidValueError(f"resamples are {resamples}; there must be at least one")
    used = np.isfinite(metric.per_sample)
    values = metric.per_sample[used]
    if not len(values):
        return None
    members = _group_numbers(groups, used)
    drawn = _drawn(values, members, metric.statistic, resamples, np.random.default_rng(seed))
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return Interval(float(low), float(high), level)


def _group_numbers(groups: NDArray[Any] | None, used: NDArray[np.bool_]) -> NDArray[np.intp]:
    if groups is None:
        return np.arange(int(used.sum()))
    names = np.asarray(groups)
    if names.shape != used.shape:
        raise InvalidValueError(
            f"groups have shape {names.shape}; there must be one for each of {len(used)} samples"
        )
    numbers: NDArray[np.intp] = np.unique(names[used], return_inverse=True)[1].reshape(-1)
    return numbers


def _drawn(
    values: FloatArray,
    members: NDArray[np.intp],
    statistic: Statistic,
    resamples: int,
    random: np.random.Generator,
) -> FloatArray:
    """(resamples,) statistics of the samples of as many groups as there are, drawn with
    replacement."""
    group_count = int(members.max()) + 1
    at_once = max(1, _DRAWN_AT_ONCE // max(group_count, len(values)))
    sums = np.bincount(members, weights=values)
    sizes = np.bincount(members)
    parts = []
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        chosen = random.integers(group_count, size=(count, group_count))
        quantile = statistic.quantile
        if quantile is None:
            parts.append(sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))
        else:
            parts.append(_quantiles(values, members, chosen, quantile))
    return np.concatenate(parts)


def _quantiles(
    values: FloatArray, members: NDArray[np.intp], chosen: NDArray[np.int64], quantile: float
) -> FloatArray:
    """Quantile of each row's drawn samples, linear between neighbours as ``np.quantile`` takes
    it: a place among the sorted values by their multiplicity."""
    order = np.argsort(values)
    group_count = chosen.shape[1]
    rows = group_count * np.arange(len(chosen))[:, None]
    times = np.bincount((chosen + rows).ravel(), minlength=chosen.size).reshape(chosen.shape)
    reached = np.cumsum(times[:, members[order]], axis=1)
    place = quantile * (reached[:, -1:] - 1)
    lower = (reached > np.floor(place)).argmax(axis=1)
    upper = (reached > np.ceil(place)).argmax(axis=1)
    share = (place - np.floor(place))[:, 0]
    return np.asarray((1.0 - share) * values[order[lower]] + share * values[order[upper]])
