"""A user's mesh files become closed objects, or one line says what is wrong with which file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.objects.user_objects import load_user_objects

CAPSULE = trimesh.creation.capsule(height=0.06, radius=0.02)


def write(path: Path, mesh: trimesh.Trimesh) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)


def load_one(folder: Path, mesh: trimesh.Trimesh, name: str = "thing.ply") -> ObjectShape:
    write(folder / name, mesh)
    (shape,) = load_user_objects(folder)
    return shape


def assert_closed(shape: ObjectShape) -> None:
    mesh = trimesh.Trimesh(shape.vertices_m, shape.faces, process=False)
    assert mesh.is_volume


@pytest.mark.parametrize("suffix", ["obj", "ply", "stl", "glb"])
def test_each_format_gives_the_mesh_that_was_written(tmp_path: Path, suffix: str) -> None:
    shape = load_one(tmp_path, CAPSULE, f"thing.{suffix}")
    assert shape.name == "user-thing"
    assert shape.category == "user"
    assert len(shape.vertices_m) == len(CAPSULE.vertices)
    assert shape.volume_m3 == pytest.approx(CAPSULE.volume, rel=1e-4)
    assert_closed(shape)


def test_objects_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("pear.ply", "apple/scan.stl", "fig.obj"):
        write(tmp_path / name, CAPSULE)
    (tmp_path / "notes.txt").write_text("not a mesh")
    names = [shape.name for shape in load_user_objects(tmp_path)]
    assert names == ["user-apple", "user-fig", "user-pear"]


def test_of_a_ycb_folder_the_16k_mesh_is_taken(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(radius=0.04)
    for name in ("tsdf/textured.obj", "poisson/textured.obj", "clouds/merged_cloud.ply"):
        write(tmp_path / "003_cracker_box" / name, ball)
    for name in ("textured.obj", "nontextured.ply", "nontextured.stl"):
        write(tmp_path / "003_cracker_box/google_16k" / name, CAPSULE)
    (shape,) = load_user_objects(tmp_path)
    assert shape.name == "user-003_cracker_box"
    assert shape.volume_m3 == pytest.approx(CAPSULE.volume, rel=1e-4)


def test_of_a_scanned_object_folder_its_model_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "Toy/meshes/model.obj", CAPSULE)
    write(tmp_path / "Toy/visual.obj", trimesh.creation.icosphere(radius=0.04))
    (shape,) = load_user_objects(tmp_path)
    assert shape.volume_m3 == pytest.approx(CAPSULE.volume, rel=1e-4)


def test_files_in_millimetres_are_scaled(tmp_path: Path) -> None:
    write(tmp_path / "thing.ply", CAPSULE.copy().apply_scale(1000.0))
    (shape,) = load_user_objects(tmp_path, scale=0.001)
    assert shape.volume_m3 == pytest.approx(CAPSULE.volume, rel=1e-4)


def test_doubled_vertices_and_loose_bits_are_left_out(tmp_path: Path) -> None:
    soup = trimesh.Trimesh(
        CAPSULE.triangles.reshape(-1, 3),
        np.arange(3 * len(CAPSULE.faces)).reshape(-1, 3),
        process=False,
    )
    bit = trimesh.creation.icosphere(subdivisions=1, radius=0.003).apply_translation([0.08, 0, 0])
    shape = load_one(tmp_path, trimesh.util.concatenate([soup, bit]))
    assert len(shape.faces) == len(CAPSULE.faces)
    assert_closed(shape)


def test_faces_turned_the_wrong_way_are_turned_back(tmp_path: Path) -> None:
    faces = CAPSULE.faces.copy()
    faces[::3] = faces[::3, ::-1]
    shape = load_one(tmp_path, trimesh.Trimesh(CAPSULE.vertices, faces, process=False))
    assert shape.volume_m3 == pytest.approx(CAPSULE.volume, rel=1e-4)


def test_a_heavy_mesh_gets_lighter_and_keeps_its_shape(tmp_path: Path) -> None:
    heavy = trimesh.creation.icosphere(subdivisions=5, radius=0.05)
    shape = load_one(tmp_path, heavy)
    assert len(heavy.faces) > 6000 >= len(shape.faces) > 500
    radii = np.linalg.norm(shape.vertices_m, axis=1)
    np.testing.assert_allclose(radii, 0.05, atol=5e-4)
    assert_closed(shape)


def test_small_holes_are_closed(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.05)
    keep = ball.triangles_center[:, 2] < 0.0495
    shape = load_one(tmp_path, trimesh.Trimesh(ball.vertices, ball.faces[keep], process=False))
    assert not trimesh.Trimesh(ball.vertices, ball.faces[keep]).is_watertight
    assert shape.volume_m3 == pytest.approx(ball.volume, rel=0.03)
    assert_closed(shape)


def test_a_mesh_that_is_mostly_open_is_refused(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.05)
    half = ball.faces[ball.triangles_center[:, 2] < 0.0]
    write(tmp_path / "half.ply", trimesh.Trimesh(ball.vertices, half, process=False))
    with pytest.raises(InvalidValueError, match=r"half\.ply is open and its holes are too wide"):
        load_user_objects(tmp_path)


def test_a_flat_sheet_is_refused(tmp_path: Path) -> None:
    sheet = trimesh.Trimesh([[0, 0, 0], [0.1, 0, 0], [0.1, 0.1, 0]], [[0, 1, 2]])
    write(tmp_path / "sheet.stl", sheet)
    with pytest.raises(InvalidValueError, match=r"sheet\.stl is open"):
        load_user_objects(tmp_path)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (1000.0, r"thing\.ply spans 100 m, .*millimetres: scale with --object-scale 0\.001"),
        (100.0, r"spans 10 m, .*looks like (milli|centi)metres"),
        (0.01, r"spans 0\.001 m, a held object spans 0\.02 to 0\.25 m"),
    ],
)
def test_a_mesh_of_the_wrong_size_is_refused(tmp_path: Path, scale: float, message: str) -> None:
    write(tmp_path / "thing.ply", CAPSULE.copy().apply_scale(scale))
    with pytest.raises(InvalidValueError, match=message):
        load_user_objects(tmp_path)


def test_a_file_that_is_no_mesh_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing.ply").write_text("hello")
    with pytest.raises(InvalidValueError, match=r"thing\.ply is not a readable mesh"):
        load_user_objects(tmp_path)


def test_a_point_cloud_is_refused(tmp_path: Path) -> None:
    trimesh.PointCloud(CAPSULE.vertices).export(tmp_path / "points.ply")
    with pytest.raises(InvalidValueError, match=r"points\.ply has no triangles"):
        load_user_objects(tmp_path)


def test_a_folder_without_meshes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"has no mesh; put \.glb, \.obj, \.ply, \.stl"):
        load_user_objects(tmp_path)
    with pytest.raises(InvalidValueError, match="is not a folder"):
        load_user_objects(tmp_path / "missing")


def test_a_folder_with_several_meshes_of_no_known_name_is_refused(tmp_path: Path) -> None:
    for name in ("a.ply", "b.ply"):
        write(tmp_path / "thing" / name, CAPSULE)
    with pytest.raises(InvalidValueError, match=r"2 meshes, such as a\.ply and b\.ply"):
        load_user_objects(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.ply", "a.obj"):
        write(tmp_path / name, CAPSULE)
    with pytest.raises(InvalidValueError, match="both of the same name"):
        load_user_objects(tmp_path)


def test_a_scale_of_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="object scale is 0"):
        load_user_objects(tmp_path, scale=0.0)
