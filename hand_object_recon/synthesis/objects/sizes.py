"""Random lengths, and the length of a mesh's edges."""

from __future__ import annotations

from typing import Final

import numpy as np

_TARGET_FACES: Final = 2800
_EDGE_LIMITS_M: Final = (0.0015, 0.0065)
_EQUILATERAL: Final = float(np.sqrt(3.0) / 4.0)


def drawn_m(random: np.random.Generator, low_mm: float, high_mm: float) -> float:
    """A length in metres between two lengths in millimetres."""
    return float(1e-3 * random.uniform(low_mm, high_mm))


def even_edge_m(area_m2: float) -> float:
    """Edge at which equilateral triangles cover an area about 2800 times, within 1.5–6.5 mm."""
    edge = (area_m2 / (_TARGET_FACES * _EQUILATERAL)) ** 0.5
    return float(np.clip(edge, *_EDGE_LIMITS_M))
