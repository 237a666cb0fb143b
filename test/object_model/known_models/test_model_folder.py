"""A folder of meshes becomes known models, or one line says what is wrong with which file."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import igl
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.object_model.known_models.model_folder import load_known_models

CAPSULE = trimesh.creation.capsule(height=0.06, radius=0.02)
RING = trimesh.creation.torus(0.05, 0.012)
MAX_SIZE_M = 0.3


def write(folder: Path, name: str, mesh: trimesh.Trimesh) -> None:
    mesh.export(folder / name)


@pytest.mark.parametrize("suffix", ["obj", "ply", "stl", "glb"])
def test_each_format_gives_the_mesh_that_was_written(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, f"capsule.{suffix}", CAPSULE)
    (model,) = load_known_models(tmp_path, MAX_SIZE_M)
    assert model.name == "capsule"
    read = trimesh.Trimesh(model.vertices_m, model.faces, process=False)
    assert read.is_volume
    assert read.volume == pytest.approx(CAPSULE.volume, rel=1e-4)


def test_models_come_by_name_with_their_distances(tmp_path: Path) -> None:
    write(tmp_path, "ring.ply", RING)
    write(tmp_path, "capsule.ply", CAPSULE)
    (tmp_path / "notes.txt").write_text("not a mesh")
    models = load_known_models(tmp_path, MAX_SIZE_M)
    assert [model.name for model in models] == ["capsule", "ring"]
    for model, mesh in zip(models, (CAPSULE, RING), strict=True):
        points = np.random.default_rng(0).uniform(-0.03, 0.03, (200, 3))
        distances, _ = model.grid.sample(points)
        known = np.isfinite(distances)
        expected = igl.signed_distance(points, mesh.vertices, mesh.faces.astype(np.int64))[0]
        assert known.mean() > 0.5
        assert np.abs(distances - expected)[known].max() < 0.002


def test_a_mesh_turned_inside_out_is_turned_back(tmp_path: Path) -> None:
    inside_out = CAPSULE.copy()
    inside_out.invert()
    write(tmp_path, "capsule.ply", inside_out)
    (model,) = load_known_models(tmp_path, MAX_SIZE_M)
    assert trimesh.Trimesh(model.vertices_m, model.faces, process=False).volume > 0


def test_an_open_mesh_of_a_convex_body_is_closed_by_its_hull(tmp_path: Path) -> None:
    box = trimesh.creation.box((0.05, 0.06, 0.07)).subdivide().subdivide()
    box.update_faces(np.arange(len(box.faces)) > 2)
    write(tmp_path, "box.ply", box)
    (model,) = load_known_models(tmp_path, MAX_SIZE_M)
    read = trimesh.Trimesh(model.vertices_m, model.faces, process=False)
    assert read.is_watertight
    assert read.volume == pytest.approx(0.05 * 0.06 * 0.07, rel=1e-3)


def test_an_open_mesh_that_is_not_convex_is_refused(tmp_path: Path) -> None:
    ring = RING.copy()
    ring.update_faces(np.arange(len(ring.faces)) > 30)
    write(tmp_path, "ring.ply", ring)
    with pytest.raises(InvalidValueError, match=r"ring\.ply is open and not convex"):
        load_known_models(tmp_path, MAX_SIZE_M)


@pytest.mark.parametrize(
    ("scale", "fix"), [(1000.0, "millimetres"), (90.0, "centimetres"), (0.05, "metres")]
)
def test_a_mesh_of_the_wrong_size_is_refused_with_what_it_looks_like(
    tmp_path: Path, scale: float, fix: str
) -> None:
    mesh = CAPSULE.copy()
    mesh.apply_scale(scale)
    write(tmp_path, "capsule.stl", mesh)
    with pytest.raises(InvalidValueError, match=rf"capsule\.stl spans .* {fix}"):
        load_known_models(tmp_path, MAX_SIZE_M)


def test_a_file_that_is_no_mesh_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.glb").write_bytes(b"not a mesh at all")
    with pytest.raises(InvalidValueError, match=r"broken\.glb is not a readable mesh"):
        load_known_models(tmp_path, MAX_SIZE_M)


def test_a_point_cloud_is_refused(tmp_path: Path) -> None:
    trimesh.PointCloud(CAPSULE.vertices).export(tmp_path / "cloud.ply")
    with pytest.raises(InvalidValueError, match=r"cloud\.ply has no triangles"):
        load_known_models(tmp_path, MAX_SIZE_M)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "capsule.ply", CAPSULE)
    write(tmp_path, "capsule.stl", CAPSULE)
    with pytest.raises(InvalidValueError, match=r"capsule\.ply beside capsule\.stl"):
        load_known_models(tmp_path, MAX_SIZE_M)


def test_a_folder_without_meshes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="has no mesh"):
        load_known_models(tmp_path, MAX_SIZE_M)
    with pytest.raises(InvalidValueError, match="not a folder"):
        load_known_models(tmp_path / "nowhere", MAX_SIZE_M)


def test_without_trimesh_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "capsule.ply", CAPSULE)
    real_import = builtins.__import__

    def without_trimesh(name: str, *rest: Any, **named: Any) -> Any:
        if name == "trimesh":
            raise ImportError(name)
        return real_import(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_trimesh)
    with pytest.raises(DependencyError, match=r"hand-object-recon\[synthesis\]"):
        load_known_models(tmp_path, MAX_SIZE_M)
