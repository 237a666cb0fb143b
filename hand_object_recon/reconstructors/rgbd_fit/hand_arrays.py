"""A hand model's arrays, and those of a hand posed by it, as the compiled kernels take them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.pose_differential import AttachedPoints

FloatArray = NDArray[np.floating[Any]]

_STUB_BEYOND_WRIST_M: Final = 0.008
_FEATURES: Final = 9  # of a joint: its rotation matrix less identity
_NO_CORRECTION_M: Final = 1e-7


class HandArrays(NamedTuple):
    """What of a hand model and its landmarks does not change; V vertices, float32 and metres
    unless said otherwise.

    template_m (V, 3), shapedirs (V, 3, 10), faces (F, 3) int32; tip_vertices (5,) int64.
    corrective_vertices (M,) int64, correctives (M, 3, 9), corrective_ends (15,) int64
        Pose correctives joint by joint: the vertices a joint corrects, and by its rotation.
    skin_joints (V, K) int64, skin_weights (V, K)
        The joints that move a vertex, as many as any vertex has; the others weigh nothing.
    main_finger (V,) int64, finger_weights (V, 3)
        The finger a vertex follows, and the weights of its three joints.
    is_hand (V,) bool
        False in the wrist's stub, where the forearm bends.
    joints_m (16, 3), joint_shapedirs (16, 3, 10), joint_axes (15, 3, 3), all float64.
    landmarks_m (21, 3), landmark_shapedirs (21, 3, 10) float64, landmark_joints (21,) int64
    """

    template_m: NDArray[np.float32]
    shapedirs: NDArray[np.float32]
    faces: NDArray[np.int32]
    tip_vertices: NDArray[np.int64]
    corrective_vertices: NDArray[np.int64]
    correctives: NDArray[np.float32]
    corrective_ends: NDArray[np.int64]
    skin_joints: NDArray[np.int64]
    skin_weights: NDArray[np.float32]
    main_finger: NDArray[np.int64]
    finger_weights: NDArray[np.float32]
    is_hand: NDArray[np.bool_]
    joints_m: NDArray[np.float64]
    joint_shapedirs: NDArray[np.float64]
    joint_axes: NDArray[np.float64]
    landmarks_m: NDArray[np.float64]
    landmark_shapedirs: NDArray[np.float64]
    landmark_joints: NDArray[np.int64]

    @classmethod
    def of(cls, model: HandModel, landmarks: AttachedPoints) -> HandArrays:
        """Lay a model out, with points fixed to single joints as its landmarks."""
        corrective_vertices, correctives, corrective_ends = _correctives(model)
        skin_joints, skin_weights = _skinning(model)
        by_finger = model.weights[:, 1:].reshape(-1, 5, 3)
        main_finger = by_finger.sum(axis=2).argmax(axis=1)
        towards_arm = 1.0 if model.side is HandSide.RIGHT else -1.0
        beyond_wrist_m = towards_arm * (model.v_template[:, 0] - model.rest_joints_m[0, 0])
        return cls(
            template_m=_owned(model.v_template, np.float32),
            shapedirs=_owned(model.shapedirs, np.float32),
            faces=_owned(model.faces, np.int32),
            tip_vertices=_owned(model.tip_vertices, np.int64),
            corrective_vertices=corrective_vertices,
            correctives=correctives,
            corrective_ends=corrective_ends,
            skin_joints=skin_joints,
            skin_weights=skin_weights,
            main_finger=main_finger.astype(np.int64),
            finger_weights=_owned(by_finger[np.arange(len(by_finger)), main_finger], np.float32),
            is_hand=beyond_wrist_m < _STUB_BEYOND_WRIST_M,
            joints_m=_owned(model.rest_joints_m, np.float64),
            joint_shapedirs=_owned(model.joint_shapedirs, np.float64),
            joint_axes=_owned(model.joint_axes, np.float64),
            landmarks_m=_owned(landmarks.rest_m, np.float64),
            landmark_shapedirs=_owned(landmarks.shapedirs, np.float64),
            landmark_joints=_owned(landmarks.joints, np.int64),
        )


class PosedArrays(NamedTuple):
    """A hand at one shape and pose; float64 but for the vertices' arrays, which are float32.

    rest_m (V, 3), rest_normals (V, 3), rest_joints_m (16, 3), rest_landmarks_m (21, 3): of the
    shape alone.
    rotations (16, 3, 3), positions_m (16, 3), offsets_m (16, 3)
        Each joint's transform, with ``rotation @ rest + offset``.
    angle_turns (15, 3, 3)
        Small changes of a joint's anatomical angles as a rotation in the camera frame.
    corrected_m (V, 3), blended (V, 3, 3), vertices_m (V, 3), normals (V, 3), landmarks_m (21, 3)
        Rest vertices with pose correctives, skinning's rotation, and where all is in the end.
    """

    rest_m: NDArray[np.float32]
    rest_normals: NDArray[np.float32]
    rest_joints_m: NDArray[np.float64]
    rest_landmarks_m: NDArray[np.float64]
    rotations: NDArray[np.float64]
    positions_m: NDArray[np.float64]
    offsets_m: NDArray[np.float64]
    angle_turns: NDArray[np.float64]
    corrected_m: NDArray[np.float32]
    blended: NDArray[np.float32]
    vertices_m: NDArray[np.float32]
    normals: NDArray[np.float32]
    landmarks_m: NDArray[np.float64]

    @classmethod
    def empty(cls, hand: HandArrays) -> PosedArrays:
        """Room for a posed hand of this model."""
        vertices, landmarks = len(hand.template_m), len(hand.landmarks_m)
        single = np.float32
        return cls(
            rest_m=np.zeros((vertices, 3), single),
            rest_normals=np.zeros((vertices, 3), single),
            rest_joints_m=np.zeros((JOINT_COUNT, 3)),
            rest_landmarks_m=np.zeros((landmarks, 3)),
            rotations=np.zeros((JOINT_COUNT, 3, 3)),
            positions_m=np.zeros((JOINT_COUNT, 3)),
            offsets_m=np.zeros((JOINT_COUNT, 3)),
            angle_turns=np.zeros((JOINT_COUNT - 1, 3, 3)),
            corrected_m=np.zeros((vertices, 3), single),
            blended=np.zeros((vertices, 3, 3), single),
            vertices_m=np.zeros((vertices, 3), single),
            normals=np.zeros((vertices, 3), single),
            landmarks_m=np.zeros((landmarks, 3)),
        )


class StateArrays(NamedTuple):
    """The parameters of a hand, float64: orientation (3, 3) and wrist_m (3,) in the camera
    frame, angles_rad (45,) anatomical, shape (10,)."""

    orientation: NDArray[np.float64]
    wrist_m: NDArray[np.float64]
    angles_rad: NDArray[np.float64]
    shape: NDArray[np.float64]

    @classmethod
    def empty(cls) -> StateArrays:
        """Room for a state."""
        angles = 3 * (JOINT_COUNT - 1)
        return cls(np.eye(3), np.zeros(3), np.zeros(angles), np.zeros(SHAPE_COUNT))


def _correctives(
    model: HandModel,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Of each joint in turn the vertices it corrects and their (3, 9) part, and where it ends."""
    by_joint = model.posedirs.reshape(len(model.v_template), 3, JOINT_COUNT - 1, _FEATURES)
    corrects = np.abs(by_joint).max(axis=(1, 3)) > _NO_CORRECTION_M
    joints, vertices = np.nonzero(corrects.T)
    ends = np.cumsum(corrects.sum(axis=0))
    return (
        vertices.astype(np.int64),
        _owned(by_joint[vertices, :, joints], np.float32),
        ends.astype(np.int64),
    )


def _skinning(model: HandModel) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    most = int(np.count_nonzero(model.weights, axis=1).max())
    joints = np.argsort(-model.weights, axis=1, kind="stable")[:, :most]
    weights = np.take_along_axis(model.weights, joints, axis=1)
    return np.ascontiguousarray(joints, np.int64), np.ascontiguousarray(weights, np.float32)


def _owned(values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """A writable, contiguous copy: kernels are compiled for one kind of array."""
    return np.array(values, dtype=dtype, order="C")
