"""The surface on which a function sampled on a regular grid takes a given value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hand_object_recon.core.errors import InvalidValueError


@dataclass(frozen=True, eq=False)
class Isosurface:
    """A triangle mesh with its vertices on the edges of a grid.

    vertices
        (V, 3) float32.
    faces
        (F, 3) int32, counter-clockwise seen from where the function is greater.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]


def isosurface(
    values: NDArray[np.floating[Any]],
    level: float = 0.0,
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
    spacing: ArrayLike = 1.0,
) -> Isosurface:
    """The surface between samples below and not below ``level``, by marching cubes.

    Every edge has two faces and the faces around a vertex form one fan, except at the grid's
    border, where a surface that runs out of the grid ends open. Where the pattern of inside
    samples leaves a choice, samples below the level are kept apart. A vertex stays at least a
    hundredth of the spacing away from the samples, so that no two coincide.

    Parameters
    ----------
    values
        (nx, ny, nz) finite samples; taken as float32.
    origin
        (3,) position of sample (0, 0, 0).
    spacing
        Distance between samples, one or (3,).
    """
    from hand_object_recon.geometry.isosurface_kernels import extract

    samples = np.require(values, np.float32, ["C", "W"])
    if samples.ndim != 3 or min(samples.shape) < 2:
        raise InvalidValueError(
            f"isosurface values have shape {samples.shape}; give (nx, ny, nz), two or more a side"
        )
    steps = np.array(np.broadcast_to(np.asarray(spacing, dtype=np.float64), 3))
    if not (steps > 0.0).all():
        raise InvalidValueError(f"isosurface spacing is {steps.tolist()}; all must be above 0")
    start = np.array(np.broadcast_to(np.asarray(origin, dtype=np.float64), 3))
    return Isosurface(*extract(samples, float(level), start, steps))
