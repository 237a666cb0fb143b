"""How hands and objects touch: contact, how deep one is inside the other, shared volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple

import numpy as np

from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.evaluation.metrics.metric_value import (
    FloatArray,
    MetricValue,
    summarise_found,
)
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh
from hand_object_recon.geometry.signed_distance import signed_distances

GRID_PITCH_M: Final = 0.005

_CM_PER_M: Final = 100.0
_MM_PER_M: Final = 1000.0
_CM3_PER_M3: Final = 1e6
_PERCENT: Final = 100.0

Meshes = Sequence[SurfaceMesh | None]


class ContactScores(NamedTuple):
    """Of the hand's vertices and the object; a sample without either mesh is missing.

    ratio
        Samples in which a hand vertex lies in or on the object, % (gSDF).
    depth
        Distance of the deepest hand vertex to the object's surface, 0 without contact, cm (gSDF).
    depth_to_vertices
        The largest distance of a hand vertex inside to the nearest object **vertex**, 0 without
        one, mm. ObMan's code does this where its paper speaks of the surface; on a coarse object
        it is larger than the depth.
    """

    ratio: MetricValue
    depth: MetricValue
    depth_to_vertices: MetricValue


class _Contact(NamedTuple):
    touches: float
    depth_m: float
    depth_to_vertices_m: float


def contact_scores(hands: Meshes, objects: Meshes) -> ContactScores:
    """Compare the hand with the object of each sample."""
    found = _over_pairs(hands, objects, _contact, _Contact(np.nan, np.nan, np.nan))
    return ContactScores(
        summarise_found([c and _PERCENT * c.touches for c in found], "%"),
        summarise_found([c and _CM_PER_M * c.depth_m for c in found], "cm"),
        summarise_found([c and _MM_PER_M * c.depth_to_vertices_m for c in found], "mm"),
    )


def grid_intersection_volume(
    hands: Meshes, objects: Meshes, pitch_m: float = GRID_PITCH_M
) -> MetricValue:
    """Volume shared by hand and object on a grid of points, cm³, mean over samples.

    gSDF's form: points every 5 mm over the boxes' intersection grown by 5 mm, those inside both
    meshes times 125 mm³; 0 where no hand vertex is inside the object.
    """
    found = _over_pairs(
        hands, objects, lambda hand, thing: _grid_volume_m3(hand, thing, pitch_m), np.nan
    )
    return _volumes(found)


def exact_intersection_volume(hands: Meshes, objects: Meshes) -> MetricValue:
    """Volume of the intersection of the two bodies, cm³, mean over samples (manifold3d).

    Both meshes must be closed (a hand by ``hand_model.watertight.close_wrist``) and face outwards;
    a sample with one that is not is invalid.

    Raises
    ------
    DependencyError
        manifold3d is not installed.
    """
    return _volumes(_over_pairs(hands, objects, _exact_volume_m3, np.nan))


def _volumes(found_m3: Sequence[float | None]) -> MetricValue:
    return summarise_found([None if v is None else _CM3_PER_M3 * v for v in found_m3], "cm³")


def _contact(hand: SurfaceMesh, thing: SurfaceMesh) -> _Contact:
    from scipy.spatial import cKDTree

    signed = signed_distances(hand.vertices_m, thing.vertices_m, thing.faces)
    inside = hand.vertices_m[signed < 0]
    to_vertices = cKDTree(thing.vertices_m).query(inside)[0]
    return _Contact(
        touches=float(signed.min() <= 0),
        depth_m=max(0.0, -float(signed.min())),
        depth_to_vertices_m=float(to_vertices.max(initial=0.0)),
    )


def _grid_volume_m3(hand: SurfaceMesh, thing: SurfaceMesh, pitch_m: float) -> float:
    if signed_distances(hand.vertices_m, thing.vertices_m, thing.faces).min() > 0:
        return 0.0
    low = np.maximum(hand.vertices_m.min(axis=0), thing.vertices_m.min(axis=0))
    high = np.minimum(hand.vertices_m.max(axis=0), thing.vertices_m.max(axis=0))
    if not (high > low).all():
        return 0.0
    points = _grid(low - pitch_m, high + pitch_m, pitch_m)
    points = points[signed_distances(points, hand.vertices_m, hand.faces) < 0]
    return float((signed_distances(points, thing.vertices_m, thing.faces) < 0).sum()) * pitch_m**3


def _grid(low_m: FloatArray, high_m: FloatArray, pitch_m: float) -> FloatArray:
    """(N, 3) points from ``low_m`` on, as many as fit."""
    counts = ((high_m - low_m) / pitch_m).astype(int) + 1
    axes = [start + pitch_m * np.arange(n) for start, n in zip(low_m, counts, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _exact_volume_m3(hand: SurfaceMesh, thing: SurfaceMesh) -> float:
    library = _import_manifold()
    bodies = [_body(library, mesh) for mesh in (hand, thing)]
    if any(body.status() != library.Error.NoError or body.volume() <= 0 for body in bodies):
        return float("nan")
    return float((bodies[0] ^ bodies[1]).volume())


def _body(library: Any, mesh: SurfaceMesh) -> Any:
    # Copies, because manifold3d refuses read-only arrays.
    vertices = np.array(mesh.vertices_m, order="C")
    faces = np.array(mesh.faces, dtype=np.uint64, order="C")
    return library.Manifold(library.Mesh64(vertices, faces))


def _import_manifold() -> Any:
    try:
        return import_module("manifold3d")
    except ImportError:
        raise DependencyError(
            "exact intersection volumes need manifold3d, which is not installed: "
            "pip install 'hand_object_recon[evaluation]'"
        ) from None


def _over_pairs(
    hands: Meshes,
    objects: Meshes,
    measure: Callable[[SurfaceMesh, SurfaceMesh], Any],
    invalid: Any,
) -> list[Any]:
    """What was measured of each pair, None where a mesh is missing."""
    if len(hands) != len(objects):
        raise InvalidValueError(
            f"{len(hands)} hands for {len(objects)} objects; give None where there is no mesh"
        )
    found: list[Any] = []
    for hand, thing in zip(hands, objects, strict=True):
        if hand is None or thing is None:
            found.append(None)
        else:
            found.append(measure(hand, thing) if hand.is_finite and thing.is_finite else invalid)
    return found
