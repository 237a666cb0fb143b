"""Symmetries of a body of which one side was seen: an axis of revolution, or mirror planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.seen_surface import SeenSurface

_POINTS: Final = 300
_EVERY_POINT_FOR_CANDIDATES: Final = 4
_LEAST_POINTS: Final = 40
_TURNS: Final = 24
_TURNS_TRIED: Final = 7
_PLANE_DIRECTIONS: Final = 40
_PLANE_OFFSETS: Final = 8
_PLANES_REFINED: Final = 5
_MOST_PLANES: Final = 3
_LARGEST_COSINE_OF_PLANES: Final = 0.3
_REFINEMENTS: Final = 4
_TOLERANCE_VOXELS: Final = 1.2
_SLIPPAGE: Final = 0.3  # how far normals may be off those of a surface of revolution
_LEAST_TURN: Final = 0.3  # of a slippage: less is a shift, as of a plane

_PENALTY: Final = 2.0
_PRICE_OF_UNSEEN: Final = 0.15  # of two that agree alike, that which makes up less
_LEAST_AGREEING: Final = 0.2
_LEAST_AGREEING_TURNS: Final = 0.1  # most turns of a seen side lead to the unseen one
_LEAST_OPEN: Final = 0.1  # mean normal of what was seen; less was seen all around
_LEAST_CLEAN: Final = 0.85
_LEAST_CLEAN_IF_WANTED: Final = 0.6
_LEAST_GAIN: Final = 0.05
_WORTH_ANOTHER_SEARCH: Final = 1.1
_NONE: Final = np.empty((0, 3, 4))

FloatArray = NDArray[np.floating[Any]]
Motions = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FoundSymmetry:
    """Motions (M, 3, 4) that map a body onto itself, none if it shows no symmetry, and the number
    of points that had been seen of it when they were looked for."""

    motions: NDArray[np.float64]
    seen_points: int

    @property
    def exists(self) -> bool:
        return len(self.motions) > 0


MotionsOf = Callable[[NDArray[np.float64]], Motions]


@dataclass(frozen=True, eq=False)
class _Agreement:
    """How the images of seen points fare, as shares of all: on the seen surface, where the body
    is known not to have one, and where nothing was observed."""

    agreeing: float
    contradicted: float
    unknown: float

    @property
    def score(self) -> float:
        return self.agreeing - _PENALTY * self.contradicted - _PRICE_OF_UNSEEN * self.unknown

    def is_accepted(self, is_wanted: bool, least_agreeing: float) -> bool:
        """Whether the seen side shows the symmetry and it tells of what was not seen."""
        least = _LEAST_CLEAN_IF_WANTED if is_wanted else _LEAST_CLEAN
        known = self.agreeing + self.contradicted
        return (
            self.agreeing >= least_agreeing
            and self.agreeing >= least * known
            and self.unknown >= _LEAST_GAIN
        )


@dataclass(eq=False)
class SymmetryMemory:
    """The symmetry that was found when a body's surface was last made, if one was looked for."""

    found: FoundSymmetry | None = None


def find_symmetry(
    seen: SeenSurface,
    grid: DistanceGrid,
    *,
    is_wanted: bool = False,
    before: FoundSymmetry | None = None,
) -> FoundSymmetry:
    """Motions that map a body onto itself, as far as it was seen.

    An axis of revolution, found as the turn under which the seen surface slips along itself
    (Gelfand & Guibas, *Shape segmentation using local slippage analysis*, 2004), or else up to
    three mirror planes at right angles and their combinations. Images of the seen points must lie
    on the seen surface with its normals, or where nothing was observed: at most one in seven of
    those with something observed may contradict it (``is_wanted``: four in ten), and enough of
    all must agree, one in five for a mirror and one in ten for an axis. None is looked for when
    the body was seen all around.

    before
        What was found last. It is kept as long as what was seen since allows it; where nothing
        was found, nothing is looked for until a tenth more was seen.
    """
    count = len(seen.points_m)
    openness = float(np.linalg.norm(seen.normals.mean(axis=0)))
    if count < _LEAST_POINTS or openness < _LEAST_OPEN:
        return FoundSymmetry(_NONE, count)
    judge = _Judge(_thinned(seen), grid)
    if before is not None:
        is_news = before.exists or count > _WORTH_ANOTHER_SEARCH * before.seen_points
        if not is_news or (before.exists and _still_holds(judge, before.motions, is_wanted)):
            return before
    motions = _best_revolution(judge, is_wanted)
    if not len(motions):
        motions = _mirrors(judge, is_wanted)
    return FoundSymmetry(motions, count)


def _still_holds(judge: _Judge, motions: Motions, is_wanted: bool) -> bool:
    return judge.agreement(motions).is_accepted(is_wanted, _LEAST_AGREEING_TURNS)


class _Judge:
    """Compares images of the seen points with what was observed."""

    def __init__(self, seen: SeenSurface, grid: DistanceGrid) -> None:
        self.points = np.ascontiguousarray(seen.points_m, dtype=np.float64)
        self.normals = np.ascontiguousarray(seen.normals, dtype=np.float64)
        self.middle = self.points.mean(axis=0)
        self.reach_m = float(np.linalg.norm(self.points - self.middle, axis=1).max())
        self.voxel_m = grid.voxel_m
        self._grid = grid

    def agreement(self, motions: Motions) -> _Agreement:
        from hand_object_recon.object_model.symmetry_kernels import image_agreement

        shares = image_agreement(
            self._grid.values,
            self._grid.origin_m,
            self.voxel_m,
            self.points,
            self.normals,
            motions,
            _TOLERANCE_VOXELS * self.voxel_m,
        )
        return _Agreement(*shares)

    def plane_scores(self, planes: FloatArray) -> NDArray[np.float64]:
        """Scores (P,) of planes (P, 4)."""
        from hand_object_recon.object_model.symmetry_kernels import plane_scores

        return plane_scores(
            self._grid.values,
            self._grid.origin_m,
            self.voxel_m,
            self.points[::_EVERY_POINT_FOR_CANDIDATES].copy(),
            self.normals[::_EVERY_POINT_FOR_CANDIDATES].copy(),
            np.ascontiguousarray(planes, dtype=np.float64),
            _TOLERANCE_VOXELS * self.voxel_m,
            _PENALTY,
        )

    def refined(self, start: NDArray[np.float64], motions_of: MotionsOf) -> NDArray[np.float64]:
        """Parameters about ``start`` of the best score, by steps along each that grow smaller."""
        best, best_score = start, self.agreement(motions_of(start)).score
        step = 2.0 * self.voxel_m
        for _ in range(_REFINEMENTS):
            for number in range(len(start)):
                for sign in (-1.0, 1.0):
                    tried = best.copy()
                    tried[number] += sign * step
                    score = self.agreement(motions_of(tried)).score
                    if score > best_score:
                        best, best_score = tried, score
            step /= 2.0
        return best


def _best_revolution(judge: _Judge, is_wanted: bool) -> Motions:
    """Turns about the best axis of revolution there is."""
    best, best_score = None, -np.inf
    for axis, point in _slippage_axes(judge):
        line = _Line(axis, point, _across(axis), judge.reach_m)
        start = np.zeros(4)
        score = judge.agreement(line.turns(start, _TURNS_TRIED)).score
        if score > best_score:
            best, best_score = line, score
    if best is None:
        return _NONE
    found = judge.refined(np.zeros(4), lambda moved: best.turns(moved, _TURNS_TRIED))
    turns = best.turns(found, _TURNS)
    is_accepted = judge.agreement(turns).is_accepted(is_wanted, _LEAST_AGREEING_TURNS)
    return turns if is_accepted else _NONE


@dataclass(frozen=True, eq=False)
class _Line:
    """An axis through a point (3,), two unit vectors (2, 3) across it, and the length over which
    its end is shifted to tilt it."""

    axis: NDArray[np.float64]
    point_m: NDArray[np.float64]
    across: FloatArray
    reach_m: float

    def turns(self, moved_m: NDArray[np.float64], count: int) -> Motions:
        """Turns (count - 1, 3, 4) about the line, its point and end shifted (4,) across it."""
        axis = self.axis + (moved_m[2:] / self.reach_m) @ self.across
        axis /= np.linalg.norm(axis)
        point = self.point_m + moved_m[:2] @ self.across
        angles = 2.0 * np.pi * np.arange(1, count) / count
        rotations = axis_angle_to_matrix(angles[:, None] * axis)
        shifts = point - rotations @ point
        return np.concatenate([rotations, shifts[..., None]], axis=2)


def _slippage_axes(judge: _Judge) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Axes and points on them about which the seen surface turns along itself.

    Turns (w, v), of which a point p moves with v + w x p, are those that move no point along its
    normal. A ball turns about any axis through its middle: one across the view is taken, about
    which the seen half comes to lie where the other is.
    """
    centered = judge.points - judge.middle
    scale = float(np.sqrt(np.mean(np.sum(centered**2, axis=1))))
    rows = np.concatenate([np.cross(centered / scale, judge.normals), judge.normals], axis=1)
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    slipping = vectors[:, values < _SLIPPAGE**2]
    if not slipping.shape[1]:
        return []
    view = judge.normals.mean(axis=0)
    _, turns, mixes = np.linalg.svd(slipping[:3], full_matrices=False)
    candidates = [slipping @ mix for turn, mix in zip(turns, mixes, strict=True) if turn > 0.1]
    if len(candidates) == 3:
        candidates = [slipping @ np.linalg.solve(slipping[:3], across) for across in _across(view)]
    axes = []
    for candidate in candidates:
        turn, shift = candidate[:3], candidate[3:]
        rate = float(np.linalg.norm(turn))
        if rate < _LEAST_TURN:
            continue
        point = np.cross(turn, shift) / rate**2
        axes.append((turn / rate, judge.middle + scale * point))
    return axes


def _across(direction: FloatArray) -> FloatArray:
    """(2, 3) unit vectors at right angles to a vector (3,) and to each other."""
    return np.asarray(np.linalg.svd(direction[None])[2][1:])


def _mirrors(judge: _Judge, is_wanted: bool) -> Motions:
    """Reflections in up to three planes at right angles, one after the other."""
    planes: list[NDArray[np.float64]] = []
    tried = 0
    for plane in _candidate_planes(judge):
        if tried == _PLANES_REFINED or len(planes) == _MOST_PLANES:
            break
        if any(abs(plane[:3] @ other[:3]) > _LARGEST_COSINE_OF_PLANES for other in planes):
            continue
        tried += 1
        reflection_near = _reflection_near(judge, plane)
        moved = judge.refined(np.zeros(3), reflection_near)
        if judge.agreement(reflection_near(moved)).is_accepted(is_wanted, _LEAST_AGREEING):
            planes.append(_moved_plane(judge, plane, moved))
    return _combined([_reflection(plane) for plane in planes]) if planes else _NONE


def _candidate_planes(judge: _Judge) -> NDArray[np.float64]:
    """(N, 4) normals and offsets of the planes that promise most, the best first."""
    spread = judge.points - judge.middle
    axes = [np.linalg.eigh(rows.T @ rows)[1].T for rows in (spread, judge.normals)]
    directions = np.concatenate([*axes, _half_sphere()])
    along = judge.points @ directions.T
    low, high = along.min(axis=0), along.max(axis=0)
    shares = np.linspace(-0.1, 1.1, _PLANE_OFFSETS)
    offsets = low[:, None] + shares * (high - low)[:, None]
    planes = np.concatenate(
        [np.repeat(directions, _PLANE_OFFSETS, axis=0), -offsets.reshape(-1, 1)], axis=1
    )
    best_first = np.argsort(-judge.plane_scores(planes), kind="stable")
    return np.asarray(planes[best_first])


def _reflection_near(judge: _Judge, plane: NDArray[np.float64]) -> MotionsOf:
    return lambda moved: _reflection(_moved_plane(judge, plane, moved))[None]


def _moved_plane(
    judge: _Judge, plane: NDArray[np.float64], moved_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A plane shifted along its normal and tilted (3,), about the middle of the points."""
    normal = plane[:3] + (moved_m[1:] / judge.reach_m) @ _across(plane[:3])
    normal /= np.linalg.norm(normal)
    height = plane[:3] @ judge.middle + plane[3]
    return np.append(normal, height + moved_m[0] - normal @ judge.middle)


def _reflection(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 4) reflection in a plane (4,)."""
    normal = plane[:3]
    return np.concatenate(
        [np.eye(3) - 2.0 * np.outer(normal, normal), -2.0 * plane[3] * normal[:, None]], axis=1
    )


def _combined(reflections: list[NDArray[np.float64]]) -> Motions:
    """Each reflection and each combination of several, those of fewest first."""
    motions = []
    for count in range(1, len(reflections) + 1):
        for chosen in combinations(reflections, count):
            motion = chosen[0]
            for other in chosen[1:]:
                shift = other[:, :3] @ motion[:, 3:] + other[:, 3:]
                motion = np.concatenate([other[:, :3] @ motion[:, :3], shift], axis=1)
            motions.append(motion)
    return np.stack(motions)


def _thinned(seen: SeenSurface) -> SeenSurface:
    stride = max(1, len(seen.points_m) // _POINTS)
    return SeenSurface(seen.points_m[::stride], seen.normals[::stride])


@cache
def _half_sphere() -> NDArray[np.float64]:
    """(D, 3) unit vectors spread evenly over half a sphere."""
    number = np.arange(_PLANE_DIRECTIONS) + 0.5
    height = number / _PLANE_DIRECTIONS
    around = np.pi * (1.0 + np.sqrt(5.0)) * number
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(around), radius * np.sin(around), height], axis=1)
