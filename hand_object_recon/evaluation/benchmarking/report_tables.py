"""The tables and first figures of an evaluation's report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from hand_object_recon.evaluation.benchmarking.conditions import Kind, kinds_of
from hand_object_recon.evaluation.benchmarking.evaluation import Evaluation, ScoredReconstructor
from hand_object_recon.evaluation.benchmarking.intervals import interval_of, paired_difference
from hand_object_recon.evaluation.benchmarking.run import READ_STAGE
from hand_object_recon.evaluation.benchmarking.scores import Score, ScoreGroup
from hand_object_recon.evaluation.metrics.bootstrap import Interval
from hand_object_recon.evaluation.metrics.metric_value import MetricValue, summarise
from hand_object_recon.evaluation.metrics.point_errors import mean_point_error
from hand_object_recon.visualization.report.document import (
    Better,
    Cell,
    KeyNumber,
    KeyNumbers,
    Quantity,
    Row,
    Table,
)

_LABEL = "reconstructor"
_SEQUENCES_SHOWN = 12
_KEY_SCORES = ("mpjpe_mm", "pa_mpjpe_mm", "mpvpe_mm", "surface_mm", "auc")


def key_numbers(reconstructor: ScoredReconstructor) -> KeyNumbers:
    """Hands found, the main errors and the time of a frame."""
    detection, scores = reconstructor.detection, reconstructor.scores()
    with_estimate = reconstructor.hands.joints.usable
    items = [
        KeyNumber(
            Quantity("hands with an estimate"),
            Cell(float(with_estimate.sum())),
            f"of {detection.true_hands} true hands",
        )
    ]
    items += [
        KeyNumber(quantity_of(scores[key]), cell_of(scores[key]), _behind(scores[key]))
        for key in _KEY_SCORES
        if key in scores
    ]
    if reconstructor.stage_ms:
        median_ms = float(np.median(total_ms(reconstructor)))
        items.append(
            KeyNumber(
                Quantity("time of a frame", "ms"), Cell(median_ms), "median, reading included"
            )
        )
    return KeyNumbers(tuple(items))


def score_tables(evaluation: Evaluation) -> Iterator[Table]:
    """A table for each group of scores, a row for each reconstructor."""
    keys = {group.key: group for item in evaluation.reconstructors for group in item.groups}
    for key, group in keys.items():
        yield _group_table(evaluation, key, group)


def detection_table(evaluation: Evaluation) -> Table:
    """How many hands were found, missed and invented."""
    columns = (
        Quantity("found", "", Better.HIGHER),
        Quantity("missed", "", Better.LOWER),
        Quantity("false", "", Better.LOWER),
        Quantity("wrong side", "", Better.LOWER),
        Quantity("switches", "", Better.LOWER),
        Quantity("recall", "", Better.HIGHER),
        Quantity("precision", "", Better.HIGHER),
    )
    knows_sides = None not in evaluation.reconstructors[0].hands.sides
    rows = []
    for item in evaluation.reconstructors:
        found = item.detection
        values: tuple[float | None, ...] = (
            found.hands_found,
            found.hands_missed,
            found.false_hands,
            found.side_errors if knows_sides else None,
            found.track_switches if evaluation.is_video else None,
            found.recall,
            found.precision,
        )
        rows.append(Row(item.name, tuple(_plain_cell(value) for value in values), found.frames))
    return Table(
        "Finding hands",
        columns,
        tuple(rows),
        _LABEL,
        "A true hand is found where an estimate's wrist is within 10 cm, whatever its side; the "
        "errors above do count an estimate that is farther off. A switch is a hand that is found "
        "under another track number than before."
        + ("" if knows_sides else " The truth names no sides, so none can be wrong."),
    )


def kinds_table(evaluation: Evaluation) -> Table | None:
    """MPJPE by kinds of hands; None where the truth knows of one kind only."""
    kinds = [kinds_of(item.hands) for item in evaluation.reconstructors]
    if not kinds[0]:
        return None
    columns = tuple(
        Quantity(f"MPJPE {item.name}" if len(kinds) > 1 else "MPJPE", "mm")
        for item in evaluation.reconstructors
    )
    rows = [
        Row(
            same[0].name,
            tuple(_value_cell(kind.error, kind.interval) for kind in same),
            same[0].error.count_total,
            _without_figure(same),
        )
        for same in zip(*kinds, strict=True)
    ]
    return Table("Error by kind of hand", columns, tuple(rows), "hands")


def difference_table(evaluation: Evaluation) -> Table | None:
    """Every reconstructor against the first, over the hands that both have; None for one."""
    first, *others = evaluation.reconstructors
    keys = [
        key
        for key, score in first.scores().items()
        if score.higher_is_better is not None and all(key in item.scores() for item in others)
    ]
    if not others or not keys:
        return None
    columns = tuple(quantity_of(first.scores()[key], with_end=False) for key in keys)
    rows = [
        Row(
            item.name,
            tuple(_difference_cell(first.scores()[key], item.scores()[key]) for key in keys),
            len(item.hands),
        )
        for item in others
    ]
    return Table(
        f"Difference from {first.name}",
        columns,
        tuple(rows),
        _LABEL,
        f"Its score minus that of {first.name}, sample by sample, over those that both have; an "
        "interval without zero is a difference that another draw of frames would show too.",
    )


def sequence_table(evaluation: Evaluation) -> Table | None:
    """The sequences with the largest MPJPE; None where there is one only."""
    count = len(evaluation.sequences)
    if count < 2:
        return None
    errors = [mpjpe_by_sequence(item) for item in evaluation.reconstructors]
    columns = tuple(
        Quantity(f"MPJPE {item.name}" if len(errors) > 1 else "MPJPE", "mm")
        for item in evaluation.reconstructors
    )
    worst = sorted(errors[0], key=lambda name: _or_infinite(errors[0][name].value), reverse=True)
    rows = [
        Row(
            name,
            tuple(_plain_cell(by_name[name].value) for by_name in errors),
            errors[0][name].count_total,
            errors[0][name].count_total - errors[0][name].count_used,
        )
        for name in worst[:_SEQUENCES_SHOWN]
    ]
    text = f"{len(rows)} of {count}, the worst first; frames are counts of hands."
    return Table("Worst sequences", columns, tuple(rows), "sequence", text)


def mpjpe_by_sequence(item: ScoredReconstructor) -> dict[str, MetricValue]:
    """MPJPE of each sequence on its own."""
    joints, numbers = item.hands.joints, item.hands.sequence_numbers
    errors = mean_point_error(joints).per_sample
    return {
        sequence.name: summarise(errors[numbers == number], "mm", joints.missing[numbers == number])
        for number, sequence in enumerate(item.hands.sequences)
    }


def quantity_of(score: Score, *, with_end: bool = True) -> Quantity:
    """What a score measures."""
    ends = {True: Better.HIGHER, False: Better.LOWER, None: None}
    end = ends[score.higher_is_better] if with_end else None
    return Quantity(score.name, score.value.unit, end)


def cell_of(score: Score) -> Cell:
    """A score with its interval."""
    return _value_cell(score.value, interval_of(score))


def total_ms(reconstructor: ScoredReconstructor) -> list[float]:
    """Milliseconds of each frame over all stages but reading."""
    stages = [times for name, times in reconstructor.stage_ms.items() if name != READ_STAGE]
    return [sum(times) for times in zip(*stages, strict=True)]


def _group_table(evaluation: Evaluation, key: str, group: ScoreGroup) -> Table:
    columns = {score.key: quantity_of(score) for score in group.scores}
    rows = []
    for item in evaluation.reconstructors:
        own = item.group(key)
        scores = own.by_key() if own else {}
        cells = tuple(
            cell_of(scores[name]) if name in scores else Cell(math.nan) for name in columns
        )
        first = next(iter(scores.values()), None)
        total = first.value.count_total if first else 0
        rows.append(Row(item.name, cells, total, total - first.value.count_used if first else 0))
    counted = f" Counted are {group.scores[0].counted}."
    return Table(group.title, tuple(columns.values()), tuple(rows), _LABEL, group.text + counted)


def _difference_cell(first: Score, second: Score) -> Cell:
    if len(first.value.per_sample) != len(second.value.per_sample):
        return Cell(math.nan)
    found = paired_difference(first, second)
    if found is None:
        return Cell(math.nan)
    value, interval = found
    return _with_interval(value, interval)


def _value_cell(value: MetricValue, interval: Interval | None) -> Cell:
    return Cell(math.nan) if value.value is None else _with_interval(value.value, interval)


def _with_interval(value: float, interval: Interval | None) -> Cell:
    """The interval of a skewed metric may lie beside its value; it is widened to hold it."""
    if interval is None:
        return Cell(value)
    return Cell(value, min(interval.low, value), max(interval.high, value))


def _plain_cell(value: float | None) -> Cell:
    return Cell(math.nan if value is None else float(value))


def _behind(score: Score) -> str:
    without = score.value.count_total - score.value.count_used
    return f"{score.value.count_used} {score.counted}" + (f", {without} without" if without else "")


def _without_figure(kinds: Sequence[Kind]) -> int:
    return kinds[0].error.count_total - kinds[0].error.count_used


def _or_infinite(value: float | None) -> float:
    return math.inf if value is None else value
