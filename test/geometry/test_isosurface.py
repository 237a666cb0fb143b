"""Isosurfaces against analytic bodies and independent libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import igl
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.isosurface import Isosurface, isosurface


def as_trimesh(mesh: Isosurface) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def faces_per_edge(mesh: Isosurface) -> np.ndarray:
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    return np.unique(edges, axis=0, return_counts=True)[1]


def within_border(values: np.ndarray) -> np.ndarray:
    return np.pad(values, 1, constant_values=1.0).astype(np.float32)


def distances_to_ball(samples: int = 40, radius: float = 0.8) -> tuple[np.ndarray, float]:
    places = np.linspace(-1.0, 1.0, samples)
    x, y, z = np.meshgrid(places, places, places, indexing="ij")
    return (np.sqrt(x**2 + y**2 + z**2) - radius).astype(np.float32), 2.0 / (samples - 1)


@pytest.mark.parametrize("seed", range(6))
def test_the_surface_of_noise_is_closed_and_manifold(seed: int) -> None:
    noise = within_border(np.random.default_rng(seed).standard_normal((9, 10, 11)))
    mesh = isosurface(noise)
    assert (faces_per_edge(mesh) == 2).all()
    assert as_trimesh(mesh).is_winding_consistent
    assert igl.is_vertex_manifold(mesh.faces.astype(np.int64)).all()


def test_uncompiled_kernels_give_the_same(tmp_path: Path) -> None:
    noise = within_border(np.random.default_rng(0).standard_normal((9, 10, 11)))
    np.save(tmp_path / "noise.npy", noise)
    program = (
        "import numpy, sys; from hand_object_recon.geometry.isosurface import isosurface; "
        "mesh = isosurface(numpy.load(sys.argv[1] + '/noise.npy')); "
        "numpy.savez(sys.argv[1] + '/mesh.npz', vertices=mesh.vertices, faces=mesh.faces)"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)
    found, mesh = np.load(tmp_path / "mesh.npz"), isosurface(noise)
    np.testing.assert_array_equal(found["faces"], mesh.faces)
    np.testing.assert_allclose(found["vertices"], mesh.vertices, atol=1e-6)


def test_each_pattern_of_a_cells_corners_is_closed_and_outward() -> None:
    for pattern in range(1, 256):
        bits = np.array([pattern >> corner & 1 for corner in range(8)])
        cell = np.where(bits, -1.0, 1.0).reshape(2, 2, 2).transpose(2, 1, 0)
        mesh = isosurface(within_border(cell))
        assert (faces_per_edge(mesh) == 2).all(), pattern
        assert as_trimesh(mesh).volume > 0.0, pattern


def test_a_ball_has_its_volume_and_normals_outwards() -> None:
    values, spacing = distances_to_ball()
    mesh = isosurface(values, origin=(-1.0, -1.0, -1.0), spacing=spacing)
    body = as_trimesh(mesh)
    assert body.is_watertight
    assert body.volume == pytest.approx(4.0 / 3.0 * np.pi * 0.8**3, rel=0.005)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.8, atol=0.2 * spacing)


def test_vertices_are_those_of_an_independent_marching_cubes() -> None:
    values, _ = distances_to_ball()
    corners = np.argwhere(np.ones(values.shape)).astype(np.float64)
    in_igl_s_order = np.lexsort((corners[:, 0], corners[:, 1], corners[:, 2]))
    expected, *_ = igl.marching_cubes(
        values.ravel()[in_igl_s_order].astype(np.float64), corners[in_igl_s_order], *values.shape
    )
    found = isosurface(values).vertices
    assert len(found) == len(np.unique(expected.round(4), axis=0))
    tree = trimesh.proximity.cKDTree(expected)
    assert tree.query(found)[0].max() < 0.015  # one hundredth of an edge is kept to the samples


def test_another_level_gives_another_ball() -> None:
    values, spacing = distances_to_ball()
    mesh = isosurface(values, level=-0.3, origin=-1.0, spacing=spacing)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.5, atol=0.3 * spacing)


def test_origin_and_spacing_place_the_surface_along_each_axis() -> None:
    values, _ = distances_to_ball()
    origin, spacing = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0])
    moved = isosurface(values, origin=origin, spacing=spacing).vertices
    np.testing.assert_allclose(moved, isosurface(values).vertices * spacing + origin, rtol=1e-5)


def test_samples_at_the_level_leave_no_two_vertices_in_one_place() -> None:
    values = within_border(np.random.default_rng(0).integers(-1, 2, (8, 8, 8)))
    mesh = isosurface(values)
    assert (faces_per_edge(mesh) == 2).all()
    assert len(np.unique(mesh.vertices, axis=0)) == len(mesh.vertices)


def test_a_surface_that_runs_out_of_the_grid_ends_open() -> None:
    mesh = isosurface(np.broadcast_to(np.linspace(-1.0, 1.0, 6), (5, 5, 6)))
    assert sorted(set(faces_per_edge(mesh).tolist())) == [1, 2]


def test_a_function_that_does_not_take_the_level_has_no_surface() -> None:
    mesh = isosurface(np.ones((4, 4, 4)))
    assert mesh.vertices.shape == (0, 3)
    assert mesh.faces.shape == (0, 3)


@pytest.mark.parametrize(
    ("values", "spacing"),
    [(np.ones((4, 4)), 1.0), (np.ones((4, 4, 1)), 1.0), (np.ones((4,) * 3), 0.0)],
)
def test_what_has_no_volume_is_refused(values: np.ndarray, spacing: float) -> None:
    with pytest.raises(InvalidValueError, match="isosurface"):
        isosurface(values, spacing=spacing)
