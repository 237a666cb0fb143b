"""The header of a serialized message, read without decoding the rest."""

from __future__ import annotations

import struct

from hand_object_recon.core.errors import FrameError
from hand_object_recon.messages.headers import NANOSECONDS_PER_SECOND

_HEADER_START = 4
_FRAME_ID_START = 16


def read_stamp_and_frame(data: bytes) -> tuple[int, str]:
    """Stamp in nanoseconds and frame id of a CDR message that begins with ``std_msgs/Header``.

    Raises
    ------
    FrameError
        The bytes are too short for a header or its text is not UTF-8.
    """
    try:
        order = "<" if data[1] & 1 else ">"
        seconds, nanoseconds, length = struct.unpack_from(f"{order}iII", data, _HEADER_START)
        text = data[_FRAME_ID_START : _FRAME_ID_START + length].rstrip(b"\0")
        return seconds * NANOSECONDS_PER_SECOND + nanoseconds, text.decode("utf-8")
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise FrameError(f"a message of {len(data)} bytes has no readable header") from error
