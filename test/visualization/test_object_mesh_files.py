"""What is known of an object's surface is in the colours of its mesh file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.hands import HandEstimate, HandSide, HandSurface, HandTopology
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.visualization.frame_meshes import frame_meshes
from hand_object_recon.visualization.mesh_files import write_mesh_file
from hand_object_recon.visualization.palette import COMPLETED_COLOR, OBJECT_COLOR

BALL = trimesh.creation.icosphere(subdivisions=1, radius=0.04)
COLORS = np.random.default_rng(3).integers(0, 256, (len(BALL.vertices), 3)).astype(np.uint8)
SEEN = BALL.vertices[:, 2] < 0.01


def written(path: Path, **fields: Any) -> Path:
    faces = BALL.faces.astype(np.int32)
    item = ObjectEstimate(4, 0.5, np.eye(4), np.float32(BALL.vertices), faces, **fields)
    frame = Reconstruction(1, "camera", "fused", objects=(item,))
    write_mesh_file(path, frame_meshes(frame, {}), {"unit": "metre"})
    return path


def colors_in(path: Path) -> np.ndarray:
    """(V, 3) from 0 to 255, read by trimesh."""
    return np.asarray(trimesh.load_mesh(path, process=False).visual.vertex_colors)[:, :3]


def srgb(linear: np.ndarray) -> np.ndarray:
    curved = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * curved


@pytest.fixture
def expected() -> np.ndarray:
    """The object's own colours, one of our own where it was not seen."""
    return np.where(SEEN[:, None], COLORS, np.array(COMPLETED_COLOR))


@pytest.mark.parametrize("ending", ["ply", "obj"])
def test_ply_and_obj_hold_a_colour_for_each_vertex(
    tmp_path: Path, expected: np.ndarray, ending: str
) -> None:
    path = written(tmp_path / f"ball.{ending}", vertex_seen=SEEN, vertex_colors=COLORS)
    np.testing.assert_allclose(colors_in(path), expected, atol=1)


def test_glb_holds_linear_colours_that_the_material_leaves_alone(
    tmp_path: Path, expected: np.ndarray
) -> None:
    path = written(tmp_path / "ball.glb", vertex_seen=SEEN, vertex_colors=COLORS)
    with path.open("rb") as file:
        mesh = trimesh.exchange.gltf.load_glb(file)["geometry"]["object_4"]
    linear = mesh["visual"].vertex_attributes["color"]
    np.testing.assert_allclose(srgb(linear), expected, atol=0.5)
    assert b'"baseColorFactor":[1.0,1.0,1.0,1.0]' in path.read_bytes()


def test_usda_holds_linear_colours_by_vertex(tmp_path: Path, expected: np.ndarray) -> None:
    text = written(tmp_path / "ball.usda", vertex_seen=SEEN, vertex_colors=COLORS).read_text()
    (found,) = re.findall(r"displayColor = \[(.*)\] \(\n *interpolation = .vertex.", text)
    linear = np.array(re.findall(r"[-+.\de]+", found), dtype=np.float64).reshape(-1, 3)
    np.testing.assert_allclose(srgb(linear), expected, atol=0.5)


def test_pixars_library_reads_a_colour_for_each_vertex(
    tmp_path: Path, expected: np.ndarray
) -> None:
    usd = pytest.importorskip("pxr.Usd", reason="usd-core is not installed (none for Python 3.10)")
    geometry = pytest.importorskip("pxr.UsdGeom")
    path = written(tmp_path / "ball.usda", vertex_seen=SEEN, vertex_colors=COLORS)
    stage = usd.Stage.Open(str(path))
    (prim,) = stage.GetDefaultPrim().GetChildren()
    colors = geometry.Mesh(prim).GetDisplayColorPrimvar()
    assert colors.GetInterpolation() == "vertex"
    np.testing.assert_allclose(srgb(np.array(colors.Get())), expected, atol=0.5)


def test_without_colours_of_its_own_the_seen_part_is_grey(tmp_path: Path) -> None:
    colors = colors_in(written(tmp_path / "ball.ply", vertex_seen=SEEN))
    np.testing.assert_array_equal(colors[SEEN], np.tile(OBJECT_COLOR, (SEEN.sum(), 1)))
    np.testing.assert_array_equal(colors[~SEEN], np.tile(COMPLETED_COLOR, ((~SEEN).sum(), 1)))


def test_an_object_of_which_neither_is_known_has_one_colour(tmp_path: Path) -> None:
    colors = colors_in(written(tmp_path / "ball.ply"))
    np.testing.assert_array_equal(colors, np.tile(OBJECT_COLOR, (len(colors), 1)))
    assert "COLOR_0" not in written(tmp_path / "ball.glb").read_bytes().decode("latin1")


def test_a_hand_s_own_surface_comes_beside_the_hand_model_s_mesh() -> None:
    corners = np.float32([[0, 0, 0.5], [0.1, 0, 0.5], [0, 0.1, 0.5]])
    topology = HandTopology("plate", 3, np.int32([[0, 2, 1]]))
    ball = np.float32(np.add(BALL.vertices, (0.0, 0.0, 0.5)))
    normals = np.float32(BALL.vertex_normals)
    hand = HandEstimate(
        track_id=1,
        side=HandSide.LEFT,
        score=1.0,
        joints_m=np.zeros((21, 3), np.float32),
        joint_visibility=np.ones(21, np.float32),
        vertices_m=corners,
        topology="plate",
        wrist_pose=np.eye(4),
        pose_rad=np.zeros(48, np.float32),
        shape=np.zeros(10, np.float32),
        surface=HandSurface(ball, BALL.faces.astype(np.int32), normals),
    )
    frame = Reconstruction(1, "camera", "gsdf", hands=(hand,))
    model, surface = frame_meshes(frame, {"plate": topology})
    assert (model.name, surface.name) == ("hand_1_left", "hand_1_left_surface")
    np.testing.assert_array_equal(surface.vertices_m, ball)
    np.testing.assert_allclose(surface.normals, normals)
    assert surface.color == model.color
    assert frame_meshes(frame, {"plate": topology}, [HandSide.RIGHT]) == []
