"""Hands and objects as boxes for planners."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.poses import pose_message, vector_message
from hand_object_recon.messages.typestore import DETECTIONS_TYPE, Message, new_message

_UNKNOWN_COVARIANCE: Final = np.zeros(36)


def detections_message(reconstruction: Reconstruction) -> Message:
    """``vision_msgs/Detection3DArray``: a box around each hand and object.

    The class is ``left_hand``, ``right_hand``, the name of the model an object was recognised as,
    or ``object``; the id is ``left_hand_3`` or ``object_4`` with the track id. The result's pose
    is that of the wrist or of the object's own frame. An object's box is that of its primitive
    where it has one; otherwise boxes have the pose's axes and enclose the mesh, or the joints of
    a hand without one.
    """
    header = header_message(reconstruction.stamp_ns, reconstruction.frame_id)
    detections = [_hand_detection(header, hand) for hand in reconstruction.hands]
    detections += [
        _object_detection(header, item)
        for item in reconstruction.objects
        if item.primitive is not None or len(item.vertices_m)
    ]
    return new_message(DETECTIONS_TYPE, header=header, detections=detections)


class _Box(NamedTuple):
    """center (4, 4) in the camera frame, and whole size_m (3,) along its axes."""

    center: NDArray[np.float64]
    size_m: NDArray[np.floating[Any]]


def _hand_detection(header: Message, hand: HandEstimate) -> Message:
    surface_m = hand.vertices_m if len(hand.vertices_m) else hand.joints_m
    in_wrist_m = (surface_m - hand.wrist_pose[:3, 3]) @ hand.wrist_pose[:3, :3]
    kind = f"{hand.side}_hand"
    box = _box_around(in_wrist_m, hand.wrist_pose)
    return _detection(header, f"{kind}_{hand.track_id}", kind, hand.score, hand.wrist_pose, box)


def _object_detection(header: Message, item: ObjectEstimate) -> Message:
    fit = item.primitive
    box = _Box(item.pose @ fit.pose, fit.size_m) if fit else _box_around(item.vertices_m, item.pose)
    identity, kind = f"object_{item.track_id}", item.name or "object"
    return _detection(header, identity, kind, item.score, item.pose, box)


def _box_around(points_m: NDArray[Any], pose: NDArray[np.float64]) -> _Box:
    """A box with the axes of ``pose`` around (N, 3) points given in its frame."""
    low, high = points_m.min(axis=0), points_m.max(axis=0)
    center = pose.copy()
    center[:3, 3] += pose[:3, :3] @ ((low + high) / 2)
    return _Box(center, high - low)


def _detection(
    header: Message,
    identity: str,
    kind: str,
    score: float,
    pose: NDArray[np.float64],
    box: _Box,
) -> Message:
    hypothesis = new_message("vision_msgs/msg/ObjectHypothesis", class_id=kind, score=score)
    result = new_message(
        "vision_msgs/msg/ObjectHypothesisWithPose",
        hypothesis=hypothesis,
        pose=new_message(
            "geometry_msgs/msg/PoseWithCovariance",
            pose=pose_message(pose),
            covariance=_UNKNOWN_COVARIANCE,
        ),
    )
    return new_message(
        "vision_msgs/msg/Detection3D",
        header=header,
        results=[result],
        bbox=new_message(
            "vision_msgs/msg/BoundingBox3D",
            center=pose_message(box.center),
            size=vector_message(*box.size_m.tolist()),
        ),
        id=identity,
    )
