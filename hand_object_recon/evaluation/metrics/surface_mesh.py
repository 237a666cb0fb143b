"""Triangle meshes as metrics take them, and samples of their surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array, require_faces
from hand_object_recon.evaluation.metrics.metric_value import FloatArray


@dataclass(frozen=True, eq=False)
class SurfaceMesh:
    """vertices_m (V, 3) float64 and faces (F, 3) int32, counter-clockwise seen from outside."""

    vertices_m: FloatArray
    faces: NDArray[np.int32]

    def __post_init__(self) -> None:
        vertices = require_array("mesh vertices", self.vertices_m, (None, 3), np.float64)
        faces = require_faces("mesh faces", self.faces, len(vertices))
        if not len(faces):
            raise InvalidValueError("mesh has 0 faces; give None where there is no result")
        object.__setattr__(self, "vertices_m", vertices)
        object.__setattr__(self, "faces", faces)

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.vertices_m).all())


def sample_surface(mesh: SurfaceMesh, count: int, random: np.random.Generator) -> FloatArray:
    """(count, 3) points spread evenly over the area at random."""
    corners = mesh.vertices_m[mesh.faces]
    along = corners[:, 1:] - corners[:, :1]
    double_areas = np.linalg.norm(np.cross(along[:, 0], along[:, 1]), axis=1)
    total = double_areas.sum()
    if not np.isfinite(total) or total <= 0:
        raise InvalidValueError(f"mesh has area {0.5 * total} m²; samples need a finite one")
    chosen = random.choice(len(corners), size=count, p=double_areas / total)
    weights = random.random((count, 2))
    beyond = weights.sum(axis=1) > 1.0
    weights[beyond] = 1.0 - weights[beyond]
    return np.asarray(corners[chosen, 0] + np.einsum("nk,nki->ni", weights, along[chosen]))
