"""Messages as they were defined when they were recorded, which may be other than today."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

from hand_object_recon.messages.typestore import Message, deserialize, message_typestore

ReadMessage: TypeAlias = Callable[[bytes | memoryview], Message]


def is_todays_definition(message_type: str, definition: str) -> bool:
    """Whether a recorded definition has the fields that the type has today.

    definition
        Text of the type and of all it uses, as a recording carries it; "" in one that carries
        none, which is taken for today's.
    """
    today = message_typestore().fielddefs
    recorded = get_types_from_msg(definition, message_type) if definition else {}
    return all(name in today and today[name][1] == fields for name, (_, fields) in recorded.items())


def message_reader(message_type: str, definition: str) -> ReadMessage:
    """What makes a message of CDR bytes, with the fields it was recorded with.

    definition
        As for :func:`is_todays_definition`.
    """
    if is_todays_definition(message_type, definition):
        return lambda data: deserialize(data, message_type)
    typestore = Typestore()
    typestore.register(get_types_from_msg(definition, message_type))
    return lambda data: typestore.deserialize_cdr(data, message_type)
