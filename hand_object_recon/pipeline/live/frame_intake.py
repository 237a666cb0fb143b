"""From messages as they arrive to frames worth decoding."""

from __future__ import annotations

from hand_object_recon.core.errors import FrameError
from hand_object_recon.core.stream_settings import LiveSettings
from hand_object_recon.pipeline.live.camera_stream import CameraMessage, Stream
from hand_object_recon.pipeline.live.conditions import Conditions
from hand_object_recon.pipeline.live.frame_decoder import PendingFrame
from hand_object_recon.pipeline.live.pair_sync import PairSync
from hand_object_recon.pipeline.live.stream_watch import StreamWatch

_NANOSECONDS_PER_MILLISECOND = 1_000_000
_LARGEST_STEP_BACK_NS = 1_000_000_000  # messages overtake each other by less


class FrameIntake:
    """Pairs colour and depth, keeps the newest CameraInfo, and watches the streams.

    ``has_jumped_back`` is set when the stamps jump back (a bag that starts again, a simulation
    that is reset) and is the caller's to clear; images of before are forgotten. It is not
    thread-safe.
    """

    def __init__(self, settings: LiveSettings, conditions: Conditions, now_ns: int) -> None:
        self.sync = PairSync(_slop_ns(settings), settings.queue_length)
        self.watch = StreamWatch(settings, conditions, now_ns)
        self.has_jumped_back = False
        self._conditions = conditions
        self._camera_info: CameraMessage | None = None
        self._newest_ns = {Stream.COLOR: 0, Stream.DEPTH: 0}

    def add(self, stream: Stream, data: bytes, now_ns: int) -> PendingFrame | None:
        """Take a message; the frame it completes, if it does."""
        try:
            message = CameraMessage.from_cdr(stream, data)
        except FrameError as error:
            self._conditions.see("frames", f"{stream}: {error}", now_ns)
            return None
        self.watch.arrived(stream, now_ns)
        if stream is Stream.CAMERA_INFO:
            self._camera_info = message
            return None
        self._look_for_jump(message)
        pair = self.sync.add(message)
        if pair is None:
            return None
        self.watch.paired(now_ns)
        return PendingFrame(pair, self._camera_info) if self._camera_info is not None else None

    def check(self, now_ns: int) -> None:
        """Look for silent streams; to be called now and then."""
        self.watch.check(self.sync.gap_ns, now_ns)

    def change_settings(self, settings: LiveSettings) -> None:
        """Use other settings from now on."""
        self.sync.slop_ns = _slop_ns(settings)
        self.watch.settings = settings

    def _look_for_jump(self, message: CameraMessage) -> None:
        if message.stamp_ns < self._newest_ns[message.stream] - _LARGEST_STEP_BACK_NS:
            self._newest_ns = dict.fromkeys(self._newest_ns, 0)
            self.sync.reset()
            self.has_jumped_back = True
        newest_ns = self._newest_ns[message.stream]
        self._newest_ns[message.stream] = max(newest_ns, message.stamp_ns)


def _slop_ns(settings: LiveSettings) -> int:
    return round(settings.sync_slop_ms * _NANOSECONDS_PER_MILLISECOND)
