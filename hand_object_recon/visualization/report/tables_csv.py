"""The report's tables and charts as CSV, with every digit."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from hand_object_recon.visualization.report.document import (
    Bars,
    Cell,
    Curves,
    Quantity,
    Report,
    Table,
    blocks_of,
)

_SIDES: Final = ("", " low", " high")


def csv_files(report: Report) -> dict[str, str]:
    """File name to CSV text of each table and chart, numbered in reading order."""
    measured = [block for block in blocks_of(report) if isinstance(block, Table | Curves | Bars)]
    return {
        f"{number:02d}_{_slug(block.title)}.csv": block_csv(block)
        for number, block in enumerate(measured, 1)
    }


def block_csv(block: Table | Curves | Bars) -> str:
    """A header line, then a line for each row, point or group; empty where nothing was measured."""
    if isinstance(block, Table):
        return _written(_table_lines(block))
    return _written(_curve_lines(block) if isinstance(block, Curves) else _bar_lines(block))


def csv_name(block: Table | Curves | Bars) -> str:
    """A file name for a single table or chart."""
    return f"{_slug(block.title)}.csv"


def _table_lines(table: Table) -> Iterator[Sequence[object]]:
    names = [_header(column) for column in table.columns]
    sides = [name + side for name in names for side in _SIDES]
    yield [table.label or "row", *sides, "frames", "frames missing"]
    for row in table.rows:
        values = [value for cell in row.cells for value in _cell(cell)]
        yield [row.label, *values, row.frames, row.frames_missing]


def _curve_lines(chart: Curves) -> Iterator[Sequence[object]]:
    yield ["series", _header(chart.x), *(_header(chart.y) + side for side in _SIDES), "frames"]
    for series in chart.series:
        low = [math.nan] * len(series.x) if series.low is None else series.low.tolist()
        high = [math.nan] * len(series.x) if series.high is None else series.high.tolist()
        frames = [""] * len(series.x) if series.frames is None else series.frames.tolist()
        points = zip(series.x.tolist(), series.y.tolist(), low, high, frames, strict=True)
        for *values, count in points:
            yield [series.name, *map(_number, values), count]


def _bar_lines(chart: Bars) -> Iterator[Sequence[object]]:
    unit = f" [{chart.quantity.unit}]" if chart.quantity.unit else ""
    sides = [f"{name}{unit}{side}" for name in chart.series for side in _SIDES]
    yield [chart.quantity.name, *sides, "frames"]
    for group in chart.groups:
        values = [value for cell in group.cells for value in _cell(cell)]
        yield [group.label, *values, "" if group.frames is None else group.frames]


def _header(quantity: Quantity) -> str:
    return f"{quantity.name} [{quantity.unit}]" if quantity.unit else quantity.name


def _cell(cell: Cell) -> tuple[str, str, str]:
    return _number(cell.value), _number(cell.low), _number(cell.high)


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(float(value))


def _written(lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:60] or "values"
