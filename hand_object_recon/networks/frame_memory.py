"""What is remembered of each track's earlier frames for networks of several frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from hand_object_recon.core.hands import HandSide, TrackedHand

Features = TypeVar("Features")
"""What a network makes of one frame of one hand."""

_MOST_FRAMES: Final = 24  # kept of the time back to the earliest frame the network sees


@dataclass(eq=False)
class _Track(Generic[Features]):
    """features of one hand's frames, oldest first."""

    side: HandSide
    stamps_ns: list[int] = field(default_factory=list)
    features: list[Features] = field(default_factory=list)


class FrameMemory(Generic[Features]):
    """Finds the earlier frames of a hand by their time stamps, as training does.

    Of the frames of a track, the current one among them, the one nearest to each time
    ``earlier_s`` (rising) before the current frame is taken. So the oldest stands in while a
    track is young, and the current one after a long gap. A hand that is new, was lost, has
    changed its side or comes with an earlier stamp than before begins anew.
    """

    def __init__(self, earlier_s: tuple[float, float]) -> None:
        self._earlier_ns = [round(1e9 * time_s) for time_s in earlier_s]
        self._spacing_ns = self._earlier_ns[-1] // _MOST_FRAMES
        self._tracks: dict[int, _Track[Features]] = {}

    def earlier_frames(self, hand: TrackedHand, stamp_ns: int, current: Features) -> list[Features]:
        """The previous and the earliest frame that go with the current one, which is remembered."""
        track = self._track(hand, stamp_ns)
        self._drop_before(track, stamp_ns - 2 * self._earlier_ns[-1])
        stamps, features = [*track.stamps_ns, stamp_ns], [*track.features, current]
        if not track.stamps_ns or stamp_ns - track.stamps_ns[-1] >= self._spacing_ns:
            track.stamps_ns, track.features = stamps, features
        return [
            features[_nearest(stamps, stamp_ns - earlier_ns)] for earlier_ns in self._earlier_ns
        ]

    def frame_count(self, track_id: int) -> int:
        """How many frames of a track are remembered."""
        track = self._tracks.get(track_id)
        return 0 if track is None else len(track.stamps_ns)

    def forget(self, track_id: int) -> None:
        """Drop a track."""
        self._tracks.pop(track_id, None)

    def reset(self) -> None:
        """Drop all tracks."""
        self._tracks.clear()

    def _track(self, hand: TrackedHand, stamp_ns: int) -> _Track[Features]:
        known = self._tracks.get(hand.track_id)
        goes_on = (
            known is not None
            and not hand.is_new
            and known.side is hand.side
            and known.stamps_ns[-1] <= stamp_ns
        )
        if known is None or not goes_on:
            known = self._tracks[hand.track_id] = _Track(hand.side)
        return known

    def _drop_before(self, track: _Track[Features], stamp_ns: int) -> None:
        """Of frames twice as old as the earliest that is asked for, the current one is nearer."""
        kept = sum(one < stamp_ns for one in track.stamps_ns)
        del track.stamps_ns[:kept], track.features[:kept]


def _nearest(stamps_ns: list[int], wanted_ns: int) -> int:
    return min(range(len(stamps_ns)), key=lambda place: abs(stamps_ns[place] - wanted_ns))
