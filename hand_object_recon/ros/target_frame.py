"""Where the camera is in the frame that results are wanted in."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.time import Time
from tf2_ros import Buffer, TransformException, TransformListener

from hand_object_recon.core.errors import FrameError
from hand_object_recon.geometry.rotations import quaternion_to_matrix

_LOOK_AGAIN_S: Final = 0.002


class TargetFrame:
    """Looks a camera's pose up in the transform tree, which it listens to until closed."""

    def __init__(self, node: Node, name: str) -> None:
        self.name = name
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, node)

    def pose_of(self, frame_id: str, stamp_ns: int, timeout_s: float) -> NDArray[np.float64]:
        """(4, 4) rigid transform from ``frame_id`` at that time to the target frame.

        Raises
        ------
        FrameError
            There is no such transform within the timeout, which is of the computer's clock.
        """
        stamp = Time(nanoseconds=stamp_ns, clock_type=ClockType.ROS_TIME)
        end_s = time.monotonic() + timeout_s
        while True:
            try:
                found = self._buffer.lookup_transform(self.name, frame_id, stamp)
            except TransformException as error:
                if time.monotonic() >= end_s:
                    raise FrameError(self._absence(frame_id, error)) from None
                time.sleep(_LOOK_AGAIN_S)
            else:
                return _pose(found.transform)

    def forget(self) -> None:
        """Drop every transform, as after a jump of the clock."""
        self._buffer.clear()

    def close(self) -> None:
        self._listener.unregister()

    def _absence(self, frame_id: str, error: Exception) -> str:
        return (
            f"no transform from {frame_id!r} to ros.target_frame {self.name!r} at the image's "
            f"stamp ({error}); is the camera's place in the robot published, and is "
            "ros.transform_timeout_ms long enough?"
        )


def _pose(transform: Any) -> NDArray[np.float64]:
    """(4, 4) of a ``geometry_msgs/Transform``."""
    shift, turn = transform.translation, transform.rotation
    quaternion = np.array([turn.x, turn.y, turn.z, turn.w])
    pose = np.eye(4)
    pose[:3, :3] = quaternion_to_matrix(quaternion / np.linalg.norm(quaternion))
    pose[:3, 3] = shift.x, shift.y, shift.z
    return pose
