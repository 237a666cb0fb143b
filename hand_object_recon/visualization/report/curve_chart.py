"""A chart of lines as SVG paths in a square of 1000 units that the page stretches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.report.axes import Axis, axis_of, rounded_axis_of
from hand_object_recon.visualization.report.document import Curves, Series
from hand_object_recon.visualization.report.number_text import (
    column_decimals,
    count_text,
    number_text,
)
from hand_object_recon.visualization.report.series_style import series_class, series_dashes

_SIZE: Final = 1000.0
_X_TICKS: Final = 6
_Y_TICKS: Final = 5
_MOST_MARKED_POINTS: Final = 24

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Marker:
    """A point in shares of the plot's width and height from its upper left corner."""

    x: float
    y: float


@dataclass(frozen=True)
class Curve:
    """A series as the page draws it: paths in 1000 units, markers where points are few."""

    number: int
    name: str
    remark: str
    style: str
    dashes: str
    line: str
    band: str
    markers: tuple[Marker, ...]


@dataclass(frozen=True)
class CurveChart:
    """All that the page needs to draw a chart and to read values from it.

    readout
        The values by series, written as the reader sees them, and their places along x.
    """

    x_axis: Axis
    y_axis: Axis
    curves: tuple[Curve, ...]
    description: str
    readout: dict[str, Any]


def curve_chart(chart: Curves) -> CurveChart:
    """Lay out the lines of a chart over common axes."""
    x_axis = axis_of(_all_of([series.x for series in chart.series]), _X_TICKS)
    y_axis = rounded_axis_of(_y_extent(chart), _Y_TICKS)
    curves = [_curve(series, index, x_axis, y_axis) for index, series in enumerate(chart.series)]
    return CurveChart(
        x_axis, y_axis, tuple(curves), _description(chart), _readout(chart, x_axis, y_axis)
    )


def _y_extent(chart: Curves) -> FloatArray:
    if chart.y_limits is not None:
        return np.array(chart.y_limits)
    sides = [(series.y, series.low, series.high) for series in chart.series]
    return _all_of([side for of_one in sides for side in of_one if side is not None])


def _all_of(arrays: list[FloatArray]) -> FloatArray:
    return np.concatenate(arrays) if arrays else np.zeros(0)


def _curve(series: Series, index: int, x_axis: Axis, y_axis: Axis) -> Curve:
    x = x_axis.shares(series.x)
    y = _downwards(y_axis, series.y)
    band = ""
    if series.low is not None and series.high is not None:
        band = _band_path(x, _downwards(y_axis, series.low), _downwards(y_axis, series.high))
    return Curve(
        index,
        series.name,
        series.remark,
        series_class(index),
        series_dashes(index),
        _line_path(x, y),
        band,
        tuple(_markers(x, y)),
    )


def _downwards(axis: Axis, values: FloatArray) -> FloatArray:
    return 1.0 - axis.shares(values).clip(0.0, 1.0)


def _line_path(x: FloatArray, y: FloatArray) -> str:
    return "".join(_points("M", x[run], y[run]) for run in _runs(np.isfinite(y)))


def _band_path(x: FloatArray, low: FloatArray, high: FloatArray) -> str:
    return "".join(
        _points("M", x[run], high[run]) + _points("L", x[run][::-1], low[run][::-1]) + "Z"
        for run in _runs(np.isfinite(low) & np.isfinite(high))
    )


def _points(first: str, x: FloatArray, y: FloatArray) -> str:
    places = [f"{_SIZE * a:.1f},{_SIZE * b:.1f}" for a, b in zip(x, y, strict=True)]
    return first + "L".join(places)


def _runs(is_finite: NDArray[np.bool_]) -> Iterator[slice]:
    """The longest stretches without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_finite, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        yield slice(start, stop)


def _markers(x: FloatArray, y: FloatArray) -> Iterator[Marker]:
    """Each point where they are few, otherwise those without a neighbour to draw a line to."""
    runs = list(_runs(np.isfinite(y)))
    is_sparse = len(x) <= _MOST_MARKED_POINTS
    for run in runs:
        if is_sparse or run.stop - run.start == 1:
            for a, b in zip(x[run], y[run], strict=True):
                yield Marker(float(a), float(b))


def _description(chart: Curves) -> str:
    """The chart in a sentence a line, for readers who do not see it."""
    measured = [(series, series.y[np.isfinite(series.y)]) for series in chart.series]
    lines = [f"{chart.y} over {chart.x}."]
    lines += [
        f"{series.name}: {number_text(y.min())} to {number_text(y.max())}."
        for series, y in measured
        if y.size
    ]
    return " ".join(lines)


def _readout(chart: Curves, x_axis: Axis, y_axis: Axis) -> dict[str, Any]:
    every_y = _all_of([series.y for series in chart.series])
    decimals = column_decimals(every_y[np.isfinite(every_y)].tolist())
    return {
        "x": chart.x.name,
        "series": [
            {
                "name": series.name,
                "style": series_class(index),
                "at": [round(float(share), 5) for share in x_axis.shares(series.x)],
                "height": [_share(value) for value in _downwards(y_axis, series.y)],
                "x": [f"{value:.6g} {chart.x.unit}".rstrip() for value in series.x],
                "text": [
                    _point_text(series, point, decimals, chart.y.unit)
                    for point in range(len(series.x))
                ],
            }
            for index, series in enumerate(chart.series)
        ],
    }


def _share(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _point_text(series: Series, point: int, decimals: int | None, unit: str) -> str:
    text = number_text(float(series.y[point]), decimals)
    if np.isfinite(series.y[point]):
        text = f"{text} {unit}".rstrip()
    if series.low is not None and series.high is not None and np.isfinite(series.low[point]):
        low, high = (number_text(side[point], decimals) for side in (series.low, series.high))
        text += f" [{low}, {high}]"
    if series.frames is not None:
        text += f" · {count_text(int(series.frames[point]))} frames"
    return text
