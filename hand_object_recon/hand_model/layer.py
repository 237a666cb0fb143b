"""The hand model as a differentiable torch layer over batches of hands."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.torch_rotations import (
    axis_angle_to_matrix,
    rotation_6d_to_matrix,
)
from hand_object_recon.hand_model.conventions import (
    JOINT_COUNT,
    JOINT_PARENTS,
    KEYPOINTS_FROM_JOINTS_AND_TIPS,
    SHAPE_COUNT,
)
from hand_object_recon.hand_model.model import HandModel, load_hand_model


class HandLayerOutput(NamedTuple):
    """vertices_m (B, 778, 3), joints_m (B, 21, 3) in keypoint order, transforms (B, 16, 4, 4)."""

    vertices_m: Tensor
    joints_m: Tensor
    transforms: Tensor


class HandLayer(nn.Module):
    """Pose, shape and translation to vertices and joints (MANO, Romero et al., 2017).

    The pose is given as axis-angle (B, 48) radians or as 6-D rotations (B, 16, 6), the global
    orientation first; ``pose_from_components`` makes it from principal components.
    """

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    joint_template: Tensor
    joint_shapedirs: Tensor
    weights: Tensor
    hands_mean: Tensor
    hands_components: Tensor
    tip_vertices: Tensor
    keypoint_order: Tensor
    faces: Tensor

    def __init__(self, model: HandModel) -> None:
        super().__init__()
        self.topology = model.topology
        arrays = {
            "v_template": model.v_template,
            "shapedirs": model.shapedirs,
            "posedirs": model.posedirs.reshape(-1, model.posedirs.shape[-1]).T,
            "joint_template": model.rest_joints_m,
            "joint_shapedirs": model.joint_shapedirs,
            "weights": model.weights,
            "hands_mean": model.hands_mean,
            "hands_components": model.hands_components,
        }
        for name, array in arrays.items():
            self.register_buffer(name, torch.tensor(array.copy()), persistent=False)
        tips = torch.tensor(model.tip_vertices.copy(), dtype=torch.long)
        order = torch.tensor(KEYPOINTS_FROM_JOINTS_AND_TIPS)
        self.register_buffer("tip_vertices", tips, persistent=False)
        self.register_buffer("keypoint_order", order, persistent=False)
        self.register_buffer("faces", torch.tensor(model.faces.copy()), persistent=False)

    @classmethod
    def load(cls, name: str, side: HandSide) -> HandLayer:
        """The layer of an installed hand model."""
        return cls(load_hand_model(name, side))

    def forward(
        self, pose: Tensor, shape: Tensor | None = None, translation_m: Tensor | None = None
    ) -> HandLayerOutput:
        """Pose a batch of hands given by axis-angle (B, 48) radians or 6-D (B, 16, 6).

        ``shape`` is (B, 10), zero when left out; ``translation_m`` (B, 3) is added after the
        global orientation.
        """
        local = self._local_rotations(pose)
        batch = local.shape[0]
        if shape is None:
            shape = local.new_zeros(batch, SHAPE_COUNT)
        rest = self.v_template + torch.einsum("bs,vcs->bvc", shape, self.shapedirs)
        rest_joints = self.joint_template + torch.einsum("bs,jcs->bjc", shape, self.joint_shapedirs)
        identity = torch.eye(3, dtype=local.dtype, device=local.device)
        features = (local[:, 1:] - identity).flatten(start_dim=1)
        rest = rest + (features @ self.posedirs).reshape(rest.shape)

        rotations, positions = self._chain(local, rest_joints)
        offsets = positions - (rotations @ rest_joints[..., None])[..., 0]
        blended = (self.weights @ rotations.flatten(start_dim=2)).reshape(*rest.shape, 3)
        vertices = (blended @ rest[..., None])[..., 0] + self.weights @ offsets
        if translation_m is not None:
            vertices = vertices + translation_m[:, None]
            positions = positions + translation_m[:, None]
        with_tips = torch.cat([positions, vertices[:, self.tip_vertices]], dim=1)
        joints = with_tips[:, self.keypoint_order]
        return HandLayerOutput(vertices, joints, _homogeneous(rotations, positions))

    def pose_from_components(self, orientation_rad: Tensor, coefficients: Tensor) -> Tensor:
        """Axis-angle pose (B, 48) of (B, 3) orientation and (B, n) principal components."""
        count = coefficients.shape[-1]
        fingers = self.hands_mean + coefficients @ self.hands_components[:count]
        return torch.cat([orientation_rad, fingers], dim=-1)

    def _local_rotations(self, pose: Tensor) -> Tensor:
        if pose.ndim == 2 and pose.shape[1] == 3 * JOINT_COUNT:
            return axis_angle_to_matrix(pose.reshape(-1, JOINT_COUNT, 3))
        if pose.ndim == 3 and pose.shape[1:] == (JOINT_COUNT, 6):
            return rotation_6d_to_matrix(pose)
        raise InvalidValueError(
            f"pose has shape {tuple(pose.shape)}; give axis-angle (B, 48) or 6-D (B, 16, 6), or "
            "turn principal components into axis-angle with pose_from_components"
        )

    def _chain(self, local: Tensor, rest_joints: Tensor) -> tuple[Tensor, Tensor]:
        rotations, positions = [local[:, 0]], [rest_joints[:, 0]]
        for joint in range(1, JOINT_COUNT):
            parent = JOINT_PARENTS[joint]
            bone = rest_joints[:, joint] - rest_joints[:, parent]
            positions.append(positions[parent] + (rotations[parent] @ bone[..., None])[..., 0])
            rotations.append(rotations[parent] @ local[:, joint])
        return torch.stack(rotations, dim=1), torch.stack(positions, dim=1)


def _homogeneous(rotations: Tensor, positions: Tensor) -> Tensor:
    upper = torch.cat([rotations, positions[..., None]], dim=-1)
    last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*upper.shape[:2], 1, 4)
    return torch.cat([upper, last], dim=-2)
