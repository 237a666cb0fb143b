"""One held object from frame to frame: it keeps its identity and, while it fits, its mesh."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import GraspState, ObjectEstimate
from hand_object_recon.geometry.alignment import nearest_rotation
from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.object_model.mesh_distance import mesh_distance_grid
from hand_object_recon.object_model.registration import MotionPrior
from hand_object_recon.reconstructors.gsdf.camera_field import CameraField, CameraMesh
from hand_object_recon.reconstructors.gsdf.object_fit import fit_to_field

FloatArray = NDArray[np.floating[Any]]
Pose = NDArray[np.float64]

_WITH_HAND: Final = MotionPrior(turn_rad=0.05, shift_m=0.005)
_FITTED_POINTS: Final = 128
_GRID_MARGIN_M: Final = 0.02
_LEAST_VOXEL_M: Final = 0.004
_MOST_VOXELS: Final = 100  # along an edge
_ALIKE_M: Final = 0.006
_ALIKE_SHARE: Final = 0.9
_MOST_MISSED: Final = 2


class ObjectTrack:
    """An object in a hand.

    Its own frame begins in the middle of its surface, with the axes that the camera had then. It
    is expected to go where the wrist goes, and laid on the field from there. A new mesh takes the
    kept one's place where more than a tenth of either lies 6 mm or more off the other.

    track_id
        Its identity.
    pose
        (4, 4) camera from object.
    """

    def __init__(self, track_id: int, mesh: CameraMesh, wrist_pose: Pose) -> None:
        self.track_id = track_id
        self.pose = np.eye(4)
        self.pose[:3, 3] = Body(mesh.vertices_m, mesh.faces).center_m
        self._wrist_pose = wrist_pose
        self._missed = 0
        self._score = 1.0
        self._take(mesh)

    def follow(self, field: CameraField, wrist_pose: Pose) -> None:
        """Go along with the hand to where the field has the surface."""
        expected = np.eye(4)
        moved = wrist_pose @ np.linalg.inv(self._wrist_pose) @ self.pose
        expected[:3, :3] = nearest_rotation(moved[:3, :3])  # or it skews over thousands of frames
        expected[:3, 3] = moved[:3, 3]
        fit = fit_to_field(field, self._points_m, expected, _WITH_HAND)
        self.pose, self._score = fit.pose, fit.inlier_share
        self._wrist_pose = wrist_pose

    def renew(self, mesh: CameraMesh | None, field: CameraField) -> None:
        """Take a new mesh if the kept one does not fit; None where the frame shows none."""
        if mesh is None:
            self._missed += 1
            return
        self._missed = 0
        if not self._is_like(mesh, field):
            self._take(mesh)
            self._score = 1.0

    @property
    def is_gone(self) -> bool:
        """Whether frames that meshes were made of did not show it twice in a row."""
        return self._missed >= _MOST_MISSED

    @property
    def radius_m(self) -> float:
        """From the middle of its own frame to the farthest of its surface."""
        return float(np.linalg.norm(self._vertices_m, axis=1).max())

    def estimate(self, held_by: int) -> ObjectEstimate:
        """The object in the hand of a track."""
        return ObjectEstimate(
            track_id=self.track_id,
            score=self._score,
            pose=self.pose,
            vertices_m=self._vertices_m,
            faces=self._faces,
            held_by=held_by,
            state=GraspState.HELD,
        )

    def _take(self, mesh: CameraMesh) -> None:
        own = (mesh.vertices_m - self.pose[:3, 3]) @ self.pose[:3, :3]
        self._vertices_m, self._faces = own.astype(np.float32), mesh.faces
        chosen = np.linspace(0, len(own) - 1, min(_FITTED_POINTS, len(own))).astype(np.intp)
        self._points_m = own[chosen]
        voxel_m = max(_LEAST_VOXEL_M, float(np.ptp(own, axis=0).max()) / _MOST_VOXELS)
        self._grid = mesh_distance_grid(self._vertices_m, self._faces, voxel_m, _GRID_MARGIN_M)

    def _is_like(self, mesh: CameraMesh, field: CameraField) -> bool:
        """Whether the kept mesh lies on the field's surface, and the new one on the kept one."""
        own = (mesh.vertices_m - self.pose[:3, 3]) @ self.pose[:3, :3]
        new_on_kept, _ = self._grid.sample(own)
        places = self._points_m @ self.pose[:3, :3].T + self.pose[:3, 3]
        return all(
            np.mean(np.abs(distances) < _ALIKE_M) >= _ALIKE_SHARE  # NaN is farther than the grid
            for distances in (new_on_kept, field.distances(places))
        )
