"""The charts of an evaluation's report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.keypoints import KEYPOINT_NAMES, MIDDLE_MCP
from hand_object_recon.evaluation.benchmarking.conditions import (
    CONDITIONS,
    Bin,
    Condition,
    bins_of,
)
from hand_object_recon.evaluation.benchmarking.evaluation import Evaluation, ScoredReconstructor
from hand_object_recon.evaluation.benchmarking.object_motion_scores import (
    FollowedObjects,
    followed_objects,
)
from hand_object_recon.evaluation.benchmarking.paired_hands import PairedHands
from hand_object_recon.evaluation.benchmarking.report_tables import total_ms
from hand_object_recon.evaluation.metrics.alignments import procrustes_aligned, root_relative
from hand_object_recon.evaluation.metrics.curves import area_under_curve, pck_curve
from hand_object_recon.evaluation.metrics.metric_value import FloatArray
from hand_object_recon.evaluation.metrics.paired_points import PairedPoints
from hand_object_recon.evaluation.metrics.point_errors import (
    MM_PER_M,
    error_of_each_point,
    mean_point_error,
)
from hand_object_recon.visualization.report.document import (
    BarGroup,
    Bars,
    Better,
    Cell,
    Curves,
    Quantity,
    Series,
)

Float64 = NDArray[np.float64]

_ALIGNMENTS: Final = {
    "camera frame": lambda pairs: pairs,
    "knuckle-relative": lambda pairs: root_relative(pairs, MIDDLE_MCP),
    "Procrustes aligned": procrustes_aligned,
}
_PERCENTILES: Final = (50, 95, 99)
_NS_PER_S: Final = 1e9
_MOST_SEQUENCES_DRAWN: Final = 4
_LONGEST_STEP: Final = 1.5
_AGE_STEP_S: Final = 0.5
_ERROR: Final = Quantity("MPJPE", "mm", Better.LOWER)


def pck_charts(evaluation: Evaluation) -> Iterator[Curves]:
    """Share of joints within a distance, by alignment; a missing hand is beyond every distance."""
    for name, align in _ALIGNMENTS.items():
        series = [
            _pck_series(item.name, align(item.hands.joints)) for item in evaluation.reconstructors
        ]
        yield Curves(
            f"PCK, {name}",
            Quantity("threshold", "mm"),
            Quantity("share of joints"),
            tuple(series),
            y_limits=(0.0, 1.0),
        )


def condition_charts(evaluation: Evaluation) -> Iterator[Curves]:
    """Error, and share of hands without an estimate where there are any, against occlusion,
    distance and speed, as far as the truth knows them."""
    for condition in CONDITIONS:
        binned = {item.name: bins_of(item.hands, condition) for item in evaluation.reconstructors}
        known = {name: bins for name, bins in binned.items() if bins}
        if known:
            yield _error_chart(condition, known)
        if any(item.missing for bins in known.values() for item in bins):
            yield _missing_chart(condition, known)


def time_charts(evaluation: Evaluation) -> Iterator[Curves]:
    """Error over time of the first sequences of a video."""
    if not evaluation.is_video:
        return
    for number, sequence in enumerate(evaluation.sequences[:_MOST_SEQUENCES_DRAWN]):
        series = [line for item in evaluation.reconstructors for line in _time_series(item, number)]
        if series:
            yield Curves(
                f"Error over time, {sequence.name}",
                Quantity("time", "s"),
                _ERROR,
                tuple(series),
                text="The line is broken where frames are missing or have no estimate.",
                wide=True,
            )


def object_motion_chart(evaluation: Evaluation) -> Curves | None:
    """How objects are followed the longer their tracks last; None without any in a video."""
    series = [
        _age_series(item.name, followed_objects(item.objects))
        for item in evaluation.reconstructors
        if evaluation.is_video and item.objects is not None
    ]
    drawn = [line for line in series if line is not None]
    if not drawn:
        return None
    return Curves(
        "Motion of objects over time",
        Quantity("time since the track began", "s"),
        Quantity("surface", "mm", Better.LOWER),
        tuple(drawn),
        text="Mean over held objects of each half second; fewer last long.",
    )


def joint_bars(evaluation: Evaluation) -> Bars:
    """Mean error of each joint."""
    errors = [error_of_each_point(item.hands.joints) for item in evaluation.reconstructors]
    groups = [
        BarGroup(
            name.replace("_", " "),
            tuple(_cell(by_name[name].value) for by_name in errors),
            errors[0][name].count_used,
        )
        for name in KEYPOINT_NAMES
    ]
    return Bars("Error by joint", _ERROR, _names(evaluation), tuple(groups), wide=True)


def latency_bars(evaluation: Evaluation) -> Iterator[Bars]:
    """Time of each stage, a chart for each reconstructor whose times were kept."""
    for item in evaluation.reconstructors:
        if item.stage_ms:
            stages = {**item.stage_ms, "all but read": total_ms(item)}
            groups = [
                BarGroup(name, tuple(_percentile_cells(times)), len(times))
                for name, times in stages.items()
            ]
            yield Bars(
                f"Time by stage, {item.name}",
                Quantity("time", "ms", Better.LOWER),
                tuple(f"p{percent}" for percent in _PERCENTILES),
                tuple(groups),
            )


def _age_series(name: str, followed: FollowedObjects) -> Series | None:
    """Mean error of the surface by the age of the track; None with less than two points."""
    known = np.isfinite(followed.surface_mm)
    parts = (followed.age_s[known] // _AGE_STEP_S).astype(np.int64)
    counts = np.bincount(parts)
    filled = np.flatnonzero(counts)
    if len(filled) < 2:
        return None
    means = np.bincount(parts, followed.surface_mm[known])[filled] / counts[filled]
    ages_s = (_AGE_STEP_S * (filled + 0.5)).astype(np.float64)
    return Series(name, ages_s, means.astype(np.float64))


def _pck_series(name: str, pairs: PairedPoints) -> Series:
    curve = pck_curve(pairs)
    share = np.nan_to_num(curve.share) * (curve.count_used / max(1, len(pairs)))
    area = area_under_curve(pairs).with_worst(0.0).value
    return Series(
        name,
        (MM_PER_M * curve.thresholds_m).astype(np.float64),
        share.astype(np.float64),
        remark="" if area is None else f"AUC {area:.3f}",
    )


def _error_chart(condition: Condition, binned: Mapping[str, list[Bin]]) -> Curves:
    return Curves(
        f"Error against {condition.name}",
        Quantity(condition.name, condition.unit),
        _ERROR,
        tuple(_bin_series(name, bins) for name, bins in binned.items()),
        text="A point is the mean of a bin's hands with an estimate, at their median; the band is "
        "the 95 % interval where there are enough.",
    )


def _missing_chart(condition: Condition, binned: Mapping[str, list[Bin]]) -> Curves:
    series = [
        Series(
            name,
            np.array([item.center for item in bins]),
            np.array([item.missing / item.hands for item in bins]),
            frames=np.array([item.hands for item in bins], dtype=np.int64),
        )
        for name, bins in binned.items()
    ]
    return Curves(
        f"Hands without an estimate against {condition.name}",
        Quantity(condition.name, condition.unit),
        Quantity("share of hands", "", Better.LOWER),
        tuple(series),
        y_limits=(0.0, 1.0),
    )


def _bin_series(name: str, bins: list[Bin]) -> Series:
    low = [item.interval.low if item.interval else np.nan for item in bins]
    high = [item.interval.high if item.interval else np.nan for item in bins]
    return Series(
        name,
        np.array([item.center for item in bins]),
        np.array([item.error_mm for item in bins]),
        np.array(low),
        np.array(high),
        np.array([item.hands - item.missing for item in bins], dtype=np.int64),
    )


def _time_series(item: ScoredReconstructor, sequence: int) -> Iterator[Series]:
    hands = item.hands
    errors = mean_point_error(hands.joints).per_sample
    tracks = [rows for rows in hands.rows_by_track() if hands.sequence_numbers[rows[0]] == sequence]
    start_ns = min((int(hands.stamps_ns[rows].min()) for rows in tracks), default=0)
    for rows in tracks:
        seconds = (hands.stamps_ns[rows] - start_ns) / _NS_PER_S
        name = _track_name(item, hands, int(rows[0]), len(tracks))
        yield Series(name, *_with_breaks(seconds, errors[rows]))


def _with_breaks(seconds: Float64, errors_mm: FloatArray) -> tuple[Float64, Float64]:
    """The points with a NaN before each one that comes late."""
    errors = errors_mm.astype(np.float64)
    if len(seconds) < 2:
        return seconds, errors
    steps = np.diff(seconds)
    late = 1 + np.flatnonzero(steps > _LONGEST_STEP * np.median(steps))
    return np.insert(seconds, late, seconds[late]), np.insert(errors, late, np.nan)


def _track_name(item: ScoredReconstructor, hands: PairedHands, row: int, tracks: int) -> str:
    side = hands.sides[row]
    return f"{item.name}, {side}" if side is not None and tracks > 1 else item.name


def _percentile_cells(times_ms: list[float]) -> list[Cell]:
    return [Cell(float(value)) for value in np.percentile(times_ms, _PERCENTILES)]


def _cell(value: float | None) -> Cell:
    return Cell(float("nan") if value is None else value)


def _names(evaluation: Evaluation) -> tuple[str, ...]:
    return tuple(item.name for item in evaluation.reconstructors)
