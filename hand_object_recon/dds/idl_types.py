"""DDS types of ROS messages whose samples are CDR bytes, passed through as they are.

The DDS library would encode and decode every field in Python, which takes over 0.1 s for an image.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from cyclonedds.idl import make_idl_struct, types
from rosbags.interfaces import Nodetype

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.dds.ros_names import dds_type_name
from hand_object_recon.messages.typestore import message_typestore

_types: Any = types  # its generics are not typed as such

_BASE_TYPES: Final[dict[str, Any]] = {
    "bool": bool,
    "byte": types.uint8,
    "char": types.uint8,
    "float32": types.float32,
    "float64": types.float64,
    "int8": types.int8,
    "int16": types.int16,
    "int32": types.int32,
    "int64": types.int64,
    "string": str,
    "uint8": types.uint8,
    "uint16": types.uint16,
    "uint32": types.uint32,
    "uint64": types.uint64,
}


@cache
def sample_type(message_type: str) -> type[Any]:
    """Class of the samples of a message type such as ``sensor_msgs/msg/Image``.

    Raises
    ------
    InvalidValueError
        The type is not known, or has a field that DDS types here cannot have.
    """
    definitions = message_typestore().fielddefs
    if message_type not in definitions:
        raise InvalidValueError(f"message type {message_type!r} is not known")
    _, fields = definitions[message_type]
    name = dds_type_name(message_type)
    structure = make_idl_struct(
        class_name=name.rpartition("::")[2],
        typename=name.replace("::", "."),
        fields={field: _field_type(kind, message_type) for field, kind in fields},
    )
    return _passing_bytes(structure)


def new_sample(kind: type[Any], cdr: bytes) -> Any:
    """A sample of a type of :func:`sample_type`; its bytes are its ``cdr``."""
    sample = object.__new__(kind)
    sample.cdr = cdr
    return sample


def _passing_bytes(structure: Any) -> type[Any]:
    """The type with methods of its own where the library turns samples into bytes and back.

    A base class would not do: the library takes bases for parts of the message.
    """
    structure.serialize = lambda sample, *_, **__: sample.cdr
    structure.deserialize = staticmethod(lambda data, *_, **__: new_sample(structure, data))
    structure.deserialize_key = structure.deserialize
    return structure  # type: ignore[no-any-return]


def _field_type(field: Any, message_type: str) -> Any:
    kind, details = field
    if kind is Nodetype.NAME:
        return sample_type(details)
    if kind is Nodetype.BASE:
        return _base_type(details, message_type)
    element, length = details
    element_type = _field_type(element, message_type)
    if kind is Nodetype.ARRAY:
        return _types.array[element_type, length]
    return _types.sequence[element_type, length] if length else _types.sequence[element_type]


def _base_type(details: tuple[str, int], message_type: str) -> Any:
    name, length = details
    if name not in _BASE_TYPES:
        raise InvalidValueError(f"message type {message_type!r} has a {name}: not supported here")
    return _types.bounded_str[length] if name == "string" and length else _BASE_TYPES[name]
