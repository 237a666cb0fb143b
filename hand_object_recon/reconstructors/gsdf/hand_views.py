"""What of a frame the network sees of each hand, and the way back to the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandDetection, HandSide, TrackedHand
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.networks.hand_crop import BOX_MARGIN
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.reconstructors.gsdf.conventions import IMAGE_SIZE
from hand_object_recon.reconstructors.gsdf.options import GSDFOptions

FloatArray = NDArray[np.floating[Any]]

_LEAST_EDGE_PX: Final = 24.0
_OBJECT_GROWTH: Final = 1.5
"""The box of a hand and what it holds against the hand's, where the object is not known yet."""


@dataclass(frozen=True, eq=False)
class HandView:
    """A tracked hand and the camera that looks straight at its crop."""

    hand: TrackedHand
    crop: CropCamera


class CropBatch(NamedTuple):
    """images (B, 1, 3, S, S), normalised; cameras (B, 1, 3, 3) in pixels of a crop of 256; whose
    they are, and when they were taken."""

    images: Tensor
    cameras: Tensor
    hands: tuple[TrackedHand, ...]
    stamp_ns: int


def view_of_hand(frame: RgbdFrame, hand: TrackedHand, options: GSDFOptions) -> HandView | None:
    """The view of a hand, cut by the rule its network was trained with; None where it is too
    small or not in the image.

    Around the detector's keypoints, or the corners of its box where it gives none.
    """
    camera, detection = frame.camera, hand.detection
    is_left = hand.side is HandSide.LEFT
    pixels, enlargement = _framed_pixels(detection, camera, options)
    rays = back_project(pixels, np.ones(len(pixels)), camera)
    crop = CropCamera.around(rays, enlargement, is_mirrored=is_left)
    if options.upright and detection.keypoints_px is not None:
        keypoints = detection.keypoints_px.astype(np.float64)
        crop = crop.upright(back_project(keypoints, np.ones(len(keypoints)), camera))
    edge_px = 2.0 * crop.half_slope * min(camera.fx, camera.fy)
    if edge_px < _LEAST_EDGE_PX or not _looks_into_image(crop, camera):
        return None
    return HandView(hand, crop)


def crop_batch(frame: RgbdFrame, views: Sequence[HandView], image_size: int) -> CropBatch:
    """All hands of a frame as the network sees them."""
    crops = np.stack([view.crop.cut(frame.rgb, frame.camera, image_size) for view in views])
    cameras = np.stack([view.crop.intrinsics(IMAGE_SIZE).matrix for view in views])
    images = normalised(torch.from_numpy(crops).permute(0, 3, 1, 2))
    hands = tuple(view.hand for view in views)
    return CropBatch(
        images[:, None], torch.from_numpy(cameras).float()[:, None], hands, frame.stamp_ns
    )


def _framed_pixels(
    detection: HandDetection, camera: CameraIntrinsics, options: GSDFOptions
) -> tuple[FloatArray, float]:
    """(N, 2) what the crop is cut around, and how much longer than its box the edge is."""
    if options.crop_around is CropRule.IMAGE:
        corners = np.array([[0.0, 0.0], [camera.width, camera.height]])
        return corners, options.crop_enlargement
    enlargement = options.crop_enlargement
    if options.crop_around is CropRule.HAND_AND_OBJECT:
        enlargement *= _OBJECT_GROWTH
    if detection.keypoints_px is not None:
        return detection.keypoints_px.astype(np.float64), enlargement
    box = detection.box
    corners = np.array([[box.x_min, box.y_min], [box.x_max, box.y_max]])
    return corners, enlargement / BOX_MARGIN


def _looks_into_image(crop: CropCamera, camera: CameraIntrinsics) -> bool:
    x, y = project(crop.axes[2], camera)
    return bool(0.0 <= x < camera.width and 0.0 <= y < camera.height)
