"""A recording played into a ROS graph as its camera would have sent it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosReliability

from hand_object_recon.core.errors import FrameError, InvalidValueError, RecordingError
from hand_object_recon.dds.graph_clock import CLOCK_TOPIC, CLOCK_TYPE
from hand_object_recon.dds.restamping import Restamper
from hand_object_recon.dds.transport import QUEUE_DEPTH, Publisher, TopicQos, Transport
from hand_object_recon.messages.definitions import message_definitions
from hand_object_recon.messages.headers import NANOSECONDS_PER_SECOND
from hand_object_recon.messages.recorded_types import is_todays_definition
from hand_object_recon.messages.typestore import new_message, serialize
from hand_object_recon.recordings.bag import Bag, BagMessage

_CLOCK_STEP_NS: Final = 10_000_000
_LOOK_FOR_STOP_S: Final = 0.1
_LOOK_FOR_SUBSCRIBERS_S: Final = 0.02
_TIME_FOR_OTHERS_S: Final = 0.5
"""Subscriptions match one after another, and at the other end a little later."""
_LAST_WORD_S: Final = 1.0


@dataclass(frozen=True)
class PlaySettings:
    """How a recording is played.

    rate
        Seconds of the recording that pass in one second.
    start_s, duration_s
        The stretch that is played, from the first message's log time.
    topics
        Those played; all where there is none.
    stamps
        ``recorded`` leaves every byte as it is, ``now`` moves stamps to the time of playing.
    reliability
        ``recorded`` takes each topic's own, where the recording tells it.
    has_clock
        ``/clock`` tells the time of the recording.
    subscriber_wait_s
        Longest time to wait for a first subscriber.

    Raises
    ------
    InvalidValueError
        A value is out of its range, or a clock of the past is asked for with stamps of now.
    """

    rate: float = 1.0
    start_s: float = 0.0
    duration_s: float | None = None
    topics: tuple[str, ...] = ()
    stamps: Literal["recorded", "now"] = "recorded"
    reliability: Literal["recorded", "reliable", "best_effort"] = "recorded"
    has_clock: bool = False
    subscriber_wait_s: float = 2.0

    def __post_init__(self) -> None:
        for name, value, is_allowed in (
            ("rate", self.rate, self.rate > 0),
            ("start", self.start_s, self.start_s >= 0),
            ("duration", self.duration_s or 0.0, self.duration_s is None or self.duration_s > 0),
        ):
            if not (np.isfinite(value) and is_allowed):
                least = "0 or more" if name == "start" else "more than 0"
                raise InvalidValueError(f"{name} is {value:g}; it must be {least}")
        if self.has_clock and self.stamps == "now":
            raise InvalidValueError(
                "/clock tells the recording's time, so stamps must be recorded, not now"
            )


@dataclass(frozen=True)
class PlayedPass:
    """What came of playing a recording once.

    latest_ms
        Longest delay of a message behind its time: reading or sending could not keep up.
    """

    messages: int
    latest_ms: float


class RecordingPlayer:
    """Plays a recording on a link; a context manager.

    left_out
        Topics that cannot be played, with the reason.

    Raises
    ------
    RecordingError
        The recording cannot be read, a topic asked for is not in it, or nothing can be played.
    """

    def __init__(self, path: Path, transport: Transport, settings: PlaySettings) -> None:
        self._settings = settings
        self._transport = transport
        self._bag = Bag(path)
        self.left_out: dict[str, str] = {}
        try:
            self._message_types = self._wanted_topics()
            self._qos = {topic: self._qos_of(topic) for topic in self._message_types}
            self._publishers = self._open_publishers()
            self._clock = self._open_clock()
            self._first_ns = self._find_first()
        except RecordingError as error:
            self._bag.close()
            raise RecordingError(f"recording {path}: {error}") from error

    @property
    def topics(self) -> Mapping[str, str]:
        """Type of each topic that is played."""
        return {topic: self._message_types[topic] for topic in self._publishers}

    def wait_for_subscriber(self) -> bool:
        """Whether somebody listens within the time the settings give them.

        Who has several subscriptions is given time for all of them.
        """
        end_s = time.monotonic() + self._settings.subscriber_wait_s
        matched, since_s = 0, time.monotonic()
        while matched or time.monotonic() < end_s:
            now_matched = sum(publisher.matched for publisher in self._publishers.values())
            if now_matched != matched:
                matched, since_s = now_matched, time.monotonic()
            elif matched and time.monotonic() - since_s > _TIME_FOR_OTHERS_S:
                return True
            time.sleep(_LOOK_FOR_SUBSCRIBERS_S)
        return False

    def play(self, is_stopped: Callable[[], bool] = lambda: False) -> PlayedPass:
        """Send every message at its time, until the end or until ``is_stopped``."""
        restamp = Restamper(self._start_ns, time.time_ns(), self._settings.rate)
        begin_s = time.monotonic()
        count, latest_s, clock_ns = 0, 0.0, 0
        for message in self._messages():
            due_s = begin_s + self._seconds_in(message)
            if not _wait_until(due_s, is_stopped):
                break
            if self._clock and message.log_time_ns >= clock_ns + _CLOCK_STEP_NS:
                self._clock.publish(_clock_message(message.log_time_ns))
                clock_ns = message.log_time_ns
            self._publishers[message.topic].publish(self._payload(message, restamp))
            count += 1
            latest_s = max(latest_s, time.monotonic() - due_s)
        return PlayedPass(count, latest_s * 1e3)

    def close(self) -> None:
        """Give readers a moment to receive the last messages, and close the recording."""
        for publisher in self._publishers.values():
            publisher.wait_until_received(_LAST_WORD_S)
            publisher.close()
        self._bag.close()

    def __enter__(self) -> RecordingPlayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _start_ns(self) -> int:
        return self._first_ns + round(self._settings.start_s * NANOSECONDS_PER_SECOND)

    def _wanted_topics(self) -> dict[str, str]:
        available = {item.name: item.message_type for item in self._bag.topics}
        for topic in self._settings.topics:
            if topic not in available:
                raise RecordingError(
                    f"there is no topic {topic!r}; there are {', '.join(available)}"
                )
        wanted = self._settings.topics or tuple(available)
        return {topic: available[topic] for topic in wanted}

    def _open_publishers(self) -> dict[str, Publisher]:
        publishers = {}
        for topic, message_type in self._message_types.items():
            if self._is_outdated(topic, message_type):
                self.left_out[topic] = f"{message_type} was recorded with other fields than today's"
                continue
            try:
                qos = self._qos[topic]
                publishers[topic] = self._transport.publisher(topic, message_type, qos)
            except InvalidValueError as error:
                self.left_out[topic] = str(error)
        if not publishers:
            raise RecordingError(f"no topic can be played: {'; '.join(self.left_out.values())}")
        return publishers

    def _is_outdated(self, topic: str, message_type: str) -> bool:
        """Whether it is a message of ours as an older version defined it."""
        is_ours = message_type in message_definitions()
        return is_ours and not is_todays_definition(message_type, self._bag.definition(topic))

    def _open_clock(self) -> Publisher | None:
        if not self._settings.has_clock:
            return None
        if CLOCK_TOPIC in self._publishers:
            raise RecordingError(f"{CLOCK_TOPIC} is recorded itself; play it without a clock")
        return self._transport.publisher(CLOCK_TOPIC, CLOCK_TYPE, TopicQos(is_reliable=False))

    def _qos_of(self, topic: str) -> TopicQos:
        recorded = self._bag.offered_qos(topic)
        asked = self._settings.reliability
        is_reliable = _is_reliable(recorded) if asked == "recorded" else asked == "reliable"
        is_latched = topic.endswith("/tf_static") if recorded is None else _is_latched(recorded)
        depth = QUEUE_DEPTH if recorded is None else max(recorded.depth, QUEUE_DEPTH)
        return TopicQos(is_reliable or is_latched, is_latched, depth)

    def _find_first(self) -> int:
        first = next(self._bag.messages(self._publishers), None)
        if first is None:
            raise RecordingError(f"no message on {', '.join(self._publishers)}")
        return first.log_time_ns

    def _messages(self) -> Iterator[BagMessage]:
        """Latched messages of before the stretch first, as who joins late would get them."""
        start_ns, duration_s = self._start_ns, self._settings.duration_s
        stop_ns = None
        if duration_s is not None:
            stop_ns = start_ns + round(duration_s * NANOSECONDS_PER_SECOND)
        latched = [topic for topic in self._publishers if self._qos[topic].is_latched]
        if self._settings.start_s and latched:
            yield from self._bag.messages(latched, None, start_ns)
        yield from self._bag.messages(self._publishers, start_ns, stop_ns)

    def _seconds_in(self, message: BagMessage) -> float:
        """When a message is due after the beginning; what came before the stretch at once."""
        since_ns = max(message.log_time_ns - self._start_ns, 0)
        return since_ns / NANOSECONDS_PER_SECOND / self._settings.rate

    def _payload(self, message: BagMessage, restamp: Restamper) -> bytes:
        is_moved = self._settings.stamps == "now" and not self._qos[message.topic].is_latched
        if not is_moved:
            return message.data
        try:
            return restamp.restamped(self._message_types[message.topic], message.data)
        except FrameError as error:
            raise RecordingError(f"{message.topic}: {error}; play it with its stamps") from error


def _is_reliable(recorded: Qos | None) -> bool:
    return recorded is None or recorded.reliability is not QosReliability.BEST_EFFORT


def _is_latched(recorded: Qos) -> bool:
    return recorded.durability is QosDurability.TRANSIENT_LOCAL


def _wait_until(due_s: float, is_stopped: Callable[[], bool]) -> bool:
    """Sleep until then, or until stopped; whether it was not stopped."""
    while not is_stopped():
        remaining_s = due_s - time.monotonic()
        if remaining_s <= 0:
            return True
        time.sleep(min(remaining_s, _LOOK_FOR_STOP_S))
    return False


def _clock_message(time_ns: int) -> memoryview:
    seconds, nanoseconds = divmod(time_ns, NANOSECONDS_PER_SECOND)
    stamp = new_message("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
    return serialize(new_message(CLOCK_TYPE, clock=stamp))
