"""Point-to-surface distances are exact."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.surface_distance import distances_to_surface
from hand_object_recon.hand_model.model import load_hand_model


def brute_force(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """trimesh's closest point of every triangle for every point."""
    triangles = np.asarray(vertices, dtype=np.float64)[faces]
    distances = []
    for point in points:
        nearest = trimesh.triangles.closest_point(triangles, np.tile(point, (len(faces), 1)))
        distances.append(np.linalg.norm(nearest - point, axis=1).min())
    return np.array(distances)


@pytest.mark.parametrize("spread_m", [0.0005, 0.005, 0.05, 0.5])
def test_it_agrees_with_trimesh_near_and_far_from_a_hand(spread_m: float) -> None:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    random = np.random.default_rng(1)
    points = model.v_template[::12] + random.normal(0.0, spread_m, (65, 3))
    np.testing.assert_allclose(
        distances_to_surface(points, model.v_template, model.faces),
        brute_force(points, model.v_template, model.faces),
        atol=1e-9,
    )


def test_it_agrees_with_trimesh_where_triangles_differ_much_in_size() -> None:
    random = np.random.default_rng(2)
    sizes = random.choice([0.01, 0.1, 3.0], size=(80, 1, 1))
    triangles = random.uniform(-1, 1, (80, 1, 3)) + sizes * random.normal(size=(80, 3, 3))
    vertices, faces = triangles.reshape(-1, 3), np.arange(240).reshape(80, 3)
    points = random.uniform(-2, 2, (100, 3))
    np.testing.assert_allclose(
        distances_to_surface(points, vertices, faces),
        brute_force(points, vertices, faces),
        atol=1e-9,
    )


def test_a_box_is_as_far_as_geometry_says() -> None:
    box = trimesh.creation.box(extents=(2.0, 2.0, 2.0))
    points = [[0, 0, 3], [0, 0, 0], [2, 2, 2], [2, 2, 0], [1, 1, 1], [0.2, 0.1, 1.0]]
    expected = [2.0, 1.0, np.sqrt(3.0), np.sqrt(2.0), 0.0, 0.0]
    distances = distances_to_surface(np.array(points, float), box.vertices, box.faces)
    np.testing.assert_allclose(distances, expected, atol=1e-12)


def test_a_triangle_without_area_counts_as_its_edges() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    faces = np.array([[0, 1, 2]])
    distances = distances_to_surface(np.array([[1.5, 2.0, 0], [3, 0, 0]]), vertices, faces)
    np.testing.assert_allclose(distances, [2.0, 1.0])


def test_a_surface_without_triangles_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="0 triangles"):
        distances_to_surface(np.zeros((1, 3)), np.zeros((3, 3)), np.zeros((0, 3), dtype=int))
