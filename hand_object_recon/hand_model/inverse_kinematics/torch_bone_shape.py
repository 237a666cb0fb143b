"""Shape from lengths that no pose changes, for batches in torch: see ``bone_shape.py``."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.inverse_kinematics.bone_shape import (
    SHAPE_STEPS,
    FloatArray,
    LengthShape,
)
from hand_object_recon.hand_model.inverse_kinematics.skeleton import RIGID_PAIRS
from hand_object_recon.hand_model.inverse_kinematics.torch_linear import length, solve, turn

_MM_PER_M = 1e3


class TorchLengthShape(nn.Module):
    """``LengthShape`` over batches, in millimetres, where single precision suits the sums."""

    vectors_mm: Tensor
    shapedirs_mm: Tensor
    jacobian_mm: Tensor
    pairs: Tensor

    def __init__(self, length_shape: LengthShape) -> None:
        super().__init__()
        self.prior = length_shape.prior * _MM_PER_M**2
        arrays = {
            "vectors_mm": _MM_PER_M * length_shape.vectors_m.T[..., None],
            "shapedirs_mm": _MM_PER_M * _coordinates_first(length_shape.shapedirs),
            "jacobian_mm": _MM_PER_M * length_shape.jacobian,
        }
        for name, array in arrays.items():
            tensor = torch.tensor(np.ascontiguousarray(array, dtype=np.float32))
            self.register_buffer(name, tensor, persistent=False)
        self.register_buffer("pairs", torch.tensor(RIGID_PAIRS), persistent=False)

    def forward(self, joints_m: Tensor, weights: Tensor) -> Tensor:
        """(10, B) shapes of (B, 21, 3) joints and (B, 21) weights."""
        measured, shares = self._lengths_mm(joints_m, weights)
        jacobian = self.jacobian_mm
        crossed = (jacobian[:, :, None] * jacobian[:, None]).flatten(1)
        system = (crossed.T @ shares).reshape(SHAPE_COUNT, SHAPE_COUNT, -1)
        system.diagonal().add_(self.prior)
        unit = torch.eye(SHAPE_COUNT).to(system)[..., None].expand_as(system)
        inverse = solve(torch.cat([system, unit], dim=1))
        shape = measured.new_zeros(SHAPE_COUNT, len(joints_m))
        for _ in range(SHAPE_STEPS):
            moved = (self.shapedirs_mm @ shape).reshape(3, *measured.shape)
            missing = shares * (measured - length(self.vectors_mm + moved))
            shape = shape + turn(inverse, jacobian.T @ missing - self.prior * shape)
        return shape

    def _lengths_mm(self, joints_m: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(30, B) lengths and their weights."""
        first, second = self.pairs
        points, confidence = joints_m.permute(2, 1, 0).contiguous(), weights.T.contiguous()
        ends = points[:, second] - points[:, first]
        one, other = confidence[first], confidence[second]
        total = one + other
        shares = 2.0 * one * other / torch.where(total > 0, total, 1.0)
        return _MM_PER_M * length(ends), shares


def _coordinates_first(shapedirs: FloatArray) -> FloatArray:
    return shapedirs.reshape(-1, 3, SHAPE_COUNT).transpose(1, 0, 2).reshape(-1, SHAPE_COUNT)
