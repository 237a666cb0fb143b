"""A new rosbag2 recording whose messages carry their definitions."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import (
    CompressionFormat,
    CompressionMode,
    StoragePlugin,
    Writer,
    WriterError,
)

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.messages.typestore import Message, message_typestore, serialize

_FOREVER = QosTime(sec=9223372036, nsec=854775807)


def reliable_qos(depth: int, *, keep_for_late_joiners: bool = False) -> Qos:
    """Quality of service of a reliable topic that keeps its last ``depth`` messages."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=depth,
        reliability=QosReliability.RELIABLE,
        durability=(
            QosDurability.TRANSIENT_LOCAL if keep_for_late_joiners else QosDurability.VOLATILE
        ),
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


class BagWriter:
    """Writes messages into a new rosbag2 folder; used as a context manager.

    The recording is finished properly, and so readable, when an exception passes through too.

    Raises
    ------
    RecordingError
        The folder exists already, or cannot be written.
    """

    def __init__(self, directory: Path | str, *, storage: str = "mcap") -> None:
        self.directory = Path(directory)
        plugin = StoragePlugin[storage.upper()]
        if self.directory.exists():
            raise RecordingError(
                f"recording {self.directory} exists already; remove it or choose another folder"
            )
        self._writer = Writer(self.directory, version=9, storage_plugin=plugin)
        if plugin is StoragePlugin.MCAP:
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        try:
            self._writer.open()
        except (OSError, WriterError) as error:
            raise self._cannot_write(error) from error
        self._connections: dict[str, Connection] = {}

    def add_topic(self, topic: str, message_type: str, qos: Qos) -> None:
        """Announce a topic; all of them before the first message.

        Raises
        ------
        RecordingError
            There is such a topic already.
        """
        if topic in self._connections:
            raise RecordingError(f"recording {self.directory} would have topic {topic} twice")
        self._connections[topic] = self._writer.add_connection(
            topic, message_type, typestore=message_typestore(), offered_qos_profiles=[qos]
        )

    def write(self, topic: str, message: Message, log_time_ns: int) -> None:
        """Add one message.

        Raises
        ------
        RecordingError
            The disk is full or the folder is gone.
        """
        self.write_serialized(topic, serialize(message), log_time_ns)

    def write_serialized(self, topic: str, data: bytes | memoryview, log_time_ns: int) -> None:
        """Add one message that is CDR already; otherwise as :meth:`write`."""
        try:
            self._writer.write(self._connections[topic], log_time_ns, data)
        except OSError as error:
            raise self._cannot_write(error) from error

    def close(self) -> None:
        """Write index and metadata, without which other tools cannot open the recording."""
        try:
            self._writer.close()
        except OSError as error:
            raise self._cannot_write(error) from error

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except RecordingError:
            if error is None:
                raise

    def _cannot_write(self, error: Exception) -> RecordingError:
        return RecordingError(f"recording {self.directory} cannot be written: {error}")
