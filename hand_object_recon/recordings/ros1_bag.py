"""A ROS 1 bag read as if it were a rosbag2 recording."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from rosbags.interfaces import Connection
from rosbags.rosbag1 import Reader

from hand_object_recon.messages.typestore import message_typestore


class Ros1Bag:
    """Messages and topics of a ``.bag`` file, each message turned into CDR when it is read.

    Topics whose message type ROS 2 does not have are left out; nothing here could decode them.

    Raises
    ------
    rosbags.rosbag1.ReaderError
        The file is no ROS 1 bag, or its index is missing (``rosbag reindex`` makes a new one).
    """

    def __init__(self, path: Path) -> None:
        self._reader = Reader(path)
        self._reader.open()
        self._typestore = message_typestore()

    @property
    def connections(self) -> list[Connection]:
        known = self._typestore.types
        return [item for item in self._reader.connections if item.msgtype in known]

    def messages(
        self,
        connections: Collection[Connection],
        start: int | None = None,
        stop: int | None = None,
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Messages in the order of their log times, as CDR."""
        for connection, log_time_ns, data in self._reader.messages(connections, start, stop):
            cdr = self._typestore.ros1_to_cdr(data, connection.msgtype)
            yield connection, log_time_ns, bytes(cdr)

    def close(self) -> None:
        self._reader.close()
