"""From an annotated frame to what the networks are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, ObjectAnnotation
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.watertight import close_wrist
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.gsdf.conventions import IMAGE_SIZE
from hand_object_recon.reconstructors.gsdf.crop_camera import CropCamera
from hand_object_recon.reconstructors.gsdf.options import CropRule, GSDFOptions
from hand_object_recon.reconstructors.gsdf.sdf_samples import Body, sdf_samples

FloatArray = NDArray[np.floating[Any]]
Arrays = dict[str, NDArray[Any]]

_KEPT_EDGES: Final = 1.5  # of the network's crop: room to turn and scale
_LEAST_VISIBLE_SHARE: Final = 0.1
_LEAST_EDGE_PX: Final = 24.0
_KINDS: Final = 4  # inside and outside the hand, inside and outside the object


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
    for hand in annotated.truth.hands:
        held = _held_object(annotated, hand.side)
        if held is None or hand.vertices_m is None or not _is_visible(hand):
            continue
        record = _record(annotated, hand, held, options)
        if record is not None:
            yield int(hand.side is HandSide.LEFT), record


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


def _held_object(annotated: AnnotatedFrame, side: HandSide) -> ObjectAnnotation | None:
    for thing in annotated.truth.objects:
        if thing.held_by is not None and side in thing.held_by:
            return thing
    return None


def _is_visible(hand: HandAnnotation) -> bool:
    return hand.visible_share is None or hand.visible_share >= _LEAST_VISIBLE_SHARE


def _record(
    annotated: AnnotatedFrame, hand: HandAnnotation, thing: ObjectAnnotation, options: GSDFOptions
) -> Record | None:
    camera, is_left = annotated.frame.camera, hand.side is HandSide.LEFT
    held = _object_body(thing)
    rays = _framed_rays(hand.joints_m, held, camera, options.crop_around)
    if rays is None:
        return None
    crop = CropCamera.around(rays, options.crop_enlargement, is_mirrored=is_left)
    if 2.0 * crop.half_slope * min(camera.fx, camera.fy) < _LEAST_EDGE_PX:
        return None
    if options.upright:
        crop = crop.upright(hand.joints_m)
    wrist_m = hand.joints_m[WRIST].astype(np.float64)
    samples = sdf_samples(
        _hand_body(hand, options.hand_model).seen_from(wrist_m, crop.axes),
        held.seen_from(wrist_m, crop.axes),
        options.unit_m,
        options.kept_points,
        np.random.default_rng((annotated.frame.stamp_ns, is_left)),
    )
    if samples is None:
        return None
    kept = CropCamera(crop.axes, _KEPT_EDGES * crop.half_slope)
    return {
        "image": kept.cut(annotated.frame.rgb, camera, round(_KEPT_EDGES * options.image_size)),
        "half_slope": _float32(crop.half_slope),
        "joints_m": _float32(hand.joints_m @ crop.axes.T),
        "center_m": _float32(held.center_m @ crop.axes.T),
        **samples._asdict(),
    }


def _framed_rays(
    joints_m: FloatArray, held: Body, camera: CameraIntrinsics, rule: CropRule
) -> FloatArray | None:
    """(N, 3) what the crop is cut around; None where not all of it is before the camera."""
    if rule is CropRule.IMAGE:
        corners = np.array([[0, 0], [camera.width, camera.height]], dtype=np.float64)
        return back_project(corners, np.ones(2), camera)
    points = [joints_m] if rule is CropRule.HAND else [joints_m, held.vertices_m]
    rays = np.concatenate(points, dtype=np.float64)
    return rays if np.isfinite(project(rays, camera)).all() else None


def _hand_body(hand: HandAnnotation, hand_model: str) -> Body:
    model = load_hand_model(hand_model, hand.side)
    if hand.vertices_m is None or hand.topology != model.topology.name:
        raise InvalidValueError(
            f"the true hand has the mesh of {hand.topology!r}, option hand_model asks for "
            f"{model.topology.name!r}; set hand_model to the model of the data"
        )
    closed = close_wrist(model)
    return Body(closed.vertices(hand.vertices_m.astype(np.float64)), closed.faces)


def _object_body(thing: ObjectAnnotation) -> Body:
    rotation, shift = thing.pose[:3, :3], thing.pose[:3, 3]
    return Body(thing.vertices_m.astype(np.float64) @ rotation.T + shift, thing.faces)


def _float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
