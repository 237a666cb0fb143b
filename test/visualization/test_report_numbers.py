"""Numbers, axes and meshes of a report are what they were, to the digits that are shown."""

from __future__ import annotations

import base64
import math

import numpy as np
import pytest

from hand_object_recon.visualization.report.axes import axis_of, rounded_axis_of
from hand_object_recon.visualization.report.bar_chart import bar_chart
from hand_object_recon.visualization.report.curve_chart import curve_chart
from hand_object_recon.visualization.report.document import (
    BarGroup,
    Bars,
    Cell,
    Curves,
    Mesh,
    Quantity,
    Series,
)
from hand_object_recon.visualization.report.mesh_packing import packed_scene
from hand_object_recon.visualization.report.number_text import column_decimals, number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8.6249, "8.62"),
        (0.74149, "0.741"),
        (0.000123456, "0.000123"),
        (31.44, "31.4"),
        (-2.5, "−2.50"),
        (12345.6, "12\u2009346"),
        (0.0, "0"),
        (math.nan, "–"),
    ],
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number_text(value) == text


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert number_text(-0.001, 1) == "0.0"


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([8.62, 10.4, 12.7], 1),
        ([8.62, 9.1, 10.4, 12.7], 2),
        ([0.74, 0.6, math.nan], 3),
        ([1200.0, 18.0], 0),
        ([0.002, 1500.0], None),
        ([math.nan], 0),
        ([], 0),
    ],
)
def test_a_column_has_decimals_that_suit_its_middle(
    values: list[float], decimals: int | None
) -> None:
    assert column_decimals(values) == decimals


@pytest.mark.parametrize("scale", [1e-5, 0.3, 1.0, 7.0, 4e6])
@pytest.mark.parametrize("most", [4, 6])
def test_ticks_are_few_round_and_in_their_place(scale: float, most: int) -> None:
    values = scale * np.array([0.13, 0.92])
    for axis in (axis_of(values, most), rounded_axis_of(values, most)):
        assert axis.low <= values[0]
        assert axis.high >= values[1]
        assert 2 <= len(axis.ticks) <= most + 2
        for tick in axis.ticks:
            labelled = float(tick.label.replace("\u2009", "").replace("−", "-"))
            assert axis.shares([labelled])[0] == pytest.approx(tick.share, abs=1e-6)


def test_an_axis_begins_at_zero_unless_that_hides_the_differences() -> None:
    assert rounded_axis_of([3.0, 20.0], 5).low == 0.0
    assert rounded_axis_of([98.0, 99.0], 5).low == pytest.approx(98.0)
    assert rounded_axis_of([-2.0, 1.0], 5).low == pytest.approx(-2.0)


@pytest.mark.parametrize("values", [[], [math.nan], [4.0], [0.0, 0.0], [-1.0]])
def test_an_axis_has_a_length_whatever_it_holds(values: list[float]) -> None:
    axis = rounded_axis_of(values, 5)
    assert axis.low < axis.high
    assert axis.ticks


def test_a_line_breaks_where_nothing_was_measured() -> None:
    nan = math.nan
    y = np.array([0.0, 10.0, nan, 5.0, nan, 10.0, 0.0])
    series = Series("fit", np.arange(7.0), y)
    curve = curve_chart(Curves("a", Quantity("time", "s"), Quantity("error", "mm"), (series,)))
    assert curve.curves[0].line == "M0.0,1000.0L166.7,0.0M500.0,500.0M833.3,0.0L1000.0,1000.0"
    assert (0.5, 0.5) in [(marker.x, marker.y) for marker in curve.curves[0].markers]
    assert curve.readout["series"][0]["text"][2] == "–"
    assert curve.readout["series"][0]["height"][2] is None
    assert curve.readout["series"][0]["text"][1] == "10 mm"


def test_a_band_runs_along_its_high_side_and_back_along_its_low_side() -> None:
    x = np.array([0.0, 1.0])
    series = Series("fit", x, x + 4, low=x, high=x + 9, frames=np.array([12, 1200]))
    chart = Curves("a", Quantity("x"), Quantity("y", "mm"), (series,), y_limits=(0.0, 10.0))
    laid_out = curve_chart(chart)
    assert laid_out.curves[0].band == "M0.0,100.0L1000.0,0.0L1000.0,900.0L0.0,1000.0Z"
    assert laid_out.readout["series"][0]["text"][1] == "5 mm [1, 10] · 1\u2009200 frames"


def test_bars_are_as_long_as_their_values_and_what_is_missing_has_none() -> None:
    groups = (
        BarGroup("fit", (Cell(5.0, 4.0, 8.0), Cell(20.0)), 40),
        BarGroup("tracking", (Cell(0.081), Cell(math.nan))),
    )
    chart = bar_chart(Bars("a", Quantity("latency", "ms"), ("p50", "p95"), groups))
    first, second = (line.bars for line in chart.lines)
    assert chart.axis.high == pytest.approx(20.0)
    assert [bar.length for bar in first] == pytest.approx([0.25, 1.0])
    assert (first[0].low, first[0].high) == pytest.approx((0.2, 0.4))
    assert [bar.text for bar in second] == ["0.08", "–"]
    assert second[1].length is None
    assert chart.lines[0].readout == "fit\np50: 5.00 ms [4.00, 8.00]\np95: 20.0 ms\n40 frames"
    assert "p95: not measured" in chart.lines[1].readout
    tops = [bar.top_px for line in chart.lines for bar in line.bars]
    assert np.diff(tops).min() >= chart.bar_px


def test_packed_vertices_are_right_within_a_hundredth_of_a_millimetre() -> None:
    generator = np.random.default_rng(4)
    vertices = generator.uniform([-0.1, 0.0, 0.4], [0.1, 0.3, 0.8], (500, 3)).astype(np.float32)
    faces = generator.integers(0, 500, (900, 3), dtype=np.int32)
    other = np.array([[0.05, 0.05, 0.9]], dtype=np.float32)
    no_faces = np.zeros((0, 3), dtype=np.int32)
    scene = packed_scene(
        [Mesh("hand", vertices, faces, (255, 0, 16)), Mesh("point", other, no_faces, (0, 0, 0))]
    )
    packed = scene["meshes"][0]
    steps = np.frombuffer(base64.b64decode(packed["vertices"]), "<u2").reshape(-1, 3)
    low, high = np.array(scene["low_m"]), np.array(scene["high_m"])
    assert np.abs(low + steps / 65535 * (high - low) - vertices).max() < 1e-5
    read = np.frombuffer(base64.b64decode(packed["faces"]), "<u2").reshape(-1, 3)
    np.testing.assert_array_equal(read, faces)
    assert packed["color"] == "#ff0010"
    assert scene["most_error_mm"] is None


def test_many_vertices_have_wide_face_numbers() -> None:
    vertices = np.random.default_rng(5).uniform(size=(70_000, 3)).astype(np.float32)
    faces = np.array([[0, 1, 69_999]], dtype=np.int32)
    packed = packed_scene([Mesh("cloud", vertices, faces, (0, 0, 0))])["meshes"][0]
    assert packed["face_bytes"] == 4
    assert np.frombuffer(base64.b64decode(packed["faces"]), "<u4").tolist() == [0, 1, 69_999]


def test_errors_are_levels_of_the_scale_and_unknown_ones_are_marked() -> None:
    vertices = np.eye(3, dtype=np.float32)
    error_mm = np.array([0.0, 10.0, np.nan], dtype=np.float32)
    mesh = Mesh("hand", vertices, np.array([[0, 1, 2]]), (0, 0, 0), error_mm=error_mm)
    scene = packed_scene([mesh])
    assert scene["most_error_mm"] == pytest.approx(9.9)
    assert list(base64.b64decode(scene["meshes"][0]["error"])) == [0, 254, 255]
