"""Points, vectors and poses: numpy arrays here, small objects in ROS."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.messages.typestore import Message, message_class, new_message


def point_messages(points: NDArray[Any]) -> list[Message]:
    """``geometry_msgs/Point`` of each of the (N, 3) points."""
    point = message_class("geometry_msgs/msg/Point")
    return [point(x, y, z) for x, y, z in points.tolist()]


def points_from_messages(messages: list[Message]) -> NDArray[np.float64]:
    """(N, 3) float64 of ``geometry_msgs/Point`` objects."""
    return np.array([(point.x, point.y, point.z) for point in messages]).reshape(-1, 3)


def vector_message(x: float, y: float, z: float) -> Message:
    """``geometry_msgs/Vector3``."""
    return new_message("geometry_msgs/msg/Vector3", x=x, y=y, z=z)


def pose_message(pose: NDArray[Any]) -> Message:
    """``geometry_msgs/Pose`` of a (4, 4) rigid transform."""
    (position,) = point_messages(pose[None, :3, 3])
    orientation = quaternion_message(pose[:3, :3])
    return new_message("geometry_msgs/msg/Pose", position=position, orientation=orientation)


def pose_from_message(message: Message) -> NDArray[np.float64]:
    """(4, 4) float64 rigid transform of a ``geometry_msgs/Pose``."""
    orientation = message.orientation
    quaternion = np.array([orientation.x, orientation.y, orientation.z, orientation.w])
    pose = np.eye(4)
    pose[:3, :3] = _rotation_from_quaternion(quaternion)
    pose[:3, 3] = points_from_messages([message.position])[0]
    return pose


def quaternion_message(rotation: NDArray[Any]) -> Message:
    """``geometry_msgs/Quaternion`` of a (3, 3) rotation, of unit length with w >= 0."""
    x, y, z, w = quaternion_from_rotation(rotation).tolist()
    return new_message("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)


def quaternion_from_rotation(rotation: NDArray[Any]) -> NDArray[np.float64]:
    """(4,) x, y, z, w of a (3, 3) rotation, of unit length with w >= 0."""
    # The outer product of the quaternion with itself is linear in the rotation; its longest row
    # is the one to divide by, so no angle loses precision.
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = rotation.tolist()
    outer = (
        (1 + r00 - r11 - r22, r01 + r10, r02 + r20, r21 - r12),
        (r01 + r10, 1 - r00 + r11 - r22, r12 + r21, r02 - r20),
        (r02 + r20, r12 + r21, 1 - r00 - r11 + r22, r10 - r01),
        (r21 - r12, r02 - r20, r10 - r01, 1 + r00 + r11 + r22),
    )
    longest = max(range(4), key=lambda row: outer[row][row])
    length = math.hypot(*outer[longest])
    sign = -1.0 if outer[longest][3] < 0 else 1.0
    return np.array([sign * number / length for number in outer[longest]])


def _rotation_from_quaternion(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z, w = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
