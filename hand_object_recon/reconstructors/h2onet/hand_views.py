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
from hand_object_recon.core.hands import HandDetection, HandSide, TrackedHand
from hand_object_recon.networks.hand_crop import HandCrop
from hand_object_recon.networks.viewing_ray import crop_slopes, ray_rotation
from hand_object_recon.reconstructors.h2onet.backbone import IMAGE_SIZE

FloatArray = NDArray[np.floating[Any]]

LEAST_EDGE_PX: Final = 24.0
"""Crops of hands smaller than this show too little, in training and afterwards."""

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


def view_of_hand(frame: RgbdFrame, hand: TrackedHand, *, from_ray: bool) -> HandView | None:
    """The view of a hand; None where it is too small or not in the image.

    from_ray
        The network answers for a camera that looks straight at the crop's middle.
    """
    size = (frame.camera.width, frame.camera.height)
    crop = replace(_crop(hand.detection, size), is_mirrored=hand.side is HandSide.LEFT)
    if crop.edge_px < LEAST_EDGE_PX:
        return None
    slopes, _ = crop_slopes(crop, frame.camera)
    return HandView(hand, crop, ray_rotation(slopes) if from_ray else np.eye(3))


def network_images(frame: RgbdFrame, views: Sequence[HandView]) -> Tensor:
    """(B, 3, 128, 128) float32 red, green and blue from 0 to 1."""
    crops = np.stack([view.crop.cut(frame.rgb, IMAGE_SIZE) for view in views])
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255.0


def _crop(detection: HandDetection, image_size: tuple[int, int]) -> HandCrop:
    if detection.keypoints_px is not None:
        return HandCrop.around(detection.keypoints_px, image_size)
    box = detection.box
    corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
    return HandCrop.around(corners, image_size, _BOX_ENLARGEMENT)
