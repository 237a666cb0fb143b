"""From the triangles of a file to one closed mesh."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.sparse.csgraph import connected_components

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.mesh_normals import face_area_vectors
from hand_object_recon.hand_model.topology.adjacency import mesh_adjacency
from hand_object_recon.synthesis.objects.closed_mesh import (
    TriangleMesh,
    extent_m,
    require_closed,
    volume_m3,
)
from hand_object_recon.synthesis.objects.csg import simplified
from hand_object_recon.synthesis.objects.signed_distance import import_igl

FloatArray = NDArray[np.floating[Any]]
Faces = NDArray[np.int32]

_MERGE_SHARE: Final = 1e-6
_LATTICE: Final = 64
_WIDEST_BRIDGE: Final = 0.08


def cleaned(mesh: TriangleMesh) -> TriangleMesh:
    """The largest connected part, without doubled vertices and faces or faces without area."""
    vertices, faces = _merged(mesh.vertices_m, mesh.faces)
    edges_differ = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    is_first = np.isin(np.arange(len(faces)), first)
    faces = faces[edges_differ & is_first]
    if not len(faces):
        return TriangleMesh(vertices, faces)
    return _without_unused(vertices, _largest_part(vertices, faces))


def turned_outwards_if_closed(mesh: TriangleMesh) -> TriangleMesh | None:
    """The mesh with its faces outwards if it is closed as it is, and None otherwise."""
    igl = import_igl()
    faces = np.asarray(igl.bfs_orient(mesh.faces.astype(np.int64))[0], dtype=np.int32)
    try:
        require_closed("mesh", faces)
    except InvalidValueError:
        return None
    if volume_m3(mesh.vertices_m, faces) < 0.0:
        faces = faces[:, ::-1]
    return TriangleMesh(mesh.vertices_m, np.ascontiguousarray(faces))


def closed_over_holes(mesh: TriangleMesh) -> TriangleMesh | None:
    """A new surface around what the mesh winds about, None if it bridges wide holes for that.

    The winding number tells inside from outside of a mesh with holes. A bridge is too wide if
    somewhere it is farther from the mesh than 8 % of the mesh's extent.
    """
    oriented = TriangleMesh(mesh.vertices_m, _facing_outwards(mesh))
    surface = _winding_surface(oriented)
    if surface is None:
        return None
    bridges_m = _distances_m(oriented, surface.vertices_m)
    if bridges_m.max() > _WIDEST_BRIDGE * extent_m(mesh.vertices_m):
        return None
    return turned_outwards_if_closed(cleaned(surface))


def with_at_most(face_count: int, mesh: TriangleMesh) -> TriangleMesh:
    """The mesh, simplified in growing steps until it has ``face_count`` faces or fewer."""
    tolerance = 3e-4 * extent_m(mesh.vertices_m)
    light = mesh
    while len(light.faces) > face_count:
        light = simplified(mesh, tolerance)
        tolerance *= 1.6
    return light


def _merged(vertices: FloatArray, faces: Faces) -> tuple[NDArray[np.float64], Faces]:
    """Vertices closer than a millionth of the extent made one."""
    steps = np.rint(vertices / (_MERGE_SHARE * extent_m(vertices))).astype(np.int64)
    _, first, number = np.unique(steps, axis=0, return_index=True, return_inverse=True)
    return np.asarray(vertices[first], dtype=np.float64), number.ravel()[faces].astype(np.int32)


def _largest_part(vertices: FloatArray, faces: Faces) -> Faces:
    """Faces of the connected part with the greatest area."""
    _, part = connected_components(mesh_adjacency(faces, len(vertices)), directed=False)
    areas = np.linalg.norm(face_area_vectors(vertices, faces), axis=1)
    part_of_face = part[faces[:, 0]]
    return np.asarray(faces[part_of_face == np.argmax(np.bincount(part_of_face, areas))])


def _without_unused(vertices: FloatArray, faces: Faces) -> TriangleMesh:
    used, number = np.unique(faces, return_inverse=True)
    return TriangleMesh(np.asarray(vertices[used]), number.reshape(-1, 3).astype(np.int32))


def _facing_outwards(mesh: TriangleMesh) -> Faces:
    """Faces turned the same way round, outwards as far as an open mesh has an outside."""
    faces = np.asarray(import_igl().bfs_orient(mesh.faces.astype(np.int64))[0], dtype=np.int32)
    return faces if volume_m3(mesh.vertices_m, faces) >= 0.0 else faces[:, ::-1]


def _winding_surface(mesh: TriangleMesh) -> TriangleMesh | None:
    """Marching cubes around where the winding number is above a half, if it is anywhere."""
    igl = import_igl()
    points, sizes = _lattice(mesh)
    winding = igl.fast_winding_number(mesh.vertices_m, mesh.faces.astype(np.int64), points)
    is_inside = winding > 0.5
    if not is_inside.any():
        return None
    is_crossed = _has_other_beside(is_inside.reshape(sizes[::-1])).ravel()
    distances = np.where(is_inside, -1.0, 1.0)
    distances[is_crossed] *= _distances_m(mesh, points[is_crossed])
    vertices, faces, _ = igl.marching_cubes(distances, points, *sizes, 0.0)
    return TriangleMesh(vertices, faces.astype(np.int32))


def _has_other_beside(is_inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether one of a sample's six neighbours lies on the other side."""
    reached = binary_dilation(is_inside) & binary_dilation(~is_inside)
    return np.asarray(reached)


def _distances_m(mesh: TriangleMesh, points_m: FloatArray) -> FloatArray:
    """(N,) unsigned distances of points (N, 3) to a mesh, closed or not."""
    squared, _, _ = import_igl().point_mesh_squared_distance(
        points_m, mesh.vertices_m, mesh.faces.astype(np.int64)
    )
    return np.asarray(np.sqrt(squared))


def _lattice(mesh: TriangleMesh) -> tuple[FloatArray, tuple[int, int, int]]:
    """Places (N, 3) of a lattice of cubes that reaches beyond the mesh, x fastest, as libigl
    counts, and its size along x, y and z."""
    spacing = extent_m(mesh.vertices_m) / _LATTICE
    low = mesh.vertices_m.min(axis=0) - 2.0 * spacing
    x, y, z = (np.ceil(np.ptp(mesh.vertices_m, axis=0) / spacing).astype(int) + 5).tolist()
    steps = np.stack(np.meshgrid(range(z), range(y), range(x), indexing="ij")[::-1], axis=-1)
    return np.ascontiguousarray(low + spacing * steps.reshape(-1, 3)), (x, y, z)
