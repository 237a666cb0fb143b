"""A hand's mesh closed at the wrist, so that it has an inside and a volume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import boundary_loops
from hand_object_recon.hand_model.topology.solid import enclosed_volume, is_inside

FloatArray = NDArray[np.floating[Any]]
Vertices = TypeVar("Vertices", NDArray[np.float32], NDArray[np.float64], Tensor)


@dataclass(frozen=True, eq=False)
class ClosedHand:
    """The topology of a hand with a lid on its wrist.

    vertex_count
        Vertices V of the open mesh; the lid's centre is vertex V of the closed one.
    rim (R,)
        Vertices along the wrist's rim.
    faces (F + R, 3)
        The open mesh's faces, then the lid's, all counter-clockwise seen from outside.
    """

    vertex_count: int
    rim: NDArray[np.int32]
    faces: NDArray[np.int32]

    def vertices(self, open_vertices: Vertices) -> Vertices:
        """(..., V + 1, 3) vertices of the closed mesh from (..., V, 3) posed ones.

        The centre is the mean of the rim. Arrays and tensors; a tensor keeps its gradient.
        """
        if open_vertices.shape[-2:] != (self.vertex_count, 3):
            raise InvalidValueError(
                f"open_vertices has shape {tuple(open_vertices.shape)}; "
                f"it must be (..., {self.vertex_count}, 3)"
            )
        if isinstance(open_vertices, Tensor):
            rim = torch.as_tensor(self.rim.copy(), dtype=torch.long, device=open_vertices.device)
            centre = open_vertices[..., rim, :].mean(dim=-2, keepdim=True)
            return torch.cat([open_vertices, centre], dim=-2)
        middle = open_vertices[..., self.rim, :].mean(axis=-2, keepdims=True)
        return np.concatenate([open_vertices, middle], axis=-2)

    def volume_m3(self, open_vertices_m: FloatArray) -> float:
        """Volume of a hand of (V, 3) posed vertices; where skin overlaps skin it counts twice."""
        return enclosed_volume(self.vertices(open_vertices_m), self.faces)

    def contains(self, points_m: FloatArray, open_vertices_m: FloatArray) -> NDArray[np.bool_]:
        """(P,) whether (P, 3) points are inside the hand of (V, 3) posed vertices."""
        return is_inside(points_m, self.vertices(open_vertices_m), self.faces)


@lru_cache(maxsize=8)
def close_wrist(model: HandModel) -> ClosedHand:
    """Close a hand's mesh with a fan of triangles from the middle of its rim.

    Raises
    ------
    InvalidValueError
        The mesh does not have exactly one rim.
    """
    rims = boundary_loops(model.faces)
    if len(rims) != 1:
        raise InvalidValueError(
            f"the mesh of {model.topology.name} has {len(rims)} rims; "
            "it must have one, open at the wrist only"
        )
    rim, centre = rims[0], len(model.v_template)
    lid = np.column_stack([np.roll(rim, -1), rim, np.full(len(rim), centre)])
    faces = np.concatenate([model.faces, lid.astype(np.int32)])
    faces.setflags(write=False)
    return ClosedHand(centre, rim, faces)
