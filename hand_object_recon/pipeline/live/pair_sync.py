"""Pairing of colour and depth as they arrive."""

from __future__ import annotations

from collections import deque

from hand_object_recon.pipeline.live.camera_stream import CameraMessage, RgbdPair, Stream

_PARTNER = {Stream.COLOR: Stream.DEPTH, Stream.DEPTH: Stream.COLOR}


class PairSync:
    """Gives each image the closest one of the other stream that is within the slop.

    A pair is given as soon as both of its images are there, and pairs come in the order of their
    stamps: what is older than a pair given is left out and counted in ``unpaired``. With a slop
    of at most half a frame's time these are the pairs of ``recordings.synchronization``.
    """

    def __init__(self, slop_ns: int, queue_length: int) -> None:
        self.slop_ns = slop_ns
        self.unpaired = dict.fromkeys(_PARTNER, 0)
        self._waiting: dict[Stream, deque[CameraMessage]] = {
            stream: deque(maxlen=queue_length) for stream in _PARTNER
        }
        self._paired_ns = dict.fromkeys(_PARTNER, -1)

    def add(self, message: CameraMessage) -> RgbdPair | None:
        """Take a colour or depth image; the pair it completes, if it does."""
        stream = message.stream
        if message.stamp_ns <= self._paired_ns[stream]:
            self.unpaired[stream] += 1
            return None
        partner = self._closest(message, self._waiting[_PARTNER[stream]])
        if partner is None:
            self._wait(message)
            return None
        self._drop_older(partner)
        self._drop_older(message)
        if stream is Stream.COLOR:
            return RgbdPair(message, partner)
        return RgbdPair(partner, message)

    @property
    def gap_ns(self) -> int | None:
        """Smallest stamp difference between images that wait; None unless both streams do."""
        colors, depths = (self._waiting[stream] for stream in (Stream.COLOR, Stream.DEPTH))
        gaps = [abs(color.stamp_ns - depth.stamp_ns) for color in colors for depth in depths]
        return min(gaps, default=None)

    def reset(self) -> None:
        """Forget what waits and what was paired, as after a jump of the clock."""
        for waiting in self._waiting.values():
            waiting.clear()
        self._paired_ns = dict.fromkeys(_PARTNER, -1)

    def _closest(
        self, message: CameraMessage, candidates: deque[CameraMessage]
    ) -> CameraMessage | None:
        def gap_ns(other: CameraMessage) -> int:
            return abs(other.stamp_ns - message.stamp_ns)

        closest = min(candidates, key=gap_ns, default=None)
        return closest if closest is not None and gap_ns(closest) <= self.slop_ns else None

    def _wait(self, message: CameraMessage) -> None:
        waiting = self._waiting[message.stream]
        self.unpaired[message.stream] += len(waiting) == waiting.maxlen
        waiting.append(message)

    def _drop_older(self, paired: CameraMessage) -> None:
        """Take a paired image and those before it out of its queue."""
        waiting = self._waiting[paired.stream]
        younger = [other for other in waiting if other.stamp_ns > paired.stamp_ns]
        older = [
            other for other in waiting if other is not paired and other.stamp_ns <= paired.stamp_ns
        ]
        self.unpaired[paired.stream] += len(older)
        waiting.clear()
        waiting.extend(younger)
        self._paired_ns[paired.stream] = paired.stamp_ns
