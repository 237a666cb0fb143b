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
from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.objects.catalogue import numbered_object
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.objects.user_objects import load_user_objects
from hand_object_recon.synthesis.output.settings import ObjectFolder, SampleSettings, SceneChoice
from hand_object_recon.synthesis.takes.free_take import free_take
from hand_object_recon.synthesis.takes.grasp_take import grasp_take
from hand_object_recon.synthesis.takes.hand_over_take import hand_over_take
from hand_object_recon.synthesis.takes.take import Take
from hand_object_recon.synthesis.takes.tracked_take import TrackedTake, tracked_takes
from hand_object_recon.synthesis.takes.turning_take import turning_hand_over_take, turning_take

_SHARES_OF_ANY: Final = {
    SceneChoice.GRASP: 0.6,
    SceneChoice.HAND_OVER: 0.15,
    SceneChoice.FREE: 0.25,
}
_HANDS: Final = {
    SceneChoice.GRASP: (1,),
    SceneChoice.HAND_OVER: (2,),
    SceneChoice.FREE: (1, 2),
    SceneChoice.TURNING: (1, 2),
}
_DISTANCE_M: Final = {SceneChoice.TURNING: (0.4, 0.75)}
_TURNED_BY_TWO_CHANCE: Final = 0.15
_GRASPS_TRIED: Final = 8  # until one can be taken from a table
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
        self._tracked: tuple[TrackedTake, ...] = ()
        if settings.tracks is not None:
            self._tracked = _tracked(settings.tracks, settings.sequences)
        self._film = FilmSettings(
            image_size_px=settings.image_size_px,
            viewpoint=settings.viewpoint,
            camera=settings.camera,
            image_folder=settings.background_images,
            distance_m=_DISTANCE_M.get(settings.scene, FilmSettings.distance_m),
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
        if kind is SceneChoice.TURNING:
            return self._draw_turning_take(name, random)
        if kind is SceneChoice.HAND_OVER:
            giving, taking = self._draw_pair(random)
            return hand_over_take(name, self._shape(giving.object_name), giving, taking, random)
        grasp = self._draw_grasp(random)
        return grasp_take(name, self._shape(grasp.object_name), grasp, random)

    def _draw_turning_take(self, name: str, random: np.random.Generator) -> Take:
        duration_s = self._settings.turning_s
        if self._is_by_two_hands(random):
            pair = self._draw_pair(random)
            shape = self._shape(pair[0].object_name)
            return turning_hand_over_take(name, shape, pair, duration_s, random)
        grasps = self._grasps_of_a_category(random)
        for _ in range(_GRASPS_TRIED):
            grasp = grasps[random.integers(len(grasps))]
            shape = self._shape(grasp.object_name)
            take = turning_take(name, shape, grasp, duration_s, random)
            if take.support_height_m is not None:
                break
        return take

    def _is_by_two_hands(self, random: np.random.Generator) -> bool:
        if self._settings.hands is not None:
            return self._settings.hands == 2
        return bool(self._bank.pairs) and bool(random.random() < _TURNED_BY_TWO_CHANCE)

    def _draw_grasp(self, random: np.random.Generator) -> Grasp:
        return self._bank.grasps[random.integers(len(self._bank.grasps))]

    def _grasps_of_a_category(self, random: np.random.Generator) -> list[Grasp]:
        """Categories are drawn alike, however many grasps there are of each."""
        categories = sorted({_category(grasp) for grasp in self._bank.grasps})
        category = categories[random.integers(len(categories))]
        return [grasp for grasp in self._bank.grasps if _category(grasp) == category]

    def _draw_pair(self, random: np.random.Generator) -> tuple[Grasp, Grasp]:
        """Of the giving and of the taking hand."""
        giving, taking = self._bank.pairs[random.integers(len(self._bank.pairs))]
        return self._bank.grasps[giving], self._bank.grasps[taking]

    def _free_sides(self, random: np.random.Generator) -> list[HandSide]:
        count = self._settings.hands or int(random.integers(1, 3))
        sides = [HandSide.LEFT, HandSide.RIGHT]
        return sides if count == 2 else [sides[random.integers(2)]]


def _choices(settings: SampleSettings, bank: GraspBank) -> dict[SceneChoice, float]:
    """Chance of each kind of take."""
    scene, hands = settings.scene, settings.hands
    wanted = _SHARES_OF_ANY if scene is SceneChoice.ANY else {scene: 1.0}
    shares = {
        kind: share
        for kind, share in wanted.items()
        if (hands is None or hands in _HANDS[kind])
        and (bank.pairs or not _needs_pairs(kind, hands))
    }
    if not shares:
        raise InvalidValueError(
            f"grasp bank {bank.name} has no pairs of hands for scene {scene}; "
            "give larger objects, or more of them"
        )
    total = sum(shares.values())
    return {kind: share / total for kind, share in shares.items()}


def _category(grasp: Grasp) -> str:
    return grasp.object_name.rpartition("-")[0]


def _needs_pairs(kind: SceneChoice, hands: int | None) -> bool:
    return kind is SceneChoice.HAND_OVER or (kind is SceneChoice.TURNING and hands == 2)


@lru_cache(maxsize=1)
def _tracked(path: Path, sequences: tuple[str, ...]) -> tuple[TrackedTake, ...]:
    return tuple(tracked_takes(path, sequences))


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
