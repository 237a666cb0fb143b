"""The hands of a take given relative to its object, and the object's way through the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.takes.paths import HandPath, RigidPath
from hand_object_recon.synthesis.takes.take import Moment, Take, TakeKind
from hand_object_recon.synthesis.takes.tremor import Tremor

_FADE_S = 0.15


@dataclass(frozen=True)
class Hold:
    """From when to when a hand holds the object, seconds."""

    start_s: float
    end_s: float

    def contains(self, time_s: float) -> bool:
        return self.start_s <= time_s <= self.end_s

    def strength(self, time_s: float) -> float:
        """0 outside, 1 well inside, changing smoothly."""
        inside = min(time_s - self.start_s, self.end_s - time_s) / _FADE_S
        share = float(np.clip(inside, 0.0, 1.0))
        return share * share * (3.0 - 2.0 * share)


@dataclass(frozen=True, eq=False)
class ObjectHand:
    """A hand whose path is in the object's frame, and when it holds the object.

    moves_with_object_s
        From when to when the object takes the hand's path along; before and after, the path stays
        in the world where it was then.
    """

    side: HandSide
    path: HandPath
    hold: Hold
    moves_with_object_s: tuple[float, float] = (-np.inf, np.inf)


class HeldObjectTake(Take):
    """An object moved about by hands that take hold of it and let it go.

    object_path
        Of the object's frame in the world.
    """

    def __init__(
        self,
        name: str,
        kind: TakeKind,
        object_shape: ObjectShape,
        object_path: RigidPath,
        hands: Sequence[ObjectHand],
        tremor: Tremor,
        support_height_m: float | None,
    ) -> None:
        self.name, self.kind, self.object_shape = name, kind, object_shape
        self.support_height_m = support_height_m
        self.duration_s = max(object_path.end_s, *(hand.path.end_s for hand in hands))
        self._object_path, self._hands, self._tremor = object_path, tuple(hands), tremor

    def at(self, time_s: float) -> Moment:
        hands: tuple[PlacedHand, ...] = tuple(
            hand.path.at(time_s).moved(
                self._object_pose(float(np.clip(time_s, *hand.moves_with_object_s)))
            )
            for hand in self._hands
        )
        holders = frozenset(hand.side for hand in self._hands if hand.hold.contains(time_s))
        return Moment(hands, self._object_pose(time_s), holders)

    def _object_pose(self, time_s: float) -> NDArray[np.float64]:
        """On its path, trembling about its own origin while it is held."""
        strength = max(hand.hold.strength(time_s) for hand in self._hands)
        return np.asarray(self._object_path.at(time_s) @ self._tremor.at(time_s, strength))
