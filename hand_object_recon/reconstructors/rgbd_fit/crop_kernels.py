"""Compiled: loops over the cells and pixels of a hand's crop."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.reconstructors.rgbd_fit.crop_labels import BACKGROUND, HAND, OCCLUDER

FloatArray = NDArray[np.floating[Any]]

_JUMP_M: Final = 0.012  # a step between neighbouring pixels that no skin makes
_NORMAL_STEP: Final = 2
_OCCLUDER_REACH_M: Final = 0.012  # a reading farther from an occluder's surface is not of it
_NEAREST_M: Final = 0.05


@compiled
def median_depths(depth_m: FloatArray, pixels: FloatArray, radius: int) -> FloatArray:
    """(K,) median of the readings within ``radius`` of each of (K, 2) pixels; NaN where none."""
    height, width = depth_m.shape
    medians = np.full(len(pixels), np.nan)
    found = np.empty((2 * radius + 1) ** 2)
    for number in range(len(pixels)):
        u, v = pixels[number, 0], pixels[number, 1]
        if not (-radius - 1 < u < width + radius and -radius - 1 < v < height + radius):
            continue
        column, row = round(u), round(v)
        count = 0
        for y in range(max(row - radius, 0), min(row + radius + 1, height)):
            for x in range(max(column - radius, 0), min(column + radius + 1, width)):
                if not math.isnan(depth_m[y, x]):
                    found[count] = depth_m[y, x]
                    count += 1
        if count:
            found[:count].sort()
            medians[number] = 0.5 * (found[(count - 1) // 2] + found[count // 2])
    return medians


@compiled
def near_cells(
    depth_m: FloatArray, step: int, middle_m: float, reach_m: float
) -> NDArray[np.uint8]:
    """(h, w) uint8: 1 for each cell of ``step`` pixels whose reading is about ``middle_m``."""
    height, width = (depth_m.shape[0] + step - 1) // step, (depth_m.shape[1] + step - 1) // step
    near = np.zeros((height, width), dtype=np.uint8)
    for row in range(height):
        for column in range(width):
            if abs(depth_m[row * step, column * step] - middle_m) < reach_m:
                near[row, column] = 1
    return near


@compiled
def label_components(
    components: NDArray[np.int32], count: int, cells: FloatArray, label: NDArray[np.uint8]
) -> None:
    """Mark the components that hold any of (K, 2) column and row as the hand."""
    height, width = components.shape
    is_hand = np.zeros(count, dtype=np.bool_)
    for number in range(len(cells)):
        column = min(max(round(cells[number, 0]), 0), width - 1)
        row = min(max(round(cells[number, 1]), 0), height - 1)
        is_hand[components[row, column]] = True
    is_hand[0] = False
    for row in range(height):
        for column in range(width):
            label[row, column] = HAND if is_hand[components[row, column]] else BACKGROUND


@compiled
def draw_depth(
    vertices_m: FloatArray,
    faces: NDArray[np.int32],
    camera: FloatArray,
    cells: NDArray[np.int64],
    nearest_m: FloatArray,
) -> None:
    """Draw a mesh into (h, w) distances along the view, kept where something is nearer.

    camera (4,): fx, fy, cx, cy. cells (3,): the crop's first column and row, pixels to a cell.
    """
    height, width = nearest_m.shape
    fx, fy, cx, cy = camera
    placed = np.empty((len(vertices_m), 3))
    for vertex in range(len(vertices_m)):
        z = max(vertices_m[vertex, 2], _NEAREST_M)
        placed[vertex, 0] = (fx * vertices_m[vertex, 0] / z + cx - cells[0]) / cells[2]
        placed[vertex, 1] = (fy * vertices_m[vertex, 1] / z + cy - cells[1]) / cells[2]
        placed[vertex, 2] = 1.0 / z
    for face in range(len(faces)):
        a, b, c = placed[faces[face, 0]], placed[faces[face, 1]], placed[faces[face, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area >= 0.0:  # seen from behind
            continue
        top = max(math.ceil(min(a[1], b[1], c[1])), 0)
        bottom = min(math.floor(max(a[1], b[1], c[1])), height - 1)
        left = max(math.ceil(min(a[0], b[0], c[0])), 0)
        right = min(math.floor(max(a[0], b[0], c[0])), width - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                by_b = ((column - a[0]) * (c[1] - a[1]) - (row - a[1]) * (c[0] - a[0])) / area
                by_c = ((b[0] - a[0]) * (row - a[1]) - (b[1] - a[1]) * (column - a[0])) / area
                if by_b < 0.0 or by_c < 0.0 or by_b + by_c > 1.0:
                    continue
                z = 1.0 / (a[2] + by_b * (b[2] - a[2]) + by_c * (c[2] - a[2]))
                nearest_m[row, column] = min(nearest_m[row, column], z)


@compiled
def mark_occluders(
    depth_m: FloatArray,
    step: int,
    occluder_m: FloatArray,
    hand_m: FloatArray,
    label: NDArray[np.uint8],
) -> None:
    """Take from the hand the cells whose reading is on an occluder, and nearer to it than to
    where the hand is expected; (h, w) distances are infinite where nothing is drawn."""
    for row in range(label.shape[0]):
        for column in range(label.shape[1]):
            measured = depth_m[row * step, column * step]
            to_occluder = abs(measured - occluder_m[row, column])
            if to_occluder < _OCCLUDER_REACH_M and not (
                abs(measured - hand_m[row, column]) < to_occluder
            ):
                label[row, column] = OCCLUDER


@compiled
def outline_cells(
    label: NDArray[np.uint8],
    outline_label: NDArray[np.int32],
    cells: NDArray[np.int64],
    outline_px: FloatArray,
) -> None:
    """Where in the image each numbered cell that is not background lies."""
    for row in range(label.shape[0]):
        for column in range(label.shape[1]):
            if label[row, column] != BACKGROUND:
                number = outline_label[row, column]
                outline_px[number, 0] = cells[0] + cells[2] * column
                outline_px[number, 1] = cells[1] + cells[2] * row


@compiled
def oriented_points(
    depth_m: FloatArray,
    label: NDArray[np.uint8],
    cells: NDArray[np.int64],
    camera: FloatArray,
    wrist: FloatArray,
    most_points: int,
) -> FloatArray:
    """(N, 6) float32 points of the hand and their normals towards the camera, about
    ``most_points`` spread evenly, where the surface around the pixel is whole: flying pixels and
    outlines are left out.

    wrist (4,): a place in the image and a direction; nothing behind it is taken.
    """
    usable = 0
    for row in range(label.shape[0]):
        for column in range(label.shape[1]):
            if label[row, column] == HAND and _is_before(wrist, cells, row, column):
                usable += 1
    points = np.empty((2 * usable + 1, 6), dtype=np.float32)
    spacing = max(1.0, math.sqrt(usable * cells[2] ** 2 / most_points))
    height, width = depth_m.shape
    count = 0
    for y in range(int((height - 1) / spacing) + 1):
        row = int(y * spacing)
        for x in range(int((width - 1) / spacing) + 1):
            column = int(x * spacing)
            cell_row, cell_column = row // cells[2], column // cells[2]
            if label[cell_row, cell_column] != HAND:
                continue
            if not _is_before(wrist, cells, cell_row, cell_column):
                continue
            if count < len(points) and _orient(depth_m, row, column, cells, camera, points[count]):
                count += 1
    return points[:count].copy()


@compiled
def _is_before(wrist: FloatArray, cells: NDArray[np.int64], row: int, column: int) -> bool:
    along_x = (cells[0] + cells[2] * column - wrist[0]) * wrist[2]
    along_y = (cells[1] + cells[2] * row - wrist[1]) * wrist[3]
    return bool(along_x + along_y >= 0.0)


@compiled
def _orient(
    depth_m: FloatArray,
    row: int,
    column: int,
    cells: NDArray[np.int64],
    camera: FloatArray,
    oriented: FloatArray,
) -> bool:
    """Fill in a pixel's point and normal; False where the surface about it is not whole."""
    height, width = depth_m.shape
    step = _NORMAL_STEP
    if not (step <= row < height - step and step <= column < width - step):
        return False
    z = depth_m[row, column]
    right, left = depth_m[row, column + step], depth_m[row, column - step]
    below, above = depth_m[row + step, column], depth_m[row - step, column]
    for other in (right, left, below, above):
        if not abs(other - z) < _JUMP_M:  # also where a reading is missing (NaN)
            return False
    fx, fy, cx, cy = camera
    u, v = (column + cells[0] - cx) / fx, (row + cells[1] - cy) / fy
    du, dv = step / fx, step / fy
    across_x = (u + du) * right - (u - du) * left
    across_y = v * (right - left)
    across_z = right - left
    down_x = u * (below - above)
    down_y = (v + dv) * below - (v - dv) * above
    down_z = below - above
    nx = down_y * across_z - down_z * across_y
    ny = down_z * across_x - down_x * across_z
    nz = down_x * across_y - down_y * across_x
    length = math.sqrt(nx * nx + ny * ny + nz * nz)
    if length < 1e-12:
        return False
    oriented[0], oriented[1], oriented[2] = u * z, v * z, z
    oriented[3], oriented[4], oriented[5] = nx / length, ny / length, nz / length
    return True
