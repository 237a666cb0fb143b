"""From a fused volume to a watertight mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.isosurface import isosurface
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.object_model.completion import Completion, complete
from hand_object_recon.object_model.decimation import decimate
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.object_surface import CompletionRule, ObjectSurface
from hand_object_recon.object_model.primitives import describe
from hand_object_recon.object_model.seen_surface import SeenSurface

if TYPE_CHECKING:
    from hand_object_recon.object_model.fused_volume import FusedVolume

_LEAST_POINTS: Final = 30
_LEAST_FACES: Final = 4
_FACES_PER_SQUARE: Final = 3.0  # that marching cubes makes for each squared spacing of area
_FACES_TO_SPARE: Final = 1.5
_MARGIN_SAMPLES: Final = 3
_WALL_VOXELS: Final = 2.0
_THIN_SHARE: Final = 0.03
_SEEN_VOXELS: Final = 1.0
_BELOW_TRUNCATION: Final = 0.999

FloatArray = NDArray[np.floating[Any]]


def make_surface(volume: FusedVolume, rule: CompletionRule, max_faces: int) -> ObjectSurface | None:
    """The surface of what a volume has seen, completed by a rule; None if that is too little.

    The body is sampled no finer than the asked number of faces can show, unless it has thin
    walls, and the mesh then reduced to that number. Of several pieces the one with most faces is
    kept.
    """
    seen = volume.seen_surface()
    if len(seen.points_m) < _LEAST_POINTS:
        return None
    primitive = describe(seen.points_m, seen.normals)
    completion = complete(seen, volume.grid, rule, primitive, volume.symmetries.found)
    if completion.symmetry is not None:
        volume.symmetries.found = completion.symmetry
    spacing = _spacing_m(volume.grid, seen, completion, max_faces)
    body = _sampled(volume, completion, seen, spacing)
    mesh = isosurface(body.values, origin=body.origin_m, spacing=body.voxel_m)
    vertices, faces = _largest_piece(mesh.vertices, mesh.faces)
    if len(faces) < _LEAST_FACES:
        return None
    vertices, faces = decimate(vertices, faces, max_faces)
    is_seen, colors = _what_was_seen(volume, vertices)
    normals = vertex_normals(face_area_vectors(vertices, faces), faces, len(vertices))
    return ObjectSurface(
        vertices, faces, normals.astype(np.float32), is_seen, colors, completion.rule, primitive
    )


def _spacing_m(
    grid: DistanceGrid, seen: SeenSurface, completion: Completion, max_faces: int
) -> float:
    """Distance between samples at which the mesh has some more faces than asked for."""
    if _thin_share(grid, seen) > _THIN_SHARE:
        return grid.voxel_m
    area = _FACES_PER_SQUARE * completion.area_m2
    return max(grid.voxel_m, float(np.sqrt(area / (_FACES_TO_SPARE * max_faces))))


def _thin_share(grid: DistanceGrid, seen: SeenSurface) -> float:
    """Share of the seen surface with its far side within two voxels."""
    within = seen.points_m - np.float32(_WALL_VOXELS * grid.voxel_m) * seen.normals
    distances, _ = grid.sample(within)
    return float(np.mean(distances > -0.5 * grid.voxel_m))


def _sampled(
    volume: FusedVolume, completion: Completion, seen: SeenSurface, spacing_m: float
) -> DistanceGrid:
    """The completed body's distances around what was seen of it and its hull."""
    from hand_object_recon.object_model.completion_kernels import completed_distances

    seen_low, seen_high = seen.box()
    margin = _MARGIN_SAMPLES * spacing_m
    low = np.minimum(seen_low, completion.low_m).astype(np.float64) - margin
    high = np.maximum(seen_high, completion.high_m) + margin
    shape = np.ceil((high - low) / spacing_m).astype(int) + 1
    values = np.empty(tuple(shape.tolist()), dtype=np.float32)
    completed_distances(
        volume.distance,
        volume.origin_m,
        volume.voxel_m,
        volume.truncation_m,
        completion.hull,
        completion.motions,
        low,
        spacing_m,
        values,
    )
    body = DistanceGrid(values, low, spacing_m)
    if completion.rule is CompletionRule.PRIMITIVE:
        _cut_off_beyond_edges(body, volume, completion.hull)
    return body


def _cut_off_beyond_edges(
    body: DistanceGrid, volume: FusedVolume, hull: NDArray[np.float64]
) -> None:
    """Keep within the hull, in place, what is not at surface that was seen.

    The distances behind a seen face go on beyond its edge where the side next to it was not seen.
    """
    samples = np.argwhere(np.abs(body.values) < _BELOW_TRUNCATION * volume.truncation_m)
    points = body.origin_m + samples * body.voxel_m
    outside = (points @ hull[:, :3].T + hull[:, 3]).max(axis=1).astype(np.float32)
    is_cut = outside > body.values[tuple(samples.T)]
    is_cut[is_cut] = ~_is_at_seen_surface(volume, points[is_cut])
    body.values[tuple(samples[is_cut].T)] = outside[is_cut]


def _is_at_seen_surface(volume: FusedVolume, points_m: FloatArray) -> NDArray[np.bool_]:
    """(N,) whether surface was seen at the voxel nearest to each point (N, 3)."""
    voxels = np.rint((points_m - volume.origin_m) / volume.voxel_m).astype(np.int64)
    last = np.array(volume.texture.shape) - 1
    return np.asarray(~np.isnan(volume.texture[tuple(np.clip(voxels, 0, last).T)]))


def _largest_piece(
    vertices: NDArray[np.float32], faces: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The connected piece with most faces."""
    from hand_object_recon.object_model.mesh_kernels import piece_of_vertices

    pieces = piece_of_vertices(len(vertices), faces)
    counts = np.bincount(pieces[faces[:, 0]], minlength=1) if len(faces) else np.zeros(1)
    is_kept = pieces == counts.argmax()
    numbers = np.cumsum(is_kept, dtype=np.int32) - 1
    return vertices[is_kept], numbers[faces[is_kept[faces[:, 0]]]]


def _what_was_seen(
    volume: FusedVolume, vertices: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Whether each vertex (V,) lies on surface that was seen, and its colour (V, 3)."""
    from hand_object_recon.object_model.mesh_kernels import seen_colors

    is_seen, colors = seen_colors(
        volume.distance,
        volume.color,
        volume.origin_m,
        volume.voxel_m,
        _SEEN_VOXELS * volume.voxel_m,
        vertices,
    )
    if is_seen.any():
        colors[~is_seen] = colors[is_seen].mean(axis=0)
    return is_seen, colors.round().astype(np.uint8)
