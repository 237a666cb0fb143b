"""What labels of a data set mean on MANO, if it was imported; nothing without it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel, load_hand_model, read_record
from hand_object_recon.hand_model.model_conventions import PUBLISHED, ModelConventions
from hand_object_recon.hand_model.store import built_in_names, stored_file

FloatArray = NDArray[np.floating[Any]]


class LabelledMesh(NamedTuple):
    """pose_rad (48,) axis-angle, shape (10,), translation_m (3,) and the vertices_m (V, 3) they
    give in the camera optical frame."""

    pose_rad: FloatArray
    shape: FloatArray
    translation_m: FloatArray
    vertices_m: FloatArray


class ManoHands:
    """MANO as labels use it: its own pose mean or the flat hand, all 45 components, shapes of the
    left hand as published.

    A side counts as there only if its own file was imported: coefficients of MANO's left hand do
    not mean the same on the right one's mirror image.
    """

    def __init__(self, name: str, *, flat_mean: bool = False) -> None:
        if name in built_in_names():
            raise DatasetError(
                f"hand_model is {name!r}; labels of data sets are MANO's: give the name under "
                "which MANO was imported (hand-object-recon hand-model import)"
            )
        self.name = name
        self._conventions = ModelConventions(flat_hand_mean=flat_mean, left_shapedirs=PUBLISHED)

    def topology(self, side: HandSide) -> str:
        """Name of a side's mesh, which its parameters are of, too."""
        return f"{self.name}_{side}"

    def model(self, side: HandSide) -> HandModel | None:
        """The side's model, None where its file was not imported."""
        path = stored_file(self.name, side)
        if not path.is_file():
            return None
        if _kind(self.name, side) != "mano":
            raise DatasetError(
                f"hand_model {self.name!r} ({path}) is not MANO, and labels of data sets are; "
                "import MANO_RIGHT.pkl and MANO_LEFT.pkl under a name of their own"
            )
        return load_hand_model(self.name, side, self._conventions)

    def notes(self, sides: Sequence[HandSide], missing: str) -> tuple[str, ...]:
        """A sentence on what is missing where a side of MANO is."""
        absent = [f"MANO_{side.upper()}.pkl" for side in sides if self.model(side) is None]
        if not absent:
            return ()
        return (
            f"{' and '.join(absent)} not imported: {missing}; import it with "
            f"hand-object-recon hand-model import (name {self.name})",
        )

    def full_pose(self, side: HandSide, coefficients: FloatArray) -> FloatArray | None:
        """(48,) axis-angle of an orientation and 45 principal components; None without MANO."""
        model = self.model(side)
        if model is None:
            return None
        fingers = model.hands_mean + coefficients[3:] @ model.hands_components
        pose_rad: FloatArray = np.concatenate([coefficients[:3], fingers])
        return pose_rad

    def with_mean(self, side: HandSide, pose_rad: FloatArray) -> FloatArray | None:
        """(48,) axis-angle of one whose fingers count from the mean pose; None without MANO."""
        model = self.model(side)
        if model is None:
            return None
        return np.concatenate([pose_rad[:3], pose_rad[3:] + model.hands_mean])

    def mesh(
        self, side: HandSide, pose_rad: FloatArray, shape: FloatArray, translation_m: FloatArray
    ) -> LabelledMesh | None:
        """The mesh of parameters in the camera optical frame; None without MANO."""
        model = self.model(side)
        if model is None:
            return None
        vertices = pose_hand(model, pose_rad, shape, translation_m).vertices_m
        return LabelledMesh(pose_rad, shape, translation_m, vertices)

    def turned_mesh(
        self,
        side: HandSide,
        turn: FloatArray,
        pose_rad: FloatArray,
        shape: FloatArray,
        translation_m: FloatArray,
    ) -> LabelledMesh | None:
        """The mesh of parameters of another frame, which ``turn`` (3, 3) leads from.

        MANO turns about its wrist, which is not at its origin, so the translation is another one
        in the turned frame.
        """
        model = self.model(side)
        if model is None:
            return None
        wrist = model.rest_joints_m[0] + model.joint_shapedirs[0] @ shape
        moved = turn @ (wrist + translation_m) - wrist
        return self.mesh(side, turned_pose(turn, pose_rad), shape, moved)


def turned_pose(turn: FloatArray, pose_rad: FloatArray) -> FloatArray:
    """(48,) pose whose orientation is turned by a rotation matrix (3, 3)."""
    orientation = matrix_to_axis_angle(turn @ axis_angle_to_matrix(pose_rad[:3]))
    return np.concatenate([orientation, pose_rad[3:]])


@lru_cache(maxsize=8)
def _kind(name: str, side: HandSide) -> str:
    return read_record(stored_file(name, side)).kind
