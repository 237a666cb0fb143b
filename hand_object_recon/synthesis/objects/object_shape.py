"""An object a hand can hold: a closed mesh about its centre of volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array, require_faces, require_text
from hand_object_recon.synthesis.objects.closed_mesh import (
    center_of_volume,
    extent_m,
    require_closed,
    volume_m3,
)

MIN_EXTENT_M: Final = 0.020
MAX_EXTENT_M: Final = 0.250
_CENTER_TOLERANCE_M: Final = 1e-4
_VOLUME_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, eq=False)
class ObjectShape:
    """A closed object in its own frame: origin at its centre of volume, metres.

    name
        Such as "mug-000123"; there is one object of a category and a seed.
    vertices_m, faces
        (V, 3) float32, and (F, 3) int32 counter-clockwise seen from outside. The longest side of
        the bounding box is 20 to 250 mm.
    volume_m3
        Volume within the mesh.
    """

    name: str
    category: str
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    volume_m3: float

    def __post_init__(self) -> None:
        name = f"object {require_text('object name', self.name)}"
        require_text("object category", self.category)
        vertices = require_array(
            f"{name} vertices_m", self.vertices_m, (None, 3), np.float32, finite=True
        )
        faces = require_faces(f"{name} faces", self.faces, len(vertices))
        require_closed(name, faces)
        _require_holdable_size(name, vertices)
        _require_volume(name, vertices, faces, self.volume_m3)
        _require_centered(name, vertices, faces)
        object.__setattr__(self, "vertices_m", vertices)
        object.__setattr__(self, "faces", faces)


def centered_object(
    name: str, category: str, vertices_m: NDArray[np.floating[Any]], faces: NDArray[np.int32]
) -> ObjectShape:
    """The object of a closed mesh (V, 3), (F, 3) that lies anywhere, with its volume."""
    require_closed(f"object {name}", faces)
    centered = (vertices_m - center_of_volume(vertices_m, faces)).astype(np.float32)
    return ObjectShape(name, category, centered, faces, volume_m3(centered, faces))


def _require_holdable_size(name: str, vertices_m: NDArray[np.float32]) -> None:
    extent = extent_m(vertices_m)
    if not MIN_EXTENT_M <= extent <= MAX_EXTENT_M:
        raise InvalidValueError(
            f"{name} spans {1e3 * extent:.1f} mm; a hand-held object spans "
            f"{1e3 * MIN_EXTENT_M:.0f} to {1e3 * MAX_EXTENT_M:.0f} mm: scale it"
        )


def _require_volume(
    name: str, vertices_m: NDArray[np.float32], faces: NDArray[np.int32], stated_m3: float
) -> None:
    enclosed = volume_m3(vertices_m, faces)
    if enclosed <= 0.0:
        raise InvalidValueError(
            f"{name} encloses {1e6 * enclosed:.3f} cm³; turn its faces outwards"
        )
    if not abs(stated_m3 - enclosed) <= _VOLUME_TOLERANCE * enclosed:
        raise InvalidValueError(
            f"{name} is said to have {1e6 * stated_m3:.3f} cm³, its mesh encloses "
            f"{1e6 * enclosed:.3f} cm³; give the volume of the mesh"
        )


def _require_centered(name: str, vertices_m: NDArray[np.float32], faces: NDArray[np.int32]) -> None:
    offset = float(np.linalg.norm(center_of_volume(vertices_m, faces)))
    if offset > _CENTER_TOLERANCE_M:
        raise InvalidValueError(
            f"{name} has its centre of volume {1e3 * offset:.2f} mm from its origin; "
            "use centered_object"
        )
