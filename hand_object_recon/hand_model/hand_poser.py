"""One hand model at one shape, posed again and again in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import (
    PRODUCTS_TO_ROTATION_MINUS_IDENTITY,
    axis_angle_to_quaternion,
)
from hand_object_recon.hand_model.conventions import JOINT_COUNT
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.posing_arrays import KEYPOINT_OF_JOINT, posing_arrays

FloatArray = NDArray[np.floating[Any]]

_JOINTS: Final = np.array(KEYPOINT_OF_JOINT)
_NEIGHBOURING_FINGERS: Final = (4, 0, 1, 3, 2)  # thumb, index, middle, ring, pinky
_FEATURES_OF_FINGER: Final = 27
_TO_TURN: Final = PRODUCTS_TO_ROTATION_MINUS_IDENTITY.astype(np.float32)


@dataclass(frozen=True, eq=False)
class PosedHand:
    """A posed hand in the frame its translation is given in.

    vertices_m (V, 3); joints_m (21, 3) in keypoint order; joint_rotations (16, 3, 3) and
    joint_positions_m (16, 3), the global transform of each joint of the model.
    """

    vertices_m: FloatArray
    joints_m: FloatArray
    joint_rotations: FloatArray
    joint_positions_m: FloatArray

    @property
    def wrist_pose(self) -> NDArray[np.float64]:
        """(4, 4) transform from the rest frame at the wrist."""
        pose = np.eye(4)
        pose[:3, :3] = self.joint_rotations[0]
        pose[:3, 3] = self.joint_positions_m[0]
        return pose


class HandPoser:
    """A hand model with a (10,) shape worked in; a thread may use it while others do.

    docs/hand_layer.md has measured times.
    """

    def __init__(self, model: HandModel, shape: FloatArray) -> None:
        coefficients = np.asarray(shape, dtype=np.float32)
        arrays, banded = posing_arrays(model), _banded(model)
        self.model = model
        self._banded = banded
        self._rest = banded.template_m + _along(coefficients, banded.shapedirs)
        self._bones, self._to_joint = arrays.frames + _along(coefficients, arrays.frame_shapedirs)

    def pose(self, pose_rad: FloatArray, translation_m: FloatArray | None = None) -> PosedHand:
        """Pose by (48,) axis-angle, the orientation about the wrist first, then move by (3,)."""
        vectors = np.asarray(pose_rad, dtype=np.float32).reshape(JOINT_COUNT, 3)
        quaternions = axis_angle_to_quaternion(vectors)
        products = (quaternions[:, :, None] * quaternions[:, None]).reshape(JOINT_COUNT, 16)
        turns = products @ _TO_TURN
        chain = self._chain(turns)
        points = self._skin(chain[:, :3] @ self._to_joint, self._corrected(turns[1:].ravel()))
        if translation_m is not None:
            points += np.asarray(translation_m, dtype=np.float32)[:, None]
        rows = points.T.take(self._banded.place, axis=0)
        count = len(self.model.v_template)
        joints = rows[count:]
        return PosedHand(rows[:count], joints, chain[:, :3, :3].copy(), joints[_JOINTS])

    def _chain(self, turns: FloatArray) -> FloatArray:
        """(16, 4, 4) global transforms; the five fingers are walked side by side."""
        local = self._bones.copy()
        local[:, :3, :3] += turns.reshape(JOINT_COUNT, 3, 3)
        chain = local.copy()
        np.matmul(local[0], local[1::3], out=chain[1::3])
        np.matmul(chain[1::3], local[2::3], out=chain[2::3])
        np.matmul(chain[2::3], local[3::3], out=chain[3::3])
        return np.asarray(chain)

    def _corrected(self, features: FloatArray) -> FloatArray:
        """(3, N) rest points with the pose correctives of (135,) features."""
        rest = self._rest.copy()
        for band in self._banded.bands:
            rest[:, band.points] += (features[band.features] @ band.posedirs).reshape(3, -1)
        return rest

    def _skin(self, transforms: FloatArray, rest_m: FloatArray) -> FloatArray:
        blended = (transforms.reshape(JOINT_COUNT, 12).T @ self._banded.weights).reshape(3, 4, -1)
        turned = blended[:, :3] * rest_m
        points: FloatArray = turned[:, 0] + turned[:, 1]
        points += turned[:, 2]
        points += blended[:, 3]
        return points


class _Band(NamedTuple):
    """The correctives of one finger: its 27 features move no point outside ``points``."""

    features: slice
    points: slice
    posedirs: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Banded:
    """Posing arrays with the points sorted by the finger whose correctives move them.

    place (N,) is where each point of the model's own order stands. A finger's band is then
    narrow where correctives are local, and all points where they are not.
    """

    template_m: NDArray[np.float32]
    shapedirs: NDArray[np.float32]
    weights: NDArray[np.float32]
    bands: tuple[_Band, ...]
    place: NDArray[np.intp]


@lru_cache(maxsize=8)
def _banded(model: HandModel) -> _Banded:
    arrays = posing_arrays(model)
    count = arrays.template_m.shape[1]
    by_finger = arrays.posedirs.reshape(5, _FEATURES_OF_FINGER, 3, count)
    is_moved = (by_finger != 0.0).any(axis=(1, 2))[list(_NEIGHBOURING_FINGERS)]
    total = is_moved.sum(axis=0)
    mean_finger = np.arange(5) @ is_moved / np.maximum(total, 1)
    order = np.argsort(np.where(total > 0, mean_finger, 5.0), kind="stable")
    return _Banded(
        np.ascontiguousarray(arrays.template_m[:, order]),
        np.ascontiguousarray(arrays.shapedirs[:, :, order]),
        np.ascontiguousarray(arrays.weights[:, order]),
        _bands(np.ascontiguousarray(by_finger[..., order]), is_moved[:, order]),
        np.argsort(order),
    )


def _bands(by_finger: NDArray[np.float32], is_moved: NDArray[np.bool_]) -> tuple[_Band, ...]:
    """A band for each finger of (5, 27, 3, N) sorted correctives, or one for all if that is less.

    is_moved (5, N) is in the order of neighbouring fingers.
    """
    bands = []
    for finger, moved in zip(_NEIGHBOURING_FINGERS, is_moved, strict=True):
        if moved.any():
            places = np.flatnonzero(moved)
            points = slice(int(places[0]), int(places[-1]) + 1)
            posedirs = by_finger[finger][:, :, points].reshape(_FEATURES_OF_FINGER, -1)
            first = _FEATURES_OF_FINGER * finger
            bands.append(_Band(slice(first, first + _FEATURES_OF_FINGER), points, posedirs))
    if 2 * sum(band.posedirs.size for band in bands) < by_finger.size:
        return tuple(bands)
    whole = by_finger.reshape(5 * _FEATURES_OF_FINGER, -1)
    return (_Band(slice(len(whole)), slice(by_finger.shape[-1]), whole),)


def _along(coefficients: FloatArray, directions: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S,) coefficients times (S, ...) directions, summed."""
    flat = coefficients @ directions.reshape(len(directions), -1)
    return np.asarray(flat.reshape(directions.shape[1:]))
