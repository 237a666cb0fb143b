"""Signed distances to a surface on a regular grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array


@dataclass(frozen=True, eq=False)
class DistanceGrid:
    """Signed distances to a body's surface at the centres of voxels, in the body's own frame.

    values
        (nx, ny, nz) float32 metres, C-contiguous, positive outside; NaN where nothing is known.
        A grid fused from depth levels off at its truncation. The array is not copied: a grid of
        a volume that goes on growing shows what it has become.
    origin_m
        (3,) float64 centre of voxel (0, 0, 0).
    voxel_m
        Distance between the centres of neighbouring voxels.
    """

    values: NDArray[np.float32]
    origin_m: NDArray[np.float64]
    voxel_m: float

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or self.values.ndim != 3 or min(self.values.shape) < 2:
            raise InvalidValueError(
                f"distance grid values are {self.values.dtype} of shape {self.values.shape}; they "
                "must be float32 of shape (nx, ny, nz), two or more a side"
            )
        if not self.voxel_m > 0.0:
            raise InvalidValueError(f"distance grid voxel_m is {self.voxel_m}; must be above 0")
        origin = require_array("distance grid origin_m", self.origin_m, (3,), np.float64)
        # kernels are compiled for arrays that may be written to, and once is enough
        object.__setattr__(self, "values", np.require(self.values, requirements=["C", "W"]))
        object.__setattr__(self, "origin_m", np.array(origin))
        object.__setattr__(self, "voxel_m", float(self.voxel_m))

    def sample(
        self, points_m: NDArray[np.floating[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Distances (N,) in metres and their gradients (N, 3) at (N, 3) points of the body's frame.

        Trilinear. Both are NaN outside the grid and where one of the eight voxels around a point
        is not known.
        """
        from hand_object_recon.object_model.grid_sampling import sample

        points = np.require(points_m, np.float32, ["C", "W"])
        return sample(self.values, self.origin_m, self.voxel_m, points)
