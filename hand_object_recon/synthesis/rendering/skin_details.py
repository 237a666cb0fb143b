"""Where a hand has creases, nails and redder skin: two maps, the back's and the palm's.

The maps are looked at from above and below the rest hand, which lies flat, fingers along x.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import HandModel, load_hand_model

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.floating[Any]]

_TEXEL_M: Final = 0.0004
_MARGIN_M: Final = 0.01
_CREASE_WIDTH_M: Final = 0.0008
_KNUCKLE_WRINKLES_M: Final = (-0.0035, -0.0012, 0.0011, 0.0034)
_FINGER_HALF_WIDTH_M: Final = 0.0085
_NAIL_HALF_LENGTH_M: Final = 0.0062
_NAIL_HALF_WIDTH_M: Final = 0.0050
_NAIL_BEHIND_TIP_M: Final = 0.0075
_FINGER_JOINTS: Final = (13, 1, 4, 10, 7)  # first joints: thumb, index, middle, ring, pinky


class SkinDetails(NamedTuple):
    """0 to 1 at each place: depth of a crease, nail, flushed skin."""

    crease: Float32Array
    nail: Float32Array
    flush: Float32Array


class SkinDetailMaps:
    """Details of a hand model's skin by x and z of the rest pose, for the back and the palm."""

    def __init__(self, model: HandModel) -> None:
        low = model.v_template.min(axis=0)[[0, 2]] - _MARGIN_M
        high = model.v_template.max(axis=0)[[0, 2]] + _MARGIN_M
        self._low = low.astype(np.float32)
        self._columns, self._rows = np.ceil((high - low) / _TEXEL_M).astype(int).tolist()
        place = np.mgrid[: self._rows, : self._columns][::-1] * _TEXEL_M + low[:, None, None]
        fingers = _fingers(model)
        sheets = (_back_of_hand(place, fingers), _palm(place, fingers))
        self._maps = [np.stack(maps).ravel() for maps in zip(*sheets, strict=True)]

    def at(self, x: Float32Array, z: Float32Array, is_palm: NDArray[np.bool_]) -> SkinDetails:
        """Details at (N,) rest places in metres; beyond the hand there are none."""
        column = ((x - self._low[0]) * (1.0 / _TEXEL_M)).astype(np.int32)
        row = ((z - self._low[1]) * (1.0 / _TEXEL_M)).astype(np.int32)
        np.clip(column, 0, self._columns - 1, out=column)
        np.clip(row, 0, self._rows - 1, out=row)
        texel = (row + is_palm * np.int32(self._rows)) * self._columns + column
        crease, nail, flush = (values[texel] for values in self._maps)
        return SkinDetails(crease, nail, flush)


@lru_cache(maxsize=1)
def skin_details() -> SkinDetailMaps:
    """The maps of the open hand."""
    return SkinDetailMaps(load_hand_model("open_hand", HandSide.RIGHT))


class _Finger(NamedTuple):
    """Joints (3, 2) and tip (2,) of a finger, x and z."""

    joints: FloatArray
    tip: FloatArray

    @property
    def direction(self) -> FloatArray:
        along = self.tip - self.joints[2]
        return np.asarray(along / np.linalg.norm(along))

    def bends(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """Place and direction of the finger's two outer joints."""
        middle = self.joints[2] - self.joints[1]
        return (
            (self.joints[1], middle / np.linalg.norm(middle)),
            (self.joints[2], self.direction),
        )


def _fingers(model: HandModel) -> list[_Finger]:
    joints, tips = model.rest_joints_m[:, [0, 2]], model.v_template[model.tip_vertices][:, [0, 2]]
    return [
        _Finger(joints[first : first + 3].astype(float), tip.astype(float))
        for first, tip in zip(_FINGER_JOINTS, tips, strict=True)
    ]


def _back_of_hand(place: FloatArray, fingers: list[_Finger]) -> SkinDetails:
    """(rows, columns) maps: wrinkled knuckles and nails."""
    crease, nail, flush = (np.zeros(place.shape[1:], dtype=np.float32) for _ in range(3))
    for finger in fingers:
        for joint, along in finger.bends():
            ahead, aside = _in_frame(place, joint, along)
            bow = 0.9 * (aside / _FINGER_HALF_WIDTH_M) ** 2 * 0.001
            window = np.exp(-((aside / (0.7 * _FINGER_HALF_WIDTH_M)) ** 4))
            for number, shift in enumerate(_KNUCKLE_WRINKLES_M):
                side = -1.0 if number < 2 else 1.0
                line = np.exp(-(((ahead - shift - side * bow) / (0.6 * _CREASE_WIDTH_M)) ** 2))
                np.maximum(crease, 0.55 * line * window, out=crease)
            np.maximum(flush, 0.8 * _blob(ahead, aside, 0.007), out=flush)
        ahead, aside = _in_frame(place, finger.joints[0], finger.direction)
        np.maximum(flush, 0.7 * _blob(ahead, aside, 0.009), out=flush)
        _add_nail(place, finger, nail, crease)
    return SkinDetails(crease, nail, flush)


def _add_nail(place: FloatArray, finger: _Finger, nail: Float32Array, crease: Float32Array) -> None:
    center = finger.tip - _NAIL_BEHIND_TIP_M * finger.direction
    ahead, aside = _in_frame(place, center, finger.direction)
    squared = (ahead / _NAIL_HALF_LENGTH_M) ** 4 + (aside / _NAIL_HALF_WIDTH_M) ** 4
    np.maximum(nail, np.clip(3.0 * (1.15 - squared), 0.0, 1.0), out=nail)
    outline = np.exp(-(((squared**0.25 - 1.06) / 0.06) ** 2))
    np.maximum(crease, 0.55 * outline * (ahead < 0.003), out=crease)
    crease[squared < 0.9] = 0.0


def _palm(place: FloatArray, fingers: list[_Finger]) -> SkinDetails:
    """(rows, columns) maps: the fingers' flexion creases and the palm's lines."""
    crease, nail, flush = (np.zeros(place.shape[1:], dtype=np.float32) for _ in range(3))
    for finger in fingers:
        for joint, along in finger.bends():
            _add_flexion_crease(crease, *_in_frame(place, joint, along))
        root = finger.joints[0] + 0.55 * (finger.joints[1] - finger.joints[0])
        _add_flexion_crease(crease, *_in_frame(place, root, finger.direction))
        ahead, aside = _in_frame(place, finger.tip - 0.006 * finger.direction, finger.direction)
        np.maximum(flush, _blob(ahead, aside, 0.009), out=flush)
    thumb, index, middle, ring, pinky = (finger.joints[0] for finger in fingers)
    wrist = 0.25 * (index + middle + ring + pinky) * np.array([0.0, 1.0])
    web = 0.5 * (thumb + index) + 0.18 * (index - middle)
    heel = wrist + 0.18 * (middle - wrist)
    center = 0.25 * (index + pinky) + 0.5 * wrist
    for line in (
        (web, 0.5 * (web + center), heel),
        (web, center + 0.1 * (middle - wrist), 0.55 * pinky + 0.45 * wrist),
        (0.5 * (index + middle), 0.86 * ring + 0.14 * wrist, 0.88 * pinky + 0.12 * wrist),
    ):
        np.maximum(crease, 0.7 * _curve(place, np.array(line)), out=crease)
    return SkinDetails(crease, nail, flush)


def _add_flexion_crease(crease: Float32Array, ahead: FloatArray, aside: FloatArray) -> None:
    window = np.abs(aside) < 1.15 * _FINGER_HALF_WIDTH_M
    for shift in (-0.0009, 0.0011):
        line = np.exp(-(((ahead - shift) / _CREASE_WIDTH_M) ** 2))
        np.maximum(crease, 0.9 * line * window, out=crease)


def _in_frame(
    place: FloatArray, origin: FloatArray, along: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Metres ahead of and beside a point on a finger."""
    x, z = place[0] - origin[0], place[1] - origin[1]
    return x * along[0] + z * along[1], z * along[0] - x * along[1]


def _blob(ahead: FloatArray, aside: FloatArray, radius_m: float) -> FloatArray:
    return np.asarray(np.exp(-(ahead**2 + aside**2) / radius_m**2))


def _curve(place: FloatArray, bend: FloatArray) -> Float32Array:
    """0 to 1: a thin line along the quadratic Bezier curve of three points (3, 2)."""
    share = np.linspace(0.0, 1.0, 40)[:, None]
    points = (1 - share) ** 2 * bend[0] + 2 * share * (1 - share) * bend[1] + share**2 * bend[2]
    origin = place[:, 0, 0]
    texels = np.round(16 * (points - origin) / _TEXEL_M).astype(np.int32)
    drawn = np.zeros(place.shape[1:], dtype=np.uint8)
    cv2.polylines(drawn, [texels], False, 255, 3, cv2.LINE_AA, shift=4)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 1.2), dtype=np.float32) / 255.0
