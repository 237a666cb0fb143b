"""Distances to a closed mesh against libigl's, and made once a mesh."""

from __future__ import annotations

import igl
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.mesh_distance import MeshDistance, mesh_distance_grid

VOXEL_M = 0.004

MESHES = {
    "ball": trimesh.creation.icosphere(subdivisions=3, radius=0.05),
    "box": trimesh.creation.box((0.15, 0.1, 0.06)),
    "ring": trimesh.creation.torus(0.06, 0.015, major_sections=48, minor_sections=20),
    "plate": trimesh.creation.box((0.1, 0.08, 0.003)),
    "cone": trimesh.creation.cone(radius=0.03, height=0.1, sections=32),
}


def arrays(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    return mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32)


def errors(grid: DistanceGrid, mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """The grid's distances less libigl's at all voxels, and libigl's."""
    places = np.indices(grid.values.shape).reshape(3, -1).T * grid.voxel_m + grid.origin_m
    vertices = mesh.vertices.astype(np.float32).astype(float)
    exact = igl.signed_distance(places, vertices, mesh.faces.astype(np.int64))[0]
    return grid.values.ravel() - exact, exact


@pytest.mark.parametrize("name", MESHES)
def test_distances_are_exact_at_the_surface_and_within_a_third_of_a_voxel_farther_off(
    name: str,
) -> None:
    grid = mesh_distance_grid(*arrays(MESHES[name]), VOXEL_M, margin_m=0.016)
    error, exact = errors(grid, MESHES[name])
    at_surface = np.abs(exact) < VOXEL_M
    assert np.abs(error[at_surface]).max() < 1e-6
    near = (np.abs(exact) < 0.016) & ~at_surface
    assert np.abs(error[near]).max() < 0.33 * VOXEL_M
    too_long = error * np.where(exact < 0, -1.0, 1.0)
    assert too_long.min() > -1e-6


@pytest.mark.parametrize("name", MESHES)
def test_inside_is_negative(name: str) -> None:
    mesh = MESHES[name].copy()
    mesh.apply_transform(trimesh.transformations.rotation_matrix(0.7, (1, 2, 3)))
    grid = mesh_distance_grid(*arrays(mesh), VOXEL_M)
    error, exact = errors(grid, mesh)
    del error
    decided = np.abs(exact) > 1e-6
    assert ((grid.values.ravel() < 0) == (exact < 0))[decided].all()


def test_inside_is_told_where_faces_and_edges_lie_on_the_voxels_themselves() -> None:
    cube = trimesh.creation.box((0.04, 0.04, 0.04)).subdivide()
    grid = mesh_distance_grid(*arrays(cube), 0.005, margin_m=0.02)
    places = np.indices(grid.values.shape).reshape(3, -1).T * grid.voxel_m + grid.origin_m
    inside = (np.abs(places) < 0.02 - 1e-5).all(axis=1)
    outside = (np.abs(places) > 0.02 + 1e-5).any(axis=1)
    assert (grid.values.ravel()[inside] < 0).all()
    assert (grid.values.ravel()[outside] > 0).all()


def test_parts_that_reach_into_each_other_are_one_inside() -> None:
    first, second = trimesh.creation.box((0.06, 0.06, 0.06)), trimesh.creation.icosphere(3, 0.03)
    second.apply_translation((0.025, 0.01, 0.0))
    both = trimesh.util.concatenate([first, second])
    grid = mesh_distance_grid(*arrays(both), VOXEL_M)
    overlap, _ = grid.sample(np.array([[0.02, 0.005, 0.0], [0.027, 0.0, 0.0]]))
    assert (overlap < 0).all()


def test_a_grid_is_made_once_for_the_same_arrays() -> None:
    vertices, faces = arrays(MESHES["ball"])
    meshes = MeshDistance()
    first = meshes.grid(vertices, faces)
    view = vertices.view()
    view.setflags(write=False)
    assert meshes.grid(view, faces) is first
    assert meshes.grid(vertices.copy(), faces) is not first


def test_the_oldest_grids_are_let_go() -> None:
    faces = MESHES["cone"].faces.astype(np.int32)
    kept = [MESHES["cone"].vertices.astype(np.float32) for _ in range(12)]
    meshes = MeshDistance()
    first = meshes.grid(kept[0], faces)
    for vertices in kept[1:]:
        meshes.grid(vertices, faces)
    assert meshes.grid(kept[0], faces) is not first


def test_a_mesh_in_millimetres_is_refused() -> None:
    vertices, faces = arrays(MESHES["box"])
    with pytest.raises(InvalidValueError, match="in metres"):
        mesh_distance_grid(1000.0 * vertices, faces)


def test_an_open_end_of_the_grid_is_as_wide_as_asked() -> None:
    vertices, faces = arrays(MESHES["box"])
    grid = mesh_distance_grid(vertices, faces, VOXEL_M, margin_m=0.02)
    last = grid.origin_m + (np.array(grid.values.shape) - 1) * VOXEL_M
    assert (grid.origin_m <= vertices.min(axis=0) - 0.02 + 1e-6).all()
    assert (last >= vertices.max(axis=0) + 0.02 - 1e-6).all()
