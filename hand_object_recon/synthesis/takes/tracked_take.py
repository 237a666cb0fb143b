"""Real hand-object motions, tracked as joints, replayed by the open hand.

The file is an npz with, for each sequence s: ``s_joints`` (T, 21, 3) metres in a camera's optical
frame at 30 Hz, NaN where a joint was not tracked; ``s_object_pose`` (T, 4, 4); ``s_object``, the
name of an object whose mesh is ``name_vertices`` and ``name_faces``.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import MIDDLE_MCP
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.solver import InverseKinematics
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.objects.object_shape import ObjectShape, centered_object
from hand_object_recon.synthesis.objects.signed_distance import nearest_surface
from hand_object_recon.synthesis.takes.eased_time import KeyTime
from hand_object_recon.synthesis.takes.hand_surface import hand_model
from hand_object_recon.synthesis.takes.paths import HandKey, HandPath, RigidKey, RigidPath
from hand_object_recon.synthesis.takes.take import FilmedFrom, Moment, Take, TakeKind

FloatArray = NDArray[np.floating[Any]]

RATE_HZ: Final = 30.0
CAMERA: Final = CameraIntrinsics(width=640, height=480, fx=525.0, fy=525.0, cx=319.5, cy=239.5)
"""That the motions were tracked with."""

_WORLD_FROM_CAMERA_AXES: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_MODEL_PALM_M: Final = 0.099
_WRIST_WEIGHT: Final = 0.3
_JOINT_SD_M: Final = 3e-3
_SMOOTHED_FRAMES: Final = 7
_CONTACT_M: Final = 0.02
_PINCHING: Final = [4, 8]  # the tips of thumb and index


class TrackedTake(Take):
    """One tracked sequence, its object's mean place at the world's origin."""

    def __init__(
        self,
        name: str,
        shape: ObjectShape,
        object_path: RigidPath,
        hand_path: HandPath,
        is_contact: NDArray[np.bool_],
        camera_from_take: NDArray[np.float64],
    ) -> None:
        self.name, self.kind, self.object_shape = name, TakeKind.TRACKED, shape
        self.filmed_from = FilmedFrom(CAMERA, camera_from_take)
        self.support_height_m = None
        self.duration_s = hand_path.end_s
        self._object_path, self._hand_path, self._is_contact = object_path, hand_path, is_contact

    def at(self, time_s: float) -> Moment:
        hand = self._hand_path.at(time_s)
        frame = min(round(time_s * RATE_HZ), len(self._is_contact) - 1)
        holders = frozenset([hand.side]) if self._is_contact[frame] else frozenset()
        return Moment((hand,), self._object_path.at(time_s), holders)

    def named(self, name: str) -> TrackedTake:
        """The same motion under another name."""
        take = copy(self)
        take.name = name
        return take


def tracked_takes(path: Path, sequences: Sequence[str] = ()) -> list[TrackedTake]:
    """Sequences of a file: those named, or every one in the order of their names.

    Raises
    ------
    InvalidValueError
        The file does not read, or has no such sequence, or a sequence lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"tracks file {path} does not read: {error}") from None
    names = sorted(key.removesuffix("_joints") for key in arrays if key.endswith("_joints"))
    missing = set(sequences) - set(names)
    if missing:
        raise InvalidValueError(
            f"tracks file {path} has no sequence {min(missing)!r}; there is {', '.join(names)}"
        )
    try:
        return [_tracked_take(name, arrays) for name in sequences or names]
    except KeyError as error:
        raise InvalidValueError(f"tracks file {path} lacks {error.args[0]}") from None


def _tracked_take(name: str, arrays: dict[str, NDArray[Any]]) -> TrackedTake:
    object_name = str(arrays[f"{name}_object"])
    vertices = arrays[f"{object_name}_vertices"].astype(np.float64)
    shape = centered_object(object_name, object_name, vertices, arrays[f"{object_name}_faces"])
    center = np.eye(4)
    center[:3, 3] = vertices[0] - shape.vertices_m[0]
    poses = arrays[f"{name}_object_pose"].astype(np.float64) @ center
    world = _world_from_camera(poses[:, :3, 3].mean(axis=0))
    joints = arrays[f"{name}_joints"].astype(np.float64) @ world[:3, :3].T + world[:3, 3]
    poses = world @ poses
    hands = _retargeted(joints)
    times = [KeyTime(frame / RATE_HZ, rests=False) for frame in range(len(joints))]
    return TrackedTake(
        f"tracked-{name}",
        shape,
        RigidPath([RigidKey(*key) for key in zip(times, poses, strict=True)]),
        HandPath([HandKey(*key) for key in zip(times, hands, strict=True)]),
        _contact(shape, joints, poses),
        np.linalg.inv(world).astype(np.float64),
    )


def _world_from_camera(origin_m: FloatArray) -> FloatArray:
    """(4, 4) into the world of a level camera, ``origin_m`` (3,) to its origin."""
    world = np.eye(4)
    world[:3, :3] = _WORLD_FROM_CAMERA_AXES
    world[:3, 3] = -_WORLD_FROM_CAMERA_AXES @ origin_m
    return world


def _retargeted(joints_m: FloatArray) -> list[PlacedHand]:
    """The open hand of one shape in every frame."""
    side = _side(joints_m)
    solver = InverseKinematics(
        hand_model(side), InverseKinematicsOptions(joint_sd_m=_JOINT_SD_M, refine_shape=False)
    )
    goals = _with_wrist_of_model(joints_m)
    weights = np.ones(goals.shape[:2])
    weights[:, 0] = _WRIST_WEIGHT
    shape = solver.fit_shape(goals, weights)
    found = [
        solver.solve(goal, weights=weight, shape=shape)
        for goal, weight in zip(goals, weights, strict=True)
    ]
    fingers = np.stack([hand.pose_rad[3:].reshape(15, 3) for hand in found])
    smooth = savgol_filter(fingers, _SMOOTHED_FRAMES, polyorder=2, axis=0)
    wrists = np.stack([hand.joints_m[0] for hand in found])
    smooth_wrists = savgol_filter(wrists, _SMOOTHED_FRAMES, polyorder=2, axis=0)
    return [
        _placed(side, shape, hand.pose_rad[:3], bent, wrist, hand.translation_m, hand.joints_m[0])
        for hand, bent, wrist in zip(found, smooth, smooth_wrists, strict=True)
    ]


def _placed(
    side: HandSide,
    shape: FloatArray,
    orientation_rad: FloatArray,
    fingers_rad: FloatArray,
    wrist_m: FloatArray,
    translation_m: FloatArray,
    found_wrist_m: FloatArray,
) -> PlacedHand:
    pose = np.eye(4)
    pose[:3, :3] = axis_angle_to_matrix(np.asarray(orientation_rad, dtype=np.float64))
    pose[:3, 3] = wrist_m
    return PlacedHand(
        side=side,
        shape=shape.astype(np.float32),
        fingers_rad=fingers_rad.astype(np.float32),
        wrist_pose=pose,
        rest_wrist_m=(found_wrist_m - translation_m).astype(np.float32),
    )


def _with_wrist_of_model(joints_m: FloatArray) -> FloatArray:
    """The tracked wrist lies nearer to the knuckles than the model's; moved along the palm."""
    goals = joints_m.copy()
    palm = joints_m[:, 0] - joints_m[:, MIDDLE_MCP]
    lengths = np.linalg.norm(palm, axis=1, keepdims=True)
    goals[:, 0] = joints_m[:, MIDDLE_MCP] + palm * (_MODEL_PALM_M / np.median(lengths))
    return goals


def _side(joints_m: FloatArray) -> HandSide:
    """By where the thumb is, seen from the back: fingers bend towards the palm."""
    index, pinky = joints_m[:, 5], joints_m[:, 17]
    along = joints_m[:, MIDDLE_MCP] - joints_m[:, 0]
    bend = joints_m[:, 12] - joints_m[:, MIDDLE_MCP]
    towards_palm = np.cross(along, index - pinky)
    is_right = np.einsum("ti,ti->t", towards_palm, bend) < 0
    return HandSide.RIGHT if is_right.mean() > 0.5 else HandSide.LEFT


def _contact(shape: ObjectShape, joints_m: FloatArray, poses: FloatArray) -> NDArray[np.bool_]:
    """(T,) frames in which the tips of thumb and index are both near the object."""
    tips = joints_m[:, _PINCHING] - poses[:, None, :3, 3]
    in_object = np.einsum("tji,tkj->tki", poses[:, :3, :3], tips)
    distances = nearest_surface(shape, in_object.reshape(-1, 3)).distances_m.reshape(-1, 2)
    return np.asarray((distances < _CONTACT_M).all(axis=1))
