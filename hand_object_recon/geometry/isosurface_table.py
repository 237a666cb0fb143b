"""How a surface crosses a cell of a grid, for each pattern of corners that lie inside.

Corners of a cell are numbered ``x + 2 * y + 4 * z``, and a pattern has the bit of each corner that
lies inside. Edges are numbered as ``CELL_EDGES`` lists them.

On each face of the cell the surface's lines cut off the runs of inside corners, so that two
opposite ones are kept apart. The lines on a face follow from its corners alone, so two cells agree
on the face they share: the surface has no holes. The lines close to loops, which are cut into
triangles without an edge between two points of one face, because the cell beyond might draw that
edge too, and an edge would have four triangles.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_TRIANGLES: Final = 5

CELL_EDGES: Final = tuple(
    (corner, axis) for axis in range(3) for corner in range(8) if not corner >> axis & 1
)
"""First corner and axis of each of the 12 edges."""

_FACES: Final = (
    (0, 4, 6, 2),
    (1, 3, 7, 5),
    (0, 1, 5, 4),
    (2, 6, 7, 3),
    (0, 2, 3, 1),
    (4, 5, 7, 6),
)
"""Corners of each face, counter-clockwise seen from outside the cell."""

Triangle = tuple[int, int, int]


@cache
def triangle_table() -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Number of triangles (256,) and their edges (256, 5, 3), counter-clockwise from outside."""
    counts = np.zeros(256, dtype=np.int8)
    edges = np.zeros((256, MOST_TRIANGLES, 3), dtype=np.int8)
    for pattern in range(256):
        triangles = [triangle for loop in _loops(pattern) for triangle in _triangles_of_loop(loop)]
        counts[pattern] = len(triangles)
        for number, triangle in enumerate(triangles):
            edges[pattern, number] = triangle
    return counts, edges


def _loops(pattern: int) -> Iterator[tuple[int, ...]]:
    """Closed lines of the surface in a cell, as the edges they cross one after the other."""
    following = dict(line for face in _FACES for line in _lines_on_face(face, pattern))
    while following:
        edge, ahead = following.popitem()
        loop = [edge]
        while ahead != edge:
            loop.append(ahead)
            ahead = following.pop(ahead)
        yield tuple(loop)


def _lines_on_face(face: tuple[int, ...], pattern: int) -> Iterator[tuple[int, int]]:
    """From which edge to which each line on a face leads: around a run of inside corners."""
    is_inside = [bool(pattern >> corner & 1) for corner in face]
    for start in range(4):
        if is_inside[start] or not is_inside[(start + 1) % 4]:
            continue
        end = next(
            number % 4 for number in range(start + 1, start + 4) if not is_inside[(number + 1) % 4]
        )
        yield _edge(face, start), _edge(face, end)


def _edge(face: tuple[int, ...], side: int) -> int:
    """Number of the edge between a corner of a face and the next."""
    first, second = sorted((face[side], face[(side + 1) % 4]))
    return CELL_EDGES.index((first, (second - first).bit_length() - 1))


def _triangles_of_loop(loop: tuple[int, ...]) -> tuple[Triangle, ...]:
    found = next(_cuts(loop), None)
    if found is None:
        raise AssertionError(f"loop {loop} cannot be cut into triangles within the cell")
    return found


def _cuts(loop: tuple[int, ...]) -> Iterator[tuple[Triangle, ...]]:
    """Ways to cut a loop into triangles with no new edge between two points of one face."""
    if len(loop) < 3:
        yield ()
        return
    first, last = loop[0], loop[-1]
    for place in range(1, len(loop) - 1):
        apex = loop[place]
        before, after = loop[: place + 1], loop[place:]
        if len(before) > 2 and _share_face(first, apex):
            continue
        if len(after) > 2 and _share_face(apex, last):
            continue
        for triangles in _cuts(before):
            for others in _cuts(after):
                yield (*triangles, (first, apex, last), *others)


def _share_face(first: int, second: int) -> bool:
    """Whether two edges of the cell lie on one of its faces."""
    corners = set(_ends(first)) | set(_ends(second))
    return any(corners <= set(face) for face in _FACES)


def _ends(edge: int) -> tuple[int, int]:
    corner, axis = CELL_EDGES[edge]
    return corner, corner | 1 << axis
