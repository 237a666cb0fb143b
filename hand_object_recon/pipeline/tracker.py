"""Gives detections an identity over time and keeps their sides consistent."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import TrackerSettings
from hand_object_recon.core.hands import HandDetection, HandSide, TrackedHand

_FARTHEST_SHARE: Final = 1.0  # of a box's size between the centres of one hand in two frames
_OTHER_SIDE_COST: Final = 0.4
_FARTHEST_COST: Final = _FARTHEST_SHARE + _OTHER_SIDE_COST


@dataclass(eq=False)
class _Track:
    track_id: int
    detection: HandDetection
    votes: deque[float]
    history: deque[tuple[RgbdFrame, HandDetection]]
    lost_frames: int = 0
    ended: bool = field(default=False)

    @property
    def side(self) -> HandSide:
        """The side most of the recent, weighted votes were for."""
        return HandSide.RIGHT if sum(self.votes) >= 0 else HandSide.LEFT


class Tracker:
    """Assigns detections to tracks by overlap in the image, side as a tie-breaker.

    Ids count up and are never used again. ``ended`` names the tracks given up in the last
    update, so that a reconstructor can forget them.
    """

    def __init__(self, settings: TrackerSettings, history_frames: int = 0) -> None:
        self._settings = settings
        self._history_frames = history_frames
        self._tracks: list[_Track] = []
        self._next_id = 1
        self.ended: tuple[int, ...] = ()

    def update(self, frame: RgbdFrame, detections: Sequence[HandDetection]) -> list[TrackedHand]:
        """Tracked hands of a frame in id order, at most as many as the settings allow.

        Of more detections than that, the first are taken: detectors give the surest first.
        """
        pairs = self._assign(detections)
        tracked = [
            self._continue(track, detections[index], frame) for track, index in pairs.items()
        ]
        self._lose([track for track in self._tracks if track not in pairs])
        taken = set(pairs.values())
        for index, detection in enumerate(detections):
            if index not in taken and len(tracked) < self._settings.max_hands:
                tracked.append(self._begin(detection, frame))
        return sorted(tracked, key=lambda hand: hand.track_id)

    def change_settings(self, settings: TrackerSettings) -> None:
        """Use other run-time settings from the next frame on."""
        self._settings = settings

    def reset(self) -> None:
        """End every track."""
        self.ended = tuple(track.track_id for track in self._tracks)
        self._tracks = []

    def _assign(self, detections: Sequence[HandDetection]) -> dict[_Track, int]:
        if not self._tracks or not detections:
            return {}
        cost = np.array([[_mismatch(track, one) for one in detections] for track in self._tracks])
        # Capped, so that how far a hopeless pair is apart does not decide who gets the others.
        pairs = zip(*linear_sum_assignment(np.minimum(cost, _FARTHEST_COST)), strict=True)
        near = [(row, int(column)) for row, column in pairs if cost[row, column] < _FARTHEST_COST]
        surest = sorted(near, key=lambda pair: pair[1])[: self._settings.max_hands]
        return {self._tracks[row]: column for row, column in surest}

    def _continue(self, track: _Track, detection: HandDetection, frame: RgbdFrame) -> TrackedHand:
        was_lost = track.lost_frames > 0
        track.lost_frames = 0
        if not detection.is_followed:
            track.votes.append(_vote(detection))
        return self._tracked(track, detection, frame, is_new=was_lost)

    def _begin(self, detection: HandDetection, frame: RgbdFrame) -> TrackedHand:
        votes = deque([_vote(detection)], maxlen=self._settings.side_votes)
        history: deque[tuple[RgbdFrame, HandDetection]] = deque(maxlen=self._history_frames)
        track = _Track(self._next_id, detection, votes, history)
        self._next_id += 1
        self._tracks.append(track)
        return self._tracked(track, detection, frame, is_new=True)

    def _tracked(
        self, track: _Track, detection: HandDetection, frame: RgbdFrame, *, is_new: bool
    ) -> TrackedHand:
        agreed = replace(detection, side=track.side)
        earlier = tuple(track.history)
        track.detection = agreed
        track.history.append((frame, agreed))
        return TrackedHand(track.track_id, agreed, is_new=is_new, history=earlier)

    def _lose(self, tracks: Sequence[_Track]) -> None:
        for track in tracks:
            track.lost_frames += 1
            track.ended = track.lost_frames > self._settings.max_lost_frames
        self.ended = tuple(track.track_id for track in self._tracks if track.ended)
        self._tracks = [track for track in self._tracks if not track.ended]


def _vote(detection: HandDetection) -> float:
    """Positive for a right hand, negative for a left one, the surer the larger."""
    return detection.score if detection.side is HandSide.RIGHT else -detection.score


def _mismatch(track: _Track, detection: HandDetection) -> float:
    """Distance between the boxes' centres in box sizes, more for the other side."""
    box, other = track.detection.box, detection.box
    size = max(box.width, box.height, other.width, other.height)
    distance = np.hypot(box.center[0] - other.center[0], box.center[1] - other.center[1]) / size
    return float(distance + _OTHER_SIDE_COST * (track.side is not detection.side))
