"""An MCAP file whose end is missing, read up to its last complete record."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from struct import unpack
from typing import BinaryIO

from rosbags.interfaces import Connection
from rosbags.rosbag2 import ReaderError
from rosbags.rosbag2.storage_mcap import McapReader

_MAGIC = b"\x89MCAP0\r\n"
_RECORD_HEAD_BYTES = 9
_FOOTER = 0x02
_DATA_END = 0x0F


class TruncatedMcap:
    """Messages and topics of an MCAP file without summary, such as a power loss leaves behind.

    Raises
    ------
    rosbags.rosbag2.ReaderError
        The file does not begin as MCAP files do.
    """

    def __init__(self, path: Path) -> None:
        self._reader = McapReader(path)
        self._reader.bio = path.open("rb")
        try:
            self._scan(self._reader.bio)
        except BaseException:
            self._reader.close()
            raise

    @property
    def connections(self) -> list[Connection]:
        """Topics, with the number of messages that can be read."""
        return self._reader.connections

    def messages(
        self,
        connections: Collection[Connection],
        start: int | None = None,
        stop: int | None = None,
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Messages in file order, which is nearly that of their log times."""
        return self._reader.messages_scan(connections, start, stop)

    def close(self) -> None:
        self._reader.close()

    def _scan(self, file: BinaryIO) -> None:
        reader = self._reader
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ReaderError("it does not begin as an MCAP file does")
        reader.data_start = len(_MAGIC)
        reader.data_end = _end_of_complete_records(file)
        reader.meta_scan()
        counts = reader.statistics.channel_message_counts if reader.statistics else {}
        reader.connections = [
            item._replace(msgcount=counts.get(item.id, 0)) for item in reader.connections
        ]


def _end_of_complete_records(file: BinaryIO) -> int:
    position = len(_MAGIC)
    size = file.seek(0, 2)
    while position + _RECORD_HEAD_BYTES <= size:
        file.seek(position)
        opcode, length = unpack("<BQ", file.read(_RECORD_HEAD_BYTES))
        end = position + _RECORD_HEAD_BYTES + length
        if end > size or opcode in (_FOOTER, _DATA_END):
            break
        position = end
    return position
