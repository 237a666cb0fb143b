"""Stamps and headers: nanoseconds here, seconds and nanoseconds in ROS."""

from __future__ import annotations

from hand_object_recon.messages.typestore import Message, new_message

NANOSECONDS_PER_SECOND = 1_000_000_000


def header_message(stamp_ns: int, frame_id: str) -> Message:
    """``std_msgs/Header`` of a stamp in nanoseconds since the epoch."""
    seconds, nanoseconds = divmod(stamp_ns, NANOSECONDS_PER_SECOND)
    stamp = new_message("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
    return new_message("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def stamp_ns_of(header: Message) -> int:
    """Stamp of a ``std_msgs/Header`` in nanoseconds since the epoch."""
    return int(header.stamp.sec) * NANOSECONDS_PER_SECOND + int(header.stamp.nanosec)
