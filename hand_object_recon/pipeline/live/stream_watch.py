"""Tells a user why nothing comes out, with the fix: what a camera's streams lack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hand_object_recon.core.stream_settings import LiveSettings
from hand_object_recon.pipeline.live.camera_stream import Stream, Subscription, subscriptions
from hand_object_recon.pipeline.live.conditions import Conditions

_NANOSECONDS_PER_MILLISECOND: Final = 1_000_000
_NANOSECONDS_PER_SECOND: Final = 1_000_000_000
_SYNCHRONIZATION: Final = "synchronization"
_AGE: Final = "stamps"
_IMAGES: Final = (Stream.COLOR, Stream.DEPTH)
_CLOCKS = "are the clocks of camera and computer synchronized, and is use_sim_time set for a bag?"


class StreamWatch:
    """Looks at when messages arrive and how old they are.

    ``now_ns`` is a clock that never jumps, ``age_ms`` of the clock the stamps are of.
    """

    def __init__(self, settings: LiveSettings, conditions: Conditions, now_ns: int) -> None:
        self.settings = settings
        self._conditions = conditions
        self._arrived_ns: dict[Stream, int] = {}
        self._paired_ns = now_ns
        self._start_ns = now_ns
        self._known_topics: frozenset[str] | None = None

    def arrived(self, stream: Stream, now_ns: int) -> None:
        """Note a message of a stream."""
        self._arrived_ns[stream] = now_ns
        self._conditions.end(stream.value)

    def paired(self, now_ns: int) -> None:
        """Note that colour and depth found each other."""
        self._paired_ns = now_ns
        self._conditions.end(_SYNCHRONIZATION)

    def is_current(self, age_ms: float, now_ns: int) -> bool:
        """Whether a frame of this age may be processed; tells the user if its stamp is odd."""
        limit_ms = self.settings.max_input_age_ms
        if limit_ms and age_ms > limit_ms:
            self._conditions.see(
                _AGE,
                f"frames are {_duration(age_ms)} old and dropped (live.max_input_age_ms is "
                f"{limit_ms:g}): {_CLOCKS}",
                now_ns,
            )
            return False
        if limit_ms and age_ms < -limit_ms:
            text = f"frames are stamped {_duration(-age_ms)} in the future: {_CLOCKS}"
            self._conditions.see(_AGE, text, now_ns)
        return True

    def topics_known(self, names: Iterable[str]) -> None:
        """Note which topics somebody publishes, where the host can tell."""
        self._known_topics = frozenset(names)

    def check(self, gap_ns: int | None, now_ns: int) -> None:
        """Look for silent streams; to be called now and then.

        gap_ns
            Smallest stamp difference of images that wait for a partner, if both streams wait.
        """
        for subscription in subscriptions(self.settings):
            self._check_stream(subscription, now_ns)
        if self._is_overdue(self._paired_ns, now_ns):
            self._check_pairs(gap_ns, now_ns)
        self._conditions.end_calm(now_ns)

    def _check_pairs(self, gap_ns: int | None, now_ns: int) -> None:
        if gap_ns is not None:
            self._conditions.see(_SYNCHRONIZATION, self._unsynchronized(gap_ns), now_ns)
        elif self._are_coming(now_ns):
            self._conditions.see(_SYNCHRONIZATION, _STANDING_STILL, now_ns)

    def _check_stream(self, subscription: Subscription, now_ns: int) -> None:
        stream = subscription.stream
        arrived_ns = self._arrived_ns.get(stream)
        if not self._is_overdue(self._start_ns if arrived_ns is None else arrived_ns, now_ns):
            return
        if arrived_ns is None:
            self._conditions.see(stream.value, self._missing(subscription), now_ns)
        elif stream in _IMAGES:  # one CameraInfo is enough
            silent_s = (now_ns - arrived_ns) / _NANOSECONDS_PER_SECOND
            text = f"{subscription.topic}: no {stream} message for {silent_s:.1f} s; {_STALLED}"
            self._conditions.see(stream.value, text, now_ns)

    def _are_coming(self, now_ns: int) -> bool:
        """Whether both colour and depth arrive."""
        arrived_ns = [self._arrived_ns.get(stream) for stream in _IMAGES]
        return all(one is not None and not self._is_overdue(one, now_ns) for one in arrived_ns)

    def _missing(self, subscription: Subscription) -> str:
        topic = subscription.topic
        problem = f"no {subscription.stream} message on {topic}"
        if self._known_topics is not None and topic not in self._known_topics:
            problem = f"topic {topic} ({subscription.stream}) does not exist"
        return f"{problem}; {_fix_for(subscription)}"

    def _unsynchronized(self, gap_ns: int) -> str:
        return (
            f"colour and depth are at least {gap_ns / _NANOSECONDS_PER_MILLISECOND:.1f} ms apart, "
            f"more than live.sync_slop_ms ({self.settings.sync_slop_ms:g}); synchronize the "
            "camera's streams (RealSense: enable_sync:=true, Orbbec: sync_mode), or raise the "
            "slop to half a frame's time"
        )

    def _is_overdue(self, since_ns: int, now_ns: int) -> bool:
        return now_ns - since_ns > self.settings.stream_timeout_s * _NANOSECONDS_PER_SECOND


_STANDING_STILL = (
    "images arrive whose stamps do not go on: the driver (or the bridge) must stamp each one with "
    "the time it was taken"
)
_STALLED = "is the camera still connected, and the recording not at its end?"


def _fix_for(subscription: Subscription) -> str:
    if "aligned_depth" in subscription.topic:
        return (
            "start the RealSense driver with align_depth.enable:=true (off by default), or set "
            "live.depth_topic"
        )
    setting = {
        Stream.COLOR: "live.color_topic",
        Stream.DEPTH: "live.depth_topic",
        Stream.CAMERA_INFO: "live.camera_info_topic",
    }[subscription.stream]
    return f"start the camera driver, or set {setting}"


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.0f} s"
