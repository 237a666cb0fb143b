"""Hands and objects as frames of the transform tree, under the camera's frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.keypoints import FINGERTIPS, KEYPOINT_NAMES, WRIST
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.poses import quaternion_message, vector_message
from hand_object_recon.messages.typestore import TRANSFORMS_TYPE, Message, new_message


class _Tracked(Protocol):
    @property
    def track_id(self) -> int: ...


_TrackedT = TypeVar("_TrackedT", bound=_Tracked)


def transforms_message(reconstruction: Reconstruction, *, all_joints: bool = False) -> Message:
    """``tf2_msgs/TFMessage`` with ``hand_<side>/wrist``, ``.../<finger>_tip`` and ``object``.

    The first hand of a side by track id goes without a number, further ones are
    ``hand_<side>_2`` and so on; objects likewise. A finger's joint has the wrist's orientation.

    all_joints
        All 21 joints instead of wrist and finger tips.
    """
    header = header_message(reconstruction.stamp_ns, reconstruction.frame_id)
    transforms = [
        _transform_message(header, frame)
        for frame in (
            *_hand_frames(reconstruction.hands, all_joints=all_joints),
            *_object_frames(reconstruction.objects),
        )
    ]
    return new_message(TRANSFORMS_TYPE, transforms=transforms)


class _Frame(NamedTuple):
    name: str
    position_m: NDArray[np.floating]
    rotation: Message


def _transform_message(header: Message, frame: _Frame) -> Message:
    return new_message(
        "geometry_msgs/msg/TransformStamped",
        header=header,
        child_frame_id=frame.name,
        transform=new_message(
            "geometry_msgs/msg/Transform",
            translation=vector_message(*frame.position_m.tolist()),
            rotation=frame.rotation,
        ),
    )


def _hand_frames(hands: Iterable[HandEstimate], *, all_joints: bool) -> Iterator[_Frame]:
    fingers = [joint for joint in range(len(KEYPOINT_NAMES)) if joint != WRIST]
    seen: Counter[str] = Counter()
    for hand in _in_track_order(hands):
        seen[hand.side] += 1
        name = _numbered(f"hand_{hand.side}", seen[hand.side])
        rotation = quaternion_message(hand.wrist_pose[:3, :3])
        yield _Frame(f"{name}/wrist", hand.wrist_pose[:3, 3], rotation)
        for joint in fingers if all_joints else FINGERTIPS:
            yield _Frame(f"{name}/{KEYPOINT_NAMES[joint]}", hand.joints_m[joint], rotation)


def _object_frames(objects: Iterable[ObjectEstimate]) -> Iterator[_Frame]:
    for number, item in enumerate(_in_track_order(objects), start=1):
        rotation = quaternion_message(item.pose[:3, :3])
        yield _Frame(_numbered("object", number), item.pose[:3, 3], rotation)


def _in_track_order(items: Iterable[_TrackedT]) -> list[_TrackedT]:
    return sorted(items, key=lambda item: item.track_id)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"
