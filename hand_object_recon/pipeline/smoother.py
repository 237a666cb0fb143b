"""One-Euro smoothing of hands over time.

Casiez et al., "1 Euro Filter", CHI 2012: a low-pass filter whose cut-off rises with speed, so
that a still hand does not tremble and a fast one does not lag. Ours smooths towards where the
hand's motion leads instead of where it was, which takes most of the lag that is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.stage_settings import SmootherSettings
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle

FloatArray = NDArray[np.floating[Any]]

_VELOCITY_CUTOFF_HZ: Final = 4.0


@dataclass(frozen=True, eq=False)
class _Filtered:
    """The last smoothed hand and its stamp.

    speed_m_s
        (3,) smoothed root-mean-square speed of the joints along each axis.
    velocity_m_s
        (3,) smoothed velocity of the hand as a whole.
    """

    hand: HandEstimate
    stamp_ns: int
    speed_m_s: FloatArray
    velocity_m_s: FloatArray


class Smoother:
    """Smooths each track on its own, the depth axis apart from the lateral ones.

    Joints and vertices of a hand share one cut-off an axis, so that the skeleton stays inside
    its mesh. A new track, a change of side or mesh, or a gap in time starts anew.
    """

    def __init__(self, settings: SmootherSettings) -> None:
        self._settings = settings
        self._last: dict[int, _Filtered] = {}

    def smooth(self, hand: HandEstimate, stamp_ns: int, *, is_new: bool = False) -> HandEstimate:
        """The hand, smoothed with what was seen of its track before."""
        if not self._settings.enabled:
            return hand
        last = self._last.get(hand.track_id)
        if last is None or is_new or not self._continues(last, hand, stamp_ns):
            self._last[hand.track_id] = _Filtered(hand, stamp_ns, np.zeros(3), np.zeros(3))
            return hand
        step_s = (stamp_ns - last.stamp_ns) * 1e-9
        speed = self._speed(last, hand, step_s)
        led = _shifted(last.hand, step_s * last.velocity_m_s)
        smoothed = _blended(led, hand, _share(self._cutoffs_hz(speed), step_s))
        velocity = _velocity(last, smoothed, step_s)
        self._last[hand.track_id] = _Filtered(smoothed, stamp_ns, speed, velocity)
        return smoothed

    def change_settings(self, settings: SmootherSettings) -> None:
        """Use other settings from the next frame on."""
        self._settings = settings

    def forget(self, track_id: int) -> None:
        """Drop a track that ended."""
        self._last.pop(track_id, None)

    def reset(self) -> None:
        """Forget every track."""
        self._last.clear()

    def _continues(self, last: _Filtered, hand: HandEstimate, stamp_ns: int) -> bool:
        gap_ns = stamp_ns - last.stamp_ns
        in_time = 0 < gap_ns <= self._settings.reset_gap_ms * 1e6
        return in_time and last.hand.topology == hand.topology

    def _speed(self, last: _Filtered, hand: HandEstimate, step_s: float) -> FloatArray:
        """(3,) smoothed root-mean-square speed of the joints along each axis."""
        moved = (hand.joints_m - last.hand.joints_m) / step_s
        speed = np.sqrt(np.square(moved).mean(axis=0))
        share = _share(np.full(3, self._settings.derivative_cutoff_hz), step_s)
        return np.asarray(last.speed_m_s + share * (speed - last.speed_m_s))

    def _cutoffs_hz(self, speed_m_s: FloatArray) -> FloatArray:
        settings = self._settings
        still = np.array([settings.lateral_min_cutoff_hz] * 2 + [settings.depth_min_cutoff_hz])
        rise = np.array([settings.lateral_beta_hz_per_m_s] * 2 + [settings.depth_beta_hz_per_m_s])
        return np.asarray(still + rise * speed_m_s)


def _velocity(last: _Filtered, hand: HandEstimate, step_s: float) -> FloatArray:
    moved = (hand.joints_m - last.hand.joints_m).mean(axis=0) / step_s
    share = _share(np.full(3, _VELOCITY_CUTOFF_HZ), step_s)
    return np.asarray(last.velocity_m_s + share * (moved - last.velocity_m_s))


def _shifted(hand: HandEstimate, way_m: FloatArray) -> HandEstimate:
    """The hand a way (3,) farther."""
    wrist_pose = hand.wrist_pose.copy()
    wrist_pose[:3, 3] += way_m
    way = np.float32(way_m)
    return replace(
        hand,
        joints_m=hand.joints_m + way,
        vertices_m=hand.vertices_m + way,
        wrist_pose=wrist_pose,
    )


def _share(cutoff_hz: FloatArray, step_s: float) -> FloatArray:
    """Weight of the new value in a first-order low-pass filter."""
    ratio = 2.0 * np.pi * cutoff_hz * step_s
    return np.asarray(ratio / (1.0 + ratio))


def _blended(last: HandEstimate, hand: HandEstimate, share: FloatArray) -> HandEstimate:
    """``last`` moved towards ``hand`` by a share an axis; its orientation by the mean share."""
    mean_share = float(share.mean())
    weight = np.float32(share)
    wrist_pose = np.eye(4)
    wrist_pose[:3, :3] = _turned(last.wrist_pose[:3, :3], hand.wrist_pose[:3, :3], mean_share)
    wrist_pose[:3, 3] = last.wrist_pose[:3, 3] + share * (
        hand.wrist_pose[:3, 3] - last.wrist_pose[:3, 3]
    )
    pose = last.pose_rad + np.float32(mean_share) * (hand.pose_rad - last.pose_rad)
    pose[:3] = matrix_to_axis_angle(wrist_pose[:3, :3])
    return replace(
        hand,
        joints_m=last.joints_m + weight * (hand.joints_m - last.joints_m),
        vertices_m=last.vertices_m + weight * (hand.vertices_m - last.vertices_m),
        wrist_pose=wrist_pose,
        pose_rad=pose,
    )


def _turned(start: FloatArray, end: FloatArray, share: float) -> FloatArray:
    """The rotation a share of the way from ``start`` to ``end``."""
    return axis_angle_to_matrix(share * matrix_to_axis_angle(end @ start.T)) @ start
