"""Serialized messages of a topic, with an error that names it."""

from __future__ import annotations

from rosbags.serde import SerdeError

from hand_object_recon.core.errors import FrameError
from hand_object_recon.messages.typestore import Message, deserialize


def read_message(data: bytes, topic: str, message_type: str) -> Message:
    """Message of the CDR bytes; its arrays are views of ``data``.

    Raises
    ------
    FrameError
        The bytes are not a message of that type.
    """
    try:
        return deserialize(data, message_type)
    except SerdeError as error:
        raise FrameError(f"{topic}: {error}") from error
