"""How well the part of an object is modelled that a camera has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import FloatArray
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh, sample_surface
from hand_object_recon.geometry.mesh_normals import face_area_vectors
from hand_object_recon.geometry.signed_distance import unsigned_distances

SAMPLES: Final = 3000


@dataclass(frozen=True, eq=False)
class PartlySeen:
    """A mesh and which of its vertices (V,) have been seen."""

    mesh: SurfaceMesh
    vertex_seen: NDArray[np.bool_]

    def __post_init__(self) -> None:
        count = len(self.mesh.vertices_m)
        seen = require_array("vertex_seen", self.vertex_seen, (count,), np.bool_)
        object.__setattr__(self, "vertex_seen", seen)

    def seen_part(self) -> SurfaceMesh | None:
        """The triangles of which all corners have been seen; None without any."""
        faces = self.mesh.faces[self.vertex_seen[self.mesh.faces].all(axis=1)]
        return SurfaceMesh(self.mesh.vertices_m, faces) if len(faces) else None


class SeenDistances(NamedTuple):
    """Metres between the seen parts of estimate and truth.

    to_truth_m
        (P,) from points spread evenly over the estimate's seen part to the whole true surface.
    to_estimate_m, weights
        (Q,) from the true vertices that were visible to the estimate's seen part, and the share
        of the true visible area each stands for.
    """

    to_truth_m: FloatArray
    to_estimate_m: FloatArray
    weights: FloatArray

    @property
    def chamfer_m(self) -> float:
        """Mean of the two mean distances."""
        return float(0.5 * (self.to_truth_m.mean() + self.weights @ self.to_estimate_m))

    def quantile_m(self, quantile: float) -> float:
        """Below which this share of the distances to the true surface lies."""
        return float(np.quantile(self.to_truth_m, quantile))

    def completeness(self, threshold_m: float) -> float:
        """Share of the visible true area strictly nearer than the threshold."""
        return float(self.weights @ (self.to_estimate_m < threshold_m))

    def f_score(self, threshold_m: float) -> float:
        """Harmonic mean of the seen part's share within the threshold and the completeness."""
        precision = float((self.to_truth_m < threshold_m).mean())
        recall = self.completeness(threshold_m)
        return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


def seen_distances(
    estimate: PartlySeen, truth: PartlySeen, random: np.random.Generator
) -> SeenDistances | None:
    """Compare what was seen; None where the estimate or the truth has nothing that was."""
    seen = estimate.seen_part()
    if seen is None or not truth.vertex_seen.any():
        return None
    areas = vertex_areas(truth.mesh)[truth.vertex_seen]
    return SeenDistances(
        unsigned_distances(
            sample_surface(seen, SAMPLES, random), truth.mesh.vertices_m, truth.mesh.faces
        ),
        unsigned_distances(truth.mesh.vertices_m[truth.vertex_seen], seen.vertices_m, seen.faces),
        areas / areas.sum(),
    )


def vertex_areas(mesh: SurfaceMesh) -> FloatArray:
    """(V,) a third of the area of the triangles around each vertex, m²."""
    areas = 0.5 * np.linalg.norm(face_area_vectors(mesh.vertices_m, mesh.faces), axis=1)
    shares = np.repeat(areas / 3.0, 3)
    summed = np.bincount(mesh.faces.ravel(), shares, len(mesh.vertices_m))
    return np.asarray(summed, dtype=np.float64)
