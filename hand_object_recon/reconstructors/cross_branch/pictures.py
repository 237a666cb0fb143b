"""Pictures of predictions beside what is true."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.networks.trainable import Batch
from hand_object_recon.reconstructors.cross_branch.depth_channel import relative_depth
from hand_object_recon.reconstructors.cross_branch.prediction import ObjectPrediction, Prediction

Color = tuple[int, int, int]

_JOINT_COLOR: Final = (255, 255, 255)
_OBJECT_COLOR: Final = (0, 128, 255)
_WHITE: Final = -0.5
_BLACK: Final = 0.5
"""Relative depths that are drawn so: 10 cm before and behind the middle."""


def drawn_predictions(batch: Batch, found: Prediction) -> NDArray[np.uint8]:
    """(2 S, 2 B S, 3) crops with joints (white) and the object (blue), each with depth beside it.

    Truth above, predictions below, laid on the true wrist. Beside the truth its depth, beside the
    prediction the estimate, or measured depth where nothing is estimated; near is bright, nothing
    is black.
    """
    joints_m = batch["joints_m"]
    wrists_m = joints_m[:, WRIST, None]
    points_m = batch["points_m"] + wrists_m
    if "is_held" in batch:
        points_m = torch.where(batch["is_held"][:, None, None] > 0.5, points_m, torch.nan)
    hand_m = None if found.hand is None else found.hand.joints_m + wrists_m
    object_m = None if found.object is None else _seen_object(found.object, wrists_m)
    estimate = found.relative_depth
    depth = _shown_depth(batch["depth_m"]) if estimate is None else estimate
    rows = [
        (joints_m, points_m, _shown_depth(batch["true_depth_m"])),
        (hand_m, object_m, depth),
    ]
    return np.concatenate([_row(batch, *one) for one in rows])


def _seen_object(found: ObjectPrediction, wrists_m: Tensor) -> Tensor:
    """(B, O, 3) vertices, NaN where the network thinks that nothing is held."""
    vertices_m = found.vertices_m + wrists_m
    if found.is_held is None:
        return vertices_m
    return torch.where(found.is_held[:, None, None] > 0.0, vertices_m, torch.nan)


def _row(
    batch: Batch, joints_m: Tensor | None, object_m: Tensor | None, depth: Tensor
) -> NDArray[np.uint8]:
    crops = [
        np.ascontiguousarray(crop) for crop in batch["image"].permute(0, 2, 3, 1).cpu().numpy()
    ]
    for points_m, color in ((object_m, _OBJECT_COLOR), (joints_m, _JOINT_COLOR)):
        if points_m is not None:
            _dot(crops, points_m, batch["camera"], color)
    tiles = zip(crops, _grey(depth), strict=True)
    return np.concatenate([tile for pair in tiles for tile in pair], axis=1)


def _shown_depth(depth_m: Tensor) -> Tensor:
    """(B, S, S) relative depth, far away where there is none."""
    return torch.where(depth_m > 0.0, relative_depth(depth_m), _BLACK)


def _grey(depth: Tensor) -> NDArray[np.uint8]:
    """(B, S, S, 3) pictures of relative depth."""
    share = (_BLACK - depth.clamp(_WHITE, _BLACK)) / (_BLACK - _WHITE)
    levels = (255.0 * share).round().to(torch.uint8).cpu().numpy()
    return np.repeat(levels[..., None], 3, axis=3)


def _dot(crops: list[NDArray[np.uint8]], points_m: Tensor, cameras: Tensor, color: Color) -> None:
    projected = points_m @ cameras.mT
    pixels = (projected[..., :2] / projected[..., 2:]).nan_to_num(-1.0).round().int()
    size = len(crops[0])
    for crop, places in zip(crops, pixels.clamp(-2, size + 1).cpu().tolist(), strict=True):
        for x, y in places:
            cv2.circle(crop, (x, y), 1, color, -1)
