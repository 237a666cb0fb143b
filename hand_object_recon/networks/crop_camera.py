"""The camera that looks straight at a crop, so that the crop is a photograph of its own.

Where a crop is cut out of an image, what it shows seems turned by the angle of the viewing ray.
Here the camera is turned instead, and everything in metres with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.keypoints import KNUCKLES, WRIST
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.networks.viewing_ray import ray_rotation

FloatArray = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class CropCamera:
    """A square picture of a part of what a camera sees.

    axes
        (3, 3) from the camera's axes to the crop's: a rotation, behind a mirror where left and
        right are swapped. Its transpose leads back.
    half_slope
        Half the crop's width at a depth of 1.
    """

    axes: FloatArray
    half_slope: float

    @classmethod
    def around(
        cls, rays: FloatArray, enlargement: float, *, is_mirrored: bool = False
    ) -> CropCamera:
        """The crop whose middle is that of the box of (N, 3) rays or points before the camera.

        Its edge is ``enlargement`` times as long as that of the least square that shows them all.
        """
        mirror = np.diag([-1.0 if is_mirrored else 1.0, 1.0, 1.0])
        slopes = _slopes(rays @ mirror)
        axes = ray_rotation((slopes.min(axis=0) + slopes.max(axis=0)) / 2).T @ mirror
        half_slope = float(np.abs(_slopes(rays @ axes.T)).max())
        return cls(axes, enlargement * half_slope)

    def upright(self, keypoints: FloatArray) -> CropCamera:
        """Rolled so that the knuckles of a hand of (21, 3) keypoints, or rays towards them, are
        above its wrist."""
        slopes = _slopes(keypoints @ self.axes.T)
        right, down = slopes[list(KNUCKLES)].mean(axis=0) - slopes[WRIST]
        return self.moved((0.0, 0.0), 1.0, float(np.arctan2(-right, -down)))

    def moved(self, shift: tuple[float, float], scale: float, turn_rad: float) -> CropCamera:
        """Look ``shift`` edges farther right and down, at ``scale`` times as much, and roll.

        What is in the crop turns clockwise by ``turn_rad`` as one sees it.
        """
        tilt = ray_rotation(2.0 * self.half_slope * np.array(shift)).T
        roll = axis_angle_to_matrix(np.array([0.0, 0.0, turn_rad]))
        return CropCamera(roll @ tilt @ self.axes, scale * self.half_slope)

    def edge_px(self, camera: CameraIntrinsics) -> float:
        """Of the crop, in pixels of what ``camera`` sees, if it were in the middle of it."""
        return 2.0 * self.half_slope * min(camera.fx, camera.fy)

    def intrinsics(self, size: int) -> CameraIntrinsics:
        """Of the crop with edges of ``size`` pixels; it looks along the pixel at half of that."""
        focal, middle = size / (2.0 * self.half_slope), size / 2.0
        return CameraIntrinsics(size, size, focal, focal, middle, middle)

    def cut(self, image: Image, camera: CameraIntrinsics, size: int) -> Image:
        """(size, size, 3) crop of what ``camera`` sees; black beyond its image."""
        homography = self._homography(camera, size)
        return np.asarray(cv2.warpPerspective(image, homography, (size, size)), dtype=np.uint8)

    def cut_depth(
        self, depth_m: NDArray[np.float32], camera: CameraIntrinsics, size: int
    ) -> NDArray[np.float32]:
        """(size, size) crop of depth along the axis of ``camera``, 0 or NaN where there is none.

        Along the crop's own axis, none of the readings mixed; 0 where there is none.
        """
        homography = self._homography(camera, size)
        readings = cv2.warpPerspective(depth_m, homography, (size, size), flags=cv2.INTER_NEAREST)
        along_axis = np.nan_to_num(readings) * self._depth_ratios(size)
        return np.asarray(along_axis, dtype=np.float32)

    def _homography(self, camera: CameraIntrinsics, size: int) -> FloatArray:
        """(3, 3) from pixels of ``camera`` to the crop's."""
        return np.asarray(self.intrinsics(size).matrix @ self.axes @ np.linalg.inv(camera.matrix))

    def _depth_ratios(self, size: int) -> FloatArray:
        """(size, size) depth along the crop's axis over depth along the camera's, on each ray."""
        ray_to_depth = self.axes[:, 2] @ np.linalg.inv(self.intrinsics(size).matrix)
        pixels = np.arange(size)
        by_column, by_row, constant = ray_to_depth
        return np.asarray(1.0 / (by_column * pixels + by_row * pixels[:, None] + constant))


def _slopes(rays: FloatArray) -> FloatArray:
    return np.asarray(rays[:, :2] / rays[:, 2:])
