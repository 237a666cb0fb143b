"""A hand model's arrays laid out for posing it in few steps, for NumPy and torch alike.

The 21 keypoints are appended to the mesh as points of their own, so that skinning gives both at
once; the joint regressor is folded into them; coordinates are planes (3, N), not rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import (
    JOINT_COUNT,
    JOINT_PARENTS,
    KEYPOINTS_FROM_JOINTS_AND_TIPS,
)
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]

KEYPOINT_OF_JOINT: Final[tuple[int, ...]] = tuple(
    KEYPOINTS_FROM_JOINTS_AND_TIPS.index(joint) for joint in range(JOINT_COUNT)
)
"""For each of the 16 joints, its place among the 21 keypoints."""

_KEYPOINT_ORDER: Final = list(KEYPOINTS_FROM_JOINTS_AND_TIPS)
_PARENTS: Final = np.array(JOINT_PARENTS[1:])


@dataclass(frozen=True, eq=False)
class PosingArrays:
    """Of N points, the V vertices and then the 21 keypoints; float32, metres.

    template_m (3, N), shapedirs (10, 3, N), posedirs (135, 3, N), weights (16, N): as in the
    model, coordinates as planes. A keypoint that is a joint follows that joint alone.
    frames (2, 16, 4, 4) and frame_shapedirs (10, 2, 16, 4, 4)
        At rest, each joint's frame in its parent's (identity and the bone), then the move that
        brings the joint to the origin; and how both change with shape.
    """

    template_m: NDArray[np.float32]
    shapedirs: NDArray[np.float32]
    posedirs: NDArray[np.float32]
    weights: NDArray[np.float32]
    frames: NDArray[np.float32]
    frame_shapedirs: NDArray[np.float32]


@lru_cache(maxsize=8)
def posing_arrays(model: HandModel) -> PosingArrays:
    """Arrange a model; the last few models' arrays are kept."""
    regressor = model.joint_regressor.astype(np.float64)
    joints = regressor @ model.v_template
    joint_shapedirs = np.einsum("jv,vcs->sjc", regressor, model.shapedirs)
    at_joints = np.zeros((JOINT_COUNT, 3, model.posedirs.shape[-1]))
    shape_by_row = joint_shapedirs.transpose(1, 2, 0)
    return PosingArrays(
        template_m=_planes(_with_keypoints(model, model.v_template, joints)),
        shapedirs=_planes(_with_keypoints(model, model.shapedirs, shape_by_row)),
        posedirs=_planes(_with_keypoints(model, model.posedirs, at_joints)),
        weights=_planes(_with_keypoints(model, model.weights, np.eye(JOINT_COUNT))),
        frames=(np.eye(4) + _frame_translations(joints)).astype(np.float32),
        frame_shapedirs=_frame_translations(joint_shapedirs).astype(np.float32),
    )


def _with_keypoints(model: HandModel, by_vertex: FloatArray, by_joint: FloatArray) -> FloatArray:
    keypoints = np.concatenate([by_joint, by_vertex[model.tip_vertices]])[_KEYPOINT_ORDER]
    return np.concatenate([by_vertex, keypoints])


def _planes(by_point: FloatArray) -> NDArray[np.float32]:
    return np.ascontiguousarray(by_point.T, dtype=np.float32)


def _frame_translations(joints: FloatArray) -> NDArray[np.float64]:
    """(..., 16, 3) joints to (..., 2, 16, 4, 4), zero but for the last column."""
    matrices = np.zeros((*joints.shape[:-2], 2, JOINT_COUNT, 4, 4))
    matrices[..., 0, :, :3, 3] = joints
    matrices[..., 0, 1:, :3, 3] -= joints[..., _PARENTS, :]
    matrices[..., 1, :, :3, 3] = -joints
    return matrices
