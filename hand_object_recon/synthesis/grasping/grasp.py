"""A hand that holds an object, and the opened hand it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import POSE_LENGTH, SHAPE_LENGTH, HandSide
from hand_object_recon.core.validation import require_array, require_rigid_transform
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.synthesis.grasping.grasp_types import GraspType

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class PlacedHand:
    """A posed hand of the open hand model in some frame.

    shape
        (10,) coefficients.
    fingers_rad
        (15, 3) axis-angle vectors of the joints.
    wrist_pose
        (4, 4) from the model's rest frame, its origin moved to the wrist, to the frame.
    rest_wrist_m
        (3,) where the wrist of this shape is in the model's rest frame.
    """

    side: HandSide
    shape: NDArray[np.float32]
    fingers_rad: NDArray[np.float32]
    wrist_pose: NDArray[np.float64]
    rest_wrist_m: NDArray[np.float32]

    def __post_init__(self) -> None:
        shapes = {"shape": (SHAPE_LENGTH,), "fingers_rad": (15, 3), "rest_wrist_m": (3,)}
        for name, shape in shapes.items():
            array = require_array(name, getattr(self, name), shape, np.float32, finite=True)
            object.__setattr__(self, name, array)
        wrist_pose = require_rigid_transform("wrist_pose", self.wrist_pose)
        object.__setattr__(self, "side", HandSide(self.side))
        object.__setattr__(self, "wrist_pose", wrist_pose)

    @property
    def pose_rad(self) -> NDArray[np.float32]:
        """(48,) as ``HandLayer`` and ``pose_hand`` take it: global orientation, then joints."""
        turn = matrix_to_axis_angle(self.wrist_pose[:3, :3])
        pose = np.concatenate([turn, self.fingers_rad.ravel()]).astype(np.float32)
        return require_array("pose_rad", pose, (POSE_LENGTH,), np.float32, finite=True)

    @property
    def translation_m(self) -> NDArray[np.float32]:
        """(3,) as ``HandLayer`` and ``pose_hand`` take it."""
        return (self.wrist_pose[:3, 3] - self.rest_wrist_m).astype(np.float32)

    def moved(self, transform: FloatArray) -> PlacedHand:
        """The same hand in another frame: ``transform`` (4, 4) takes points there."""
        wrist_pose = np.asarray(transform, dtype=np.float64) @ self.wrist_pose
        return PlacedHand(self.side, self.shape, self.fingers_rad, wrist_pose, self.rest_wrist_m)


@dataclass(frozen=True, eq=False)
class Grasp:
    """How a hand holds an object, everything in the object's frame.

    hand, pregrasp
        The closed hand; the opened hand of the same shape and turn, backed off along
        ``-approach``. Between them lies ``opened``: opened in place. Going from ``pregrasp`` to
        ``opened`` in a straight line and closing there, and back, meets no object.
    approach
        (3,) unit direction in which the hand comes.
    is_touching
        (5,) whether each finger touches, thumb first.
    palm_touches
        Whether the palm does.
    penetration_m, self_penetration_m
        How deep skin lies in the object at most, and how far parts of the hand overlap at most.
    """

    object_name: str
    grasp_type: GraspType
    hand: PlacedHand
    opened: PlacedHand
    pregrasp: PlacedHand
    approach: NDArray[np.float64]
    is_touching: NDArray[np.bool_]
    palm_touches: bool
    penetration_m: float
    self_penetration_m: float

    def __post_init__(self) -> None:
        approach = require_array("approach", self.approach, (3,), np.float64, finite=True)
        is_touching = require_array("is_touching", self.is_touching, (5,), np.bool_)
        object.__setattr__(self, "approach", approach)
        object.__setattr__(self, "is_touching", is_touching)


def between(first: PlacedHand, second: PlacedHand, share: float) -> PlacedHand:
    """A hand on the way from one to another of the same side and shape, 0 to 1.

    Joints turn by their shares of the axis-angle vectors, the wrist on the straight line and the
    shortest turn.
    """
    start, end = first.wrist_pose, second.wrist_pose
    turn = matrix_to_axis_angle(end[:3, :3] @ start[:3, :3].T)
    wrist_pose = np.eye(4)
    wrist_pose[:3, :3] = axis_angle_to_matrix(share * np.asarray(turn)) @ start[:3, :3]
    wrist_pose[:3, 3] = (1.0 - share) * start[:3, 3] + share * end[:3, 3]
    fingers = (1.0 - share) * first.fingers_rad + share * second.fingers_rad
    return PlacedHand(
        first.side, first.shape, fingers.astype(np.float32), wrist_pose, first.rest_wrist_m
    )
