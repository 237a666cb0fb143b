"""A hand model's skeleton as tensors whose last dimension is the batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hand_object_recon.hand_model.inverse_kinematics.skeleton import FloatArray, KinematicSkeleton


class TorchSkeleton(nn.Module):
    """``KinematicSkeleton`` in single precision, one dimension for the batch at the end.

    wrist_m (3, 1), wrist_shapedirs (3, 10, 1); knuckles_m (3, 5, 1), knuckle_shapedirs
    (3, 10, 5, 1); bones_m (3, 3, 5, 1), coordinate and joint; bone_shapedirs (3, 10, 3, 5, 1);
    axes (3, 3, 3, 5, 1): coordinate, joint, angle; lower_rad, upper_rad, preferred_rad and
    spread_rad (9, 5, 1).
    """

    wrist_m: Tensor
    wrist_shapedirs: Tensor
    knuckles_m: Tensor
    knuckle_shapedirs: Tensor
    bones_m: Tensor
    bone_shapedirs: Tensor
    axes: Tensor
    lower_rad: Tensor
    upper_rad: Tensor
    preferred_rad: Tensor
    spread_rad: Tensor

    def __init__(self, skeleton: KinematicSkeleton) -> None:
        super().__init__()
        arrays: dict[str, FloatArray] = {
            "wrist_m": skeleton.wrist_m,
            "wrist_shapedirs": skeleton.wrist_shapedirs,
            "knuckles_m": skeleton.knuckles_m.T,
            "knuckle_shapedirs": skeleton.knuckle_shapedirs.transpose(1, 2, 0),
            "bones_m": skeleton.bones_m.transpose(2, 1, 0),
            "bone_shapedirs": skeleton.bone_shapedirs.transpose(2, 3, 1, 0),
            "axes": skeleton.axes.transpose(3, 1, 2, 0),
            "lower_rad": skeleton.lower_rad.T,
            "upper_rad": skeleton.upper_rad.T,
            "preferred_rad": skeleton.preferred_rad.T,
            "spread_rad": skeleton.spread_rad.T,
        }
        for name, array in arrays.items():
            tensor = torch.tensor(np.ascontiguousarray(array[..., None], dtype=np.float32))
            self.register_buffer(name, tensor, persistent=False)

    def shaped(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Knuckles (3, 5, B) and bones (3, 3, 5, B), coordinate and joint, at (10, B) shapes."""
        return (
            self.knuckles_m + moved_by_shape(self.knuckle_shapedirs, shape),
            self.bones_m + moved_by_shape(self.bone_shapedirs, shape),
        )


def moved_by_shape(shapedirs: Tensor, shape: Tensor) -> Tensor:
    """(3, ..., B) of (3, 10, ..., 1) and (10, B) shapes."""
    by_shape = shapedirs[..., 0].movedim(1, -1)
    moved: Tensor = by_shape.reshape(-1, len(shape)) @ shape
    return moved.reshape(*by_shape.shape[:-1], -1)
