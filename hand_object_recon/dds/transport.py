"""What a link to a ROS graph must do: serialized messages in and out, by topic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

Receiver: TypeAlias = Callable[[bytes, int], None]
"""Takes the CDR bytes of a message and when it was sent, in nanoseconds since the epoch."""

QUEUE_DEPTH = 20
"""With 5 images of 1 MB some were lost before Python took them, with 20 none."""


@dataclass(frozen=True)
class TopicQos:
    """Quality of service of one end of a topic.

    is_reliable
        Lost messages are sent again. A reader that asks for it does not match a sender that does
        not offer it.
    is_latched
        The last messages are kept for readers that join later (ROS's transient local).
    depth
        Messages kept at each end.
    """

    is_reliable: bool = True
    is_latched: bool = False
    depth: int = QUEUE_DEPTH


class GraphTopic(NamedTuple):
    """A topic that somebody in the graph publishes."""

    name: str
    message_type: str


class Endpoint(Protocol):
    """One end of a topic."""

    @property
    def topic(self) -> str: ...

    @property
    def matched(self) -> int:
        """Other ends it is connected with."""
        ...

    @property
    def incompatible_qos(self) -> str:
        """Quality of service over which another end was refused, or empty."""
        ...

    def close(self) -> None: ...


class Publisher(Endpoint, Protocol):
    """The sending end of a topic."""

    def publish(self, cdr: bytes | memoryview) -> None:
        """Send one message; may be called from any thread.

        Raises
        ------
        TransportError
            The bytes are not a message of the topic's type, or the link is closed.
        """
        ...

    def wait_until_received(self, timeout_s: float) -> bool:
        """Whether every reliable reader has everything within that time."""
        ...


class Transport(Protocol):
    """A link to a ROS graph.

    Receivers are called on one thread of the link, one at a time, and should be quick. What one
    raises ends the receiving and is raised by ``check``.
    """

    def publisher(self, topic: str, message_type: str, qos: TopicQos) -> Publisher: ...

    def subscribe(
        self, topic: str, message_type: str, qos: TopicQos, receive: Receiver
    ) -> Endpoint: ...

    def topics(self) -> list[GraphTopic]:
        """Topics with a publisher anywhere in the graph, as far as discovered by now."""
        ...

    def check(self) -> None:
        """Raise what a receiver raised, if one did."""
        ...

    def close(self) -> None:
        """Close every end of a topic and leave the graph; may be called twice."""
        ...
