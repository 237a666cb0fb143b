"""Where an object is in the hand that holds it, followed slowly."""

from __future__ import annotations

from typing import Final

import numpy as np

from hand_object_recon.core.objects import NOBODY
from hand_object_recon.geometry.alignment import nearest_rotation
from hand_object_recon.geometry.rotations import matrix_to_axis_angle
from hand_object_recon.held_objects.hand_motion import Pose, inverse, part_way

_BACK_SHARE: Final = 0.2
_FOLLOWED_SHARE: Final = 0.05
_JUMP_RAD: Final = 0.5  # between frames; a fitted hand that fell over to another pose


class PlaceInHand:
    """Carries an object's pose along with the grips, (4, 4) by track id, of the hands around it."""

    def __init__(self, grips: dict[int, Pose]) -> None:
        self._grips = grips
        self._hand = NOBODY
        self._place: Pose | None = None

    def carried(self, hand: int, grips: dict[int, Pose], pose: Pose) -> Pose | None:
        """Where an object at ``pose`` a frame ago is if it moved with a hand; None if unknown,
        as when the hand's own pose jumped.

        A step back to where it used to be in the hand keeps what cannot be measured, such as the
        turn of a ball, from drifting off.
        """
        used_to_be = grips[hand] @ self._place if self._place is not None else None
        if hand not in self._grips:
            return used_to_be if hand == self._hand else None
        motion = grips[hand] @ inverse(self._grips[hand])
        if np.linalg.norm(matrix_to_axis_angle(motion[:3, :3])) > _JUMP_RAD:
            self._place = None
            return None
        moved = motion @ pose
        moved[:3, :3] = nearest_rotation(moved[:3, :3])  # or it skews over thousands of frames
        if hand != self._hand or used_to_be is None:
            return moved
        return part_way(moved, used_to_be, _BACK_SHARE)

    def update(self, hand: int, grips: dict[int, Pose], pose: Pose, *, is_measured: bool) -> None:
        """Remember a frame's grips, and where in the hand that holds it the object was seen."""
        self._grips = grips
        if hand != self._hand:
            self._hand, self._place = hand, None
        if hand in grips and is_measured:
            place = inverse(grips[hand]) @ pose
            old = self._place
            self._place = place if old is None else part_way(old, place, _FOLLOWED_SHARE)

    def forget(self) -> None:
        """Begin anew, as when the object's own frame was changed."""
        self._place = None
