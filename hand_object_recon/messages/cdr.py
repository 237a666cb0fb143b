"""Messages written straight to their bytes, where they have too many elements to be objects.

rosbags and rclpy want an object for each point of a mesh, which takes longer than the mesh's
reconstruction. The layout is plain CDR, little-endian, as ROS 2 sends and stores it: a number
lies at a multiple of its size after the four bytes of the encapsulation header.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.messages.headers import NANOSECONDS_PER_SECOND

_ENCAPSULATION: Final = b"\x00\x01\x00\x00"


class CdrWriter:
    """Appends fields in the order of a message's definition."""

    def __init__(self) -> None:
        self._data = bytearray(_ENCAPSULATION)

    def numbers(self, kind: str, *values: float) -> None:
        """Fields of one kind, a character of :mod:`struct`."""
        self._align(struct.calcsize(kind))
        self._data += struct.pack(f"<{len(values)}{kind}", *values)

    def text(self, text: str) -> None:
        """A ``string``."""
        encoded = text.encode()
        self.numbers("I", len(encoded) + 1)
        self._data += encoded
        self._data += b"\0"

    def header(self, stamp_ns: int, frame_id: str) -> None:
        """A ``std_msgs/Header``."""
        self.numbers("i", stamp_ns // NANOSECONDS_PER_SECOND)
        self.numbers("I", stamp_ns % NANOSECONDS_PER_SECOND)
        self.text(frame_id)

    def sequence(self, rows: NDArray[Any]) -> None:
        """A sequence whose elements are the rows: numbers, or structures of equal numbers."""
        self.numbers("I", len(rows))
        if len(rows):
            little_endian = np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder("<"))
            self._align(rows.itemsize)
            self._data += little_endian.data.cast("B")

    def finished(self) -> bytes:
        """The whole message."""
        return bytes(self._data)

    def _align(self, size: int) -> None:
        self._data += bytes((len(_ENCAPSULATION) - len(self._data)) % size)
