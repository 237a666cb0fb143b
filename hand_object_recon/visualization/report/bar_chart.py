"""A chart of horizontal bars: lengths in shares of its width, places in pixels from its top."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hand_object_recon.visualization.report.axes import Axis, rounded_axis_of
from hand_object_recon.visualization.report.document import BarGroup, Bars, Cell
from hand_object_recon.visualization.report.number_text import (
    count_text,
    decimals_of,
    number_text,
)
from hand_object_recon.visualization.report.series_style import series_class
from hand_object_recon.visualization.report.table_view import interval_text

_TICKS: Final = 4
_GROUP_GAP_PX: Final = 9
_BAR_GAP_PX: Final = 3
_LETTER_PX: Final = 7.3
_WIDEST_LABEL_PX: Final = 170


@dataclass(frozen=True)
class Bar:
    """A bar; ``length``, ``low`` and ``high`` are shares of the width, None where not known."""

    style: str
    series: int
    top_px: int
    length: float | None
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class BarLine:
    """The bars of a group, its label, and what is told of them when pointed at."""

    label: str
    top_px: int
    height_px: int
    bars: tuple[Bar, ...]
    readout: str

    @property
    def middle_px(self) -> float:
        return self.top_px + self.height_px / 2


@dataclass(frozen=True)
class BarChart:
    """All that the page needs to draw the bars."""

    axis: Axis
    lines: tuple[BarLine, ...]
    series: tuple[tuple[str, str], ...]
    bar_px: int
    height_px: int
    label_px: int
    description: str


def bar_chart(chart: Bars) -> BarChart:
    """Lay out the bars of a chart, a group after the other."""
    axis = rounded_axis_of([0.0, *_ends(chart)], _TICKS)
    bar_px = 15 if len(chart.series) == 1 else 11
    group_px = len(chart.series) * (bar_px + _BAR_GAP_PX) - _BAR_GAP_PX
    step_px = group_px + _GROUP_GAP_PX
    most_decimals = decimals_of(axis.high) + 1
    lines = tuple(
        BarLine(
            group.label,
            number * step_px,
            group_px,
            tuple(_bars(group, axis, number * step_px, bar_px, most_decimals)),
            _readout(chart, group, most_decimals),
        )
        for number, group in enumerate(chart.groups)
    )
    longest = max((len(group.label) for group in chart.groups), default=0)
    return BarChart(
        axis,
        lines,
        tuple((name, series_class(number)) for number, name in enumerate(chart.series)),
        bar_px,
        max(len(lines) * step_px - _GROUP_GAP_PX, 0),
        min(round(longest * _LETTER_PX) + 14, _WIDEST_LABEL_PX),
        f"{chart.quantity}: " + "; ".join(line.readout.replace("\n", ", ") for line in lines),
    )


def _ends(chart: Bars) -> Iterator[float]:
    for group in chart.groups:
        for cell in group.cells:
            yield cell.value if cell.high is None else cell.high


def _bars(
    group: BarGroup, axis: Axis, top_px: int, bar_px: int, most_decimals: int
) -> Iterator[Bar]:
    for number, cell in enumerate(group.cells):
        yield Bar(
            series_class(number),
            number,
            top_px + number * (bar_px + _BAR_GAP_PX),
            _share(axis, cell.value) if cell.is_measured else None,
            _share(axis, cell.low),
            _share(axis, cell.high),
            _value_text(cell, most_decimals),
        )


def _share(axis: Axis, value: float | None) -> float | None:
    return None if value is None else float(axis.shares([value])[0])


def _readout(chart: Bars, group: BarGroup, most_decimals: int) -> str:
    lines = [group.label]
    for name, cell in zip(chart.series, group.cells, strict=True):
        lines.append(f"{name}: {_cell_text(cell, most_decimals, chart.quantity.unit)}")
    if group.frames is not None:
        lines.append(f"{count_text(group.frames)} frames")
    return "\n".join(lines)


def _cell_text(cell: Cell, most_decimals: int, unit: str) -> str:
    if not cell.is_measured:
        return "not measured"
    interval = interval_text(cell, _decimals(cell, most_decimals))
    return " ".join(filter(None, (_value_text(cell, most_decimals), unit, interval)))


def _value_text(cell: Cell, most_decimals: int) -> str:
    return number_text(cell.value, _decimals(cell, most_decimals) if cell.is_measured else None)


def _decimals(cell: Cell, most_decimals: int) -> int:
    """Three significant digits, but none that would be a speck on the scale of the chart."""
    return min(decimals_of(cell.value), most_decimals)
