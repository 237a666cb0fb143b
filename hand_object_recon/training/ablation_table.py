"""Mean and spread over seeds, as Markdown for people and as CSV for programs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from pathlib import Path
from statistics import fmean, stdev
from typing import Final

TABLE_FILE: Final = "table.md"
VALUES_FILE: Final = "table.csv"


@dataclass(frozen=True)
class RowScores:
    """A row's scores by name, of each seed that is done."""

    name: str
    scores: Sequence[Mapping[str, float]]

    def mean(self, score: str) -> float:
        """Over seeds that have it; NaN, as for what no record shows, is none."""
        return fmean(self.values(score))

    def spread(self, score: str) -> float:
        """Standard deviation over seeds; NaN of a single one."""
        values = self.values(score)
        return stdev(values) if len(values) > 1 else float("nan")

    def values(self, score: str) -> list[float]:
        """Of the seeds that have it."""
        values = (one.get(score, float("nan")) for one in self.scores)
        return [value for value in values if isfinite(value)]


def write_tables(folder: Path, rows: Sequence[RowScores], columns: Sequence[str] = ()) -> None:
    """``table.md`` and ``table.csv`` of rows; of all their scores where no columns are given."""
    names = tuple(columns) or _all_scores(rows)
    (folder / TABLE_FILE).write_text(markdown_table(rows, names), encoding="utf-8")
    with (folder / VALUES_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "seeds", *(column for name in names for column in _columns(name))])
        for row in rows:
            values = [value for name in names for value in _values(row, name)]
            writer.writerow([row.name, len(row.scores), *values])


def markdown_table(rows: Sequence[RowScores], columns: Sequence[str]) -> str:
    """Mean +- standard deviation of each column; a dash where a row has no such score."""
    lines = [
        f"| | seeds | {' | '.join(columns)} |",
        "|---" * (len(columns) + 2) + "|",
        *(
            f"| {row.name} | {len(row.scores)} | "
            f"{' | '.join(_cell(row, column) for column in columns)} |"
            for row in rows
        ),
    ]
    return "\n".join(lines) + "\n"


def _all_scores(rows: Sequence[RowScores]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row.scores[0]))


def _columns(name: str) -> tuple[str, str]:
    return name, f"{name}_spread"


def _values(row: RowScores, name: str) -> tuple[float | None, float | None]:
    return (row.mean(name), row.spread(name)) if _has(row, name) else (None, None)


def _has(row: RowScores, column: str) -> bool:
    return bool(row.values(column))


def _cell(row: RowScores, column: str) -> str:
    if not _has(row, column):
        return "-"
    mean, spread = row.mean(column), row.spread(column)
    return f"{mean:.4g}" if isnan(spread) else f"{mean:.4g} ± {spread:.2g}"
