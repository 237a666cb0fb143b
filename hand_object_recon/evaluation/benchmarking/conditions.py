"""How the error of a hand depends on what the truth says of it: occlusion, distance, speed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.benchmarking.intervals import interval_of
from hand_object_recon.evaluation.benchmarking.paired_hands import PairedHands
from hand_object_recon.evaluation.benchmarking.scores import Score
from hand_object_recon.evaluation.metrics.bootstrap import Interval
from hand_object_recon.evaluation.metrics.metric_value import FloatArray, MetricValue, summarise
from hand_object_recon.evaluation.metrics.point_errors import mean_point_error

_MOST_BINS: Final = 8
_LEAST_IN_BIN: Final = 5


@dataclass(frozen=True)
class Condition:
    """A number known of each true hand.

    edges
        Of its bins; without, bins hold about as many hands each.
    """

    key: str
    name: str
    unit: str
    edges: tuple[float, ...] = ()


CONDITIONS: Final = (
    Condition("occlusion", "occluded share", "", (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)),
    Condition("distance", "distance", "m"),
    Condition("speed", "speed", "m/s"),
)


@dataclass(frozen=True, eq=False)
class Bin:
    """Hands whose condition is about ``center``: how many, their MPJPE, how many were missing."""

    center: float
    hands: int
    missing: int
    error_mm: float
    interval: Interval | None


@dataclass(frozen=True, eq=False)
class Kind:
    """Hands of a kind, such as those that hold something, with their MPJPE."""

    name: str
    error: MetricValue
    interval: Interval | None


def condition_of(hands: PairedHands, condition: Condition) -> FloatArray:
    """(N,) the condition of each hand, NaN where it is not known."""
    if condition.key == "occlusion":
        return 1.0 - hands.visible_share
    return hands.distance_m if condition.key == "distance" else hands.speed_m_s


def bins_of(hands: PairedHands, condition: Condition) -> list[Bin]:
    """MPJPE by the condition; no bins where it is not known or all the same."""
    values = condition_of(hands, condition)
    known = np.flatnonzero(np.isfinite(values))
    count = min(_MOST_BINS, len(known) // _LEAST_IN_BIN)
    if count < 2 or np.ptp(values[known]) == 0:
        return []
    edges = np.unique(condition.edges or np.quantile(values[known], np.linspace(0, 1, count + 1)))
    places = np.clip(np.searchsorted(edges, values[known], side="right") - 1, 0, len(edges) - 2)
    bins = [known[places == place] for place in range(len(edges) - 1)]
    return [_bin(hands, values, rows) for rows in bins if len(rows)]


def kinds_of(hands: PairedHands) -> list[Kind]:
    """MPJPE by kind, where the truth knows hands of more than one."""
    found = []
    for split in _splits(hands):
        if sum(bool(chosen.any()) for chosen in split.values()) > 1:
            found += [_kind(hands, name, chosen) for name, chosen in split.items() if chosen.any()]
    return found


def _splits(hands: PairedHands) -> Iterator[dict[str, NDArray[np.bool_]]]:
    sides = np.array([str(side or "") for side in hands.sides])
    yield {f"{side} hand": sides == str(side) for side in HandSide}
    yield {
        "one hand in the frame": ~hands.is_one_of_several,
        "two hands in the frame": hands.is_one_of_several,
    }
    with np.errstate(invalid="ignore"):
        yield {
            "touches nothing": hands.fingers_touching == 0,
            "touches with one finger or more": hands.fingers_touching > 0,
        }
        yield {"holds nothing": hands.is_holding == 0.0, "holds an object": hands.is_holding == 1.0}


def _bin(hands: PairedHands, values: FloatArray, rows: NDArray[np.intp]) -> Bin:
    error = _error(hands, rows)
    return Bin(
        center=float(np.median(values[rows])),
        hands=len(rows),
        missing=error.value.count_missing + error.value.count_invalid,
        error_mm=float("nan") if error.value.value is None else error.value.value,
        interval=interval_of(error),
    )


def _kind(hands: PairedHands, name: str, chosen: NDArray[np.bool_]) -> Kind:
    error = _error(hands, np.flatnonzero(chosen))
    return Kind(name, error.value, interval_of(error))


def _error(hands: PairedHands, rows: NDArray[np.intp]) -> Score:
    all_errors = mean_point_error(hands.joints).per_sample[rows]
    value = summarise(all_errors, "mm", hands.joints.missing[rows])
    return Score("mpjpe_mm", "MPJPE", value, hands.sequence_numbers[rows])
