"""The open hand while it is being built: enough of it to be posed, in double precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.conventions import JOINT_COUNT
from hand_object_recon.hand_model.forward import chain_transforms, skin

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class RestHand:
    """vertices_m (V, 3), joints_m (16, 3), weights (V, 16), posedirs (V, 3, 135), axes
    (15, 3, 3) flexion, abduction and twist."""

    vertices_m: FloatArray
    joints_m: FloatArray
    weights: FloatArray
    posedirs: FloatArray
    axes: FloatArray

    def posed(self, angles_rad: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Vertices (S, V, 3) and joints (S, 16, 3) in poses of anatomical angles (S, 15, 3)."""
        hands = [self._posed(angles) for angles in angles_rad]
        vertices, joints = zip(*hands, strict=True)
        return np.stack(vertices), np.stack(joints)

    def _posed(self, angles_rad: FloatArray) -> tuple[FloatArray, FloatArray]:
        local = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
        local[1:] = axis_angle_to_matrix(np.einsum("ja,jac->jc", angles_rad, self.axes))
        rotations, positions = chain_transforms(local, self.joints_m)
        corrected = self.vertices_m + self.posedirs @ (local[1:] - np.eye(3)).ravel()
        vertices = skin(corrected, self.joints_m, self.weights, rotations, positions)
        return vertices, positions
