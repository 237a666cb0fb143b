"""A take: what hands and an object do in front of a camera, in the world.

The world is that of ``rendering.scene``: z up, metres, the origin where the hands work, the person
on the side of -y.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import HandSide
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.objects.object_shape import ObjectShape


class TakeKind(str, Enum):
    """What happens in a take."""

    GRASP = "grasp"
    HAND_OVER = "hand_over"
    FREE = "free"
    TURNING = "turning"
    TRACKED = "tracked"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class Moment:
    """A take at one time, in the world.

    hands
        At most one of each side.
    object_pose
        (4, 4) from the object's own frame, or None in a take without an object.
    holders
        Sides of the hands that hold the object.
    """

    hands: tuple[PlacedHand, ...]
    object_pose: NDArray[np.float64] | None = None
    holders: frozenset[HandSide] = frozenset()


@dataclass(frozen=True, eq=False)
class FilmedFrom:
    """The camera a tracked motion was seen by, and its (4, 4) pose from the take's world."""

    camera: CameraIntrinsics
    camera_from_take: NDArray[np.float64]


class Take(ABC):
    """Hands, and an object or none, over time.

    name
        Different for every take of a set.
    duration_s
        How long something happens.
    support_height_m
        World z of the table the object lies on at first, or None where nothing stands below.
    filmed_from
        Where a tracked motion was really seen from, or None.
    """

    name: str
    kind: TakeKind
    object_shape: ObjectShape | None
    duration_s: float
    support_height_m: float | None
    filmed_from: FilmedFrom | None = None

    @abstractmethod
    def at(self, time_s: float) -> Moment:
        """The take at a time of 0 to ``duration_s``."""
