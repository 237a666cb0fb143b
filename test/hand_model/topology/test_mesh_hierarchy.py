"""Levels of a mesh, and the matrices down and up between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import igl
import numpy as np
import pytest

from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.closest_point import closest_points
from hand_object_recon.hand_model.topology.mesh_hierarchy import (
    MeshHierarchy,
    build_mesh_hierarchy,
    halved_counts,
)
from hand_object_recon.hand_model.topology.of_model import mesh_hierarchy

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "mesh_topology.md"
FlatGrid = Callable[[int], tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def hierarchy(right: HandModel) -> MeshHierarchy:
    return mesh_hierarchy(right)


def errors_mm(hierarchy: MeshHierarchy, template: np.ndarray, level: int) -> np.ndarray:
    """How far vertices of the finest mesh are from what a level makes of them going up."""
    values = template[hierarchy.levels[level].template_indices]
    for step in reversed(hierarchy.steps[:level]):
        values = step.up @ values
    return 1000.0 * np.linalg.norm(values - template, axis=1)


def test_halves_of_manos_mesh_are_those_of_the_published_networks() -> None:
    assert halved_counts(778, 4) == (389, 195, 98, 49)


def test_matrices_have_the_shapes_of_the_levels(hierarchy: MeshHierarchy) -> None:
    assert [level.vertex_count for level in hierarchy.levels] == [778, 389, 195, 98, 49]
    for step, finer, coarser in zip(
        hierarchy.steps, hierarchy.levels[:-1], hierarchy.levels[1:], strict=True
    ):
        assert step.down.shape == (coarser.vertex_count, finer.vertex_count)
        assert step.up.shape == (finer.vertex_count, coarser.vertex_count)
        assert step.up_columns.shape == step.up_weights.shape == (finer.vertex_count, 3)


def test_down_selects_the_kept_vertices(right: HandModel, hierarchy: MeshHierarchy) -> None:
    values = right.v_template
    for step, level in zip(hierarchy.steps, hierarchy.levels[1:], strict=True):
        values = step.down @ values
        np.testing.assert_array_equal(values, right.v_template[level.template_indices])


def test_up_is_the_weighted_sum_of_three_columns(hierarchy: MeshHierarchy) -> None:
    for step in hierarchy.steps:
        values = np.random.default_rng(0).normal(size=(len(step.kept), 5))
        expected = np.einsum("nc,ncx->nx", step.up_weights, values[step.up_columns])
        np.testing.assert_allclose(step.up @ values, expected, atol=1e-6)


def test_up_weights_are_convex_and_leave_kept_vertices_alone(hierarchy: MeshHierarchy) -> None:
    for step in hierarchy.steps:
        assert step.up_weights.min() >= 0.0
        np.testing.assert_allclose(step.up_weights.sum(axis=1), 1.0, atol=1e-6)
        there_and_back = (step.down @ step.up).toarray()
        np.testing.assert_allclose(there_and_back, np.eye(len(step.kept)), atol=1e-5)


def test_going_up_a_flat_mesh_reproduces_linear_functions(flat_grid: FlatGrid) -> None:
    coarse_vertices, coarse_faces = flat_grid(3)
    points, _ = flat_grid(9)
    face, weights = closest_points(points, coarse_vertices, coarse_faces)
    slope = np.array([2.0, -3.0, 0.0])
    found = np.einsum("pc,pc->p", weights, (coarse_vertices @ slope)[coarse_faces[face]])
    np.testing.assert_allclose(found, points @ slope, atol=1e-12)


def test_a_flat_mesh_with_its_outline_kept_loses_nothing(flat_grid: FlatGrid) -> None:
    vertices, faces = flat_grid(9)
    hierarchy = build_mesh_hierarchy(vertices, faces, (40, 16), rim_weight=1.0)
    assert errors_mm(hierarchy, vertices, 2).max() < 1e-3


@pytest.mark.parametrize(
    ("level", "mean_mm", "greatest_mm"), [(1, 0.3, 2.0), (2, 0.8, 5.0), (3, 1.6, 8.0), (4, 3.5, 15)]
)
def test_the_template_survives_the_way_down_and_up(
    right: HandModel, hierarchy: MeshHierarchy, level: int, mean_mm: float, greatest_mm: float
) -> None:
    found = errors_mm(hierarchy, right.v_template, level)
    assert found.mean() < mean_mm
    assert found.max() < greatest_mm


def test_the_published_collapse_loses_more_because_the_wrist_creeps(right: HandModel) -> None:
    published = mesh_hierarchy(right, rim_weight=0.0)
    assert errors_mm(published, right.v_template, 4).max() > 30.0


@pytest.mark.parametrize(
    ("row", "rim_weight"), [("rim kept (default)", 1.0), ("as published", 0.0)]
)
def test_the_documented_errors_are_those_of_the_shipped_hand(
    right: HandModel, row: str, rim_weight: float
) -> None:
    """docs/mesh_topology.md has to be written anew when the open hand changes."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    (cells,) = (line.split("|")[2:-1] for line in lines if line.startswith(f"| {row} |"))
    levels = mesh_hierarchy(right, rim_weight=rim_weight)
    for level, cell in enumerate(cells, start=1):
        found = errors_mm(levels, right.v_template, level)
        documented = [float(number) for number in cell.split("/")]
        assert [found.mean(), found.max()] == pytest.approx(documented, rel=0.05, abs=0.05)


def test_every_level_is_a_ball_with_one_hole(hierarchy: MeshHierarchy) -> None:
    found = [igl.euler_characteristic(level.faces.astype(np.int64)) for level in hierarchy.levels]
    assert found == [1] * 5


def test_arrays_that_are_shared_cannot_be_written_to(hierarchy: MeshHierarchy) -> None:
    with pytest.raises(ValueError, match="read-only"):
        hierarchy.levels[1].faces[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        hierarchy.steps[0].up_weights[0, 0] = 0.0
