"""An object's surface as hands meet it: distances, and which parts of it were seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.interaction.pulls import Thing, gaps_to, trust_in_surface
from hand_object_recon.object_model.mesh_distance import MeshDistance

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class ObjectSurface:
    """One object of one frame.

    thing
        Its distances and where it is.
    vertices_m, is_seen
        (V, 3) float64 in its own frame, and (V,) whether the camera measured them.
    """

    estimate: ObjectEstimate
    thing: Thing
    vertices_m: NDArray[np.float64]
    is_seen: NDArray[np.bool_]

    @classmethod
    def of(cls, estimate: ObjectEstimate, meshes: MeshDistance) -> ObjectSurface:
        """The surface of an object, whose grid ``meshes`` keeps from frame to frame.

        A method that does not tell what it saw is taken to have seen everything.
        """
        grid = meshes.grid(estimate.vertices_m, estimate.faces)
        pose = estimate.pose
        thing = Thing(
            grid.values,
            grid.origin_m,
            grid.voxel_m,
            np.ascontiguousarray(pose[:3, :3]),
            np.ascontiguousarray(pose[:3, 3]),
        )
        seen = estimate.vertex_seen
        count = len(estimate.vertices_m)
        return cls(
            estimate,
            thing,
            np.array(estimate.vertices_m, dtype=np.float64),
            np.ones(count, dtype=np.bool_) if seen is None else np.array(seen),
        )

    def gaps(self, points_m: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances (N,) of (N, 3) points of the camera frame, infinite beyond the grid, and the
        directions (N, 3) away from the surface."""
        return gaps_to(np.array(points_m, dtype=np.float64), self.thing)

    def trust(self, points_m: FloatArray, gaps_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) weight of the surface nearest to each of (N, 3) points with such gaps."""
        if self.is_seen.all():
            return np.full(len(points_m), self.estimate.score)
        points = np.array(points_m, dtype=np.float64)
        return self.estimate.score * trust_in_surface(
            points, gaps_m, self.thing, self.vertices_m, self.is_seen
        )
