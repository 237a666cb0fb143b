"""A field of distances in the camera's frame and in metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.object_model.decimation import decimate
from hand_object_recon.reconstructors.gsdf.hand_placement import PlacedHand
from hand_object_recon.reconstructors.gsdf.sight import SignedField
from hand_object_recon.reconstructors.gsdf.surface_extraction import Surface

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class QueryFrame:
    """The coordinates that a hand's fields are asked in: about its wrist, along the axes of its
    crop's camera, mirrored where that is; and the way back to the frame's camera.

    axes
        (3, 3) from the camera's axes to the crop's.
    wrist_m
        (3,) in the crop's axes.
    """

    axes: FloatArray
    wrist_m: FloatArray
    unit_m: float

    @classmethod
    def of_hand(cls, hand: PlacedHand, unit_m: float) -> QueryFrame:
        return cls(hand.view.crop.axes, hand.wrist_m, unit_m)

    def to_camera(self, points: FloatArray) -> FloatArray:
        """(N, 3) query points to metres."""
        return np.asarray((points * self.unit_m + self.wrist_m) @ self.axes)

    def to_query(self, points_m: FloatArray) -> FloatArray:
        """(N, 3) metres to query points."""
        return np.asarray((points_m @ self.axes.T - self.wrist_m) / self.unit_m)

    def directions_to_camera(self, vectors: FloatArray) -> FloatArray:
        """(N, 3) vectors along the camera's axes, as long as they were."""
        return np.asarray(vectors @ self.axes)

    def mesh(self, surface: Surface, max_faces: int) -> CameraMesh:
        """A surface in the camera's frame with ``max_faces`` triangles or fewer."""
        vertices, faces = decimate(surface.vertices, surface.faces, max_faces)
        if np.linalg.det(self.axes) < 0.0:
            faces = np.ascontiguousarray(faces[:, ::-1])
        return CameraMesh(self.to_camera(vertices.astype(np.float64)), faces)


@dataclass(frozen=True, eq=False)
class CameraMesh:
    """A closed mesh: (V, 3) vertices in metres in the camera's frame, (F, 3) faces
    counter-clockwise from outside."""

    vertices_m: FloatArray
    faces: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class CameraField:
    """Distances to a body, metres."""

    field: SignedField
    frame: QueryFrame
    device: torch.device

    def distances(self, points_m: FloatArray) -> FloatArray:
        """(N,) of (N, 3) points."""
        return self._numbers(self.field(self._query(points_m))) * self.frame.unit_m

    def gradients(self, points_m: FloatArray) -> FloatArray:
        """(N, 3) how the distance grows along each axis of the camera."""
        return self.frame.directions_to_camera(
            self._numbers(self.field.gradients(self._query(points_m)))
        )

    def normals(self, points_m: FloatArray) -> FloatArray:
        """(N, 3) unit normals outwards of points on the surface."""
        gradients = self.gradients(points_m)
        length = np.linalg.norm(gradients, axis=1, keepdims=True)
        return np.asarray(gradients / np.maximum(length, 1e-9))

    def _query(self, points_m: FloatArray) -> Tensor:
        return torch.from_numpy(self.frame.to_query(points_m)).float().to(self.device)

    def _numbers(self, values: Tensor) -> FloatArray:
        return np.asarray(values.double().cpu().numpy())
