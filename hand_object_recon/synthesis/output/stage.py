"""The takes of a split by their numbers, each with the set it is filmed on."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.synthesis.filming.film_set import FilmSet, FilmSettings, draw_film_set
from hand_object_recon.synthesis.grasp_bank.bank import GraspBank
from hand_object_recon.synthesis.grasp_bank.bank_file import load_grasp_bank, shipped_bank
from hand_object_recon.synthesis.objects.catalogue import numbered_object
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.objects.user_objects import load_user_objects
from hand_object_recon.synthesis.output.settings import ObjectFolder, SampleSettings, SceneChoice
from hand_object_recon.synthesis.takes.free_take import free_take
from hand_object_recon.synthesis.takes.grasp_take import grasp_take
from hand_object_recon.synthesis.takes.hand_over_take import hand_over_take
from hand_object_recon.synthesis.takes.take import Take
from hand_object_recon.synthesis.takes.tracked_take import TrackedTake, tracked_takes

_SHARES: Final = {SceneChoice.GRASP: 0.6, SceneChoice.HAND_OVER: 0.15, SceneChoice.FREE: 0.25}
_HANDS: Final = {SceneChoice.GRASP: (1,), SceneChoice.HAND_OVER: (2,), SceneChoice.FREE: (1, 2)}
_OBJECTS_AT_HAND: Final = 256

ShapeSource = Callable[[str], ObjectShape]


class StagedTake(NamedTuple):
    """A take and what it is filmed on."""

    take: Take
    film_set: FilmSet


class Stage:
    """Draws takes; the same number always gives the same one, whatever was drawn before.

    Raises
    ------
    InvalidValueError
        The grasp bank is missing, damaged, without pairs of hands where only hand-overs are
        asked for, or made for other objects.
    """

    def __init__(self, settings: SampleSettings) -> None:
        self._settings = settings
        self._bank = _bank(settings)
        self._shape = _shape_source(settings.objects, self._bank)
        self._choices = _choices(settings, self._bank)
        self._tracked = () if settings.tracks is None else _tracked(settings.tracks)
        self._film = FilmSettings(
            image_size_px=settings.image_size_px,
            viewpoint=settings.viewpoint,
            camera=settings.camera,
            image_folder=settings.background_images,
        )

    def random(self, *numbers: int) -> np.random.Generator:
        """The source of chance of a take, or of a frame of it."""
        split = zlib.crc32(self._settings.split.encode())
        return np.random.default_rng((split, self._settings.seed, *numbers))

    def take(self, number: int) -> Take:
        """Take number ``number``, of the kinds and hands chosen."""
        return self._draw_take(number, self.random(number))

    def staged_take(self, number: int) -> StagedTake:
        """Take number ``number`` on its set."""
        random = self.random(number)
        take = self._draw_take(number, random)
        return StagedTake(take, draw_film_set(take, random, self._film))

    def _draw_take(self, number: int, random: np.random.Generator) -> Take:
        name = f"{self._settings.split}-{self._settings.seed}-{number:07d}"
        if self._tracked:
            return self._tracked[number % len(self._tracked)].named(name)
        kinds = list(self._choices)
        kind = kinds[random.choice(len(kinds), p=list(self._choices.values()))]
        if kind is SceneChoice.FREE:
            return free_take(name, self._free_sides(random), random)
        if kind is SceneChoice.HAND_OVER:
            pair = self._bank.pairs[random.integers(len(self._bank.pairs))]
            giving, taking = (self._bank.grasps[one] for one in pair)
            return hand_over_take(name, self._shape(giving.object_name), giving, taking, random)
        grasp = self._bank.grasps[random.integers(len(self._bank.grasps))]
        return grasp_take(name, self._shape(grasp.object_name), grasp, random)

    def _free_sides(self, random: np.random.Generator) -> list[HandSide]:
        count = self._settings.hands or int(random.integers(1, 3))
        sides = [HandSide.LEFT, HandSide.RIGHT]
        return sides if count == 2 else [sides[random.integers(2)]]


def _choices(settings: SampleSettings, bank: GraspBank) -> dict[SceneChoice, float]:
    """Chance of each kind of take."""
    shares = {
        kind: share
        for kind, share in _SHARES.items()
        if settings.scene in (SceneChoice.ANY, kind)
        and (settings.hands is None or settings.hands in _HANDS[kind])
        and (kind is not SceneChoice.HAND_OVER or bank.pairs)
    }
    if not shares:
        raise InvalidValueError(
            f"grasp bank {bank.name} has no pairs of hands for a hand_over; "
            "give larger objects, or more of them"
        )
    total = sum(shares.values())
    return {kind: share / total for kind, share in shares.items()}


@lru_cache(maxsize=1)
def _tracked(path: Path) -> tuple[TrackedTake, ...]:
    return tuple(tracked_takes(path))


def _bank(settings: SampleSettings) -> GraspBank:
    if settings.objects is None:
        return shipped_bank(settings.split)
    command = "the synthesize command that wrote it, after removing the file"
    return load_grasp_bank(settings.objects.grasp_bank, command)


def _shape_source(objects: ObjectFolder | None, bank: GraspBank) -> ShapeSource:
    """The mesh of an object by its name, which must be the one the bank was made for."""
    if objects is not None:
        loaded = {shape.name: shape for shape in load_user_objects(objects.folder, objects.scale)}
        missing = set(bank.fingerprints) - set(loaded)
        if missing:
            raise InvalidValueError(
                f"object folder {objects.folder} no longer has {min(missing)}, for which grasp "
                f"bank {objects.grasp_bank} was made; remove the bank to make it anew"
            )
        for name in bank.fingerprints:
            bank.require_same_object(loaded[name])
        return loaded.__getitem__

    @lru_cache(maxsize=_OBJECTS_AT_HAND)
    def shape_named(name: str) -> ObjectShape:
        category, _, number = name.rpartition("-")
        shape = numbered_object(category, int(number))
        bank.require_same_object(shape)
        return shape

    return shape_named
