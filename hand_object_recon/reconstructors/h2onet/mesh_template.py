"""What the decoder knows of the hand's mesh: its levels, spirals and fingers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import HandPart
from hand_object_recon.hand_model.conventions import KEYPOINTS_FROM_JOINTS_AND_TIPS
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.of_model import mesh_hierarchy, spiral_indices
from hand_object_recon.hand_model.vertex_labels import vertex_labels

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]

LEVEL_COUNT: Final = 4
FINGERS: Final = tuple(part for part in HandPart if part is not HandPart.PALM)


@dataclass(frozen=True, eq=False)
class MeshTemplate:
    """Mesh levels, the finest first.

    spirals
        (n, 9) for each of the four levels that are convolved.
    up_columns, up_weights
        (n, 3) for each of them: how its vertices follow from the next coarser level.
    finger_vertices
        Vertex numbers of the five fingers, thumb first.
    joint_regressor
        (21, V) float32: keypoints from vertices, to begin with.
    """

    spirals: Sequence[Indices]
    up_columns: Sequence[Indices]
    up_weights: Sequence[FloatArray]
    finger_vertices: Sequence[Indices]
    joint_regressor: FloatArray

    @property
    def vertex_count(self) -> int:
        return len(self.spirals[0])

    @property
    def coarsest_count(self) -> int:
        """Vertices of the level that everything starts from."""
        return int(self.up_columns[-1].max()) + 1

    @classmethod
    def of_model(cls, model: HandModel) -> MeshTemplate:
        """The template of a hand model's own mesh (the right hand's; left ones are mirrored)."""
        steps = mesh_hierarchy(model, LEVEL_COUNT).steps
        part = vertex_labels(model).part
        return cls(
            spirals=[spiral_indices(model, level) for level in range(LEVEL_COUNT)],
            up_columns=[step.up_columns for step in steps],
            up_weights=[step.up_weights for step in steps],
            finger_vertices=[np.flatnonzero(part == finger) for finger in FINGERS],
            joint_regressor=_keypoint_regressor(model),
        )


def _keypoint_regressor(model: HandModel) -> FloatArray:
    """(21, V): the model's joints from its vertices, and its tip vertices themselves."""
    tips = np.eye(len(model.v_template), dtype=np.float32)[model.tip_vertices]
    rows = np.concatenate([model.joint_regressor, tips])
    return np.asarray(rows[np.array(KEYPOINTS_FROM_JOINTS_AND_TIPS)], dtype=np.float32)
