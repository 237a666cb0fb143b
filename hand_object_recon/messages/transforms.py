"""Hands as frames of the transform tree: wrist and finger tips under the camera's frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.keypoints import FINGERTIPS, KEYPOINT_NAMES
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.poses import quaternion_message, vector_message
from hand_object_recon.messages.typestore import TRANSFORMS_TYPE, Message, new_message


def transforms_message(reconstruction: Reconstruction) -> Message:
    """``tf2_msgs/TFMessage`` with ``hand_<side>/wrist`` and ``.../<finger>_tip`` of each hand.

    The first hand of a side by track id goes without a number, further ones are
    ``hand_<side>_2`` and so on. A finger tip has the wrist's orientation.
    """
    header = header_message(reconstruction.stamp_ns, reconstruction.frame_id)
    transforms = [
        new_message(
            "geometry_msgs/msg/TransformStamped",
            header=header,
            child_frame_id=f"{hand_frame}/{part}",
            transform=new_message(
                "geometry_msgs/msg/Transform",
                translation=vector_message(*position_m.tolist()),
                rotation=rotation,
            ),
        )
        for hand_frame, hand in _named_hands(reconstruction.hands)
        for rotation in [quaternion_message(hand.wrist_pose[:3, :3])]
        for part, position_m in _parts(hand)
    ]
    return new_message(TRANSFORMS_TYPE, transforms=transforms)


def _named_hands(hands: tuple[HandEstimate, ...]) -> Iterator[tuple[str, HandEstimate]]:
    seen: Counter[str] = Counter()
    for hand in sorted(hands, key=lambda hand: hand.track_id):
        seen[hand.side] += 1
        number = seen[hand.side]
        yield f"hand_{hand.side}" if number == 1 else f"hand_{hand.side}_{number}", hand


def _parts(hand: HandEstimate) -> Iterator[tuple[str, NDArray[np.floating]]]:
    yield "wrist", hand.wrist_pose[:3, 3]
    for tip in FINGERTIPS:
        yield KEYPOINT_NAMES[tip], hand.joints_m[tip]
