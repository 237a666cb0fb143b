"""Meshes of several colours on one picture hide each other as they stand."""

from __future__ import annotations

import numpy as np
import trimesh

from hand_object_recon.visualization.mesh_views import ViewFrame
from hand_object_recon.visualization.palette import PAGE_COLOR
from hand_object_recon.visualization.parts_view import MeshPart, parts_view

RED, GREEN = (200, 20, 20), (20, 200, 20)
FRAME = ViewFrame(60, 40, 400.0, (0.0, 0.0))
FROM_BEHIND = np.diag([-1.0, 1.0, -1.0])


def box_at(z_m: float, color: tuple[int, int, int], size_m: float) -> MeshPart:
    mesh = trimesh.creation.box((size_m, size_m, 0.01))
    vertices = mesh.vertices + np.array([0.0, 0.0, z_m])
    return MeshPart(vertices, np.asarray(mesh.faces, np.int32), color)


def test_the_nearer_mesh_is_in_front_from_either_side() -> None:
    parts = [box_at(0.0, RED, 0.04), box_at(0.05, GREEN, 0.06)]
    front, behind = (parts_view(parts, turn, FRAME) for turn in (np.eye(3), FROM_BEHIND))
    assert front.shape == (40, 60, 3)
    assert front[20, 30].argmax() == 0
    assert front[20, 40].argmax() == 1
    assert behind[20, 30].argmax() == 1
    np.testing.assert_array_equal(front[1, 1], PAGE_COLOR)


def test_a_part_without_triangles_leaves_the_others_as_they_are() -> None:
    part = box_at(0.0, RED, 0.04)
    nothing = MeshPart(part.vertices_m, np.empty((0, 3), np.int32), GREEN)
    np.testing.assert_array_equal(
        parts_view([part, nothing], np.eye(3), FRAME), parts_view([part], np.eye(3), FRAME)
    )
