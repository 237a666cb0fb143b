"""Grasps by the hundred: of objects drawn round after round, some with a second hand's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.synthesis.grasp_bank.bank import GraspBank, bank_of
from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_types import GraspType
from hand_object_recon.synthesis.grasping.synthesis import GraspRequest, synthesize_grasps
from hand_object_recon.synthesis.grasping.two_hands import second_grasps
from hand_object_recon.synthesis.objects.catalogue import Split, draw_object
from hand_object_recon.synthesis.objects.object_shape import ObjectShape

_MOST_OBJECTS_AT_ONCE: Final = 48  # a batch of each type of grasp
_GRASPS_OF_OBJECT: Final = 3  # that are accepted, on average
_LEAST_TRIES: Final = 12  # of each type in a round
_FRUITLESS_ROUNDS: Final = 4
_PAIRED_SHARE: Final = 0.1

OnGrasps = Callable[[int], None]


@dataclass(frozen=True)
class BankPlan:
    """How many grasps are made, from which seed, and what the bank is called."""

    name: str
    count: int
    seed: int
    rebuild_command: str

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0:
            raise InvalidValueError(
                f"grasp bank of {self.count} grasps from seed {self.seed}; "
                "count must be 1 or more, seed 0 or more"
            )


def make_split_bank(split: Split, plan: BankPlan, on_grasps: OnGrasps) -> GraspBank:
    """A bank for objects drawn for a split; ``on_grasps`` is told how many there are."""
    return _make(_split_rounds(split, plan), plan, on_grasps)


def make_bank_of(shapes: Sequence[ObjectShape], plan: BankPlan, on_grasps: OnGrasps) -> GraspBank:
    """A bank for given objects.

    Raises
    ------
    InvalidValueError
        No grasp of these objects is found.
    """
    return _make(_rounds_of(shapes), plan, on_grasps)


def _split_rounds(split: Split, plan: BankPlan) -> Iterator[list[ObjectShape]]:
    random = np.random.default_rng(plan.seed)
    size = min(-(-plan.count // _GRASPS_OF_OBJECT), _MOST_OBJECTS_AT_ONCE)
    while True:
        seeds = random.integers(10**6, size=size)
        yield [draw_object(int(one), split) for one in np.unique(seeds)]


def _rounds_of(shapes: Sequence[ObjectShape]) -> Iterator[list[ObjectShape]]:
    while True:
        for start in range(0, len(shapes), _MOST_OBJECTS_AT_ONCE):
            yield list(shapes[start : start + _MOST_OBJECTS_AT_ONCE])


@dataclass
class _Collected:
    grasps: list[Grasp] = field(default_factory=list)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    shapes: dict[str, ObjectShape] = field(default_factory=dict)


def _make(rounds: Iterator[list[ObjectShape]], plan: BankPlan, on_grasps: OnGrasps) -> GraspBank:
    found = _Collected()
    fruitless = 0
    for number, shapes in enumerate(rounds):
        before = len(found.grasps)
        _add_round(found, shapes, np.random.default_rng((plan.seed, number)))
        fruitless = 0 if len(found.grasps) > before else fruitless + 1
        on_grasps(min(len(found.grasps), plan.count))
        if len(found.grasps) >= plan.count:
            break
        if fruitless == _FRUITLESS_ROUNDS:
            names = ", ".join(shape.name for shape in shapes)
            raise InvalidValueError(
                f"grasp bank {plan.name}: no hand holds {names} "
                f"after {fruitless} rounds of tries; are the objects of a size to be held?"
            )
    pairs = [pair for pair in found.pairs if max(pair) < plan.count]
    kept = found.grasps[: plan.count]
    return bank_of(plan.name, kept, pairs, list(found.shapes.values()), plan.rebuild_command)


def _add_round(
    found: _Collected, shapes: Sequence[ObjectShape], random: np.random.Generator
) -> None:
    objects = GraspObjects.of(shapes)
    requests = [
        GraspRequest(
            object_number,
            grasp_type,
            HandSide.LEFT if random.random() < 0.5 else HandSide.RIGHT,
            int(random.integers(2**31)),
        )
        for object_number in range(len(shapes))
        for grasp_type in GraspType
        for _ in range(max(_LEAST_TRIES // len(shapes), 1))
    ]
    firsts = synthesize_grasps(objects, requests).accepted
    tried = [grasp for grasp in firsts if random.random() < _PAIRED_SHARE]
    seconds = second_grasps(objects, tried, int(random.integers(2**31)))
    second_of = {id(first): second for first, second in zip(tried, seconds, strict=True)}
    for first in firsts:
        found.grasps.append(first)
        second = second_of.get(id(first))
        if second is not None:
            found.pairs.append((len(found.grasps) - 1, len(found.grasps)))
            found.grasps.append(second)
    found.shapes.update({shape.name: shape for shape in shapes})
