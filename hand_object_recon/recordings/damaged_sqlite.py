"""A rosbag2 ``.db3`` file whose recorder was cut off, read as far as it goes."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition
from rosbags.interfaces import MessageDefinitionFormat as Format
from rosbags.rosbag2 import ReaderError

_LARGEST_TIME_NS = 2**63 - 1


class DamagedSqlite:
    """Messages and topics of a file that is cut short, or whose last messages are still in the
    write-ahead log (``-wal``) beside it.

    Messages come in the order they were recorded: the index by time lies at the end of the file
    and is not relied on.

    Raises
    ------
    rosbags.rosbag2.ReaderError
        Not even the list of topics can be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Only a connection that may look beside the file sees the write-ahead log, and only one
        # that may not opens a file in a folder that cannot be written.
        access = "mode=ro" if write_ahead_log(path) else "mode=ro&immutable=1"
        try:
            uri = f"{path.resolve().as_uri()}?{access}"
            self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
            # Without it SQLite reads nothing of a file that has fewer pages than its head says.
            self._database.execute("PRAGMA writable_schema = ON")
            self.connections = self._read_topics()
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def messages(
        self,
        connections: Collection[Connection],
        start: int | None = None,
        stop: int | None = None,
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Messages in the order of recording, up to the first that cannot be read."""
        start, stop = start or 0, _LARGEST_TIME_NS if stop is None else stop
        by_id = {item.id: item for item in connections}
        try:
            for row, topic_id, log_time_ns in self._scan("id, topic_id, timestamp"):
                is_wanted = start <= log_time_ns < stop
                if is_wanted and topic_id in by_id:
                    yield by_id[topic_id], log_time_ns, self._data(row)
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def close(self) -> None:
        self._database.close()

    def _read_topics(self) -> list[Connection]:
        topics = self._database.execute("SELECT id, name, type FROM topics ORDER BY id").fetchall()
        counts = self._count_messages()
        return [
            Connection(
                id=topic_id,
                topic=name,
                msgtype=message_type,
                msgdef=MessageDefinition(Format.NONE, ""),
                digest="",
                msgcount=counts.get(topic_id, 0),
                ext=ConnectionExtRosbag2("cdr", []),
                owner=self,
            )
            for topic_id, name, message_type in topics
        ]

    def _count_messages(self) -> dict[int, int]:
        counts: dict[int, int] = {}
        try:
            for (topic_id,) in self._scan("topic_id"):
                counts[topic_id] = counts.get(topic_id, 0) + 1
        except sqlite3.Error:  # the count of those before it is what is wanted
            pass
        return counts

    def _scan(self, columns: str) -> Iterator[Any]:
        """Rows of all messages. The cursor is a row ahead and a missing page costs the row before
        it: so neither the data, which may be missing alone, nor a condition, with which the row
        before would be another, is part of it."""
        return self._database.execute(f"SELECT {columns} FROM messages NOT INDEXED")

    def _data(self, row: int) -> bytes:
        (data,) = self._database.execute(
            "SELECT data FROM messages WHERE id = ?", (row,)
        ).fetchone()
        return bytes(data)

    def _explained(self, error: sqlite3.Error) -> ReaderError:
        name = self._path.name
        return ReaderError(
            f"{error}; to get back what can be: sqlite3 {name} .recover | sqlite3 repaired.db3"
        )


def write_ahead_log(path: Path) -> Path | None:
    """The log a cut-off recorder left beside a ``.db3`` file, where it holds anything."""
    log = path.with_name(f"{path.name}-wal")
    return log if log.is_file() and log.stat().st_size else None
