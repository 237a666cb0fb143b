"""A fitted hand as the scene's labels need it: its surface, its grasp, its wrist."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.keypoints import FINGERTIPS, KNUCKLES, MIDDLE_MCP, WRIST
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals

FloatArray = NDArray[np.floating[Any]]

_INDEX_KNUCKLE, _PINKY_KNUCKLE = KNUCKLES[0], KNUCKLES[-1]
_HOLLOW_M: Final = 0.03  # in front of the palm


@dataclass(frozen=True, eq=False)
class HandSurface:
    """One hand of a frame and the triangles (F, 3) of its mesh."""

    hand: HandEstimate
    faces: NDArray[np.int32]

    @cached_property
    def normals(self) -> NDArray[np.float32]:
        """(V, 3) outwards."""
        areas = face_area_vectors(self.hand.vertices_m, self.faces)
        return np.ascontiguousarray(
            vertex_normals(areas, self.faces, len(self.hand.vertices_m)), dtype=np.float32
        )

    @cached_property
    def center_m(self) -> NDArray[np.float64]:
        """(3,) middle of the joints."""
        return np.asarray(self.hand.joints_m.astype(np.float64).mean(axis=0))

    @cached_property
    def root_m(self) -> NDArray[np.float64]:
        """(3,) between the wrist and the middle knuckle, nearer to the wrist."""
        joints = self.hand.joints_m.astype(np.float64)
        return np.asarray(0.65 * joints[WRIST] + 0.35 * joints[MIDDLE_MCP])

    @cached_property
    def palm_normal(self) -> NDArray[np.float64]:
        """(3,) unit vector out of the palm, to where the fingers close."""
        joints = self.hand.joints_m.astype(np.float64)
        across = joints[_INDEX_KNUCKLE] - joints[_PINKY_KNUCKLE]
        along = joints[MIDDLE_MCP] - joints[WRIST]
        normal = np.cross(across, along)
        if self.hand.side is HandSide.LEFT:
            normal = -normal
        return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-9))

    @cached_property
    def forearm(self) -> NDArray[np.float64]:
        """(6,) wrist and unit direction from the knuckles to it and on."""
        joints = self.hand.joints_m.astype(np.float64)
        along = joints[WRIST] - joints[MIDDLE_MCP]
        return np.concatenate([joints[WRIST], along / max(float(np.linalg.norm(along)), 1e-9)])

    @cached_property
    def grasp_places_m(self) -> NDArray[np.float64]:
        """(13, 3) where a held object is: between thumb and fingers, and before the palm."""
        joints = self.hand.joints_m.astype(np.float64)
        tips = joints[list(FINGERTIPS)]
        hollow = joints[[WRIST, *KNUCKLES]].mean(axis=0) + _HOLLOW_M * self.palm_normal
        between = 0.5 * (tips[0] + tips[1:])
        inside = 0.5 * (hollow + tips[1:])
        thumb = 0.5 * (hollow + tips[:1])
        return np.concatenate([hollow[None], between, inside, thumb, tips[:3]])
