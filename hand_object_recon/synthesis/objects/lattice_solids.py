"""Boxes and superquadrics from the surface of a lattice, with triangles of even size."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh

FloatArray = NDArray[np.floating[Any]]

_ROUNDING_STEPS: Final = 3


def box_mesh(sides_m: FloatArray, rounding_m: float, edge_m: float) -> TriangleMesh:
    """A box of sides (3,) about the origin whose edges and corners are rounded to a radius."""
    half = np.asarray(sides_m, dtype=np.float64) / 2.0
    axes = [_box_ticks(float(length), rounding_m, edge_m) for length in half]
    vertices, faces = _lattice_surface(axes)
    if rounding_m > 0.0:
        core = np.clip(vertices, rounding_m - half, half - rounding_m)
        outwards = vertices - core
        vertices = core + rounding_m * outwards / np.linalg.norm(outwards, axis=1, keepdims=True)
    return TriangleMesh(vertices, faces)


def superquadric_mesh(
    half_axes_m: FloatArray, roundness: tuple[float, float], edge_m: float
) -> TriangleMesh:
    """Superquadric about the origin, half axes (3,).

    roundness
        Exponents from pole to pole and around: (1, 1) is an ellipsoid, towards 0 a box, 2 an
        octahedron.
    """
    half = np.asarray(half_axes_m, dtype=np.float64)
    ticks = [_angular_ticks(float(length), edge_m) for length in half]
    vertices, faces = _lattice_surface(ticks)
    upright, around = roundness
    powers = np.abs(vertices) ** (2.0 / around)
    level = (powers[:, 0] + powers[:, 1]) ** (around / upright)
    level = level + np.abs(vertices[:, 2]) ** (2.0 / upright)
    scale: FloatArray = level ** (-upright / 2.0)
    return TriangleMesh(vertices * scale[:, None] * half, faces)


def _box_ticks(half_m: float, rounding_m: float, edge_m: float) -> FloatArray:
    """Places of the lattice's planes along one axis: close together in the rounded part."""
    flat = half_m - rounding_m
    middle = np.linspace(-flat, flat, max(2, int(np.ceil(2.0 * flat / edge_m)) + 1))
    if rounding_m <= 0.0:
        return middle
    # equal angles on the arc that the plane's points are pushed out to
    angles = np.linspace(0.0, np.pi / 4.0, _ROUNDING_STEPS + 1)[1:]
    corner = flat + rounding_m * np.tan(angles)
    return np.concatenate([-corner[::-1], middle, corner])


def _angular_ticks(half_m: float, edge_m: float) -> FloatArray:
    count = max(6, int(np.ceil(np.pi / 2.0 * half_m / edge_m)) + 1)
    return np.asarray(np.tan(np.linspace(-np.pi / 4.0, np.pi / 4.0, count)))


def _lattice_surface(ticks: list[FloatArray]) -> tuple[FloatArray, NDArray[np.int32]]:
    """Vertices (V, 3) and faces (F, 3) of the outer surface of a lattice of planes."""
    sizes = [len(places) for places in ticks]
    numbers = np.arange(int(np.prod(sizes))).reshape(sizes)
    quads = []
    for axis in range(3):
        for side in (0, -1):
            sheet = np.take(numbers, side, axis=axis)
            quads.append(_quads(sheet, is_flipped=(side == 0) != (axis == 1)))
    corners = np.concatenate(quads)
    used, renumbered = np.unique(corners, return_inverse=True)
    indices = np.stack(np.unravel_index(used, sizes), axis=1)
    vertices = np.stack([ticks[axis][indices[:, axis]] for axis in range(3)], axis=1)
    quad = renumbered.reshape(-1, 4)
    faces = np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])
    return vertices, faces.astype(np.int32)


def _quads(sheet: NDArray[np.intp], *, is_flipped: bool) -> NDArray[np.intp]:
    """(Q, 4) corners of the cells of a sheet of vertex numbers."""
    corners = [sheet[:-1, :-1], sheet[1:, :-1], sheet[1:, 1:], sheet[:-1, 1:]]
    quads = np.stack(corners, axis=-1).reshape(-1, 4)
    return quads[:, ::-1] if is_flipped else quads
