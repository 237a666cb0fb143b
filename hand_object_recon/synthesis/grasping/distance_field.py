"""Signed distance to one of several objects at batches of points, with its gradient, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.objects.distance_grid import DistanceGrid

_CORNERS = torch.tensor([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
_SMALLEST_SQUARED_M2 = 1e-16


class DistanceField:
    """Distance grids of G objects, sampled between their nodes by trilinear interpolation.

    Outside a grid's box the distance is that of the nearest point of the box plus the way there:
    never less than the true one by more than the grid's own error, and growing outwards.
    """

    def __init__(self, values_m: Tensor, low_m: Tensor, high_m: Tensor) -> None:
        """values_m (G, R, R, R) at x, y, z, negative inside; low_m and high_m (G, 3)."""
        self._resolution = values_m.shape[-1]
        self._values_m = values_m.reshape(-1)
        self._low_m, self._high_m = low_m, high_m
        self._steps_per_m = (self._resolution - 1) / (high_m - low_m)

    @classmethod
    def of(cls, grids: Sequence[DistanceGrid], device: torch.device | str = "cpu") -> DistanceField:
        """The field of grids of one resolution."""
        shapes = {grid.values_m.shape for grid in grids}
        if len(shapes) != 1:
            raise InvalidValueError(
                f"distance grids have the shapes {sorted(shapes)}; give at least one, all alike"
            )

        def stacked(name: str) -> Tensor:
            arrays = np.stack([getattr(grid, name) for grid in grids])
            return torch.tensor(arrays, dtype=torch.float32, device=device)

        return cls(stacked("values_m"), stacked("low_m"), stacked("high_m"))

    @property
    def device(self) -> torch.device:
        return self._values_m.device

    def distance_m(self, points_m: Tensor, objects: Tensor) -> Tensor:
        """(B, N) distances of (B, N, 3) points, each row to one object of ``objects`` (B,)."""
        low, high = self._low_m[objects, None], self._high_m[objects, None]
        inside = torch.minimum(torch.maximum(points_m, low), high)
        beyond = ((points_m - inside).square().sum(dim=-1) + _SMALLEST_SQUARED_M2).sqrt()
        return self._interpolated(inside, low, objects) + beyond

    def gradient(self, points_m: Tensor, objects: Tensor) -> Tensor:
        """(B, N, 3) unit directions in which the distance grows: the surface's normals."""
        with torch.enable_grad():
            points = points_m.detach().requires_grad_()
            total = self.distance_m(points, objects).sum()
            (slope,) = torch.autograd.grad(total, points)
        return torch.nn.functional.normalize(slope, dim=-1)

    def _interpolated(self, inside_m: Tensor, low_m: Tensor, objects: Tensor) -> Tensor:
        side = self._resolution
        place = (inside_m - low_m) * self._steps_per_m[objects, None]
        cell = place.detach().floor().clamp(0, side - 2)
        share = place - cell
        x, y, z = cell.long().unbind(dim=-1)
        first = ((objects[:, None] * side + x) * side + y) * side + z
        strides = first.new_tensor([side * side, side, 1])
        corner_steps = (_CORNERS.to(first.device) * strides).sum(dim=-1)
        corners = self._values_m[first[..., None] + corner_steps]
        along_z = torch.lerp(corners[..., 0::2], corners[..., 1::2], share[..., 2:])
        along_y = torch.lerp(along_z[..., 0::2], along_z[..., 1::2], share[..., 1:2])
        return torch.lerp(along_y[..., 0], along_y[..., 1], share[..., 0])
