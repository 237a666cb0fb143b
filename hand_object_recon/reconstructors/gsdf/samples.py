"""From an annotated frame to what the networks are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.hand_model.watertight import close_wrist
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.grasp_crops import grasp_crop, grasps, true_vertices_m
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.gsdf.conventions import IMAGE_SIZE
from hand_object_recon.reconstructors.gsdf.options import GSDFOptions
from hand_object_recon.reconstructors.gsdf.sdf_samples import sdf_samples

FloatArray = NDArray[np.floating[Any]]
Arrays = dict[str, NDArray[Any]]

_KEPT_EDGES: Final = 1.5  # of the network's crop: room to turn and scale
_KINDS: Final = 4  # inside and outside the hand, inside and outside the object


class TrueGrasp(NamedTuple):
    """A record, and the bodies of hand and object about the wrist in the record's axes."""

    side: HandSide
    record: Record
    hand: Body
    held: Body


def grasp_records(annotated: AnnotatedFrame, options: GSDFOptions) -> Iterator[tuple[int, Record]]:
    """A record of each hand that holds something and can be seen at all.

    image (384, 384, 3) where crops have 256 pixels: it reaches half as far again as the crop;
    half_slope of the crop; joints_m (21, 3), center_m (3,) of the object, points_m and
    distances_m of ``SdfSamples`` about the wrist. All in the axes of a camera that looks straight
    at the crop; left hands are mirrored into right ones.

    Raises
    ------
    InvalidValueError
        The truth's mesh is another hand model's than ``options.hand_model``.
    """
    for grasp in true_grasps(annotated, options):
        yield int(grasp.side is HandSide.LEFT), grasp.record


def true_grasps(annotated: AnnotatedFrame, options: GSDFOptions) -> Iterator[TrueGrasp]:
    """The same records, each with the surfaces that it tells the distances of."""
    for hand, held in grasps(annotated):
        if hand.vertices_m is None:
            continue
        grasp = _true_grasp(annotated, hand, held, options)
        if grasp is not None:
            yield grasp


def view_sample(record: Record, change: CropChange, image_size: int) -> tuple[Arrays, FloatArray]:
    """What the network sees of a record after a change, with its joints and the object's centre.

    image (3, image_size, image_size) uint8; camera (3, 3) in pixels of a crop of 256; joints_m
    (21, 3); center_m (3,). Beside it the (3, 3) rotation from the record's axes to these.
    """
    half_slope = float(record["half_slope"])
    crop = CropCamera(np.eye(3), half_slope).moved(change.shift, change.scale, change.turn_rad)
    kept = CropCamera(np.eye(3), _KEPT_EDGES * half_slope).intrinsics(len(record["image"]))
    image = change.recolored(crop.cut(record["image"], kept, image_size))
    sample: Arrays = {
        "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
        "camera": _float32(crop.intrinsics(IMAGE_SIZE).matrix),
        "joints_m": _float32(record["joints_m"] @ crop.axes.T),
        "center_m": _float32(record["center_m"] @ crop.axes.T),
    }
    return sample, crop.axes


def point_sample(
    record: Record,
    axes: FloatArray,
    unit_m: float,
    count: int,
    random: np.random.Generator | None,
) -> Arrays:
    """Points of a record with their distances in query units, ``count`` of each kind.

    points (4 count, 3) in other (3, 3) axes; hand_distances and object_distances (4 count,). The
    first half was drawn for the hand. Without ``random`` the first ones of each kind.
    """
    kept = len(record["points_m"]) // _KINDS
    starts = kept * np.arange(_KINDS)[:, None]
    order = [np.arange(kept) if random is None else random.permutation(kept) for _ in starts]
    chosen = (starts + np.array(order)[:, :count]).ravel()
    distances = record["distances_m"][chosen].astype(np.float32) / unit_m
    return {
        "points": _float32(record["points_m"][chosen].astype(np.float64) @ axes.T / unit_m),
        "hand_distances": _float32(distances[:, 0]),
        "object_distances": _float32(distances[:, 1]),
    }


def view_directions(count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """(count, 3) unit vectors, evenly over the half sphere before the camera."""
    z = random.uniform(0.0, 1.0, count)
    angle = random.uniform(0.0, 2.0 * np.pi, count)
    radius = np.sqrt(1.0 - z * z)
    return _float32(np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1))


def _true_grasp(
    annotated: AnnotatedFrame, hand: HandAnnotation, held: Body, options: GSDFOptions
) -> TrueGrasp | None:
    camera, is_left = annotated.frame.camera, hand.side is HandSide.LEFT
    crop = grasp_crop(
        hand,
        held,
        camera,
        options.crop_around,
        options.crop_enlargement,
        is_upright=options.upright,
    )
    if crop is None:
        return None
    wrist_m = hand.joints_m[WRIST].astype(np.float64)
    hand_body = _hand_body(hand, options.hand_model).seen_from(wrist_m, crop.axes)
    held_body = held.seen_from(wrist_m, crop.axes)
    samples = sdf_samples(
        hand_body,
        held_body,
        options.unit_m,
        options.kept_points,
        np.random.default_rng((annotated.frame.stamp_ns, is_left)),
    )
    if samples is None:
        return None
    kept = CropCamera(crop.axes, _KEPT_EDGES * crop.half_slope)
    record: Record = {
        "image": kept.cut(annotated.frame.rgb, camera, round(_KEPT_EDGES * options.image_size)),
        "half_slope": _float32(crop.half_slope),
        "joints_m": _float32(hand.joints_m @ crop.axes.T),
        "center_m": _float32(held.center_m @ crop.axes.T),
        **samples._asdict(),
    }
    return TrueGrasp(hand.side, record, hand_body, held_body)


def _hand_body(hand: HandAnnotation, hand_model: str) -> Body:
    model, vertices_m = true_vertices_m(hand, hand_model)
    closed = close_wrist(model)
    return Body(closed.vertices(vertices_m), closed.faces)


def _float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
