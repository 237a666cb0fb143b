"""What of a frame the network sees of each hand, and the way back to the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandSide, TrackedHand
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.networks.grasp_views import TOO_SMALL
from hand_object_recon.networks.hand_crop import LEAST_EDGE_PX, HandCrop
from hand_object_recon.networks.viewing_ray import crop_slopes, ray_rotation
from hand_object_recon.reconstructors.h2onet.backbone import IMAGE_SIZE

FloatArray = NDArray[np.floating[Any]]

NOT_IN_IMAGE: Final = "its box is beside the image"

_BOX_ENLARGEMENT: Final = 1.25
"""Instead of 1.5 about joints: detectors' boxes leave a tenth of the hand free on each side."""


@dataclass(frozen=True, eq=False)
class HandView:
    """A tracked hand, its crop, and the rotation (3, 3) from the axes that the network answers in
    to the camera's (the mirror image's, where the crop is mirrored)."""

    hand: TrackedHand
    crop: HandCrop
    rotation: FloatArray

    def points_to_camera(self, points_m: FloatArray, origin_m: FloatArray) -> FloatArray:
        """(N, 3) points of the network's answer about a (3,) origin, in camera axes."""
        points = (points_m - origin_m) @ self.rotation.T
        if self.crop.is_mirrored:
            points[:, 0] = -points[:, 0]
        return np.asarray(points)


def view_of_hand(
    frame: RgbdFrame, hand: TrackedHand, *, from_ray: bool, is_upright: bool = False
) -> HandView | str:
    """The view of a hand, or why it has none.

    from_ray
        The network answers for a camera that looks straight at the crop's middle.
    is_upright
        The crop is turned so that the knuckles are above the wrist, if the detector gave them.
    """
    if not _is_in_image(frame, hand.detection.box):
        return NOT_IN_IMAGE
    crop = _crop(frame, hand, is_upright)
    if crop.edge_px < LEAST_EDGE_PX:
        return TOO_SMALL
    rotation = axis_angle_to_matrix(np.array([0.0, 0.0, -crop.angle_rad]))
    if from_ray:
        slopes, _ = crop_slopes(crop, frame.camera)
        rotation = ray_rotation(slopes) @ rotation
    return HandView(hand, crop, rotation)


def network_images(frame: RgbdFrame, views: Sequence[HandView]) -> Tensor:
    """(B, 3, 128, 128) float32 red, green and blue from 0 to 1."""
    crops = np.stack([view.crop.cut(frame.rgb, IMAGE_SIZE) for view in views])
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255.0


def _crop(frame: RgbdFrame, hand: TrackedHand, is_upright: bool) -> HandCrop:
    size = (frame.camera.width, frame.camera.height)
    is_mirrored = hand.side is HandSide.LEFT
    keypoints_px = hand.detection.keypoints_px
    if keypoints_px is None:
        box = hand.detection.box
        corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
        crop = HandCrop.around(corners, size, _BOX_ENLARGEMENT)
    elif is_upright:
        return HandCrop.upright(keypoints_px.astype(np.float64), is_mirrored=is_mirrored)
    else:
        crop = HandCrop.around(keypoints_px, size)
    return replace(crop, is_mirrored=is_mirrored)


def _is_in_image(frame: RgbdFrame, box: BoundingBox) -> bool:
    """Whether any of it is."""
    is_beside = box.x_max < 0.0 or box.x_min > frame.camera.width - 1
    return not is_beside and box.y_max >= 0.0 and box.y_min <= frame.camera.height - 1
