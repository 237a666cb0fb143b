"""The closed surface of a body that was modelled from depth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import PrimitiveFit
from hand_object_recon.core.validation import require_array, require_faces


class CompletionRule(str, Enum):
    """How the unseen side of a body is closed; ``completion.complete`` says what they mean."""

    AUTO = "auto"
    PRIMITIVE = "primitive"
    SYMMETRY = "symmetry"
    EXTRUSION = "extrusion"
    CONVEX = "convex"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class ObjectSurface:
    """A watertight mesh in the object's own frame.

    vertices_m, faces
        (V, 3) float32 metres, and (F, 3) int32 counter-clockwise seen from outside.
    normals
        (V, 3) float32 unit normals outwards.
    vertex_seen
        (V,) bool: measured, not completed.
    vertex_colors
        (V, 3) uint8; a completed vertex has the mean colour of the seen ones.
    rule
        What closed the unseen side; never ``AUTO``.
    primitive
        The simple body that describes what was seen; None where none does.
    """

    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    normals: NDArray[np.float32]
    vertex_seen: NDArray[np.bool_]
    vertex_colors: NDArray[np.uint8]
    rule: CompletionRule
    primitive: PrimitiveFit | None

    def __post_init__(self) -> None:
        vertices = require_array("surface vertices_m", self.vertices_m, (None, 3), np.float32)
        count = len(vertices)
        object.__setattr__(self, "vertices_m", vertices)
        object.__setattr__(self, "faces", require_faces("surface faces", self.faces, count))
        for name, shape, dtype in (
            ("normals", (count, 3), np.float32),
            ("vertex_seen", (count,), np.bool_),
            ("vertex_colors", (count, 3), np.uint8),
        ):
            value = require_array(f"surface {name}", getattr(self, name), shape, dtype)
            object.__setattr__(self, name, value)
