"""The direction a crop is seen from.

A network that sees only the crop cannot know where in the image it was cut, so a hand aside of
the image's middle looks turned to it by the angle of the viewing ray.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.geometry.rotations import rotation_between
from hand_object_recon.networks.hand_crop import HandCrop

FloatArray = NDArray[np.floating[Any]]

_OPTICAL_AXIS: Final = np.array([0.0, 0.0, 1.0])


def crop_slopes(crop: HandCrop, camera: CameraIntrinsics) -> tuple[FloatArray, FloatArray]:
    """(2,) slopes x/z and y/z of the ray through a crop's middle, and (2,) how much they grow
    over the crop's edge; those of the mirror image's camera where the crop is mirrored."""
    focal = np.array([camera.fx, camera.fy])
    middle = (np.array(crop.center_px) - [camera.cx, camera.cy]) / focal
    if crop.is_mirrored:
        middle[0] = -middle[0]
    return middle, crop.edge_px / focal


def ray_rotation(slopes: FloatArray) -> FloatArray:
    """(3, 3) the smallest rotation that takes the optical axis to the ray with (2,) slopes."""
    return rotation_between(_OPTICAL_AXIS, np.append(slopes, 1.0))
