"""Pose correctives that keep the skin's volume where plain skinning collapses it.

Wanted at a bent joint is what dual-quaternion skinning (Kavan et al., 2007) would do with the
same weights, and on the palm's side the bulge of flesh that gives back the volume still lost.
The linear part of that is fitted joint by joint over its range of motion, so that a corrective
acts only near its own joint.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_quaternion,
    quaternion_to_matrix,
)
from hand_object_recon.hand_model.conventions import JOINT_COUNT
from hand_object_recon.hand_model.forward import chain_transforms
from hand_object_recon.hand_model.topology.adjacency import boundary_edges
from hand_object_recon.hand_model.topology.solid import enclosed_volume

FloatArray = NDArray[np.floating[Any]]

_SAMPLES_PER_JOINT: Final = 80
_RIDGE: Final = 0.05
_STRENGTH: Final = 0.8  # all of it makes the outside of a bent joint bulge
_BULGE_ON_BACK: Final = 0.15  # bones lie under the skin there; flesh gives way on the palm's side
_MOST_BULGE_M: Final = 0.004
_VOLUME_ROUNDS: Final = 3
_NEGLIGIBLE_M: Final = 5e-6
_SEED: Final = 7


def build_pose_correctives(
    vertices_m: FloatArray,
    faces: NDArray[np.int32],
    joints_m: FloatArray,
    weights: FloatArray,
    axes: FloatArray,
    limits_rad: FloatArray,
) -> FloatArray:
    """(V, 3, 135) displacement of rest vertices for each entry of the 15 rotations - I."""
    random = np.random.default_rng(_SEED)
    posedirs = np.zeros((len(vertices_m), 3, 9 * (JOINT_COUNT - 1)))
    for joint in range(1, JOINT_COUNT):
        bend = _Bend(vertices_m, faces, joints_m, weights, axes[joint - 1], joint)
        low, high = limits_rad[joint - 1, :, 0], limits_rad[joint - 1, :, 1]
        angles = random.uniform(low, high, (_SAMPLES_PER_JOINT, 3))
        rotations = axis_angle_to_matrix(angles @ axes[joint - 1])
        wanted = np.stack([bend.corrective(one) for one in rotations])
        features = (rotations - np.eye(3)).reshape(len(rotations), 9)
        normal = features.T @ features + _RIDGE * np.eye(9)
        fitted = np.linalg.solve(normal, features.T @ wanted.reshape(len(wanted), -1))
        block = fitted.T.reshape(len(vertices_m), 3, 9)
        block[np.abs(block).max(axis=(1, 2)) < _NEGLIGIBLE_M] = 0.0
        posedirs[..., 9 * (joint - 1) : 9 * joint] = block
    return posedirs


class _Bend:
    """The hand with one joint bent, all others at rest."""

    def __init__(
        self,
        vertices_m: FloatArray,
        faces: NDArray[np.int32],
        joints_m: FloatArray,
        weights: FloatArray,
        axes: FloatArray,
        joint: int,
    ) -> None:
        self._vertices_m, self._joints_m, self._weights = vertices_m, joints_m, weights
        self._joint = joint
        rim = boundary_edges(faces)
        lid = [(end, start, rim[0, 0]) for start, end in rim]
        self._closed_faces = np.vstack([faces, lid]).astype(np.int32)
        normals = vertex_normals(face_area_vectors(vertices_m, faces), faces, len(vertices_m))
        self._bulge = normals * self._bulge_share(normals, axes)[:, None]
        self._volume_m3 = enclosed_volume(vertices_m, self._closed_faces)

    def corrective(self, rotation: FloatArray) -> FloatArray:
        """(V, 3) rest displacement wanted at a (3, 3) rotation of the joint."""
        local = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
        local[self._joint] = rotation
        rotations, positions = chain_transforms(local, self._joints_m)
        offsets = positions - np.einsum("jab,jb->ja", rotations, self._joints_m)
        blended = np.einsum("vj,jab->vab", self._weights, rotations)
        shifts = self._weights @ offsets
        linear = np.einsum("vab,vb->va", blended, self._vertices_m) + shifts
        dual = _dual_quaternion_skin(self._vertices_m, self._weights, rotations, offsets)
        defect = np.linalg.solve(blended, (dual - linear)[..., None])[..., 0]
        wanted = _STRENGTH * defect
        posed = linear + np.einsum("vab,vb->va", blended, wanted)
        height = self._bulge_height(posed, np.einsum("vab,vb->va", blended, self._bulge))
        return np.asarray(wanted + height * self._bulge)

    def _bulge_height(self, posed_m: FloatArray, bulge: FloatArray) -> float:
        """Metres by which the bulge must rise for the hand to keep its volume."""
        height, step = 0.0, 1e-4
        for _ in range(_VOLUME_ROUNDS):
            volume = enclosed_volume(posed_m + height * bulge, self._closed_faces)
            higher = enclosed_volume(posed_m + (height + step) * bulge, self._closed_faces)
            growth = (higher - volume) / step
            height += (self._volume_m3 - volume) / max(growth, 1e-9)
            height = float(np.clip(height, 0.0, _MOST_BULGE_M))
        return height

    def _bulge_share(self, normals: FloatArray, axes: FloatArray) -> FloatArray:
        """(V,) how much of the bulge a vertex takes: most where the joint's skin stretches
        between two bones, on the palm's side."""
        last_of_finger = self._joint + 2 - (self._joint - 1) % 3
        moved = self._weights[:, self._joint : last_of_finger + 1].sum(axis=1)
        palm = np.cross(axes[0], axes[2])
        towards_palm = np.clip(normals @ palm, 0.0, 1.0)
        stretched = 4.0 * moved * (1.0 - moved)
        return np.asarray(stretched * (_BULGE_ON_BACK + (1.0 - _BULGE_ON_BACK) * towards_palm))


def _dual_quaternion_skin(
    vertices_m: FloatArray, weights: FloatArray, rotations: FloatArray, offsets: FloatArray
) -> FloatArray:
    real = matrix_to_quaternion(rotations)
    pure = np.concatenate([offsets, np.zeros((len(offsets), 1))], axis=1)
    dual = 0.5 * _quaternion_product(pure, real)
    blended_real, blended_dual = weights @ real, weights @ dual
    length = np.linalg.norm(blended_real, axis=1, keepdims=True)
    blended_real, blended_dual = blended_real / length, blended_dual / length
    conjugate = blended_real * np.array([-1.0, -1.0, -1.0, 1.0])
    translation = 2.0 * _quaternion_product(blended_dual, conjugate)[:, :3]
    rotation = quaternion_to_matrix(blended_real)
    return np.asarray(np.einsum("vab,vb->va", rotation, vertices_m) + translation)


def _quaternion_product(first: FloatArray, second: FloatArray) -> FloatArray:
    a, b = first[..., :3], second[..., :3]
    s, t = first[..., 3:], second[..., 3:]
    vector = s * b + t * a + np.cross(a, b)
    scalar = s * t - np.sum(a * b, axis=-1, keepdims=True)
    return np.concatenate([vector, scalar], axis=-1)
