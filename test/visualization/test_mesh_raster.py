"""The nearest surface is seen, without gaps, and its jumps are drawn."""

from __future__ import annotations

import numpy as np

from hand_object_recon.visualization.mesh_raster import rasterize, shade, silhouette

SHAPE = (40, 60)
FACES = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)


def plate(left: float, top: float, right: float, bottom: float, depth: float) -> np.ndarray:
    """(4, 3) corners of a rectangle that faces the viewer."""
    return np.array(
        [[left, top, depth], [left, bottom, depth], [right, bottom, depth], [right, top, depth]]
    )


def test_a_plate_covers_its_pixels_at_its_depth_and_faces_the_viewer() -> None:
    raster = rasterize(plate(9.5, 4.5, 29.5, 14.5, 7.0), FACES, SHAPE)
    expected = np.zeros(SHAPE, dtype=bool)
    expected[5:15, 10:30] = True
    np.testing.assert_array_equal(raster.covered, expected)
    np.testing.assert_allclose(raster.depth[expected], 7.0, rtol=1e-5)
    np.testing.assert_allclose(raster.normals[expected], [[0.0, 0.0, -1.0]] * 200, atol=1e-6)
    assert not raster.is_inside.any()


def test_the_nearer_of_two_is_seen_whichever_comes_first() -> None:
    near, far = plate(10, 10, 20, 20, 3.0), plate(5, 5, 30, 30, 9.0)
    for first, second in ((near, far), (far, near)):
        raster = rasterize(np.vstack([first, second]), np.vstack([FACES, FACES + 4]), SHAPE)
        assert raster.depth[15, 15] == 3.0
        assert raster.depth[25, 25] == 9.0


def test_a_face_turned_away_is_inside_and_its_normal_is_turned() -> None:
    raster = rasterize(plate(10, 10, 20, 20, 3.0), FACES[:, ::-1].copy(), SHAPE)
    assert raster.is_inside[15, 15]
    assert raster.normals[15, 15, 2] < -0.99


def test_what_lies_beyond_the_picture_is_cut_off() -> None:
    assert rasterize(plate(-50, -50, 90, 90, 3.0), FACES, SHAPE).covered.all()
    assert not rasterize(plate(70, 5, 90, 20, 3.0), FACES, SHAPE).covered.any()


def test_faces_that_share_edges_leave_no_gap() -> None:
    """A fan of thin triangles about a point, at places that are not whole numbers."""
    angles = np.linspace(0.0, 2.0 * np.pi, 97)[:-1]
    rim = np.stack([29.3 - 17.7 * np.sin(angles), 19.7 - 17.7 * np.cos(angles)], axis=1)
    points = np.column_stack([np.vstack([[29.3, 19.7], rim]), np.full(97, 2.0)])
    numbers = np.arange(96)
    fan = np.stack([0 * numbers, 1 + numbers, 1 + (numbers + 1) % 96], axis=1).astype(np.int32)
    covered = rasterize(points, fan, SHAPE).covered
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    assert covered[np.hypot(columns - 29.3, rows - 19.7) < 17.0].all()


def test_a_jump_in_depth_is_a_dark_line() -> None:
    points = np.vstack([plate(10, 10, 20, 20, 3.0), plate(5, 5, 50, 35, 30.0)])
    picture = shade(
        rasterize(points, np.vstack([FACES, FACES + 4]), SHAPE), (200, 200, 200), (255,) * 3, 5.0
    )
    brightness = picture.sum(axis=2).astype(int)
    assert brightness[15, 20] < 0.7 * brightness[15, 15]
    assert brightness[15, 15] == brightness[15, 30]
    assert (picture[0, 0] == 255).all()


def test_the_silhouette_follows_the_border() -> None:
    line = silhouette(plate(10, 10, 30, 20, 3.0), FACES, SHAPE, 1)
    assert line[10, 10:31].all()
    assert line[10:21, 30].all()
    assert not line[12:19, 12:29].any()
