"""Connected parts of a depth image and what they are like, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.held_objects.part_columns import PartColumn

AREA, CLEAR_AREA = int(PartColumn.AREA), int(PartColumn.CLEAR_AREA)
CONTACT_AREA, RIM_AREA = int(PartColumn.CONTACT_AREA), int(PartColumn.RIM_AREA)
LIKENESS, BORDER, FASTENED = (
    int(PartColumn.LIKENESS),
    int(PartColumn.BORDER),
    int(PartColumn.FASTENED),
)
X, Y, Z = int(PartColumn.X), int(PartColumn.Y), int(PartColumn.Z)
COLUMNS = len(PartColumn)

_JUMP_M = 0.006
_JUMP_PER_PIXEL = 5.0  # slope of a surface that is still connected: depth by width of a pixel


@compiled
def connected_parts(
    depth_m: NDArray[np.float32], kinds: NDArray[np.uint8], wanted: int, pixel_rad: float
) -> tuple[NDArray[np.int32], int]:
    """Number (h, w) of the connected part each pixel of the wanted kind is in, -1 for others,
    and how many parts there are. Neighbours are connected where depth does not jump.

    pixel_rad: width of a pixel at a distance of one metre.
    """
    height, width = depth_m.shape
    parts = np.full((height, width), -1, dtype=np.int32)
    stack = np.empty(height * width, dtype=np.int32)
    count = 0
    for first in range(height * width):
        row, column = first // width, first % width
        if kinds[row, column] != wanted or parts[row, column] >= 0:
            continue
        parts[row, column] = count
        stack[0], size = first, 1
        while size > 0:
            size -= 1
            row, column = stack[size] // width, stack[size] % width
            depth = depth_m[row, column]
            most = max(_JUMP_M, _JUMP_PER_PIXEL * pixel_rad * depth)
            for y in range(max(row - 1, 0), min(row + 2, height)):
                for x in range(max(column - 1, 0), min(column + 2, width)):
                    if (
                        kinds[y, x] == wanted
                        and parts[y, x] < 0
                        and abs(depth_m[y, x] - depth) < most
                    ):
                        parts[y, x] = count
                        stack[size] = y * width + x
                        size += 1
        count += 1
    return parts, count


@compiled
def areas_near(
    depth_m: NDArray[np.float32],
    parts: NDArray[np.int32],
    count: int,
    intrinsics: NDArray[np.float64],
    places_m: NDArray[np.float64],
    radius_m: float,
) -> NDArray[np.float64]:
    """(count,) area in square metres of each part within a radius of any of the places (K, 3)."""
    areas = np.zeros(count)
    height, width = depth_m.shape
    for row in range(height):
        for column in range(width):
            part = parts[row, column]
            if part < 0:
                continue
            z = depth_m[row, column]
            x = (column - intrinsics[2]) / intrinsics[0] * z
            y = (row - intrinsics[3]) / intrinsics[1] * z
            for n in range(len(places_m)):
                dx, dy, dz = x - places_m[n, 0], y - places_m[n, 1], z - places_m[n, 2]
                if dx * dx + dy * dy + dz * dz < radius_m * radius_m:
                    areas[part] += z * z / (intrinsics[0] * intrinsics[1])
                    break
    return areas


_CLEAR_M = 0.012
_CONTACT_M = 0.018


@compiled
def part_measures(
    depth_m: NDArray[np.float32],
    parts: NDArray[np.int32],
    count: int,
    intrinsics: NDArray[np.float64],
    gaps_m: NDArray[np.float32],
    object_likeness: NDArray[np.float32],
    kinds: NDArray[np.uint8],
    background: int,
) -> NDArray[np.float64]:
    """(count, columns) of ``PartColumn``; ``background``: the kind that goes on across borders."""
    measures = np.zeros((count, COLUMNS))
    height, width = depth_m.shape
    for row in range(height):
        for column in range(width):
            part = parts[row, column]
            if part < 0:
                continue
            z = depth_m[row, column]
            area = z * z / (intrinsics[0] * intrinsics[1])
            measures[part, AREA] += area
            if gaps_m[row, column] > _CLEAR_M:
                measures[part, CLEAR_AREA] += area
            if gaps_m[row, column] < _CONTACT_M:
                measures[part, CONTACT_AREA] += area
            if row == 0 or column == 0 or row == height - 1 or column == width - 1:
                measures[part, RIM_AREA] += area
            measures[part, LIKENESS] += area * object_likeness[row, column]
            measures[part, X] += area * (column - intrinsics[2]) / intrinsics[0] * z
            measures[part, Y] += area * (row - intrinsics[3]) / intrinsics[1] * z
            measures[part, Z] += area * z
            add_border(depth_m, parts, kinds, background, row, column, measures)
    for part in range(count):
        measures[part, LIKENESS : Z + 1] /= measures[part, AREA]
        measures[part, FASTENED] /= max(measures[part, BORDER], 1.0)
    return measures


@compiled
def add_border(
    depth_m: NDArray[np.float32],
    parts: NDArray[np.int32],
    kinds: NDArray[np.uint8],
    background: int,
    row: int,
    column: int,
    measures: NDArray[np.float64],
) -> None:
    """Count the sides of a pixel at which its part ends, and those where background goes on."""
    height, width = depth_m.shape
    part = parts[row, column]
    for y, x in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= y < height and 0 <= x < width and parts[y, x] != part:
            measures[part, BORDER] += 1.0
            if (
                kinds[y, x] == background
                and abs(depth_m[y, x] - depth_m[row, column]) < 2.0 * _JUMP_M
            ):
                measures[part, FASTENED] += 1.0
