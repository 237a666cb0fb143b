"""A table's cells as text, with what is best and what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hand_object_recon.visualization.report.document import Cell, Row, Table
from hand_object_recon.visualization.report.number_text import (
    column_decimals,
    count_text,
    number_text,
)


@dataclass(frozen=True)
class CellView:
    """A cell as it is shown; ``sort_key`` is "" where nothing was measured."""

    text: str
    interval: str
    sort_key: str
    is_best: bool
    is_measured: bool


@dataclass(frozen=True)
class RowView:
    """A row as it is shown; ``missing`` says how many frames have no result, or is empty."""

    label: str
    cells: tuple[CellView, ...]
    frames: int
    frames_text: str
    missing: str


def table_rows(table: Table) -> list[RowView]:
    """The rows of a table in their order, each column with decimals of its own."""
    decimals = [cells_decimals(_column(table, number)) for number in range(len(table.columns))]
    best = [_best_text(table, number, decimals[number]) for number in range(len(table.columns))]
    return [
        RowView(
            row.label,
            tuple(_cells(row, decimals, best)),
            row.frames,
            count_text(row.frames),
            f"{count_text(row.frames_missing)} missing" if row.frames_missing else "",
        )
        for row in table.rows
    ]


def cells_decimals(cells: Iterable[Cell]) -> int | None:
    """Decimals that suit the cells and their intervals, or None if each must have its own."""
    ends = ((cell.value, cell.low, cell.high) for cell in cells)
    return column_decimals(end for of_cell in ends for end in of_cell if end is not None)


def interval_text(cell: Cell, decimals: int | None) -> str:
    """The interval in brackets, or nothing."""
    if cell.low is None or cell.high is None:
        return ""
    return f"[{number_text(cell.low, decimals)}, {number_text(cell.high, decimals)}]"


def _column(table: Table, number: int) -> Iterator[Cell]:
    return (row.cells[number] for row in table.rows)


def _best_text(table: Table, number: int, decimals: int | None) -> str | None:
    """The best value as shown: whatever looks equal to it is as good."""
    best = table.best_value(number)
    return None if best is None else number_text(best, decimals)


def _cells(row: Row, decimals: list[int | None], best: list[str | None]) -> Iterator[CellView]:
    for cell, places, best_text in zip(row.cells, decimals, best, strict=True):
        text = number_text(cell.value, places)
        yield CellView(
            text,
            interval_text(cell, places),
            "" if math.isnan(cell.value) else repr(float(cell.value)),
            text == best_text,
            cell.is_measured,
        )
