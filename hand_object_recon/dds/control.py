"""Orders to a running node: plain topics, which every middleware of ROS 2 carries alike.

Services would not do: how a request finds its reply differs between the middlewares.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.dds.transport import TopicQos, Transport
from hand_object_recon.messages.typestore import deserialize

SET_TOPIC: Final = "/hand_object_recon/set"
RESET_TOPIC: Final = "/hand_object_recon/reset"
SET_TYPE: Final = "std_msgs/msg/String"
RESET_TYPE: Final = "std_msgs/msg/Empty"


@dataclass(frozen=True)
class SetOrder:
    """Change a setting: ``section.key=value``, as on the command line."""

    assignment: str

    def values(self) -> dict[str, Any]:
        """The setting's dotted name with its value.

        Raises
        ------
        ConfigError
            It is not of that form.
        """
        import yaml

        name, separator, text = self.assignment.partition("=")
        if not (separator and name.strip()):
            raise ConfigError(f"{SET_TOPIC} got {self.assignment!r}; send section.key=value")
        try:
            return {name.strip(): yaml.safe_load(text)}
        except yaml.YAMLError:
            raise ConfigError(
                f"{SET_TOPIC} got {self.assignment!r}; {text!r} is not a YAML value"
            ) from None


@dataclass(frozen=True)
class ResetOrder:
    """Forget earlier frames and the tracks in them."""


@dataclass(frozen=True)
class StopOrder:
    """Come to an end."""


Order: TypeAlias = SetOrder | ResetOrder | StopOrder


class Control:
    """Orders in the sequence they came; carrying one out may take seconds."""

    def __init__(self, transport: Transport) -> None:
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        transport.subscribe(SET_TOPIC, SET_TYPE, TopicQos(), self._take_setting)
        transport.subscribe(RESET_TOPIC, RESET_TYPE, TopicQos(), self._take_reset)

    def next_order(self, timeout_s: float) -> Order | None:
        """The next order, waited for so long; None if there is none."""
        try:
            return self._orders.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            return None

    def stop(self) -> None:
        """Order the end; may be called by a signal handler."""
        self._orders.put(StopOrder())

    def _take_setting(self, data: bytes, _: int) -> None:
        self._orders.put(SetOrder(deserialize(data, SET_TYPE).data))

    def _take_reset(self, data: bytes, _: int) -> None:
        self._orders.put(ResetOrder())
