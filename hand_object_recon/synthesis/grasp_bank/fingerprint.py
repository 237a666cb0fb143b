"""A few sizes of an object, by which a mesh other than the one a grasp was made for is found out.

Sizes with a tolerance and not a checksum of bytes: another machine's arithmetic may draw the
same object with its last bits different.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.objects.closed_mesh import surface_area_m2
from hand_object_recon.synthesis.objects.object_shape import ObjectShape

_TOLERANCE_M: Final = 2e-5


def fingerprint_of(shape: ObjectShape) -> NDArray[np.float64]:
    """(9,) metres: corners of the bounding box, cube root of the volume, square root of the
    area, and root mean square distance of the vertices from the origin."""
    vertices = shape.vertices_m.astype(np.float64)
    return np.array(
        [
            *vertices.min(axis=0),
            *vertices.max(axis=0),
            shape.volume_m3 ** (1 / 3),
            surface_area_m2(vertices, shape.faces) ** 0.5,
            np.sqrt((vertices**2).sum(axis=1).mean()),
        ]
    )


def is_same_object(shape: ObjectShape, fingerprint: NDArray[np.float64]) -> bool:
    """Whether each size differs by at most 20 micrometres."""
    return bool(np.abs(fingerprint_of(shape) - fingerprint).max() <= _TOLERANCE_M)
