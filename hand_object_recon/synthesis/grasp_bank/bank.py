"""Grasps made beforehand: making one takes as long as rendering ten frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.grasp_bank.fingerprint import fingerprint_of, is_same_object
from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.objects.object_shape import ObjectShape


@dataclass(frozen=True, eq=False)
class GraspBank:
    """Accepted grasps of many objects.

    name
        What the bank is called in messages.
    pairs
        Numbers of two grasps of one object by different hands that do not meet; the first may
        hand the object over to the second.
    fingerprints
        By object name, sizes of the mesh the grasps were made for.
    rebuild_command
        What makes the bank again.
    """

    name: str
    grasps: tuple[Grasp, ...]
    pairs: tuple[tuple[int, int], ...]
    fingerprints: dict[str, NDArray[np.float64]]
    rebuild_command: str

    def __post_init__(self) -> None:
        if not self.grasps:
            raise InvalidValueError(f"grasp bank {self.name} is empty: {self._how_to_rebuild()}")
        unknown = {grasp.object_name for grasp in self.grasps} - set(self.fingerprints)
        if unknown:
            raise InvalidValueError(
                f"grasp bank {self.name} lacks the fingerprint of {min(unknown)}: "
                f"{self._how_to_rebuild()}"
            )
        for giving, taking in self.pairs:
            self._require_pair(giving, taking)

    def require_same_object(self, shape: ObjectShape) -> None:
        """Refuse a mesh the grasps were not made for.

        Raises
        ------
        InvalidValueError
            The object has other sizes than when the bank was made.
        """
        if not is_same_object(shape, self.fingerprints[shape.name]):
            raise InvalidValueError(
                f"grasp bank {self.name} was made for another {shape.name}: "
                f"{self._how_to_rebuild()}"
            )

    def _require_pair(self, giving: int, taking: int) -> None:
        numbers = range(len(self.grasps))
        if giving not in numbers or taking not in numbers:
            raise InvalidValueError(
                f"grasp bank {self.name} pairs grasps {giving} and {taking} of "
                f"{len(self.grasps)}: {self._how_to_rebuild()}"
            )
        first, second = self.grasps[giving], self.grasps[taking]
        if first.object_name != second.object_name or first.hand.side is second.hand.side:
            raise InvalidValueError(
                f"grasp bank {self.name} pairs grasps {giving} and {taking}, which are not of two "
                f"hands and one object: {self._how_to_rebuild()}"
            )

    def _how_to_rebuild(self) -> str:
        return f"rebuild it with {self.rebuild_command}"


def bank_of(
    name: str,
    grasps: Sequence[Grasp],
    pairs: Sequence[tuple[int, int]],
    shapes: Sequence[ObjectShape],
    rebuild_command: str,
) -> GraspBank:
    """A bank of new grasps of these objects; objects without a grasp are left out."""
    held = {grasp.object_name for grasp in grasps}
    fingerprints = {shape.name: fingerprint_of(shape) for shape in shapes if shape.name in held}
    return GraspBank(name, tuple(grasps), tuple(pairs), fingerprints, rebuild_command)
