"""What an evaluation report says, free of how it looks: values in, no text made of numbers.

A value that was not measured is NaN. Intervals are 95 % confidence intervals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array, require_faces, require_text
from hand_object_recon.visualization.palette import Rgb

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]


class Better(str, Enum):
    """Which end of a scale is the good one."""

    LOWER = "lower"
    HIGHER = "higher"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Fact:
    """A name and a text, such as ``machine`` and ``2 cores, 8 GiB``."""

    name: str
    text: str

    def __post_init__(self) -> None:
        require_text("name of a fact", self.name)


@dataclass(frozen=True)
class Quantity:
    """What is measured, the unit it is given in ("" for a plain number) and which end is good."""

    name: str
    unit: str = ""
    better: Better | None = None

    def __post_init__(self) -> None:
        require_text("name of a quantity", self.name)

    def __str__(self) -> str:
        return f"{self.name}, {self.unit}" if self.unit else self.name


@dataclass(frozen=True)
class Cell:
    """A value, NaN where nothing was measured, and the interval it is known to lie in."""

    value: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if math.isinf(self.value):
            raise InvalidValueError(f"value of a cell is {self.value}; it must be finite or NaN")
        if (self.low is None) != (self.high is None):
            raise InvalidValueError(
                f"interval of the value {self.value} is ({self.low}, {self.high}); "
                "give both ends or none"
            )
        if self.low is not None and self.high is not None:
            self._require_inside(self.low, self.high)

    def _require_inside(self, low: float, high: float) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low <= self.value <= high):
            raise InvalidValueError(
                f"interval [{low}, {high}] does not hold the value {self.value}; "
                "it must be finite and hold it"
            )

    @property
    def is_measured(self) -> bool:
        return not math.isnan(self.value)


@dataclass(frozen=True)
class Row:
    """A table's line: a cell for each column, the frames behind it and those without a result."""

    label: str
    cells: tuple[Cell, ...]
    frames: int
    frames_missing: int = 0

    def __post_init__(self) -> None:
        require_text("label of a row", self.label)
        if self.frames < 0 or self.frames_missing < 0:
            raise InvalidValueError(
                f"row {self.label!r} counts {self.frames} frames and {self.frames_missing} "
                "missing; counts are not negative"
            )


@dataclass(frozen=True)
class Table:
    """Rows to compare; the best cell of a column that has a good end is emphasised."""

    title: str
    columns: tuple[Quantity, ...]
    rows: tuple[Row, ...]
    label: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        require_text("title of a table", self.title)
        if not self.columns:
            raise InvalidValueError(f"table {self.title!r} has no columns; give at least one")
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise InvalidValueError(
                    f"row {row.label!r} of table {self.title!r} has {len(row.cells)} cells; "
                    f"the table has {len(self.columns)} columns"
                )

    def best_value(self, column: int) -> float | None:
        """The best value measured in a column, or None where there is nothing to compare."""
        cells = (row.cells[column] for row in self.rows)
        measured = [cell.value for cell in cells if cell.is_measured]
        better = self.columns[column].better
        if better is None or len(measured) < 2:
            return None
        return min(measured) if better is Better.LOWER else max(measured)


@dataclass(frozen=True, eq=False)
class Series:
    """A line of a chart: y over x, both (N,) float64, x rising.

    y
        NaN leaves a gap in the line.
    low, high
        (N,) a band around the line, NaN where there is none.
    frames
        (N,) int64 frames behind each point.
    remark
        A few words for the legend, such as ``AUC 0.82``.
    """

    name: str
    x: FloatArray
    y: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    frames: NDArray[np.int64] | None = None
    remark: str = ""

    def __post_init__(self) -> None:
        require_text("name of a series", self.name)
        x = require_array(f"x of {self.name!r}", self.x, (None,), np.float64, finite=True)
        if not (np.diff(x) >= 0).all():
            raise InvalidValueError(f"x of {self.name!r} does not rise; sort the points by x")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", self._values("y", self.y))
        if (self.low is None) != (self.high is None):
            raise InvalidValueError(f"band of {self.name!r} has one side; give low and high")
        for side in ("low", "high"):
            if getattr(self, side) is not None:
                object.__setattr__(self, side, self._values(side, getattr(self, side)))
        if self.frames is not None:
            counts = require_array(f"frames of {self.name!r}", self.frames, (len(x),), np.int64)
            object.__setattr__(self, "frames", counts)

    def _values(self, which: str, values: FloatArray) -> FloatArray:
        name = f"{which} of {self.name!r}"
        array = require_array(name, values, (len(self.x),), np.float64)
        if np.isinf(array).any():
            raise InvalidValueError(f"{name} is infinite; a value must be finite or NaN")
        return array


@dataclass(frozen=True)
class Curves:
    """Lines over a common axis: PCK over a threshold, an error over seconds or in bins.

    y_limits
        The ends of the axis where the data do not say them, such as (0, 1) of a share.
    wide
        As wide as the page, for long recordings; others share a line.
    """

    title: str
    x: Quantity
    y: Quantity
    series: tuple[Series, ...]
    y_limits: tuple[float, float] | None = None
    text: str = ""
    wide: bool = False

    def __post_init__(self) -> None:
        require_text("title of a chart", self.title)
        if self.y_limits is not None and not self.y_limits[0] < self.y_limits[1]:
            raise InvalidValueError(f"axis of {self.title!r} is {self.y_limits}; it must rise")


@dataclass(frozen=True)
class BarGroup:
    """The bars beside one label, a cell for each series of the chart."""

    label: str
    cells: tuple[Cell, ...]
    frames: int | None = None

    def __post_init__(self) -> None:
        require_text("label of bars", self.label)
        for cell in self.cells:
            if min(cell.value, cell.value if cell.low is None else cell.low) < 0:
                raise InvalidValueError(
                    f"bar of {self.label!r} is {cell.value}; bars start at zero and show no "
                    "negative value"
                )


@dataclass(frozen=True)
class Bars:
    """Lengths to compare: latency by stage with a series for each percentile, error by joint."""

    title: str
    quantity: Quantity
    series: tuple[str, ...]
    groups: tuple[BarGroup, ...]
    text: str = ""
    wide: bool = False

    def __post_init__(self) -> None:
        require_text("title of a chart", self.title)
        for group in self.groups:
            if len(group.cells) != len(self.series):
                raise InvalidValueError(
                    f"{group.label!r} of chart {self.title!r} has {len(group.cells)} bars; "
                    f"the chart has {len(self.series)} series"
                )


@dataclass(frozen=True)
class KeyNumber:
    """One figure to be seen first."""

    quantity: Quantity
    cell: Cell
    text: str = ""


@dataclass(frozen=True)
class KeyNumbers:
    """The figures that a reader in a hurry takes along."""

    items: tuple[KeyNumber, ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame of the recording: JPEG bytes or (H, W, 3) uint8 RGB, and what was measured in it."""

    caption: str
    image: bytes | Image
    facts: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        require_text("caption of a picture", self.caption)
        if isinstance(self.image, bytes):
            if not _is_jpeg(self.image):
                raise InvalidValueError(f"picture {self.caption!r} is not a JPEG file")
        else:
            image = require_array(
                f"picture {self.caption!r}", self.image, (None, None, 3), np.uint8
            )
            object.__setattr__(self, "image", image)


@dataclass(frozen=True)
class Frames:
    """Pictures side by side, such as the best and the worst frames."""

    title: str
    pictures: tuple[Picture, ...]
    text: str = ""

    def __post_init__(self) -> None:
        require_text("title of pictures", self.title)


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface in the camera optical frame.

    vertices_m
        (V, 3) float32.
    faces
        (F, 3) int32, counter-clockwise seen from outside.
    group
        Meshes of a group stay together when groups are shown side by side.
    error_mm
        (V,) float32, how far each vertex is from the truth, NaN where not known; the reader can
        have it as colour.
    """

    name: str
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    color: Rgb
    group: str = ""
    error_mm: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        require_text("name of a mesh", self.name)
        vertices = require_array(
            f"vertices of {self.name!r}", self.vertices_m, (None, 3), np.float32, finite=True
        )
        if not len(vertices):
            raise InvalidValueError(f"mesh {self.name!r} has no vertices; leave it out")
        object.__setattr__(self, "vertices_m", vertices)
        faces = require_faces(f"faces of {self.name!r}", self.faces, len(vertices))
        object.__setattr__(self, "faces", faces)
        if any(not 0 <= level <= 255 for level in self.color):
            raise InvalidValueError(f"colour of {self.name!r} is {self.color}; levels are 0 to 255")
        if self.error_mm is not None:
            error = require_array(
                f"error of {self.name!r}", self.error_mm, (len(vertices),), np.float32
            )
            if (error < 0).any() or np.isinf(error).any():
                raise InvalidValueError(
                    f"error of {self.name!r} is negative or infinite; it must be a length or NaN"
                )
            object.__setattr__(self, "error_mm", error)


@dataclass(frozen=True)
class Scene:
    """Meshes seen together, such as a frame's truth and reconstruction."""

    caption: str
    meshes: tuple[Mesh, ...]
    facts: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        require_text("caption of a scene", self.caption)
        if not self.meshes:
            raise InvalidValueError(f"scene {self.caption!r} has no meshes; leave it out")


@dataclass(frozen=True)
class Meshes:
    """Scenes that the reader can turn."""

    title: str
    scenes: tuple[Scene, ...]
    text: str = ""

    def __post_init__(self) -> None:
        require_text("title of scenes", self.title)


@dataclass(frozen=True)
class Note:
    """A paragraph that should not be missed."""

    text: str

    def __post_init__(self) -> None:
        require_text("text of a note", self.text)


Block = KeyNumbers | Table | Curves | Bars | Frames | Meshes | Note


@dataclass(frozen=True)
class Section:
    """A chapter of the report; blank lines part the paragraphs of its text."""

    title: str
    blocks: tuple[Block, ...] = ()
    text: str = ""

    def __post_init__(self) -> None:
        require_text("title of a section", self.title)


@dataclass(frozen=True)
class Report:
    """An evaluation: what was measured on which recording, when and on what machine."""

    title: str
    sections: tuple[Section, ...]
    subtitle: str = ""
    facts: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        require_text("title of the report", self.title)


def blocks_of(report: Report) -> list[Block]:
    """Every block of every section, in reading order."""
    return [block for section in report.sections for block in section.blocks]


def _is_jpeg(data: bytes) -> bool:
    if not data.startswith(b"\xff\xd8"):
        return False
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
