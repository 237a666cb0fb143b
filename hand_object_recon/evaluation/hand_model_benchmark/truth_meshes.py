"""True meshes of one hand over several frames, of whatever topology."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_COUNT, MIDDLE_MCP, WRIST
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.truth_arrays import read_truth_arrays

WRIST_RIM_VERTICES: Final = 16

_REQUIRED: Final = ("joints", "vertices")


@dataclass(frozen=True, eq=False)
class TruthMeshes:
    """joints_m (F, 21, 3) and vertices_m (F, N, 3), float64, metres, vertex by vertex the same."""

    joints_m: NDArray[np.float64]
    vertices_m: NDArray[np.float64]

    def __post_init__(self) -> None:
        joints = require_array(
            "joints", self.joints_m, (None, KEYPOINT_COUNT, 3), np.float64, finite=True
        )
        frames = len(joints)
        if not frames:
            raise InvalidValueError("joints have 0 frames; at least one is needed")
        vertices = require_array(
            "vertices", self.vertices_m, (frames, None, 3), np.float64, finite=True
        )
        if vertices.shape[1] <= WRIST_RIM_VERTICES:
            raise InvalidValueError(
                f"vertices are {vertices.shape[1]} a frame; more than the "
                f"{WRIST_RIM_VERTICES} of the wrist's rim are needed"
            )
        object.__setattr__(self, "joints_m", joints)
        object.__setattr__(self, "vertices_m", vertices)

    def __len__(self) -> int:
        return len(self.joints_m)

    def first(self, frames: int) -> TruthMeshes:
        """The first so many frames, all where there are fewer."""
        return TruthMeshes(self.joints_m[:frames], self.vertices_m[:frames])

    def without_wrist_rim(self) -> TruthMeshes:
        """Without the 16 vertices farthest behind the wrist, seen from the middle knuckle.

        Where a mesh ends on the forearm is a choice of its maker and no property of the hand.
        """
        wrist = self.joints_m[:, WRIST]
        forward = self.joints_m[:, MIDDLE_MCP] - wrist
        forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
        ahead_m = np.einsum("fnc,fc->fn", self.vertices_m - wrist[:, None], forward).mean(axis=0)
        kept = np.sort(np.argsort(ahead_m)[WRIST_RIM_VERTICES:])
        return TruthMeshes(self.joints_m, self.vertices_m[:, kept])


def load_truth_meshes(path: Path) -> TruthMeshes:
    """Read an npz with ``joints`` (F, 21, 3) and ``vertices`` (F, N, 3).

    Raises
    ------
    InvalidValueError
        The file cannot be read, or an array is missing, has the wrong shape or holds NaN.
    """
    arrays = read_truth_arrays(path, _REQUIRED)
    try:
        return TruthMeshes(arrays["joints"], arrays["vertices"])
    except InvalidValueError as error:
        raise InvalidValueError(f"truth file {path}: {error}") from None
