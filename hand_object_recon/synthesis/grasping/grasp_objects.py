"""The objects grasps are made for, as tensors: their distance fields and points on them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from hand_object_recon.synthesis.grasping.distance_field import DistanceField
from hand_object_recon.synthesis.objects.distance_grid import distance_grid
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.objects.surface_points import random_surface_points

_SURFACE_POINTS: Final = 512
_STEP_M: Final = 0.0025
_MOST_STEPS: Final = 48
_OUTSIDE_M: Final = 0.0005


@dataclass(frozen=True, eq=False)
class GraspObjects:
    """names of G objects, their distance field, and (G, P, 3) points on them in metres."""

    names: tuple[str, ...]
    field: DistanceField
    surface_m: Tensor

    @classmethod
    def of(cls, shapes: Sequence[ObjectShape], device: torch.device | str = "cpu") -> GraspObjects:
        surfaces = [
            random_surface_points(
                shape.vertices_m,
                shape.faces,
                _SURFACE_POINTS,
                np.random.default_rng(zlib.crc32(shape.name.encode())),
            )
            for shape in shapes
        ]
        return cls(
            names=tuple(shape.name for shape in shapes),
            field=DistanceField.of([distance_grid(shape) for shape in shapes], device),
            surface_m=torch.tensor(np.stack(surfaces), dtype=torch.float32, device=device),
        )

    def thickness_m(self, points_m: Tensor, directions: Tensor, objects: Tensor) -> Tensor:
        """(B, K) how far it is from (B, K, 3) points on or in the object out of it.

        directions
            (B, K, 3) unit vectors. Where the object goes on for 12 cm, that is the answer.
        """
        steps = _STEP_M * torch.arange(1, _MOST_STEPS + 1, device=points_m.device)
        along = points_m[:, :, None] + steps[:, None] * directions[:, :, None]
        flat = along.reshape(len(points_m), -1, 3)
        distance = self.field.distance_m(flat, objects).view(along.shape[:3])
        is_out = distance > _OUTSIDE_M
        first = torch.where(is_out.any(dim=2), is_out.int().argmax(dim=2), _MOST_STEPS - 1)
        beyond = distance.gather(2, first[..., None])[..., 0].clamp(_OUTSIDE_M, _STEP_M)
        return steps[first] - beyond
