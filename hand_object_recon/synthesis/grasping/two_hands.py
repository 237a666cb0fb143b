"""A second hand that takes an object another hand already holds, as when it is handed over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.topology.solid import is_inside
from hand_object_recon.synthesis.grasping.grasp import Grasp, PlacedHand
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_types import GraspType
from hand_object_recon.synthesis.grasping.hand_meshes import hand_mesh
from hand_object_recon.synthesis.grasping.synthesis import GraspRequest, synthesize_grasps

_TRIES: Final = 8
_LEAST_APART_M: Final = 0.005
_EVERY: Final = 4  # vertices asked whether they are inside; what is 5 mm away is far inside
_TYPES: Final = (GraspType.PRECISION, GraspType.PINCH, GraspType.TRIPOD, GraspType.POWER)


def second_grasps(
    objects: GraspObjects, firsts: Sequence[Grasp], seed: int
) -> tuple[Grasp | None, ...]:
    """For each first grasp one of the same object by the other hand, or None.

    Neither the second hand's grasp nor its way there meets the first hand. Small objects leave
    no room for a second hand; then, and where none of eight tries fits, the answer is None.
    """
    requests = [
        _request(objects, first, seed, place, trial)
        for place, first in enumerate(firsts)
        for trial in range(_TRIES)
    ]
    tried = synthesize_grasps(objects, requests).grasps
    return tuple(
        _first_apart(first, tried[_TRIES * place : _TRIES * (place + 1)])
        for place, first in enumerate(firsts)
    )


def hands_meet(one: PlacedHand, other: PlacedHand) -> bool:
    """Whether two hands in one frame are nearer to each other than 5 mm, or overlap."""
    from scipy.spatial import cKDTree

    (skin, faces), (other_skin, other_faces) = hand_mesh(one), hand_mesh(other)
    nearest, _ = cKDTree(skin).query(other_skin)
    if nearest.min() < _LEAST_APART_M:
        return True
    some, others = skin[::_EVERY], other_skin[::_EVERY]
    return bool(
        is_inside(some, other_skin, other_faces).any() or is_inside(others, skin, faces).any()
    )


def _request(
    objects: GraspObjects, first: Grasp, seed: int, place: int, trial: int
) -> GraspRequest:
    random = np.random.default_rng((seed, place, trial))
    return GraspRequest(
        object_number=objects.names.index(first.object_name),
        grasp_type=_TYPES[trial % len(_TYPES)],
        side=HandSide.LEFT if first.hand.side is HandSide.RIGHT else HandSide.RIGHT,
        seed=int(random.integers(2**31)),
    )


def _first_apart(first: Grasp, tried: Sequence[Grasp | None]) -> Grasp | None:
    for second in tried:
        if second is not None and not any(
            hands_meet(first.hand, hand) for hand in (second.hand, second.opened, second.pregrasp)
        ):
            return second
    return None
