"""Compiled: which vertex of the posed hand a depth point most likely shows."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

FloatArray = NDArray[np.floating[Any]]

BIN_M: Final = 0.015
"""A vertex that is farther than this to the side of a point may be missed, and is farther than
any point pulls noticeably."""

_NORMAL_REACH_M: Final = 0.008  # how far apart unlike normals put a point and a vertex


@compiled
def nearest_vertices(
    vertices_m: FloatArray,
    normals: FloatArray,
    is_hand: NDArray[np.bool_],
    points_m: FloatArray,
    point_normals: FloatArray,
    nearest: NDArray[np.int64],
) -> None:
    """For each of (N, 3) points the vertex facing the camera that is closest in position and,
    scaled, in normal; -1 where none is near."""
    facing = _facing_vertices(vertices_m, normals, is_hand)
    nearest[:] = -1
    if not len(facing):
        return
    left, top = np.inf, np.inf
    right, bottom = -np.inf, -np.inf
    for vertex in facing:
        left, right = min(left, vertices_m[vertex, 0]), max(right, vertices_m[vertex, 0])
        top, bottom = min(top, vertices_m[vertex, 1]), max(bottom, vertices_m[vertex, 1])
    if not (right - left < 1.0 and bottom - top < 1.0):  # no hand, or not a number
        return
    columns, rows = int((right - left) / BIN_M) + 1, int((bottom - top) / BIN_M) + 1
    ends, oriented, binned = _binned(vertices_m, normals, facing, left, top, columns, rows)
    for point in range(len(points_m)):
        column = int(np.floor((points_m[point, 0] - left) / BIN_M))
        row = int(np.floor((points_m[point, 1] - top) / BIN_M))
        first, last = max(column - 1, 0), min(column + 1, columns - 1)
        if first > last:
            continue
        best = np.inf
        for near in range(max(row - 1, 0), min(row + 1, rows - 1) + 1):
            start = ends[near * columns + first]
            end = ends[near * columns + last + 1]
            place, best = _closest(oriented, start, end, points_m, point_normals, point, best)
            if place >= 0:
                nearest[point] = binned[place]


@compiled
def _facing_vertices(
    vertices_m: FloatArray, normals: FloatArray, is_hand: NDArray[np.bool_]
) -> NDArray[np.int64]:
    facing = np.empty(len(vertices_m), dtype=np.int64)
    count = 0
    for vertex in range(len(vertices_m)):
        towards = (
            normals[vertex, 0] * vertices_m[vertex, 0]
            + normals[vertex, 1] * vertices_m[vertex, 1]
            + normals[vertex, 2] * vertices_m[vertex, 2]
        )
        if towards < 0.0 and is_hand[vertex]:
            facing[count] = vertex
            count += 1
    return facing[:count]


@compiled
def _binned(
    vertices_m: FloatArray,
    normals: FloatArray,
    facing: NDArray[np.int64],
    left: float,
    top: float,
    columns: int,
    rows: int,
) -> tuple[NDArray[np.int64], FloatArray, NDArray[np.int64]]:
    """Vertices sorted by the square of x and y they lie in: where each square's begin, (F, 6)
    positions and scaled normals, and their numbers."""
    ends = np.zeros(columns * rows + 1, dtype=np.int64)
    square = np.empty(len(facing), dtype=np.int64)
    for number in range(len(facing)):
        column = int((vertices_m[facing[number], 0] - left) / BIN_M)
        row = int((vertices_m[facing[number], 1] - top) / BIN_M)
        square[number] = row * columns + column
        ends[square[number] + 1] += 1
    for number in range(columns * rows):
        ends[number + 1] += ends[number]
    places = ends.copy()
    oriented = np.empty((len(facing), 6))
    binned = np.empty(len(facing), dtype=np.int64)
    for number in range(len(facing)):
        place = places[square[number]]
        places[square[number]] += 1
        vertex = facing[number]
        binned[place] = vertex
        for axis in range(3):
            oriented[place, axis] = vertices_m[vertex, axis]
            oriented[place, 3 + axis] = _NORMAL_REACH_M * normals[vertex, axis]
    return ends, oriented, binned


@compiled
def _closest(
    oriented: FloatArray,
    start: int,
    end: int,
    points_m: FloatArray,
    point_normals: FloatArray,
    point: int,
    best: float,
) -> tuple[int, float]:
    """Which entry of a range is closer than ``best`` (-1 for none), and how close, squared."""
    x, y, z = points_m[point, 0], points_m[point, 1], points_m[point, 2]
    nx = _NORMAL_REACH_M * point_normals[point, 0]
    ny = _NORMAL_REACH_M * point_normals[point, 1]
    nz = _NORMAL_REACH_M * point_normals[point, 2]
    found = -1
    for place in range(start, end):
        distance = (
            (oriented[place, 0] - x) ** 2
            + (oriented[place, 1] - y) ** 2
            + (oriented[place, 2] - z) ** 2
            + (oriented[place, 3] - nx) ** 2
            + (oriented[place, 4] - ny) ** 2
            + (oriented[place, 5] - nz) ** 2
        )
        if distance < best:
            best = distance
            found = place
    return found, best
