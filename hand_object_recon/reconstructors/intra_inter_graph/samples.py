"""From an annotated frame to what the network is trained on.

Crops are photographs of a camera that looks straight at them, and what is true is told in its axes:
a crop that is cut out of an image does not show where it was. Augmentation lets this camera look
aside, roll and zoom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.annotated_crops import can_be_seen, crop_around
from hand_object_recon.networks.augmentation import CropChange, draw_change
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.depth_faults import DepthFaults, draw_faults
from hand_object_recon.networks.stored_depth import depth_to_units, units_to_depth
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.intra_inter_graph.options import IntraInterGraphOptions

FloatArray = NDArray[np.floating[Any]]
Arrays = dict[str, NDArray[Any]]

_KEPT_EDGES: Final = 1.5  # of the network's crop: room to turn and scale
_TURNED_BY_MIRROR: Final = np.array([1.0, -1.0, -1.0])
_NO_CHANGE: Final = CropChange()
_NO_FAULTS: Final = DepthFaults()


@dataclass(frozen=True)
class SampleChange:
    """One draw of an augmentation: of the view and its colors, and of its depth."""

    view: CropChange = _NO_CHANGE
    depth: DepthFaults = _NO_FAULTS


def draw_sample_change(
    random: np.random.Generator, options: IntraInterGraphOptions
) -> SampleChange:
    """Draw one change within the options."""
    view = draw_change(random, options)
    if options.any_turn:
        view = replace(view, turn_rad=float(random.uniform(-np.pi, np.pi)))
    return SampleChange(view, draw_faults(random, options.depth_noise_m, options.hole_share))


def hand_records(
    annotated: AnnotatedFrame, options: IntraInterGraphOptions
) -> Iterator[tuple[int, Record]]:
    """A record of each hand whose pose and shape are told and that can be seen at all.

    In the axes of a camera that looks straight at the crop; left hands are mirrored into right
    ones. K pixels reach half as far again as the crop.

    image (K, K, 3); half_slope of the crop; joints_m (21, 3); orientation (3, 3) of the wrist,
    pose_rad (45,) of the fingers and shape (10,) for the right hand's model; visible_share of the
    hand, NaN where it is not known. With ``with_depth`` depth (K, K), too, as ``stored_depth``
    keeps it: along the crop camera's axis, 0 where the sensor saw nothing.

    Raises
    ------
    InvalidValueError
        Pose and shape are told for another hand model than ``options.hand_model``.
    """
    for hand in annotated.truth.hands:
        if hand.pose_rad is None or hand.shape is None or not can_be_seen(hand):
            continue
        record = _record(annotated, hand, hand.pose_rad, hand.shape, options)
        if record is not None:
            yield int(hand.side is HandSide.LEFT), record


def network_sample(
    record: Record,
    change: SampleChange,
    options: IntraInterGraphOptions,
    random: np.random.Generator | None,
) -> Arrays:
    """What the network sees of a record after a change, and what is true of it.

    With S = ``options.image_size``: image (3, S, S) uint8; half_slope of the crop; joints_uv
    (21, 2) shares of its edge; pose_rad (16, 3), the wrist's first, in the crop camera's axes;
    shape (10,); visible_share. With ``with_depth`` depth_m (S, S) float32 along that camera's axis,
    0 where there is none.
    """
    size, half_slope = options.image_size, float(record["half_slope"])
    view = change.view
    crop = CropCamera(np.eye(3), half_slope).moved(view.shift, view.scale, view.turn_rad)
    kept = CropCamera(np.eye(3), _KEPT_EDGES * half_slope).intrinsics(len(record["image"]))
    image = view.recolored(crop.cut(record["image"], kept, size))
    pixels = project(record["joints_m"].astype(np.float64) @ crop.axes.T, crop.intrinsics(size))
    wrist_rad = matrix_to_axis_angle(crop.axes @ record["orientation"].astype(np.float64))
    sample: Arrays = {
        "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
        "half_slope": _float32(crop.half_slope),
        "joints_uv": _float32((pixels + 0.5) / size),
        "pose_rad": _float32(np.vstack([wrist_rad, record["pose_rad"].reshape(-1, 3)])),
        "shape": record["shape"],
        "visible_share": record["visible_share"],
    }
    if options.with_depth:
        depth_m = crop.cut_depth(units_to_depth(record["depth"]), kept, size)
        sample["depth_m"] = _faulty(depth_m, change.depth, random)
    return sample


def _faulty(
    depth_m: NDArray[np.float32], faults: DepthFaults, random: np.random.Generator | None
) -> NDArray[np.float32]:
    """Holes may be anywhere: which pixels are the hand's need not be told."""
    return depth_m if random is None else faults.applied(depth_m, depth_m > 0.0, random)


def _record(
    annotated: AnnotatedFrame,
    hand: HandAnnotation,
    pose_rad: FloatArray,
    shape: FloatArray,
    options: IntraInterGraphOptions,
) -> Record | None:
    _require_model(annotated, hand, options.hand_model)
    frame = annotated.frame
    joints_m = hand.joints_m.astype(np.float64)
    if not np.isfinite(project(joints_m, frame.camera)).all():
        return None
    crop = crop_around(
        hand, joints_m, frame.camera, options.crop_enlargement, is_upright=options.upright
    )
    if crop is None:
        return None
    kept = CropCamera(crop.axes, _KEPT_EDGES * crop.half_slope)
    size = round(_KEPT_EDGES * options.image_size)
    orientation, fingers = _mirrored_pose(pose_rad.astype(np.float64), hand.side, crop.axes)
    share = np.nan if hand.visible_share is None else hand.visible_share
    record: Arrays = {
        "image": kept.cut(frame.rgb, frame.camera, size),
        "half_slope": _float32(crop.half_slope),
        "joints_m": _float32(joints_m @ crop.axes.T),
        "orientation": _float32(orientation),
        "pose_rad": _float32(fingers),
        "shape": _float32(shape),
        "visible_share": _float32(share),
    }
    if options.with_depth:
        record["depth"] = depth_to_units(kept.cut_depth(frame.depth_m, frame.camera, size))
    return record


def _mirrored_pose(
    pose_rad: FloatArray, side: HandSide, axes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(3, 3) orientation in the crop's axes and (45,) fingers, for the right hand's model."""
    vectors = pose_rad.reshape(-1, 3)
    mirror = np.eye(3)
    if side is HandSide.LEFT:
        vectors = vectors * _TURNED_BY_MIRROR
        mirror = np.diag([-1.0, 1.0, 1.0])
    # axes mirror left hands; what is left of them without the mirror is a rotation.
    return axes @ mirror @ axis_angle_to_matrix(vectors[0]), vectors[1:].ravel()


def _require_model(annotated: AnnotatedFrame, hand: HandAnnotation, hand_model: str) -> None:
    wanted = load_hand_model(hand_model, hand.side).topology.name
    if hand.topology != wanted:
        raise InvalidValueError(
            f"the true {hand.side.value} hand of frame {annotated.truth.stamp_ns} of "
            f"{annotated.sequence} is of model {hand.topology!r}, option hand_model asks for "
            f"{wanted!r}; set hand_model to the model of the data"
        )


def _float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
