"""A mesh is drawn in the middle, as large as asked for, and turned as asked for."""

from __future__ import annotations

import numpy as np

from hand_object_recon.visualization.mesh_views import mesh_view

# A flat triangle pair in x and y, 0.2 m by 0.1 m, that is seen from -z.
PLATE = np.array([[0.0, 0.0, 0.0], [0.0, 0.1, 0.0], [0.2, 0.1, 0.0], [0.2, 0.0, 0.0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
COLOR = (200, 60, 60)


def covered(image: np.ndarray) -> np.ndarray:
    """(H, W) where the picture is not its background."""
    return np.abs(image.astype(int) - image[0, 0].astype(int)).max(axis=2) > 12


def extent(mask: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(mask)
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def test_a_mesh_fills_its_share_of_the_span_and_lies_in_the_middle() -> None:
    image = mesh_view(PLATE, FACES, np.eye(3), COLOR, span_m=0.2, size_px=200)
    assert image.shape == (200, 200, 3)
    mask = covered(image)
    width, height = extent(mask)
    assert abs(width - 176) <= 3
    assert abs(height - 88) <= 3
    rows, columns = np.nonzero(mask)
    assert abs(rows.mean() - 99.5) < 1.5
    assert abs(columns.mean() - 99.5) < 1.5
    red, green, blue = image[100, 100].astype(int)
    assert red > green + 40
    assert red > blue + 40


def test_the_rotation_turns_the_picture_and_the_inside_is_dark() -> None:
    upright = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    width, height = extent(covered(mesh_view(PLATE, FACES, upright, COLOR, span_m=0.2)))
    assert height > 1.8 * width
    behind = np.diag([1.0, -1.0, -1.0])
    outside = mesh_view(PLATE, FACES, np.eye(3), COLOR, span_m=0.2)[180, 180]
    inside = mesh_view(PLATE, FACES, behind, COLOR, span_m=0.2)[180, 180]
    assert 50 < inside[0] < 0.7 * outside[0]


def test_a_label_is_written_at_the_bottom() -> None:
    bare = mesh_view(PLATE, FACES, np.eye(3), COLOR, span_m=0.5)
    named = mesh_view(PLATE, FACES, np.eye(3), COLOR, span_m=0.5, label="palm")
    rows, columns = np.nonzero((bare != named).any(axis=2))
    assert rows.min() > 0.9 * len(bare)
    assert columns.max() < 0.4 * len(bare)
