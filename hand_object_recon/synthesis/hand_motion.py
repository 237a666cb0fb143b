"""A hand that moves the way people show a hand to a camera: turning, closing, pinching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.hand_model.conventions import FINGERS_IN_JOINT_ORDER
from hand_object_recon.hand_model.forward import PosedHand, pose_hand
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.float64]

LOOP_S: Final = 6.0
_RAISE_S: Final = 0.7
_HIDDEN_BELOW_M: Final = 0.34

_FINGERTIPS_UP_PALM_TO_CAMERA: Final[dict[HandSide, FloatArray]] = {
    HandSide.RIGHT: np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    HandSide.LEFT: np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
}


@dataclass(frozen=True)
class _Gesture:
    """How far each finger bends, 0 straight to 1 closed, and how far the fingers spread."""

    index: float
    middle: float
    ring: float
    pinky: float
    thumb: float
    spread: float = 0.0
    opposition: float = 0.0


_OPEN: Final = _Gesture(0.04, 0.02, 0.04, 0.06, 0.05, spread=0.9)
_PINCH: Final = _Gesture(0.57, 0.20, 0.16, 0.12, 0.62, opposition=0.95)
_CLOSED: Final = _Gesture(0.62, 0.68, 0.72, 0.74, 0.45, opposition=0.5)
_RELAXED: Final = _Gesture(0.16, 0.18, 0.22, 0.24, 0.15, spread=0.3, opposition=0.2)
_HALF_OPEN: Final = _Gesture(0.10, 0.14, 0.18, 0.16, 0.10, spread=0.5, opposition=0.1)
_CUPPED: Final = _Gesture(0.30, 0.34, 0.38, 0.40, 0.20, spread=0.1, opposition=0.3)
_GESTURES: Final = (_OPEN, _PINCH, _CLOSED, _RELAXED, _HALF_OPEN, _CUPPED)
_FLEXION_RAD: Final = np.array([1.25, 1.55, 0.95])
_THUMB_FLEXION_RAD: Final = np.array([0.45, 0.75, 0.95])
_SPREAD_RAD: Final = {"index": 0.20, "middle": 0.03, "ring": -0.13, "pinky": -0.28, "thumb": 0.35}


@dataclass(frozen=True)
class HandMotion:
    """The path of one hand over time; it repeats after ``LOOP_S`` seconds.

    wrist_m
        (x, y, z) metres in the camera optical frame about which the wrist wanders.
    phase_s
        Shift of the whole motion in time, so that two hands do not move alike.
    rises_at_s
        Time at which the hand starts to come up from below the image; None: it is there already.
    """

    model: HandModel
    wrist_m: tuple[float, float, float]
    phase_s: float = 0.0
    rises_at_s: float | None = None

    def at(self, time_s: float) -> PosedHand:
        """The posed hand at a time, in the camera optical frame."""
        moving_s = time_s + self.phase_s
        rotation = matrix_to_axis_angle(self._rotation(moving_s))
        pose_rad = np.concatenate([rotation, self._fingers_rad(moving_s).ravel()])
        translation_m = self._wrist_m(time_s, moving_s) - self.model.rest_joints_m[0]
        return pose_hand(self.model, pose_rad, np.zeros(10), translation_m)

    def _wrist_m(self, time_s: float, moving_s: float) -> FloatArray:
        turns = 2.0 * np.pi * moving_s / LOOP_S
        sway = [0.045 * np.sin(turns), 0.02 * np.sin(2 * turns + 0.8), 0.05 * np.sin(turns + 2.1)]
        wrist: FloatArray = np.array(self.wrist_m) + sway
        if self.rises_at_s is not None:
            raised = _smooth_step((time_s - self.rises_at_s) / _RAISE_S)
            wrist[1] += _HIDDEN_BELOW_M * (1.0 - raised)
        return wrist

    def _rotation(self, moving_s: float) -> FloatArray:
        turns = 2.0 * np.pi * moving_s / LOOP_S
        pitch = 0.18 * np.sin(turns + 0.5)
        yaw = 0.50 * np.sin(turns + 1.2)
        roll = 0.22 * np.sin(2 * turns)
        turned = (
            axis_angle_to_matrix(np.array([0.0, 0.0, roll]))
            @ axis_angle_to_matrix(np.array([0.0, yaw, 0.0]))
            @ axis_angle_to_matrix(np.array([pitch, 0.0, 0.0]))
        )
        return np.asarray(turned @ _FINGERTIPS_UP_PALM_TO_CAMERA[self.model.side])

    def _fingers_rad(self, moving_s: float) -> FloatArray:
        """(15, 3) axis-angle of the joints, within the model's limits."""
        place = moving_s / LOOP_S * len(_GESTURES)
        before = int(np.floor(place))
        share = _smooth_step(place - before)
        components = (1.0 - share) * _components_rad(
            _GESTURES[before % len(_GESTURES)]
        ) + share * _components_rad(_GESTURES[(before + 1) % len(_GESTURES)])
        limits = self.model.joint_limits_rad
        within = np.clip(components, limits[..., 0], limits[..., 1])
        axes = self.model.joint_axes.astype(np.float64)
        return np.asarray(np.einsum("jk,jkc->jc", within, axes))


def _components_rad(gesture: _Gesture) -> FloatArray:
    """(15, 3) flexion, abduction and twist of each joint."""
    components = np.zeros((5, 3, 3))
    for number, finger in enumerate(FINGERS_IN_JOINT_ORDER):
        bend = getattr(gesture, finger)
        if finger == "thumb":
            components[number, :, 0] = bend * _THUMB_FLEXION_RAD
            components[number, 0, 1] = _SPREAD_RAD[finger] * (gesture.opposition - 0.3)
            components[number, 0, 2] = 0.2 * gesture.opposition
        else:
            components[number, :, 0] = bend * _FLEXION_RAD
            components[number, 0, 1] = _SPREAD_RAD[finger] * gesture.spread
    return components.reshape(15, 3)


def _smooth_step(share: float) -> float:
    clipped = min(max(share, 0.0), 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)
