"""What a user should hear, where ROS 2 programs say it: ``/rosout``."""

from __future__ import annotations

import time
from enum import IntEnum
from typing import Final

from hand_object_recon.dds.transport import TopicQos, Transport
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.typestore import new_message, serialize

ROSOUT_TOPIC: Final = "/rosout"
LOG_TYPE: Final = "rcl_interfaces/msg/Log"

_QOS: Final = TopicQos(is_latched=True, depth=100)


class LogLevel(IntEnum):
    """Those of ``rcl_interfaces/Log``."""

    INFO = 20
    WARN = 30
    ERROR = 40


class Rosout:
    """The log of one node."""

    def __init__(self, transport: Transport, node: str) -> None:
        self._node = node
        self._publisher = transport.publisher(ROSOUT_TOPIC, LOG_TYPE, _QOS)

    def say(self, level: LogLevel, text: str) -> None:
        """Publish a line."""
        message = new_message(
            LOG_TYPE,
            stamp=header_message(time.time_ns(), "").stamp,
            level=int(level),
            name=self._node,
            msg=text,
            file="",
            function="",
            line=0,
        )
        self._publisher.publish(serialize(message))
