"""Marching cubes over the cells of a grid, compiled.

Cells are visited in the order of the array. A vertex is made by the first cell that has its edge,
and later cells look its number up. So what is looked up was always written before, and the arrays
of numbers need not be filled beforehand.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.geometry.isosurface_table import CELL_EDGES, triangle_table

_MARGIN = 0.01  # of an edge, between a vertex and its ends
_SMALL_COUNTS, _TRIANGLE_EDGES = triangle_table()
_TRIANGLE_COUNTS: Final = _SMALL_COUNTS.astype(np.int64)  # summed up
_EDGES: Final = np.array(CELL_EDGES, dtype=np.int64)


def _crossed_edges() -> NDArray[np.int64]:
    """(256,) bits of the edges between corners of which one lies inside."""
    patterns = np.arange(256)
    crossed = np.zeros(256, dtype=np.int64)
    for number, (corner, axis) in enumerate(CELL_EDGES):
        differs = (patterns >> corner ^ patterns >> (corner | 1 << axis)) & 1
        crossed |= differs << number
    return crossed


def _first_seen_edges() -> NDArray[np.int64]:
    """(8,) bits of the edges no earlier cell has, by the axes (bits) a cell is the first along."""
    seen = np.zeros(8, dtype=np.int64)
    for place in range(8):
        for number, (corner, axis) in enumerate(CELL_EDGES):
            others = [other for other in range(3) if other != axis]
            if all((corner | place) >> other & 1 for other in others):
                seen[place] |= 1 << number
    return seen


_CROSSED = _crossed_edges()
_FIRST_SEEN = _first_seen_edges()
_BIT_COUNTS = np.array([bin(bits).count("1") for bits in range(4096)], dtype=np.int64)

Mesh = tuple[NDArray[np.float32], NDArray[np.int32]]


@compiled
def extract(
    values: NDArray[np.float32],
    level: float,
    origin: NDArray[np.float64],
    spacing: NDArray[np.float64],
) -> Mesh:
    """Vertices and faces as in ``Isosurface``."""
    ny, nz = values.shape[1], values.shape[2]
    cells, patterns, cell_count, vertex_count, face_count = _crossed_cells(values, level)
    vertices = np.empty((vertex_count, 3), dtype=np.float32)
    faces = np.empty((face_count, 3), dtype=np.int32)
    numbers = np.empty(3 * values.size, dtype=np.int32)
    strides = np.array([ny * nz, nz, 1])
    own = np.empty(12, dtype=np.int32)
    samples = values.ravel()
    vertex, face = 0, 0
    for n in range(cell_count):
        cell, pattern = cells[n], int(patterns[n])
        i, j, k = cell // (ny * nz), cell // nz % ny, cell % nz
        crossed, first_seen = _CROSSED[pattern], _FIRST_SEEN[_place(i, j, k)]
        for edge in range(12):
            if not crossed >> edge & 1:
                continue
            corner, axis = _EDGES[edge, 0], _EDGES[edge, 1]
            x, y, z = i + (corner & 1), j + (corner >> 1 & 1), k + (corner >> 2)
            start = x * strides[0] + y * strides[1] + z
            if not first_seen >> edge & 1:
                own[edge] = numbers[3 * start + axis]
                continue
            end = start + strides[axis]
            share = (level - samples[start]) / (samples[end] - samples[start])
            share = min(max(share, _MARGIN), 1.0 - _MARGIN)
            vertices[vertex, 0] = origin[0] + spacing[0] * (x + (share if axis == 0 else 0.0))
            vertices[vertex, 1] = origin[1] + spacing[1] * (y + (share if axis == 1 else 0.0))
            vertices[vertex, 2] = origin[2] + spacing[2] * (z + (share if axis == 2 else 0.0))
            numbers[3 * start + axis] = vertex
            own[edge] = vertex
            vertex += 1
        for number in range(_TRIANGLE_COUNTS[pattern]):
            for turn in range(3):
                faces[face, turn] = own[_TRIANGLE_EDGES[pattern, number, turn]]
            face += 1
    return vertices, faces


@compiled
def _crossed_cells(
    values: NDArray[np.float32], level: float
) -> tuple[NDArray[np.int64], NDArray[np.uint8], int, int, int]:
    """Cells (flattened number of their first corner) that the surface crosses, their patterns of
    inside corners, and the numbers of cells, vertices and faces."""
    nx, ny, nz = values.shape
    inside, rows = _inside(values, level)
    cells = np.empty(values.size, dtype=np.int64)
    patterns = np.empty(values.size, dtype=np.uint8)
    cell_count, vertex_count, face_count = 0, 0, 0
    for i in range(nx - 1):
        for j in range(ny - 1):
            within = rows[i, j] + rows[i + 1, j] + rows[i, j + 1] + rows[i + 1, j + 1]
            if within in (0, 4 * nz):
                continue
            ahead = _corners(inside, i, j, 0)
            for k in range(nz - 1):
                behind, ahead = ahead, _corners(inside, i, j, k + 1)
                pattern = behind | ahead << 4
                if pattern in (0, 255):
                    continue
                cells[cell_count] = (i * ny + j) * nz + k
                patterns[cell_count] = pattern
                cell_count += 1
                made = _CROSSED[pattern] & _FIRST_SEEN[_place(i, j, k)]
                vertex_count += _BIT_COUNTS[made]
                face_count += _TRIANGLE_COUNTS[pattern]
    return cells, patterns, cell_count, vertex_count, face_count


@compiled
def _inside(
    values: NDArray[np.float32], level: float
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(nx, ny, nz) 1 where a sample is below the level, and their number (nx, ny) in each row."""
    inside = np.empty(values.shape, dtype=np.uint8)
    rows = np.empty(values.shape[:2], dtype=np.int64)
    limit = np.float32(level)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            count = 0
            for k in range(values.shape[2]):
                below = values[i, j, k] < limit
                inside[i, j, k] = below
                count += below
            rows[i, j] = count
    return inside, rows


@compiled
def _corners(inside: NDArray[np.uint8], i: int, j: int, k: int) -> int:
    """Bits of the four corners of a cell at one height."""
    return int(
        inside[i, j, k]
        | inside[i + 1, j, k] << 1
        | inside[i, j + 1, k] << 2
        | inside[i + 1, j + 1, k] << 3
    )


@compiled
def _place(i: int, j: int, k: int) -> int:
    """Bits of the axes along which a cell is the first."""
    return int(i == 0) | int(j == 0) << 1 | int(k == 0) << 2
