"""What is known of an object a hand holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.validation import (
    require_array,
    require_faces,
    require_range,
    require_rigid_transform,
)


@dataclass(frozen=True, eq=False)
class ObjectEstimate:
    """One object in space.

    pose
        (4, 4) float64 rigid transform from the object's own frame to the camera optical frame.
    vertices_m, faces
        (V, 3) float32 metres in the object's own frame, and (F, 3) int32 counter-clockwise
        seen from outside.
    held_by
        Track id of the hand that holds it, or -1.
    """

    track_id: int
    score: float
    pose: NDArray[np.float64]
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    held_by: int = -1

    def __post_init__(self) -> None:
        require_range("object score", self.score, 0.0, 1.0)
        vertices = require_array(
            "object vertices_m", self.vertices_m, (None, 3), np.float32, finite=True
        )
        faces = require_faces("object faces", self.faces, len(vertices))
        object.__setattr__(self, "pose", require_rigid_transform("object pose", self.pose))
        object.__setattr__(self, "vertices_m", vertices)
        object.__setattr__(self, "faces", faces)
