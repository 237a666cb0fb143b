"""Small meshes whose topology is known by heart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Mesh = tuple[np.ndarray, np.ndarray]


def _flat_grid(size: int) -> Mesh:
    places = np.linspace(0.0, 1.0, size)
    vertices = np.array([[x, y, 0.0] for x in places for y in places])
    faces = []
    for row in range(size - 1):
        for column in range(size - 1):
            corner = row * size + column
            faces += [
                [corner, corner + size, corner + 1],
                [corner + 1, corner + size, corner + size + 1],
            ]
    return vertices, np.array(faces, dtype=np.int32)


@pytest.fixture(scope="session")
def icosahedron() -> Mesh:
    golden = (1.0 + np.sqrt(5.0)) / 2.0
    vertices = [(-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0)]
    vertices += [(0, -1, golden), (0, 1, golden), (0, -1, -golden), (0, 1, -golden)]
    vertices += [(golden, 0, -1), (golden, 0, 1), (-golden, 0, -1), (-golden, 0, 1)]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11)]
    faces += [(1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6), (7, 1, 8)]
    faces += [(3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9)]
    faces += [(4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
    return np.array(vertices, dtype=np.float64), np.array(faces, dtype=np.int32)


@pytest.fixture(scope="session")
def flat_grid() -> Callable[[int], Mesh]:
    """size x size vertices on the unit square, every cell cut along the same diagonal."""
    return _flat_grid


@pytest.fixture(scope="session")
def grid() -> Mesh:
    """Sixteen vertices in four rows of four, open all around."""
    return _flat_grid(4)
