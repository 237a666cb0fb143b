"""How the unseen side of a body is closed: where its unseen parts are taken to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import PrimitiveFit
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.object_surface import CompletionRule
from hand_object_recon.object_model.primitive_planes import (
    primitive_area_m2,
    primitive_box_m,
    primitive_planes,
)
from hand_object_recon.object_model.seen_surface import SeenSurface
from hand_object_recon.object_model.sphere_directions import sphere_directions
from hand_object_recon.object_model.symmetry import FoundSymmetry, find_symmetry

_HULL_POINTS: Final = 150
_SUPPORT_DIRECTIONS: Final = 120

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Completion:
    """Where the parts of a body that were never observed are.

    A place that was not observed has the distance of its images under the body's symmetries, as
    far as these were observed, and else that to the hull.

    rule
        What it was made by; never ``AUTO``.
    hull
        (K, 4) outward unit normals and offsets of the planes around a convex body: distances to
        it are the greatest of ``normal @ point + offset``.
    symmetry
        What was found, if one was looked for; only ``SYMMETRY`` uses it.
    area_m2
        Area of the hull.
    low_m, high_m
        (3,) corners of the box around the hull.
    """

    rule: CompletionRule
    hull: NDArray[np.float64]
    symmetry: FoundSymmetry | None
    area_m2: float
    low_m: NDArray[np.float64]
    high_m: NDArray[np.float64]

    @property
    def motions(self) -> NDArray[np.float64]:
        """(M, 3, 4) float64 rotations or reflections and shifts that map the body onto itself."""
        return np.empty((0, 3, 4)) if self.symmetry is None else self.symmetry.motions


def complete(
    seen: SeenSurface,
    grid: DistanceGrid,
    rule: CompletionRule,
    primitive: PrimitiveFit | None = None,
    before: FoundSymmetry | None = None,
) -> Completion:
    """Close a body by a rule.

    ``PRIMITIVE``: the simple body that describes what was seen. ``CONVEX``: the convex hull of
    what was seen. ``EXTRUSION``: the hull of that and of the same swept along the view, as far as
    the body is narrow (``SeenSurface.closing_shift_m``). ``SYMMETRY``: what was seen turned about
    the axis of revolution, or mirrored, that explains it best; within the hull of both where no
    image was observed. ``AUTO``: the simple body if there is one, else a symmetry if the seen
    side shows one clearly, else the extrusion, which also stands in for what was asked for and is
    not there.

    primitive
        What describes the seen side, if anything does.
    before
        The symmetry found last.
    """
    if primitive is not None and rule in (CompletionRule.AUTO, CompletionRule.PRIMITIVE):
        return _as_primitive(primitive)
    if rule in (CompletionRule.AUTO, CompletionRule.SYMMETRY):
        is_wanted = rule is CompletionRule.SYMMETRY
        symmetry = find_symmetry(seen, grid, is_wanted=is_wanted, before=before)
        if symmetry.exists:
            points = _with_images(seen, symmetry.motions)
            return _within_hull(CompletionRule.SYMMETRY, points, symmetry)
    else:
        symmetry = None
    points = seen.points_m
    if rule is not CompletionRule.CONVEX:
        rule = CompletionRule.EXTRUSION
        points = np.concatenate([points, points + seen.closing_shift_m()])
    return _within_hull(rule, points, symmetry)


def _as_primitive(body: PrimitiveFit) -> Completion:
    low, high = primitive_box_m(body)
    planes, area = primitive_planes(body), primitive_area_m2(body)
    return Completion(CompletionRule.PRIMITIVE, planes, None, area, low, high)


def _with_images(seen: SeenSurface, symmetry: NDArray[np.float64]) -> FloatArray:
    """(N, 3) what was seen, thinned, and its images."""
    points = _outermost(np.asarray(seen.points_m, dtype=np.float64))
    images = points @ symmetry[:, :, :3].transpose(0, 2, 1) + symmetry[:, None, :, 3]
    return np.concatenate([points, images.reshape(-1, 3)])


def _within_hull(
    rule: CompletionRule, points_m: FloatArray, symmetry: FoundSymmetry | None
) -> Completion:
    from scipy.spatial import ConvexHull

    points = _outermost(np.asarray(points_m, dtype=np.float64))
    hull = ConvexHull(points, qhull_options="QJ")  # joggled: flat bodies have a hull too
    low, high = points.min(axis=0), points.max(axis=0)
    return Completion(rule, hull.equations, symmetry, float(hull.area), low, high)


def _outermost(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points that reach farthest in evenly spread directions: about those of the hull."""
    if len(points) <= _HULL_POINTS:
        return points
    farthest = np.unique((points @ sphere_directions(_SUPPORT_DIRECTIONS).T).argmax(axis=0))
    return np.asarray(points[farthest])
