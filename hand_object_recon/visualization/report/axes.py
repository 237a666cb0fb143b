"""The axis of a chart: where it begins and ends, its round ticks, and places along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.report.number_text import number_text

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_FROM_ZERO_BELOW: Final = 0.6  # an axis begins at zero if the least value is a smaller share

Values = NDArray[np.floating[Any]] | Sequence[float]


@dataclass(frozen=True)
class Tick:
    """A labelled place, ``share`` of the way along the axis."""

    share: float
    label: str


@dataclass(frozen=True)
class Axis:
    """From ``low`` to ``high``, both finite and rising."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def shares(self, values: Values) -> NDArray[np.float64]:
        """How far along the axis, 0 to 1, the values lie; NaN stays NaN."""
        return (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)


def axis_of(values: Values, most_ticks: int) -> Axis:
    """An axis that just holds the values."""
    low, high = _extent(values)
    return _ticked(low, high, _step(low, high, most_ticks))


def rounded_axis_of(values: Values, most_ticks: int) -> Axis:
    """An axis that ends at ticks, and begins at zero unless that would hide the differences."""
    low, high = _extent(values)
    if 0.0 < low < _FROM_ZERO_BELOW * high:
        low = 0.0
    step = _step(low, high, most_ticks)
    return _ticked(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)


def _extent(values: Values) -> tuple[float, float]:
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if low < high:
        return low, high
    return (low - 0.5, high + 0.5) if low <= 0.0 else (0.0, 2.0 * high)


def _step(low: float, high: float, most_ticks: int) -> float:
    """The smallest round step with no more ticks than wanted."""
    least = (high - low) / most_ticks
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in _STEPS if power * step >= least * (1 - 1e-9))


def _ticked(low: float, high: float, step: float) -> Axis:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if not math.isclose(step * 10**decimals, round(step * 10**decimals)):
        decimals += 1  # a step of 2.5
    ticks = [
        Tick((number * step - low) / (high - low), number_text(number * step, decimals))
        for number in range(first, last + 1)
    ]
    return Axis(low, high, tuple(ticks))
