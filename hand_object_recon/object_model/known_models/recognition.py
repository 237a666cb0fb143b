"""Which of the known objects a view shows, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.object_model.known_models.model_folder import KnownModel
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.pose_search import rotation_cover, search_pose
from hand_object_recon.object_model.view_arrays import ViewArrays, view_arrays

_QUICK_ROTATIONS: Final = 96
_THOROUGH_ROTATIONS: Final = 256
_MOST_POINTS: Final = 400
_LEAST_POINTS: Final = 60
_LEAST_SCORE: Final = 0.8
_LEAST_FINAL_SCORE: Final = 0.85
_LEAST_LEAD: Final = 0.05
_LOOKS_AT_WINNER: Final = 2
_MOST_LOOKS_EACH: Final = 4
_LARGER_MAY_BE: Final = 1.15


@dataclass(frozen=True, eq=False)
class Recognition:
    """A known object in a view: its pose (4, 4), camera from object, and how well it fits there,
    1 being best."""

    model: KnownModel
    pose: NDArray[np.float64]
    score: float


class Recogniser:
    """Looks at an object frame by frame, for one known model each, until one has clearly won.

    Views from different sides vote by the mean of their scores. Objects that are none of the
    models are given up after four looks for each model.
    """

    def __init__(self, models: Sequence[KnownModel]) -> None:
        self._tallies = [_Tally(model) for model in models]

    @property
    def has_given_up(self) -> bool:
        """Whether the object was looked at so often that it is none of the models."""
        looks = sum(tally.looks for tally in self._tallies)
        return looks >= _MOST_LOOKS_EACH * len(self._tallies)

    def look(self, view: ObjectView) -> Recognition | None:
        """Try a model on a view; the winner, with its pose in this view, once there is one."""
        if self.has_given_up or len(view.points_m) < _LEAST_POINTS:
            return None
        tally = self._next()
        seen = view_arrays(view, _MOST_POINTS)
        tally.scores.append(_quick_score(tally.model, seen))
        return _thoroughly(tally.model, seen) if self._has_won(tally) else None

    def _next(self) -> _Tally:
        """One that was not tried, else the less tried of the two best."""
        best_two = sorted(self._tallies, key=lambda tally: -tally.mean)[:2]
        fresh = [tally for tally in self._tallies if tally.looks == 0]
        return min(fresh or best_two, key=lambda tally: tally.looks)

    def _has_won(self, tally: _Tally) -> bool:
        others = [other for other in self._tallies if other is not tally]
        if tally.looks < _LOOKS_AT_WINNER or any(other.looks == 0 for other in others):
            return False
        return _is_clear(tally.mean, max((other.mean for other in others), default=0.0))


@dataclass(eq=False)
class _Tally:
    """The scores a model got so far."""

    model: KnownModel
    scores: list[float] = field(default_factory=list)

    @property
    def looks(self) -> int:
        return len(self.scores)

    @property
    def mean(self) -> float:
        return float(np.mean(self.scores)) if self.scores else 0.0


def _quick_score(model: KnownModel, seen: ViewArrays) -> float:
    spanned_m = float(np.linalg.norm(np.ptp(seen.points_m, axis=0)))
    if spanned_m > _LARGER_MAY_BE * model.diagonal_m:
        return 0.0
    return search_pose(model.body, seen, _rotations(_QUICK_ROTATIONS)).score


def _thoroughly(model: KnownModel, seen: ViewArrays) -> Recognition | None:
    found = search_pose(model.body, seen, _rotations(_THOROUGH_ROTATIONS))
    if found.score < _LEAST_FINAL_SCORE:
        return None
    return Recognition(model, found.pose, found.score)


def _is_clear(score: float, next_score: float) -> bool:
    return score >= _LEAST_SCORE and score >= next_score + _LEAST_LEAD


@cache
def _rotations(count: int) -> NDArray[np.float64]:
    return rotation_cover(count)
