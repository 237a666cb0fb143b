"""The files an evaluation leaves for people and programs.

``report.html`` and ``report.json`` hold date and times and differ from run to run. ``scores.json``,
``table.md`` and ``csv/`` hold only what follows from the results, and are the same each time.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.evaluation.benchmarking.array_files import write_text
from hand_object_recon.evaluation.benchmarking.evaluation import Evaluation, ScoredReconstructor
from hand_object_recon.evaluation.benchmarking.intervals import interval_of
from hand_object_recon.evaluation.benchmarking.report_tables import mpjpe_by_sequence
from hand_object_recon.evaluation.benchmarking.scores import Score
from hand_object_recon.visualization.report.document import (
    Report,
    Section,
    Table,
    blocks_of,
)
from hand_object_recon.visualization.report.json_export import report_json
from hand_object_recon.visualization.report.render import write_report
from hand_object_recon.visualization.report.table_markdown import markdown_table
from hand_object_recon.visualization.report.tables_csv import csv_files

REPORT_FILE: Final = "report.html"
SCORES_FILE: Final = "scores.json"
TABLE_FILE: Final = "table.md"

_LATENCY: Final = "Latency"
_DIGITS: Final = 6


def write_evaluation_files(folder: Path, evaluation: Evaluation, report: Report) -> None:
    """Write the report and its tables into ``folder``.

    Raises
    ------
    RecordingError
        A file cannot be written.
    """
    try:
        write_report(report, folder / REPORT_FILE)
        write_text(folder / "report.json", report_json(report))
        write_text(folder / SCORES_FILE, json.dumps(scores_of(evaluation), indent=1) + "\n")
        write_text(folder / TABLE_FILE, _tables_markdown(report))
        _write_csv(folder, report)
    except OSError as error:
        raise RecordingError(f"folder {folder} cannot be written: {error.strerror}") from None


def scores_of(evaluation: Evaluation) -> dict[str, Any]:
    """Every score with its interval and counts, as plain values."""
    return {
        "source": evaluation.source,
        "sequences": [sequence.name for sequence in evaluation.sequences],
        "annotated_frames": evaluation.annotated_frames,
        "true_hands": evaluation.true_hands,
        "reconstructors": {item.name: _scores(item) for item in evaluation.reconstructors},
    }


def _scores(item: ScoredReconstructor) -> dict[str, Any]:
    detection = item.detection
    return {
        "frames": item.frames,
        "problems": dict(item.problems),
        "detection": {
            "hands_found": detection.hands_found,
            "hands_missed": detection.hands_missed,
            "false_hands": detection.false_hands,
            "side_errors": None if None in item.hands.sides else detection.side_errors,
            "track_switches": detection.track_switches if item.hands.is_video else None,
        },
        "scores": {key: _score(score) for key, score in item.scores().items()},
        "mpjpe_mm_by_sequence": {
            name: _rounded(metric.value) for name, metric in mpjpe_by_sequence(item).items()
        },
    }


def _score(score: Score) -> dict[str, Any]:
    interval, value = interval_of(score), score.value
    return {
        "value": _rounded(value.value),
        "unit": value.unit,
        "low": None if interval is None else _rounded(interval.low),
        "high": None if interval is None else _rounded(interval.high),
        "used": value.count_used,
        "missing": value.count_missing,
        "invalid": value.count_invalid,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _tables_markdown(report: Report) -> str:
    tables = [block for block in blocks_of(report) if isinstance(block, Table)]
    return "\n".join(f"**{table.title}**\n\n{markdown_table(table)}" for table in tables)


def _write_csv(folder: Path, report: Report) -> None:
    """Tables and charts of the results under ``csv``, those of times under ``latency``."""
    shutil.rmtree(folder / "csv", ignore_errors=True)
    for name, text in csv_files(_sections(report, with_times=False)).items():
        write_text(folder / "csv" / name, text)
    for name, text in csv_files(_sections(report, with_times=True)).items():
        write_text(folder / "latency" / name, text)


def _sections(report: Report, *, with_times: bool) -> Report:
    kept: list[Section] = [
        section for section in report.sections if (section.title == _LATENCY) == with_times
    ]
    return Report(report.title, tuple(kept))
