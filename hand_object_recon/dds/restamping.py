"""Stamps of recorded messages moved to the time they are played at."""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

from hand_object_recon.core.errors import FrameError
from hand_object_recon.messages.headers import NANOSECONDS_PER_SECOND
from hand_object_recon.messages.typestore import TRANSFORMS_TYPE, deserialize, message_typestore
from hand_object_recon.messages.typestore import serialize as to_cdr

_STAMP: Final = slice(4, 12)


class Restamper:
    """Moves stamps by one rule, so that images of the same stamp keep a common stamp.

    recorded_ns, played_ns
        A moment of the recording and when it is played.
    rate
        Seconds of the recording that pass in one second.
    """

    def __init__(self, recorded_ns: int, played_ns: int, rate: float) -> None:
        self._recorded_ns = recorded_ns
        self._played_ns = played_ns
        self._rate = rate

    def restamped(self, message_type: str, cdr: bytes) -> bytes:
        """The message with its header's stamp moved, or those of its transforms.

        A message without a header, or without a stamp in it, stays as it is.

        Raises
        ------
        FrameError
            The message is too short for its header.
        """
        if message_type == TRANSFORMS_TYPE:
            return self._restamped_transforms(cdr)
        return self._restamped_header(cdr) if _has_header(message_type) else cdr

    def _restamped_header(self, cdr: bytes) -> bytes:
        if len(cdr) < _STAMP.stop:
            raise FrameError(f"a message of {len(cdr)} bytes has no readable header")
        order = "<" if cdr[1] & 1 else ">"
        stamp = struct.Struct(f"{order}iI")
        seconds, nanoseconds = stamp.unpack(cdr[_STAMP])
        moved = self._moved(seconds, nanoseconds)
        return b"".join((cdr[: _STAMP.start], stamp.pack(*moved), cdr[_STAMP.stop :]))

    def _restamped_transforms(self, cdr: bytes) -> bytes:
        message = deserialize(cdr, TRANSFORMS_TYPE)
        for transform in message.transforms:
            stamp = transform.header.stamp
            stamp.sec, stamp.nanosec = self._moved(stamp.sec, stamp.nanosec)
        return bytes(to_cdr(message))

    def _moved(self, seconds: int, nanoseconds: int) -> tuple[int, int]:
        recorded_ns = seconds * NANOSECONDS_PER_SECOND + nanoseconds
        if recorded_ns == 0:
            return 0, 0
        since_ns = round((recorded_ns - self._recorded_ns) / self._rate)
        return divmod(self._played_ns + since_ns, NANOSECONDS_PER_SECOND)


@cache
def _has_header(message_type: str) -> bool:
    _, fields = message_typestore().fielddefs[message_type]
    return bool(fields) and fields[0][1][1] == "std_msgs/msg/Header"
