"""Colours of hands and objects in messages, as red, green and blue from 0 to 1."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.objects import ObjectEstimate

Rgb: TypeAlias = tuple[float, float, float]
HAND_COLORS: Final[dict[HandSide, Rgb]] = {
    HandSide.LEFT: (1.0, 0.62, 0.29),
    HandSide.RIGHT: (0.28, 0.69, 1.0),
}
OBJECT_COLOR: Final[Rgb] = (0.45, 0.75, 0.45)
COMPLETED_COLOR: Final[Rgb] = (0.66, 0.45, 0.85)
CONTACT_COLOR: Final[Rgb] = (0.95, 0.2, 0.25)


def object_colors(item: ObjectEstimate) -> NDArray[np.float32]:
    """(V, 3) colours of an object's vertices: its own where they were seen and are known,
    ``COMPLETED_COLOR`` where the surface was completed."""
    colors = np.empty((len(item.vertices_m), 3), dtype=np.float32)
    colors[:] = OBJECT_COLOR
    if item.vertex_colors is not None:
        colors[:] = item.vertex_colors / np.float32(255)
    if item.vertex_seen is not None:
        colors[~item.vertex_seen] = COMPLETED_COLOR
    return colors
