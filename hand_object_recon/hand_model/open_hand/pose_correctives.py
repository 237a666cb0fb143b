"""Pose correctives that keep the skin's volume where plain skinning collapses it.

They are the linear part of what dual-quaternion skinning (Kavan et al., 2007) would do with the
same weights, fitted joint by joint over its range of motion, so that a corrective acts only
near its own joint.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_quaternion,
    quaternion_to_matrix,
)
from hand_object_recon.hand_model.conventions import JOINT_COUNT
from hand_object_recon.hand_model.forward import chain_transforms

FloatArray = NDArray[np.floating[Any]]

_SAMPLES_PER_JOINT: Final = 80
_RIDGE: Final = 0.05
_STRENGTH: Final = 0.8  # all of it makes the outside of a bent joint bulge
_NEGLIGIBLE_M: Final = 5e-6
_SEED: Final = 7


def build_pose_correctives(
    vertices_m: FloatArray,
    joints_m: FloatArray,
    weights: FloatArray,
    axes: FloatArray,
    limits_rad: FloatArray,
) -> FloatArray:
    """(778, 3, 135) displacement of rest vertices for each entry of the 15 rotations - I."""
    random = np.random.default_rng(_SEED)
    posedirs = np.zeros((len(vertices_m), 3, 9 * (JOINT_COUNT - 1)))
    for joint in range(1, JOINT_COUNT):
        low, high = limits_rad[joint - 1, :, 0], limits_rad[joint - 1, :, 1]
        angles = random.uniform(low, high, (_SAMPLES_PER_JOINT, 3))
        rotations = axis_angle_to_matrix(angles @ axes[joint - 1])
        wanted = np.stack(
            [_volume_defect(vertices_m, joints_m, weights, joint, one) for one in rotations]
        )
        features = (rotations - np.eye(3)).reshape(len(rotations), 9)
        normal = features.T @ features + _RIDGE * np.eye(9)
        fitted = np.linalg.solve(normal, features.T @ wanted.reshape(len(wanted), -1))
        block = fitted.T.reshape(len(vertices_m), 3, 9) * _STRENGTH
        block[np.abs(block).max(axis=(1, 2)) < _NEGLIGIBLE_M] = 0.0
        posedirs[..., 9 * (joint - 1) : 9 * joint] = block
    return posedirs


def _volume_defect(
    vertices_m: FloatArray,
    joints_m: FloatArray,
    weights: FloatArray,
    joint: int,
    rotation: FloatArray,
) -> FloatArray:
    """(778, 3) rest displacement that makes linear skinning equal dual-quaternion skinning."""
    local = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    local[joint] = rotation
    rotations, positions = chain_transforms(local, joints_m)
    offsets = positions - np.einsum("jab,jb->ja", rotations, joints_m)
    blended = np.einsum("vj,jab->vab", weights, rotations)
    linear = np.einsum("vab,vb->va", blended, vertices_m) + weights @ offsets
    dual = _dual_quaternion_skin(vertices_m, weights, rotations, offsets)
    return np.asarray(np.linalg.solve(blended, (dual - linear)[..., None])[..., 0])


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
