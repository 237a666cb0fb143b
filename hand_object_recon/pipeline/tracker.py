"""Gives detections an identity over time and keeps their sides consistent."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.core.stage_settings import TrackerSettings

FloatArray = NDArray[np.floating[Any]]

# Costs of taking a detection for a track, in sizes of the hand's box.
_FARTHEST: Final = 1.0
_OTHER_SIDE: Final = 0.4
_OTHER_SIDE_IN_TOUCH: Final = 0.2
_OTHER_DEPTH: Final = 0.4
_OTHER_POSE: Final = 0.3
_OUT_OF_SIGHT: Final = 0.3
_FARTHER: Final = 0.5
_HOPELESS: Final = _FARTHEST + _OUT_OF_SIGHT + _FARTHER + _OTHER_SIDE

_DEPTH_REACH_M: Final = 0.10
_POSE_REACH_M: Final = 0.05
_POSE_LASTS_S: Final = 0.3

_FASTEST_SIZES_S: Final = 8.0  # sizes of its box that a hand out of sight may go in a second
_SHORT_LOSS_S: Final = 0.2
_LONGEST_LOSS_S: Final = 1.5
_COASTING_S: Final = 0.15
_NEW_SPEED_SHARE: Final = 0.5

_OVERLAP: Final = 0.1
_SAME_HAND_OVERLAP: Final = 0.5


@dataclass(frozen=True, eq=False)
class _Sighting:
    """A detection with the median depth of what it shows, NaN where none was measured, and
    whether its box is clear of the others."""

    detection: HandDetection
    depth_m: float
    is_clear: bool


@dataclass(eq=False)
class _Track:
    """speed_px_s (2,) is that of the box's centre."""

    track_id: int
    sighting: _Sighting
    seen_ns: int
    votes: deque[float]
    history: deque[tuple[RgbdFrame, HandDetection]]
    speed_px_s: FloatArray = field(default_factory=lambda: np.zeros(2))
    lost_frames: int = 0

    @property
    def side(self) -> HandSide:
        """The side most of the recent, weighted votes were for."""
        return HandSide.RIGHT if sum(self.votes) >= 0 else HandSide.LEFT

    @property
    def box(self) -> BoundingBox:
        return self.sighting.detection.box

    def unseen_s(self, stamp_ns: int) -> float:
        return (stamp_ns - self.seen_ns) * 1e-9

    def expected_center(self, stamp_ns: int) -> FloatArray:
        """(2,) where the box's centre is by now: it goes on, and comes to rest out of sight."""
        coasted_s = _COASTING_S * (1.0 - np.exp(-self.unseen_s(stamp_ns) / _COASTING_S))
        return np.asarray(self.box.center + self.speed_px_s * coasted_s)


class Tracker:
    """Assigns detections to tracks by where each hand is expected, its side, depth and pose.

    A hand that was out of sight keeps its id if it comes back within ``max_lost_frames`` and
    1.5 s, no farther off than a hand gets in that time; after more than 0.2 s also with the same
    side. Hands that overlap do not vote on their sides, which detectors then mix up. Ids count up
    and are never used again. ``ended`` names the tracks given up in the last update, so that a
    reconstructor can forget them.
    """

    def __init__(self, settings: TrackerSettings, history_frames: int = 0) -> None:
        self._settings = settings
        self._history_frames = history_frames
        self._tracks: list[_Track] = []
        self._last_stamp_ns = 0
        self._next_id = 1
        self.ended: tuple[int, ...] = ()

    def update(self, frame: RgbdFrame, detections: Sequence[HandDetection]) -> list[TrackedHand]:
        """Tracked hands of a frame in id order, at most as many as the settings allow.

        Of more detections than that, the first are taken: detectors give the surest first. A
        detection that covers a tracked hand begins no track of its own.
        """
        given_up = self._given_up(frame.stamp_ns)
        self._tracks = [track for track in self._tracks if track not in given_up]
        sightings = [
            _Sighting(one, _depth_of(frame, one), _is_clear(one, detections)) for one in detections
        ]
        pairs = self._assign(frame.stamp_ns, sightings)
        tracked = [self._continue(track, sightings[index], frame) for track, index in pairs.items()]
        lost = self._lose([track for track in self._tracks if track not in pairs])
        self.ended = tuple(track.track_id for track in [*given_up, *lost])
        taken = set(pairs.values())
        for index, sighting in enumerate(sightings):
            is_free = index not in taken and len(tracked) < self._settings.max_hands
            if is_free and not any(_is_same_hand(sighting, sightings[one]) for one in taken):
                tracked.append(self._begin(sighting, frame))
                taken.add(index)
        return sorted(tracked, key=lambda hand: hand.track_id)

    def change_settings(self, settings: TrackerSettings) -> None:
        """Use other run-time settings from the next frame on."""
        self._settings = settings

    def continue_ids_of(self, earlier: Tracker) -> None:
        """Take no id that another tracker gave."""
        self._next_id = max(self._next_id, earlier._next_id)

    def reset(self) -> None:
        """End every track."""
        self.ended = tuple(track.track_id for track in self._tracks)
        self._tracks = []

    def _given_up(self, stamp_ns: int) -> list[_Track]:
        """Tracks last seen too long ago; all of them when time has gone back."""
        has_gone_back = stamp_ns < self._last_stamp_ns
        self._last_stamp_ns = stamp_ns
        return [
            track
            for track in self._tracks
            if has_gone_back or track.unseen_s(stamp_ns) > _LONGEST_LOSS_S
        ]

    def _assign(self, stamp_ns: int, sightings: Sequence[_Sighting]) -> dict[_Track, int]:
        if not self._tracks or not sightings:
            return {}
        cost = np.array(
            [[_mismatch(track, one, stamp_ns) for one in sightings] for track in self._tracks]
        )
        # Capped, so that how far a hopeless pair is apart does not decide who gets the others.
        pairs = zip(*linear_sum_assignment(np.minimum(cost, _HOPELESS)), strict=True)
        near = [(row, int(column)) for row, column in pairs if cost[row, column] < _HOPELESS]
        surest = sorted(near, key=lambda pair: pair[1])[: self._settings.max_hands]
        return {self._tracks[row]: column for row, column in surest}

    def _continue(self, track: _Track, sighting: _Sighting, frame: RgbdFrame) -> TrackedHand:
        was_lost = track.lost_frames > 0
        track.lost_frames = 0
        detection = sighting.detection
        if sighting.is_clear and not detection.is_followed:
            track.votes.append(_vote(detection))
        track.speed_px_s = _speed(track, detection, frame.stamp_ns)
        return self._tracked(track, sighting, frame, is_new=was_lost)

    def _begin(self, sighting: _Sighting, frame: RgbdFrame) -> TrackedHand:
        votes = deque([_vote(sighting.detection)], maxlen=self._settings.side_votes)
        history: deque[tuple[RgbdFrame, HandDetection]] = deque(maxlen=self._history_frames)
        track = _Track(self._next_id, sighting, frame.stamp_ns, votes, history)
        self._next_id += 1
        self._tracks.append(track)
        return self._tracked(track, sighting, frame, is_new=True)

    def _tracked(
        self, track: _Track, sighting: _Sighting, frame: RgbdFrame, *, is_new: bool
    ) -> TrackedHand:
        agreed = replace(sighting.detection, side=track.side)
        earlier = tuple(track.history)
        track.sighting = replace(sighting, detection=agreed)
        track.seen_ns = frame.stamp_ns
        track.history.append((frame, agreed))
        return TrackedHand(track.track_id, agreed, is_new=is_new, history=earlier)

    def _lose(self, tracks: Sequence[_Track]) -> list[_Track]:
        """Count a frame without these tracks; return and drop those that are to end."""
        for track in tracks:
            track.lost_frames += 1
        ended = [one for one in tracks if one.lost_frames > self._settings.max_lost_frames]
        self._tracks = [track for track in self._tracks if track not in ended]
        return ended


def _vote(detection: HandDetection) -> float:
    """Positive for a right hand, negative for a left one, the surer the larger."""
    return detection.score if detection.side is HandSide.RIGHT else -detection.score


def _mismatch(track: _Track, sighting: _Sighting, stamp_ns: int) -> float:
    """How unlikely a detection shows a track's hand, infinite where it cannot."""
    detection, box = sighting.detection, sighting.detection.box
    size = max(box.width, box.height, track.box.width, track.box.height)
    distance = float(np.hypot(*(box.center - track.expected_center(stamp_ns)))) / size
    unseen_s = track.unseen_s(stamp_ns)
    farther = _FASTEST_SIZES_S * unseen_s if track.lost_frames else 0.0
    is_other_side = track.side is not detection.side
    if distance > _FARTHEST + farther or (is_other_side and unseen_s > _SHORT_LOSS_S):
        return np.inf
    return float(
        min(distance, _FARTHEST)
        + _FARTHER * max(distance - _FARTHEST, 0.0) / max(farther, 1e-9)
        + _OUT_OF_SIGHT * (track.lost_frames > 0)
        + (_OTHER_SIDE if sighting.is_clear else _OTHER_SIDE_IN_TOUCH) * is_other_side
        + _OTHER_DEPTH * _depth_mismatch(track.sighting, sighting)
        + _OTHER_POSE * _pose_mismatch(track.sighting, sighting) * np.exp(-unseen_s / _POSE_LASTS_S)
    )


def _depth_mismatch(first: _Sighting, second: _Sighting) -> float:
    """0 to 1; 0 where a depth is not known."""
    apart_m = abs(first.depth_m - second.depth_m)
    return float(min(apart_m / _DEPTH_REACH_M, 1.0)) if np.isfinite(apart_m) else 0.0


def _pose_mismatch(first: _Sighting, second: _Sighting) -> float:
    """0 to 1: how far apart the detector's guesses of the hand's shape are; 0 without them."""
    poses = (first.detection.relative_keypoints_m, second.detection.relative_keypoints_m)
    if poses[0] is None or poses[1] is None:
        return 0.0
    centered = [pose - pose.mean(axis=0) for pose in poses if pose is not None]
    apart_m = float(np.linalg.norm(centered[0] - centered[1], axis=1).mean())
    return min(apart_m / _POSE_REACH_M, 1.0)


def _is_clear(detection: HandDetection, detections: Sequence[HandDetection]) -> bool:
    """Whether a detection's box hardly overlaps with the others'."""
    return all(
        other is detection or detection.box.intersection_over_union(other.box) < _OVERLAP
        for other in detections
    )


def _is_same_hand(first: _Sighting, second: _Sighting) -> bool:
    """Whether two detections of one side cover each other, and not at different depths."""
    overlap = first.detection.box.intersection_over_union(second.detection.box)
    is_same_side = first.detection.side is second.detection.side
    return is_same_side and overlap > _SAME_HAND_OVERLAP and _depth_mismatch(first, second) < 1.0


def _speed(track: _Track, detection: HandDetection, stamp_ns: int) -> FloatArray:
    """(2,) pixels a second of the box's centre, smoothed; 0 after the hand was lost for long."""
    unseen_s = track.unseen_s(stamp_ns)
    if not 0.0 < unseen_s <= _SHORT_LOSS_S:
        return np.zeros(2)
    speed = np.subtract(detection.box.center, track.box.center) / unseen_s
    return np.asarray(track.speed_px_s + _NEW_SPEED_SHARE * (speed - track.speed_px_s))


def _depth_of(frame: RgbdFrame, detection: HandDetection) -> float:
    """Median depth in metres at a detection's keypoints, or in the middle of its box."""
    height, width = frame.depth_m.shape
    if detection.keypoints_px is not None:
        pixels = np.rint(detection.keypoints_px).astype(np.intp)
        inside = ((pixels >= 0) & (pixels < (width, height))).all(axis=1)
        readings = frame.depth_m[pixels[inside, 1], pixels[inside, 0]]
    else:
        readings = frame.depth_m[_middle(detection.box).pixel_slices(height, width)]
    readings = readings[np.isfinite(readings)]
    return float(np.median(readings)) if readings.size else np.nan


def _middle(box: BoundingBox) -> BoundingBox:
    """A box half as wide and high about the same centre."""
    dx, dy = 0.25 * box.width, 0.25 * box.height
    return BoundingBox(box.x_min + dx, box.y_min + dy, box.x_max - dx, box.y_max - dy)
