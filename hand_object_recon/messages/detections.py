"""Hands and objects as boxes for planners."""

from __future__ import annotations

from typing import Any, Final

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

    The class is ``left_hand``, ``right_hand`` or ``object``, and the id is the class and the
    track id (``left_hand_3``). The result's pose is that of the wrist or of the object's own
    frame, and the box has its axes. A hand without a mesh has a box around its joints.
    """
    header = header_message(reconstruction.stamp_ns, reconstruction.frame_id)
    detections = [_hand_detection(header, hand) for hand in reconstruction.hands]
    detections += [
        _object_detection(header, item) for item in reconstruction.objects if len(item.vertices_m)
    ]
    return new_message(DETECTIONS_TYPE, header=header, detections=detections)


def _hand_detection(header: Message, hand: HandEstimate) -> Message:
    surface_m = hand.vertices_m if len(hand.vertices_m) else hand.joints_m
    in_wrist_m = (surface_m - hand.wrist_pose[:3, 3]) @ hand.wrist_pose[:3, :3]
    kind = f"{hand.side}_hand"
    return _detection(header, kind, hand.track_id, hand.score, hand.wrist_pose, in_wrist_m)


def _object_detection(header: Message, item: ObjectEstimate) -> Message:
    return _detection(header, "object", item.track_id, item.score, item.pose, item.vertices_m)


def _detection(
    header: Message,
    kind: str,
    track_id: int,
    score: float,
    pose: NDArray[np.float64],
    points_m: NDArray[Any],
) -> Message:
    """A box with the axes of ``pose`` around (N, 3) points given in its frame."""
    low, high = points_m.min(axis=0), points_m.max(axis=0)
    center = pose.copy()
    center[:3, 3] += pose[:3, :3] @ ((low + high) / 2)
    return new_message(
        "vision_msgs/msg/Detection3D",
        header=header,
        results=[
            new_message(
                "vision_msgs/msg/ObjectHypothesisWithPose",
                hypothesis=new_message(
                    "vision_msgs/msg/ObjectHypothesis", class_id=kind, score=score
                ),
                pose=new_message(
                    "geometry_msgs/msg/PoseWithCovariance",
                    pose=pose_message(pose),
                    covariance=_UNKNOWN_COVARIANCE,
                ),
            )
        ],
        bbox=new_message(
            "vision_msgs/msg/BoundingBox3D",
            center=pose_message(center),
            size=vector_message(*(high - low).tolist()),
        ),
        id=f"{kind}_{track_id}",
    )
