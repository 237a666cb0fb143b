"""The time of the graph: this machine's, or what ``/clock`` says."""

from __future__ import annotations

from typing import Final

from hand_object_recon.dds.transport import TopicQos, Transport
from hand_object_recon.messages.headers import NANOSECONDS_PER_SECOND
from hand_object_recon.messages.typestore import deserialize

CLOCK_TOPIC: Final = "/clock"
CLOCK_TYPE: Final = "rosgraph_msgs/msg/Clock"


class SimulatedClock:
    """Nanoseconds as of the last ``/clock`` message; 0 before the first, as ROS does."""

    def __init__(self, transport: Transport) -> None:
        self._now_ns = 0
        qos = TopicQos(is_reliable=False, depth=1)
        transport.subscribe(CLOCK_TOPIC, CLOCK_TYPE, qos, self._receive)

    def __call__(self) -> int:
        return self._now_ns

    def _receive(self, data: bytes, _: int) -> None:
        clock = deserialize(data, CLOCK_TYPE).clock
        self._now_ns = clock.sec * NANOSECONDS_PER_SECOND + clock.nanosec
