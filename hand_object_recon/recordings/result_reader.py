"""A result recording read back into reconstructions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from rosbags.serde import SerdeError
from rosbags.typesys import TypesysError

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.reconstruction import (
    reconstruction_from_message,
    topology_from_message,
)
from hand_object_recon.messages.recorded_types import message_reader
from hand_object_recon.messages.typestore import RECONSTRUCTION_TYPE, TOPOLOGY_TYPE
from hand_object_recon.recordings.bag import Bag
from hand_object_recon.recordings.result_topics import RECONSTRUCTION_TOPIC, TOPOLOGY_TOPIC


def read_reconstructions(path: Path | str) -> Iterator[Reconstruction]:
    """Reconstructions of a result recording in the order they were written, one at a time.

    Of a recording by an older version, what it did not know of hands and objects is unknown.

    Raises
    ------
    RecordingError
        The recording cannot be read, is cut off, or holds no reconstructions of this program.
    """
    for message in _messages(Path(path), RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE):
        yield _converted(path, reconstruction_from_message, message)


def read_topologies(path: Path | str) -> dict[str, HandTopology]:
    """Topologies of a result recording by name.

    Raises
    ------
    RecordingError
        As for :func:`read_reconstructions`.
    """
    messages = _messages(Path(path), TOPOLOGY_TOPIC, TOPOLOGY_TYPE)
    topologies = [_converted(path, topology_from_message, message) for message in messages]
    return {topology.name: topology for topology in topologies}


def _messages(path: Path, topic: str, message_type: str) -> Iterator[Any]:
    with closing(Bag(path)) as bag:
        if not any(item[:2] == (topic, message_type) for item in bag.topics):
            names = ", ".join(item.name for item in bag.topics)
            raise RecordingError(
                f"recording {path} has no {topic} ({message_type}), so it is no result of this "
                f"program; its topics are {names}"
            )
        definition = bag.definition(topic)
        read = _converted(path, lambda text: message_reader(message_type, text), definition)
        for message in bag.messages([topic]):
            yield _converted(path, read, message.data)
        if bag.damage:
            raise RecordingError(f"recording {path} is damaged: {bag.damage}")


def _converted(path: Path | str, convert: Any, value: Any) -> Any:
    try:
        return convert(value)
    except (SerdeError, TypesysError, InvalidValueError) as error:
        raise RecordingError(f"recording {path} holds an unreadable result: {error}") from error
