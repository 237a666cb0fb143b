"""The kinds of grasps, and from which hand to which each of them closes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.hand_model.conventions import finger_joints

FloatArray = NDArray[np.floating[Any]]


class GraspType(str, Enum):
    """How an object is held."""

    POWER = "power"
    PRECISION = "precision"
    TRIPOD = "tripod"
    PINCH = "pinch"
    HOOK = "hook"
    SUPPORT = "support"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class ThumbAngles:
    """Degrees: flexion of base, middle and last joint, then abduction and twist of the base."""

    flexion: tuple[float, float, float]
    abduction: float
    twist: float


@dataclass(frozen=True)
class HandAngles:
    """Degrees: flexion of the three joints and abduction of the first, for each finger."""

    index: tuple[float, float, float, float]
    middle: tuple[float, float, float, float]
    ring: tuple[float, float, float, float]
    pinky: tuple[float, float, float, float]
    thumb: ThumbAngles

    def radians(self) -> FloatArray:
        """(15, 3) flexion, abduction and twist of each joint, radians."""
        angles = np.zeros((15, 3))
        for finger in FINGER_NAMES[1:]:
            *flexion, abduction = getattr(self, finger)
            rows = [joint - 1 for joint in finger_joints(finger)]
            angles[rows, 0] = flexion
            angles[rows[0], 1] = abduction
        rows = [joint - 1 for joint in finger_joints("thumb")]
        angles[rows, 0] = self.thumb.flexion
        angles[rows[0], 1:] = self.thumb.abduction, self.thumb.twist
        return np.deg2rad(angles)


@dataclass(frozen=True)
class GraspStyle:
    """What makes a type of grasp.

    opened, closed
        The hand before and after closing on nothing.
    working
        Which fingers close and are to touch, thumb first.
    required
        Which of them must touch.
    least_touching
        How many fingers must touch.
    needs_palm
        Whether the palm must touch as well.
    by_pads
        Whether the object is held between finger pads, thumb against the others; else it lies in
        the hand.
    anchor
        Where the object lies in the hand: 0 at the wrist, 1 at the knuckles, 2 at the middle
        joints of the fingers; least and greatest.
    depth_m
        Least and greatest thickness of the object where it is held: between the pads, or away
        from the palm.
    breadth_m
        Greatest width along the fingers of what they close around; infinite where they do not.
    least_breadth_m
        Least width of the object along and across the fingers.
    """

    opened: HandAngles
    closed: HandAngles
    working: tuple[bool, bool, bool, bool, bool]
    required: tuple[bool, bool, bool, bool, bool]
    least_touching: int
    needs_palm: bool
    by_pads: bool
    depth_m: tuple[float, float]
    anchor: tuple[float, float] = (0.0, 0.0)
    breadth_m: float = np.inf
    least_breadth_m: float = 0.0


_ALL: Final = (True, True, True, True, True)
_THUMB_INDEX: Final = (True, True, False, False, False)
_THREE: Final = (True, True, True, False, False)
_FINGERS: Final = (False, True, True, True, True)
_NONE: Final = (False, False, False, False, False)

STYLES: Final[dict[GraspType, GraspStyle]] = {
    GraspType.POWER: GraspStyle(
        opened=HandAngles(
            (2, 18, 10, 4),
            (2, 18, 10, 0),
            (2, 18, 10, -2),
            (2, 18, 10, -5),
            ThumbAngles((-12, 0, 5), 36, 10),
        ),
        closed=HandAngles(
            (88, 106, 70, 0),
            (90, 106, 70, 0),
            (90, 106, 70, 3),
            (90, 106, 70, 6),
            ThumbAngles((36, 48, 60), 28, 8),
        ),
        working=_ALL,
        required=_NONE,
        least_touching=3,
        needs_palm=True,
        by_pads=False,
        anchor=(0.62, 0.92),
        depth_m=(0.012, 0.095),
        breadth_m=0.105,
    ),
    GraspType.PRECISION: GraspStyle(
        opened=HandAngles(
            (18, 16, 10, 6),
            (18, 16, 10, 1),
            (20, 16, 10, -4),
            (22, 16, 10, -8),
            ThumbAngles((-14, 0, 6), 36, 12),
        ),
        closed=HandAngles(
            (62, 54, 34, 0),
            (68, 56, 34, 2),
            (70, 58, 36, 4),
            (72, 56, 36, 9),
            ThumbAngles((36, 34, 38), 26, 4),
        ),
        working=_ALL,
        required=_THUMB_INDEX,
        least_touching=3,
        needs_palm=False,
        by_pads=True,
        depth_m=(0.012, 0.085),
    ),
    GraspType.TRIPOD: GraspStyle(
        opened=HandAngles(
            (24, 18, 10, 3),
            (26, 20, 10, 0),
            (48, 58, 32, 3),
            (50, 58, 32, 7),
            ThumbAngles((-8, 4, 8), 28, 8),
        ),
        closed=HandAngles(
            (60, 56, 32, 0),
            (70, 60, 36, 2),
            (72, 82, 48, 5),
            (74, 82, 48, 10),
            ThumbAngles((32, 32, 38), 19, 5),
        ),
        working=_THREE,
        required=_THREE,
        least_touching=3,
        needs_palm=False,
        by_pads=True,
        depth_m=(0.005, 0.07),
    ),
    GraspType.PINCH: GraspStyle(
        opened=HandAngles(
            (22, 16, 8, 2),
            (14, 20, 10, 0),
            (16, 22, 12, 3),
            (16, 22, 12, 6),
            ThumbAngles((-8, 4, 8), 24, 8),
        ),
        closed=HandAngles(
            (60, 56, 34, 1),
            (30, 35, 20, 0),
            (25, 30, 18, 3),
            (22, 28, 16, 5),
            ThumbAngles((28, 30, 36), 20, 7),
        ),
        working=_THUMB_INDEX,
        required=_THUMB_INDEX,
        least_touching=2,
        needs_palm=False,
        by_pads=True,
        depth_m=(0.003, 0.06),
    ),
    GraspType.HOOK: GraspStyle(
        opened=HandAngles(
            (0, 30, 16, 0),
            (0, 30, 16, 0),
            (0, 30, 16, 2),
            (0, 30, 16, 4),
            ThumbAngles((0, 5, 8), 4, 0),
        ),
        closed=HandAngles(
            (34, 108, 76, -2),
            (36, 108, 76, 0),
            (36, 108, 76, 4),
            (36, 108, 76, 8),
            ThumbAngles((8, 14, 16), 4, 0),
        ),
        working=_FINGERS,
        required=_NONE,
        least_touching=3,
        needs_palm=False,
        by_pads=False,
        anchor=(1.3, 1.6),
        depth_m=(0.006, 0.035),
        breadth_m=0.04,
    ),
    GraspType.SUPPORT: GraspStyle(
        opened=HandAngles(
            (-12, 2, 0, 8),
            (-12, 2, 0, 1),
            (-12, 2, 0, -6),
            (-12, 2, 0, -12),
            ThumbAngles((-20, 0, 2), -4, 0),
        ),
        closed=HandAngles(
            (26, 30, 18, 6),
            (26, 30, 18, 1),
            (26, 30, 18, -4),
            (26, 30, 18, -8),
            ThumbAngles((-6, 8, 10), 0, 0),
        ),
        working=_FINGERS,
        required=_NONE,
        least_touching=3,
        needs_palm=True,
        by_pads=False,
        anchor=(0.7, 1.1),
        depth_m=(0.01, np.inf),
        least_breadth_m=0.04,
    ),
}
