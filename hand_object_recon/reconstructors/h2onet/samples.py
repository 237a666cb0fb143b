"""From an annotated frame to what the networks are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.hand_crop import LEAST_EDGE_PX, HandCrop
from hand_object_recon.networks.trainable import Record
from hand_object_recon.networks.viewing_ray import crop_slopes, ray_rotation
from hand_object_recon.reconstructors.h2onet.backbone import IMAGE_SIZE

FloatArray = NDArray[np.floating[Any]]

_KEPT_SIZE: Final = 224
_KEPT_MIDDLE: Final = (_KEPT_SIZE - 1) / 2
_KEPT_EDGES: Final = _KEPT_SIZE / IMAGE_SIZE  # of the network's crop: room to turn and scale
_LEAST_VISIBLE_SHARE: Final = 0.1
_TURNED_BY_MIRROR: Final = np.array([1.0, -1.0, -1.0])


def hand_records(
    annotated: AnnotatedFrame, hidden_hand_share: float
) -> Iterator[tuple[int, Record]]:
    """A record of each hand that can be seen at all; left hands are mirrored into right ones.

    hidden_hand_share: a hand of which less is visible counts as hidden as a whole (0.4 in the
    authors' code, 0.5 in the paper).
    """
    for hand in annotated.truth.hands:
        record = _record(annotated, hand, hidden_hand_share)
        if record is not None:
            yield int(hand.side is HandSide.LEFT), record


def network_sample(
    record: Record, change: CropChange, *, from_ray: bool, is_upright: bool = False
) -> dict[str, NDArray[Any]]:
    """What the network sees of a record after a change, and what is true of it.

    image (3, 128, 128) uint8; joints_uv (21, 2); orientation (3, 3); pose_rad (45,) of the
    fingers; shape (10,); occluded (6,) int64. ``from_ray``: the orientation is the one seen by a
    camera that looks straight at the crop's middle, not the real camera's. ``is_upright``: the
    crop is turned so that the knuckles are above the wrist, before it is changed.
    """
    middle = HandCrop((_KEPT_MIDDLE, _KEPT_MIDDLE), IMAGE_SIZE)
    crop = change.moved(HandCrop.upright(record["joints_px"]) if is_upright else middle)
    image = change.recolored(crop.cut(record["image"], IMAGE_SIZE))
    orientation = record["orientation"]
    if from_ray:
        edges = np.subtract(crop.center_px, _KEPT_MIDDLE) / IMAGE_SIZE
        slopes = record["ray_slopes"] + edges * record["ray_slopes_per_edge"]
        orientation = ray_rotation(slopes).T @ orientation
    orientation = axis_angle_to_matrix(np.array([0.0, 0.0, crop.angle_rad])) @ orientation
    return {
        "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
        "joints_uv": _float32(crop.points_to_crop(record["joints_px"])),
        "orientation": _float32(orientation),
        "pose_rad": record["pose_rad"],
        "shape": record["shape"],
        "occluded": record["occluded"].astype(np.int64),
    }


def _record(
    annotated: AnnotatedFrame, hand: HandAnnotation, hidden_hand_share: float
) -> Record | None:
    if hand.pose_rad is None or hand.shape is None or hand.finger_occluded is None:
        return None
    frame = annotated.frame
    share = 1.0 if hand.visible_share is None else hand.visible_share
    joints_px = project(hand.joints_m.astype(np.float64), frame.camera)
    if share < _LEAST_VISIBLE_SHARE or not np.isfinite(joints_px).all():
        return None
    seen = HandCrop.around(joints_px, (frame.camera.width, frame.camera.height))
    if seen.edge_px < LEAST_EDGE_PX:
        return None
    is_left = hand.side is HandSide.LEFT
    kept = HandCrop(seen.center_px, _KEPT_EDGES * seen.edge_px, is_mirrored=is_left)
    slopes, slopes_per_edge = crop_slopes(replace(seen, is_mirrored=is_left), frame.camera)
    vectors = hand.pose_rad.reshape(-1, 3) * (_TURNED_BY_MIRROR if is_left else 1.0)
    return {
        "image": kept.cut(frame.rgb, _KEPT_SIZE),
        "joints_px": _float32(kept.points_to_crop(joints_px) * _KEPT_SIZE - 0.5),
        "orientation": _float32(axis_angle_to_matrix(vectors[0].astype(np.float64))),
        "ray_slopes": _float32(slopes),
        "ray_slopes_per_edge": _float32(slopes_per_edge),
        "pose_rad": _float32(vectors[1:].ravel()),
        "shape": _float32(hand.shape),
        "occluded": np.append(hand.finger_occluded, share < hidden_hand_share),
    }


def _float32(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
