"""A ROS recording opened for reading, whole or damaged, whatever its storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinitionFormat, Qos
from rosbags.rosbag2 import Reader, ReaderError

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.recordings.damaged_sqlite import DamagedSqlite, write_ahead_log
from hand_object_recon.recordings.ros1_bag import Ros1Bag
from hand_object_recon.recordings.truncated_mcap import TruncatedMcap

_STORAGE_SUFFIXES = (".mcap", ".db3")
_ROS1_SUFFIX = ".bag"


class BagTopic(NamedTuple):
    """One topic of a recording."""

    name: str
    message_type: str
    message_count: int


class BagMessage(NamedTuple):
    """One message as it lies in the recording; ``data`` is CDR."""

    topic: str
    log_time_ns: int
    data: bytes


class _Storage(Protocol):
    @property
    def connections(self) -> list[Connection]: ...

    def messages(
        self,
        connections: Collection[Connection],
        start: int | None = None,
        stop: int | None = None,
    ) -> Iterator[tuple[Any, int, bytes]]: ...

    def close(self) -> None: ...


class Bag:
    """A rosbag2 folder, a bare ``.mcap`` or ``.db3`` file, or a ROS 1 ``.bag``; close it after use.

    What a recorder that was cut off left behind is read as far as it goes: a folder without
    ``metadata.yaml``, a file without its end. ``damage`` then says in one line what is wrong; it
    is empty for a whole recording.

    Raises
    ------
    RecordingError
        There is no such recording, nothing in it can be read, or it holds no message.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage = ""
        self._storages = self._open(path)
        self.topics = self._list_topics()
        if not any(topic.message_count for topic in self.topics):
            self.close()
            raise RecordingError(f"recording {path} is empty: it holds no message{self._because()}")

    def messages(
        self, topics: Collection[str], start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[BagMessage]:
        """Messages of these topics, in the order they were logged within each storage file.

        Only those logged at ``start_ns`` or later and before ``stop_ns``, where these are given;
        what has an index is not read up to there.
        Where a file turns out to be damaged, its messages end there and ``damage`` says so.
        """
        for storage in self._storages:
            connections = [item for item in storage.connections if item.topic in topics]
            if not connections:
                continue
            try:
                for connection, log_time_ns, data in storage.messages(
                    connections, start_ns, stop_ns
                ):
                    yield BagMessage(connection.topic, log_time_ns, data)
            except Exception as error:  # decoders of damaged bytes raise anything
                self.damage = f"reading stopped early: {_reason(error)}"

    def offered_qos(self, topic: str) -> Qos | None:
        """Quality of service a topic was published with, where the recording tells it."""
        for storage in self._storages:
            for connection in storage.connections:
                if connection.topic == topic and isinstance(connection.ext, ConnectionExtRosbag2):
                    return next(iter(connection.ext.offered_qos_profiles), None)
        return None

    def definition(self, topic: str) -> str:
        """Text of a topic's message type and of all it uses, as ROS 2 recorded it; "" without."""
        for storage in self._storages:
            for connection in storage.connections:
                is_of_ros2 = isinstance(connection.ext, ConnectionExtRosbag2)
                is_text = connection.msgdef.format is MessageDefinitionFormat.MSG
                if connection.topic == topic and is_of_ros2 and is_text:
                    return connection.msgdef.data
        return ""

    def close(self) -> None:
        """Close the files; the recording cannot be read any more."""
        for storage in self._storages:
            storage.close()
        self._storages = []

    def _open(self, path: Path) -> list[_Storage]:
        if not path.exists():
            raise RecordingError(f"recording {path} does not exist")
        files = _storage_files(path)
        if path.is_dir() and (path / "metadata.yaml").is_file():
            try:
                return [_open_whole(path)]
            except Exception as error:  # as below
                self.damage = _reason(error)
        elif path.is_dir():
            self.damage = "the folder has no metadata.yaml"
        opened = [storage for file in files for storage in self._open_file(file)]
        if not opened:
            raise RecordingError(f"recording {path} cannot be read{self._because()}")
        return opened

    def _open_file(self, file: Path) -> Iterator[_Storage]:
        """The file's storage, or nothing where not even its beginning can be read."""
        for attempt in _WAYS_TO_OPEN[file.suffix]:
            try:
                yield attempt(file)
            except Exception as error:  # as below
                self.damage = f"{file.name}: {_reason(error)}"
            else:
                return

    def _list_topics(self) -> list[BagTopic]:
        counts: Counter[tuple[str, str]] = Counter()
        for storage in self._storages:
            for connection in storage.connections:
                counts[connection.topic, connection.msgtype] += connection.msgcount
        return [BagTopic(*key, count) for key, count in sorted(counts.items())]

    def _because(self) -> str:
        return f" ({self.damage})" if self.damage else ""


def _open_whole(path: Path) -> _Storage:
    for file in path.glob("*.db3") if path.is_dir() else [path]:
        if write_ahead_log(file):
            raise ReaderError(f"the recorder was cut off: {file.name}-wal holds its last messages")
    reader = Reader(path)
    reader.open()
    return reader


_WAYS_TO_OPEN: Final[dict[str, tuple[Callable[[Path], _Storage], ...]]] = {
    ".mcap": (_open_whole, TruncatedMcap),
    ".db3": (_open_whole, DamagedSqlite),
    _ROS1_SUFFIX: (Ros1Bag,),
}


def _storage_files(path: Path) -> list[Path]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    readable = (*_STORAGE_SUFFIXES, _ROS1_SUFFIX) if path.is_file() else _STORAGE_SUFFIXES
    storages = [file for file in files if file.suffix in readable]
    if storages or (path / "metadata.yaml").is_file():
        return storages
    if path.is_dir():
        raise RecordingError(
            f"folder {path} holds no recording: it has no metadata.yaml and no .mcap or .db3 file"
        )
    raise RecordingError(
        f"file {path} is no recording: give a rosbag2 folder or a .mcap, .db3 or .bag file"
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rstrip(".")
