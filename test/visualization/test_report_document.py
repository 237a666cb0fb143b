"""A report's content is checked when it is made, not when somebody reads a wrong figure."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.visualization.report.document import (
    BarGroup,
    Bars,
    Better,
    Cell,
    Curves,
    Mesh,
    Picture,
    Quantity,
    Row,
    Scene,
    Series,
    Table,
)

TRIANGLE = np.eye(3, dtype=np.float32)
FACE = np.array([[0, 1, 2]], dtype=np.int32)


def test_a_value_may_be_missing_but_not_infinite() -> None:
    assert not Cell(math.nan).is_measured
    with pytest.raises(InvalidValueError, match="finite or NaN"):
        Cell(math.inf)


@pytest.mark.parametrize("ends", [(1.0, None), (2.5, 3.0), (1.0, math.nan), (1.0, math.inf)])
def test_an_interval_is_whole_and_holds_its_value(ends: tuple[float, float | None]) -> None:
    with pytest.raises(InvalidValueError, match="interval"):
        Cell(2.0, *ends)


def test_a_missing_value_has_no_interval() -> None:
    with pytest.raises(InvalidValueError, match="interval"):
        Cell(math.nan, 1.0, 2.0)


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(InvalidValueError, match=r"'fit'.*1 cells.*2 columns"):
        Table("a", (Quantity("x"), Quantity("y")), (Row("fit", (Cell(1.0),), 3),))
    with pytest.raises(InvalidValueError, match="no columns"):
        Table("a", (), ())
    with pytest.raises(InvalidValueError, match="not negative"):
        Row("fit", (), 3, -1)


@pytest.mark.parametrize(
    ("better", "best"), [(Better.LOWER, 1.0), (Better.HIGHER, 3.0), (None, None)]
)
def test_the_best_value_is_at_the_good_end(better: Better | None, best: float | None) -> None:
    values = (3.0, math.nan, 1.0, 2.0)
    rows = tuple(Row(f"{value}", (Cell(value),), 1) for value in values)
    assert Table("a", (Quantity("x", "mm", better),), rows).best_value(0) == best


def test_a_single_measurement_is_not_the_best_of_anything() -> None:
    rows = (Row("a", (Cell(1.0),), 1), Row("b", (Cell(math.nan),), 0))
    assert Table("a", (Quantity("x", "", Better.LOWER),), rows).best_value(0) is None


def test_a_series_has_as_many_y_as_x_in_rising_order_and_no_infinity() -> None:
    x = np.array([0.0, 1.0, 2.0])
    with pytest.raises(InvalidValueError, match="y of 'fit' has shape"):
        Series("fit", x, x[:2])
    with pytest.raises(InvalidValueError, match="does not rise"):
        Series("fit", x[::-1], x)
    with pytest.raises(InvalidValueError, match="infinite"):
        Series("fit", x, np.array([0.0, np.inf, 1.0]))
    with pytest.raises(InvalidValueError, match="low and high"):
        Series("fit", x, x, low=x)
    with pytest.raises(InvalidValueError, match="must rise"):
        Curves("a", Quantity("x"), Quantity("y"), (), y_limits=(1.0, 1.0))


def test_the_arrays_of_a_series_cannot_be_changed() -> None:
    series = Series("fit", np.arange(3.0), np.array([1.0, np.nan, 2.0]))
    with pytest.raises(ValueError, match="read-only"):
        series.y[0] = 5.0


def test_bars_are_as_many_as_series_and_start_at_zero() -> None:
    with pytest.raises(InvalidValueError, match=r"'thumb'.*1 bars.*2 series"):
        Bars("a", Quantity("x"), ("p50", "p95"), (BarGroup("thumb", (Cell(1.0),)),))
    with pytest.raises(InvalidValueError, match="start at zero"):
        BarGroup("thumb", (Cell(-1.0),))
    assert BarGroup("thumb", (Cell(math.nan),)).cells


def test_a_picture_is_a_jpeg_or_an_rgb_array() -> None:
    image = np.zeros((4, 6, 3), dtype=np.uint8)
    assert Picture("a", image)
    assert Picture("a", cv2.imencode(".jpg", image)[1].tobytes())
    with pytest.raises(InvalidValueError, match="not a JPEG"):
        Picture("a", cv2.imencode(".png", image)[1].tobytes())
    with pytest.raises(InvalidValueError, match="not a JPEG"):
        Picture("a", b"nothing")
    with pytest.raises(InvalidValueError, match="shape"):
        Picture("a", image[..., 0])


def test_a_mesh_names_only_vertices_there_are_and_its_errors_are_lengths() -> None:
    with pytest.raises(InvalidValueError, match="vertex 3"):
        Mesh("hand", TRIANGLE, FACE + 1, (0, 0, 0))
    with pytest.raises(InvalidValueError, match="no vertices"):
        Mesh("hand", TRIANGLE[:0], FACE[:0], (0, 0, 0))
    with pytest.raises(InvalidValueError, match="levels"):
        Mesh("hand", TRIANGLE, FACE, (0, 0, 256))
    with pytest.raises(InvalidValueError, match="negative"):
        Mesh("hand", TRIANGLE, FACE, (0, 0, 0), error_mm=np.array([0, -1, 0], np.float32))
    with pytest.raises(InvalidValueError, match="no meshes"):
        Scene("frame 1", ())
