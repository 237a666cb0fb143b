"""Numbers every MANO-shaped hand model shares.

Sixteen joints in MANO's order: wrist, then index, middle, pinky, ring and thumb, three each.
Rest frame of the right hand: fingers along -x, palm facing -y, thumb on the +z side; the left
hand is its mirror image in x.
"""

from __future__ import annotations

from typing import Final

JOINT_COUNT: Final = 16
SHAPE_COUNT: Final = 10
FINGERS_IN_JOINT_ORDER: Final = ("index", "middle", "pinky", "ring", "thumb")
JOINT_PARENTS: Final[tuple[int, ...]] = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)

KEYPOINTS_FROM_JOINTS_AND_TIPS: Final[tuple[int, ...]] = (
    *(0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18),
    *(10, 11, 12, 19, 7, 8, 9, 20),
)
"""For each of the 21 keypoints, its place among the 16 joints followed by the five finger tips
(thumb, index, middle, ring, pinky)."""


def finger_joints(finger: str) -> tuple[int, int, int]:
    """The three joints of a finger, from the palm outwards."""
    first = 1 + 3 * FINGERS_IN_JOINT_ORDER.index(finger)
    return first, first + 1, first + 2
