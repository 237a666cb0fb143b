"""Directions spread evenly over the sphere."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def sphere_directions(count: int) -> NDArray[np.float64]:
    """(count, 3) unit vectors: a Fibonacci spiral."""
    number = np.arange(count) + 0.5
    polar = np.arccos(1.0 - 2.0 * number / count)
    around = np.pi * (1.0 + np.sqrt(5.0)) * number
    return np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=1
    )
