"""How ROS 2 names its topics and types in DDS."""

from __future__ import annotations

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.messages.typestore import message_typestore

_TOPIC_PREFIX = "rt"
_TYPE_NAMESPACE = "dds_"


def dds_topic_name(topic: str) -> str:
    """``/camera/image`` as ``rt/camera/image``.

    Raises
    ------
    InvalidValueError
        The name is not absolute.
    """
    if not topic.startswith("/"):
        raise InvalidValueError(f"topic {topic!r} is not absolute; begin it with /")
    return f"{_TOPIC_PREFIX}{topic}"


def ros_topic_name(dds_name: str) -> str:
    """``rt/camera/image`` as ``/camera/image``; empty for what is not a topic of ROS."""
    prefix, slash, name = dds_name.partition("/")
    return f"/{name}" if slash and prefix == _TOPIC_PREFIX else ""


def dds_type_name(message_type: str) -> str:
    """``std_msgs/msg/String`` as ``std_msgs::msg::dds_::String_``."""
    *namespace, name = message_type.split("/")
    return "::".join([*namespace, _TYPE_NAMESPACE, f"{name}_"])


def ros_type_name(dds_name: str) -> str:
    """``std_msgs::msg::dds_::String_`` as ``std_msgs/msg/String``; empty for other types."""
    *namespace, marker, name = ["", *dds_name.split("::")]
    if marker != _TYPE_NAMESPACE or not name.endswith("_"):
        return ""
    return "/".join([*namespace[1:], name.removesuffix("_")])


def type_hash_user_data(message_type: str) -> bytes:
    """User data by which ROS 2 (Iron and later) knows an endpoint's exact message definition."""
    return f"typehash={message_typestore().hash_rihs01(message_type)};".encode()
