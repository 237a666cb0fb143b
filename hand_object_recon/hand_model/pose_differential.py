"""How vertices and joints move with the pose: analytic Jacobians for least-squares fitting.

The parameters of a pose are, in this order: a small rotation of the whole hand about its wrist
in the camera frame (3), the wrist's position (3), and for each of the 15 joints its axis-angle
components along the flexion, abduction and twist axes (45). Shape (10) may follow.

Derivatives are exact but for two small shares left out on purpose: what the pose correctives
add, and what a vertex in a web between fingers follows a finger that is not its main one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.mesh_normals import cross, face_area_vectors, vertex_normals
from hand_object_recon.geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    rotation_and_left_jacobian,
)
from hand_object_recon.hand_model.conventions import (
    JOINT_COUNT,
    JOINT_PARENTS,
    KEYPOINTS_FROM_JOINTS_AND_TIPS,
    SHAPE_COUNT,
    finger_joints,
)
from hand_object_recon.hand_model.forward import chain_transforms
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]
IndexArray = NDArray[np.integer[Any]]

POSE_PARAMETERS: Final = 6 + 3 * (JOINT_COUNT - 1)
ALL_PARAMETERS: Final = POSE_PARAMETERS + SHAPE_COUNT

_PARENTS: Final = np.array(JOINT_PARENTS[1:])
_KEYPOINT_ORDER: Final = np.array(KEYPOINTS_FROM_JOINTS_AND_TIPS)
_TIP_JOINTS: Final = np.array(
    [finger_joints(finger)[2] for finger in ("thumb", "index", "middle", "ring", "pinky")]
)


@dataclass(frozen=True, eq=False)
class HandState:
    """orientation (3, 3) of the wrist, wrist_m (3,), angles_rad (45,) anatomical, shape (10,)."""

    orientation: FloatArray
    wrist_m: FloatArray
    angles_rad: FloatArray
    shape: FloatArray

    def stepped(self, step: FloatArray) -> HandState:
        """The state after a parameter step of (51,) or, with shape, (61,)."""
        has_shape = len(step) > POSE_PARAMETERS
        return HandState(
            orientation=axis_angle_to_matrix(step[:3]) @ self.orientation,
            wrist_m=self.wrist_m + step[3:6],
            angles_rad=self.angles_rad + step[6:POSE_PARAMETERS],
            shape=self.shape + step[POSE_PARAMETERS:] if has_shape else self.shape,
        )


@dataclass(frozen=True, eq=False)
class AttachedPoints:
    """Points fixed to single joints: rest_m (K, 3) at zero shape, shapedirs (K, 3, 10), and
    joints (K,) the joint each moves with."""

    rest_m: FloatArray
    shapedirs: FloatArray
    joints: IndexArray

    @classmethod
    def keypoints(cls, model: HandModel, offsets_m: FloatArray | None = None) -> AttachedPoints:
        """The 21 keypoints, or points at (21, 3) offsets from them in their joints' rest frames
        (the right hand's; they are mirrored for a left one). Tips move with the last joint."""
        tips = model.tip_vertices
        rest = np.concatenate([model.rest_joints_m, model.v_template[tips]])[_KEYPOINT_ORDER]
        shapedirs = np.concatenate([model.joint_shapedirs, model.shapedirs[tips]])
        joints = np.concatenate([np.arange(JOINT_COUNT), _TIP_JOINTS])
        if offsets_m is not None:
            mirror = 1.0 if model.side is HandSide.RIGHT else -1.0
            rest = rest + np.float32(offsets_m * np.array([mirror, 1.0, 1.0]))
        return cls(rest, shapedirs[_KEYPOINT_ORDER], joints[_KEYPOINT_ORDER])

    @cached_property
    def finger(self) -> IndexArray:
        """(K,) number of the finger each point moves with; any for points of the wrist."""
        return np.asarray(np.maximum(self.joints - 1, 0) // 3)

    @cached_property
    def moved_by(self) -> FloatArray:
        """(K, 3) 1 for each of the finger's joints that the point moves with, else 0."""
        level = np.maximum(self.joints - 1, 0) % 3
        is_moved = (np.arange(3) <= level[:, None]) & (self.joints > 0)[:, None]
        return is_moved.astype(np.float32)


class ShapedHand:
    """A hand model at one shape, with all that does not depend on the pose worked out."""

    def __init__(self, model: HandModel, shape: FloatArray) -> None:
        self.model = model
        self.shape = np.float32(shape)
        self.vertices_m = model.v_template + model.shapedirs @ self.shape
        self.joints_m = model.rest_joints_m + model.joint_shapedirs @ self.shape
        self.posedirs = model.posedirs.reshape(-1, model.posedirs.shape[-1])
        areas = face_area_vectors(self.vertices_m, model.faces)
        self.normals = vertex_normals(areas, model.faces, len(self.vertices_m))
        by_finger = model.weights[:, 1:].reshape(-1, 5, 3)
        self.main_finger = by_finger.sum(axis=2).argmax(axis=1)
        self.finger_weights = by_finger[np.arange(len(by_finger)), self.main_finger]

    def pose(self, state: HandState) -> PosedLinearHand:
        """Pose the hand and keep what its Jacobian needs."""
        vectors = self.joint_vectors(state)
        local = np.empty((JOINT_COUNT, 3, 3), dtype=np.float32)
        local[0] = state.orientation
        local[1:], in_parent = rotation_and_left_jacobian(vectors)
        features = (local[1:] - np.eye(3, dtype=np.float32)).reshape(-1)
        corrected = self.vertices_m + (self.posedirs @ features).reshape(-1, 3)
        rotations, positions = chain_transforms(local, self.joints_m)
        positions = positions + np.float32(state.wrist_m - self.joints_m[0])
        offsets = positions - (rotations @ self.joints_m[..., None])[..., 0]
        blended = (self.model.weights @ rotations.reshape(JOINT_COUNT, 9)).reshape(-1, 3, 3)
        vertices = np.einsum("vab,vb->va", blended, corrected) + self.model.weights @ offsets
        return PosedLinearHand(
            self, state, in_parent, corrected, rotations, positions, offsets, blended, vertices
        )

    def joint_vectors(self, state: HandState) -> FloatArray:
        """(15, 3) axis-angle vectors of the joints in the model's rest frame."""
        angles = np.float32(state.angles_rad).reshape(-1, 1, 3)
        return np.asarray((angles @ self.model.joint_axes)[:, 0])

    def model_parameters(self, state: HandState) -> tuple[FloatArray, FloatArray]:
        """The state as the model's own (48,) axis-angle pose and (3,) translation."""
        orientation = matrix_to_axis_angle(state.orientation)
        pose = np.concatenate([orientation, self.joint_vectors(state).ravel()])
        return pose, state.wrist_m - self.joints_m[0]


@dataclass(frozen=True, eq=False)
class PosedLinearHand:
    """A posed hand in the camera frame that can tell how its points move with the parameters.

    rotations (16, 3, 3), positions_m (16, 3), offsets_m (16, 3): each joint's transform, with
    ``rotation @ rest + offset``; left_jacobians (15, 3, 3) of the joints' own rotations; blended
    (778, 3, 3): skinning's rotation of each vertex.
    """

    shaped: ShapedHand
    state: HandState
    left_jacobians: FloatArray
    corrected_m: FloatArray
    rotations: FloatArray
    positions_m: FloatArray
    offsets_m: FloatArray
    blended: FloatArray
    vertices_m: FloatArray

    @cached_property
    def keypoints_m(self) -> FloatArray:
        """(21, 3) keypoints."""
        tips = self.vertices_m[self.shaped.model.tip_vertices]
        return np.asarray(np.concatenate([self.positions_m, tips])[_KEYPOINT_ORDER])

    @cached_property
    def normals(self) -> FloatArray:
        """(778, 3) rest normals turned with their vertices; shorter where skin bends (0.7)."""
        return np.asarray(np.einsum("vab,vb->va", self.blended, self.shaped.normals))

    def attached(self, points: AttachedPoints) -> FloatArray:
        """(K, 3) where points fixed to single joints are."""
        rest = points.rest_m + points.shapedirs @ self.shaped.shape
        turned = self.rotations[points.joints] @ rest[..., None]
        return np.asarray(turned[..., 0] + self.offsets_m[points.joints])

    def vertex_rows(
        self, vertices: IndexArray, directions: FloatArray, *, with_shape: bool
    ) -> FloatArray:
        """(N, P) derivative of ``directions[i] . vertex i`` for N vertices, (N, 3) directions."""
        rows = self._rows(self._moving_vertices(vertices), directions)
        if not with_shape:
            return rows
        by_shape = np.einsum("nc,ncs->ns", directions, self._vertex_shape_jacobian(vertices))
        return np.concatenate([rows, by_shape], axis=1)

    def attached_rows(
        self, points: AttachedPoints, directions: FloatArray, *, with_shape: bool
    ) -> FloatArray:
        """(D, K, P) derivative of ``directions[d, k] . point k`` for (D, K, 3) directions."""
        moving = self._moving_attached(points)
        rows = np.stack([self._rows(moving, along) for along in directions])
        if not with_shape:
            return rows
        by_shape = np.einsum("dkc,kcs->dks", directions, self._attached_shape_jacobian(points))
        return np.concatenate([rows, by_shape], axis=2)

    def _moving_vertices(self, vertices: IndexArray) -> _Moving:
        finger = self.shaped.main_finger[vertices]
        weights = self.shaped.finger_weights[vertices]
        rotations = self.rotations[1:].reshape(5, 9, 3)[finger]
        placed = (rotations @ self.corrected_m[vertices, :, None]).reshape(-1, 3, 3)
        placed += self.offsets_m[1:].reshape(5, 3, 3)[finger]
        return _Moving(
            self.vertices_m[vertices],
            finger,
            _carried(weights[..., None] * placed),
            _carried(weights),
        )

    def _moving_attached(self, points: AttachedPoints) -> _Moving:
        positions = self.attached(points)
        carried = points.moved_by[..., None] * positions[:, None]
        return _Moving(positions, points.finger, carried, points.moved_by)

    def _rows(self, moving: _Moving, directions: FloatArray) -> FloatArray:
        """(N, 51) derivative of the points' motion along (N, 3) directions.

        Turning a joint by a small d moves a point by d x arm, with arm = carried - weight *
        joint, and so by d . (arm x n) along n.
        """
        count = len(directions)
        joints = self.positions_m[1:].reshape(5, 3, 3)[moving.finger]
        arms = moving.carried_m - moving.carried_weights[..., None] * joints
        turning = cross(arms, directions[:, None])
        angles_to_camera = self._angles_to_camera.reshape(5, 3, 3, 3)[moving.finger]
        rows = np.empty((count, POSE_PARAMETERS), dtype=np.float32)
        rows[:, :3] = cross(moving.points_m - self.positions_m[0], directions)
        rows[:, 3:6] = directions
        by_angle = np.zeros((count, 5, 9), dtype=np.float32)
        by_angle[np.arange(count), moving.finger] = (
            turning[:, :, None] @ angles_to_camera
        ).reshape(-1, 9)
        rows[:, 6:] = by_angle.reshape(count, 45)
        return rows

    @cached_property
    def _angles_to_camera(self) -> FloatArray:
        """(15, 3, 3) small changes of the anatomical angles to rotations in the camera frame."""
        axes = self.shaped.model.joint_axes.transpose(0, 2, 1)
        return np.asarray(self.rotations[_PARENTS] @ self.left_jacobians @ axes)

    @cached_property
    def _joint_shape_jacobian(self) -> FloatArray:
        """(16, 3, 10) joints by shape; the wrist stays where its parameter puts it."""
        rest = self.shaped.model.joint_shapedirs
        moved = np.zeros((JOINT_COUNT, 3, SHAPE_COUNT), dtype=np.float32)
        for joint in range(1, JOINT_COUNT):
            parent = JOINT_PARENTS[joint]
            moved[joint] = moved[parent] + self.rotations[parent] @ (rest[joint] - rest[parent])
        return moved

    def _attached_shape_jacobian(self, points: AttachedPoints) -> FloatArray:
        """(K, 3, 10) attached points by shape."""
        rest = points.shapedirs - self.shaped.model.joint_shapedirs[points.joints]
        moved = self.rotations[points.joints] @ rest
        return np.asarray(self._joint_shape_jacobian[points.joints] + moved)

    def _vertex_shape_jacobian(self, vertices: IndexArray) -> FloatArray:
        """(N, 3, 10) vertices by shape."""
        model = self.shaped.model
        offsets = self._joint_shape_jacobian - self.rotations @ model.joint_shapedirs
        carried = model.weights[vertices] @ offsets.reshape(JOINT_COUNT, -1)
        own = self.blended[vertices] @ model.shapedirs[vertices]
        return np.asarray(own + carried.reshape(-1, 3, SHAPE_COUNT))


class _Moving(NamedTuple):
    """Points that move with the wrist and the three joints of one finger each.

    points_m (N, 3), finger (N,); carried_m (N, 3, 3) and carried_weights (N, 3) sum what each of
    the three joints and those beyond it contribute to the point.
    """

    points_m: FloatArray
    finger: IndexArray
    carried_m: FloatArray
    carried_weights: FloatArray


def _carried(values: FloatArray) -> FloatArray:
    """(N, 3, ...) values of a finger's joints, each with those of the joints beyond it added."""
    carried = values.copy()
    carried[:, 1] += carried[:, 2]
    carried[:, 0] += carried[:, 1]
    return carried
