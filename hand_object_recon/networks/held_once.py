"""What two hands hold together is one object, though a network sees it once in each hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray


class HeldObject(Protocol):
    """An object in a hand, known from frame to frame."""

    @property
    def track_id(self) -> int:
        """Its identity; the older the lower."""

    @property
    def pose(self) -> NDArray[np.float64]:
        """(4, 4) camera from object; its own frame begins in the middle of its surface."""

    @property
    def radius_m(self) -> float:
        """From there to the farthest of its surface."""


Held = TypeVar("Held", bound=HeldObject)


def different_objects(held: Mapping[int, Held]) -> list[tuple[int, Held]]:
    """Objects with the track id of a hand that holds them, from what each hand holds.

    Of two that are one, where the middle of one lies well within the other, the older is kept.
    """
    kept: list[tuple[int, Held]] = []
    for hand, thing in sorted(held.items(), key=lambda item: item[1].track_id):
        if not any(_are_one(thing, other) for _, other in kept):
            kept.append((hand, thing))
    return kept


def _are_one(first: HeldObject, second: HeldObject) -> bool:
    apart = float(np.linalg.norm(first.pose[:3, 3] - second.pose[:3, 3]))
    return apart < 0.5 * max(first.radius_m, second.radius_m)
