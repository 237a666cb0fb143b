"""From an annotated frame to what the network is trained on.

What the paper leaves open is decided so:

object
    Its centroid is the mean of its surface, its largest radius that of the farthest vertex from
    there. Its points are spread evenly over the surface; a step draws 600 of those that are kept.
foreground
    This hand and objects; neither the arm nor another hand, which ObMan's pictures have, too.
augmentation
    The camera looks aside, rolls and zooms, and what is true turns with it; colors change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, MaskLabel
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.networks.augmentation import CropChange, draw_change
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.depth_faults import DepthFaults, draw_faults
from hand_object_recon.networks.grasp_crops import grasp_crop, hands_and_held, true_vertices_m
from hand_object_recon.networks.stored_depth import depth_to_units, units_to_depth
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.cross_branch.options import CrossBranchOptions, DepthTruth

FloatArray = NDArray[np.floating[Any]]
Arrays = dict[str, NDArray[Any]]

_KEPT_EDGES: Final = 1.5  # of the network's crop: room to turn and scale
_HAND_LABELS: Final = {HandSide.LEFT: MaskLabel.LEFT_HAND, HandSide.RIGHT: MaskLabel.RIGHT_HAND}
_NO_CHANGE: Final = CropChange()
_NO_FAULTS: Final = DepthFaults()


@dataclass(frozen=True)
class SampleChange:
    """One draw of an augmentation: of the view and its colors, and of its depth."""

    view: CropChange = _NO_CHANGE
    depth: DepthFaults = _NO_FAULTS


def draw_sample_change(random: np.random.Generator, options: CrossBranchOptions) -> SampleChange:
    """Draw one change within the options."""
    view = draw_change(random, options)
    return SampleChange(view, draw_faults(random, options.depth_noise_m, options.hole_share))


def grasp_records(
    annotated: AnnotatedFrame, options: CrossBranchOptions
) -> Iterator[tuple[int, Record]]:
    """A record of each hand that holds something and can be seen at all; with ``empty_hands`` of
    those that hold nothing, too.

    In the axes of a camera that looks straight at the crop; left hands are mirrored into right
    ones. K pixels reach half as far again as the crop.

    image (K, K, 3); depth (K, K) uint16 as ``stored_depth`` keeps it, along the crop camera's axis,
    0 where the sensor saw nothing; half_slope of the crop; joints_m (21, 3); visible_share of the
    hand, NaN where it is not known. About the wrist: points_m (kept_points, 3) float16 of the
    object's surface, center_m (3,) and radius_m of the object, and vertices_m (V, 3) of the hand
    where ``hand_meshes`` says so. With ``empty_hands`` is_held, too; without an object points and
    centre are 0 and the radius is 1. With ``DepthTruth.FOREGROUND`` true_depth (K, K), too: clean
    depth of this hand and of objects, 0 elsewhere.

    Raises
    ------
    InvalidValueError
        What the options ask for is not told: the mesh of ``hand_model``, or clean depth.
    """
    for hand, held in hands_and_held(annotated):
        if held is None and not options.empty_hands:
            continue
        record = _record(annotated, hand, held, options)
        if record is not None:
            yield int(hand.side is HandSide.LEFT), record


def network_sample(
    record: Record,
    change: SampleChange,
    options: CrossBranchOptions,
    random: np.random.Generator | None,
) -> Arrays:
    """What the network sees of a record after a change, and what is true of it.

    With S = ``options.image_size``: image (3, S, S) uint8; depth_m (S, S) float32 along the
    camera's axis, 0 where there is none; true_depth_m (S, S), 0 where there is nothing to learn;
    camera (3, 3) in pixels of the crop; joints_m (21, 3) in its axes; visible_share. About the
    wrist: points_m (points, 3), drawn anew with ``random``, else the first ones; center_m (3,),
    radius_m, and vertices_m (V, 3) and is_held where the record has them.
    """
    size, half_slope = options.image_size, float(record["half_slope"])
    view = change.view
    crop = CropCamera(np.eye(3), half_slope).moved(view.shift, view.scale, view.turn_rad)
    kept = CropCamera(np.eye(3), _KEPT_EDGES * half_slope).intrinsics(len(record["image"]))
    image = view.recolored(crop.cut(record["image"], kept, size))
    depth_m = crop.cut_depth(units_to_depth(record["depth"]), kept, size)
    true_depth_m = depth_m
    if options.depth_truth is DepthTruth.FOREGROUND:
        true_depth_m = crop.cut_depth(units_to_depth(record["true_depth"]), kept, size)
    if random is not None:
        depth_m = change.depth.applied(depth_m, true_depth_m > 0.0, random)
    sample: Arrays = {
        "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
        "depth_m": depth_m,
        "true_depth_m": true_depth_m,
        "camera": _float32(crop.intrinsics(size).matrix),
        "visible_share": record["visible_share"],
        "radius_m": record["radius_m"],
    }
    if "is_held" in record:
        sample["is_held"] = record["is_held"]
    places = {
        name: record[name] for name in ("joints_m", "center_m", "vertices_m") if name in record
    }
    places["points_m"] = _chosen(record["points_m"], options.points, random)
    return sample | {name: _turned(values, crop.axes) for name, values in places.items()}


def _record(
    annotated: AnnotatedFrame,
    hand: HandAnnotation,
    held: Body | None,
    options: CrossBranchOptions,
) -> Record | None:
    frame = annotated.frame
    crop = grasp_crop(
        hand,
        held,
        frame.camera,
        options.crop_around,
        options.crop_enlargement,
        is_upright=options.upright,
    )
    if crop is None:
        return None
    kept = CropCamera(crop.axes, _KEPT_EDGES * crop.half_slope)
    size = round(_KEPT_EDGES * options.image_size)
    share = np.nan if hand.visible_share is None else hand.visible_share
    record: Arrays = {
        "image": kept.cut(frame.rgb, frame.camera, size),
        "depth": depth_to_units(kept.cut_depth(frame.depth_m, frame.camera, size)),
        "half_slope": _float32(crop.half_slope),
        "joints_m": _turned(hand.joints_m, crop.axes),
        "visible_share": _float32(share),
        **_object_truth(annotated, hand, held, crop, options.kept_points),
    }
    if options.empty_hands:
        record["is_held"] = _float32(held is not None)
    if options.hand_meshes:
        _, vertices_m = true_vertices_m(hand, options.hand_model)
        record["vertices_m"] = _turned(vertices_m - hand.joints_m[WRIST], crop.axes)
    if options.depth_truth is DepthTruth.FOREGROUND:
        clean_depth_m = _foreground_depth_m(annotated, hand.side)
        record["true_depth"] = depth_to_units(kept.cut_depth(clean_depth_m, frame.camera, size))
    return record


def _object_truth(
    annotated: AnnotatedFrame,
    hand: HandAnnotation,
    held: Body | None,
    crop: CropCamera,
    count: int,
) -> Arrays:
    """Points, centre and radius about the wrist; the points follow from the frame's time."""
    if held is None:
        nothing = np.zeros((count, 3), dtype=np.float16)
        return {"points_m": nothing, "center_m": np.zeros(3, np.float32), "radius_m": _float32(1.0)}
    body = held.seen_from(hand.joints_m[WRIST].astype(np.float64), crop.axes)
    random = np.random.default_rng((annotated.frame.stamp_ns, hand.side is HandSide.LEFT))
    center_m = body.center_m
    radius_m = np.linalg.norm(body.vertices_m - center_m, axis=1).max()
    return {
        "points_m": body.surface_points(count, random).astype(np.float16),
        "center_m": _float32(center_m),
        "radius_m": _float32(radius_m),
    }


def _foreground_depth_m(annotated: AnnotatedFrame, side: HandSide) -> NDArray[np.float32]:
    """(H, W) clean depth of a hand and of objects, 0 elsewhere."""
    truth = annotated.truth
    if truth.clean_depth_m is None or truth.mask is None:
        raise InvalidValueError(
            f"frame {truth.stamp_ns} of {annotated.sequence} has no clean depth or no mask, which "
            "option depth_truth=foreground asks for; set it to sensor"
        )
    is_foreground = (truth.mask == _HAND_LABELS[side]) | (truth.mask == MaskLabel.OBJECT)
    return np.where(is_foreground, truth.clean_depth_m, np.float32(0.0))


def _chosen(points: NDArray[Any], count: int, random: np.random.Generator | None) -> NDArray[Any]:
    if random is None:
        return points[:count]
    return points[random.permutation(len(points))[:count]]


def _turned(points: NDArray[Any], axes: FloatArray) -> NDArray[np.float32]:
    return _float32(points.astype(np.float64) @ axes.T)


def _float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
