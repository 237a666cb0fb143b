"""From an annotated frame to what the network is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame, HandAnnotation, MaskLabel
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import POSE_LENGTH, SHAPE_LENGTH, HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.stored_depth import depth_to_units, units_to_depth
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.pdfnet.conventions import CELL_PX, HANDS, SIDES
from hand_object_recon.reconstructors.pdfnet.frame_change import FrameChange
from hand_object_recon.reconstructors.pdfnet.hand_points import choose_points
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions, View
from hand_object_recon.reconstructors.pdfnet.square_image import KEPT_EDGES, SquareImage

FloatArray = NDArray[np.floating[Any]]
Arrays = dict[str, NDArray[Any]]

_LABELS: Final = (MaskLabel.LEFT_HAND, MaskLabel.RIGHT_HAND)
_LEAST_JOINTS_IN_VIEW: Final = 11


def frame_records(
    annotated: AnnotatedFrame, hand_model: str | None, options: PDFNetOptions
) -> Iterator[Record]:
    """The record of a frame, or of what is about its hands, if they are told by parameters of the
    hand model; of any frame, by joints alone, where that is None.

    With size = ``options.kept_size``: image (size, size, 3); depth (size, size) uint16 as
    ``stored_depth`` has it, 0 where the sensor saw nothing; mask (size, size) uint8, 1 where the
    left hand is seen, 2 where the right one is; camera (3, 3). Of the left and the right hand:
    is_present (2,); joints_m (2, 21, 3), pose_rad (2, 48) and shape (2, 10) of the hand model,
    zeros where it is not there or not told.

    Raises
    ------
    InvalidValueError
        The frame has no mask, or its hands are those of another hand model.
    """
    hands = annotated.truth.hands
    are_told = all(hand.pose_rad is not None and hand.shape is not None for hand in hands)
    if hand_model is not None and not are_told:
        return
    size = options.kept_size
    square = SquareImage.of_frame(
        annotated.frame,
        size,
        _joints_px(annotated) if options.view is View.HANDS else None,
        KEPT_EDGES * options.view_enlargement,
    )
    yield {
        "image": square.rgb,
        "depth": depth_to_units(square.depth_m),
        "mask": _nearest(_hand_labels(annotated), square.to_square, size),
        "camera": _float32(square.camera_matrix),
        **_hands(hands, hand_model),
    }


def network_sample(
    record: Record,
    change: FrameChange,
    options: PDFNetOptions,
    random: np.random.Generator | None,
) -> Arrays:
    """What the network sees of a record after a change, and what is true of it.

    With S = ``options.image_size``: image (3, S, S) uint8; depth_m (S, S) float32, 0 where there
    is none; masks (2, S, S) uint8; camera (3, 3); cloud_m, pixels and is_enough of
    ``ChosenPoints`` on the true masks, where the network reads points. Of the left and the right
    hand: is_present (2,) whether its middle and most joints are in the picture; joints_m
    (2, 21, 3); centers (2,) int64 cell of the middle, and extents (2, 2) width and height in
    cells.

    The truth of the meshes is posed by the hand model: pose_rad (2, 48) and shape (2, 10) as the
    record has them, to be turned by axes (3, 3) into the changed camera's, left and right to be
    swapped after that where is_mirrored.
    """
    size = options.image_size
    kept_edges = KEPT_EDGES if options.view is View.HANDS else 1.0
    to_view, axes = change.view_map(record["camera"], len(record["image"]), size, kept_edges)
    image = change.recolored(_smooth(record["image"], to_view[:2], size), random)
    labels = _nearest(record["mask"], to_view[:2], size)
    masks = np.stack([labels == place + 1 for place in range(HANDS)])
    depth_m = units_to_depth(_nearest(record["depth"], to_view[:2], size))
    if random is not None:
        depth_m = change.depth_faults.applied(depth_m, labels > 0, random)
    camera = to_view @ record["camera"] @ axes.T
    joints_m = record["joints_m"] @ axes.T
    is_present = record["is_present"]
    if change.is_mirrored:
        masks, joints_m, is_present = masks[::-1], joints_m[::-1], is_present[::-1]
    pictured = [_pictured(one, camera, size) for one in joints_m]
    sample: Arrays = {
        "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
        "depth_m": depth_m,
        "masks": np.ascontiguousarray(masks, dtype=np.uint8),
        "camera": _float32(camera),
        "is_present": is_present & np.array([one is not None for one in pictured]),
        "joints_m": _float32(joints_m),
        "centers": np.array([0 if one is None else one[0] for one in pictured], dtype=np.int64),
        "extents": _float32([(0, 0) if one is None else one[1] for one in pictured]),
        "pose_rad": record["pose_rad"],
        "shape": record["shape"],
        "axes": _float32(axes),
        "is_mirrored": np.array(change.is_mirrored),
    }
    if options.inputs.has_points:
        sample |= choose_points(
            depth_m,
            sample["masks"],
            sample["camera"],
            options.points,
            choice=options.point_choice,
            generator=random or np.random.default_rng(0),
        )._asdict()
    return sample


def _joints_px(annotated: AnnotatedFrame) -> FloatArray:
    """(N, 2) pixels of the joints of all hands; NaN for those behind the camera."""
    camera = annotated.frame.camera
    pixels = [project(hand.joints_m, camera) for hand in annotated.truth.hands]
    return np.concatenate([*pixels, np.empty((0, 2))])


def _smooth(image: NDArray[np.uint8], matrix: FloatArray, size: int) -> NDArray[np.uint8]:
    """(size, size, 3) cut by a (2, 3) map of pixels, black beyond the image."""
    cut = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(cut, dtype=np.uint8)


def _nearest(values: NDArray[Any], matrix: FloatArray, size: int) -> NDArray[Any]:
    """(size, size) cut, none of the values mixed; 0 beyond the image."""
    return cv2.warpAffine(values, matrix, (size, size), flags=cv2.INTER_NEAREST)


def _hand_labels(annotated: AnnotatedFrame) -> NDArray[np.uint8]:
    mask = annotated.truth.mask
    if mask is None:
        raise InvalidValueError(
            f"frame {annotated.truth.stamp_ns} of {annotated.sequence} has no mask; pdfnet learns "
            "where hands are from masks, give a data set that has them"
        )
    labels = np.zeros_like(mask)
    for place, label in enumerate(_LABELS):
        labels[mask == label] = place + 1
    return labels


def _hands(hands: tuple[HandAnnotation, ...], hand_model: str | None) -> Arrays:
    by_side = {hand.side: hand for hand in hands}
    arrays: Arrays = {
        "is_present": np.array([side in by_side for side in SIDES]),
        "joints_m": np.zeros((HANDS, KEYPOINT_COUNT, 3), dtype=np.float32),
        "pose_rad": np.zeros((HANDS, POSE_LENGTH), dtype=np.float32),
        "shape": np.zeros((HANDS, SHAPE_LENGTH), dtype=np.float32),
    }
    for place, side in enumerate(SIDES):
        hand = by_side.get(side)
        if hand is None:
            continue
        arrays["joints_m"][place] = hand.joints_m
        if hand_model is not None:
            _require_hand_model(hand, hand_model, side)
            arrays["pose_rad"][place], arrays["shape"][place] = hand.pose_rad, hand.shape
    return arrays


def _require_hand_model(hand: HandAnnotation, hand_model: str, side: HandSide) -> None:
    asked = load_hand_model(hand_model, side).topology.name
    if hand.topology != asked:
        raise InvalidValueError(
            f"the true hand has the mesh of {hand.topology!r}, option hand_model asks for "
            f"{asked!r}; set hand_model to the model of the data"
        )


def _pictured(
    joints_m: FloatArray, camera: FloatArray, size: int
) -> tuple[int, tuple[float, float]] | None:
    """Cell of a hand's middle, and its width and height in cells; None for one out of sight."""
    if not (joints_m[:, 2] > 0.0).all():
        return None
    rays = joints_m @ camera.T
    pixels = rays[:, :2] / rays[:, 2:]
    inside = pixels[((pixels > -0.5) & (pixels < size - 0.5)).all(axis=1)]
    if len(inside) < _LEAST_JOINTS_IN_VIEW:
        return None
    low, high = inside.min(axis=0), inside.max(axis=0)
    column, row = ((low + high) / (2 * CELL_PX)).astype(int).tolist()
    width, height = ((high - low) / CELL_PX).tolist()
    return row * (size // CELL_PX) + column, (width, height)


def _float32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
