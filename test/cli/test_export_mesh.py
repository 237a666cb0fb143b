"""``export-mesh``: what is in a result recording comes back from the files, read by trimesh."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from typer.testing import CliRunner

from hand_object_recon.cli.main import app, main
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation import mesh_export
from hand_object_recon.recordings.result_writer import ReconstructionWriter
from hand_object_recon.recordings.rgbd_writer import CAMERA_INFO_TOPIC
from hand_object_recon.visualization.palette import SIDE_COLORS

START_NS = 1_700_000_000_123_456_789
FRAME_NS = 100_000_000
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], dtype=np.int32)
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
TOPOLOGIES = (HandTopology("right", 4, FACES), HandTopology("left", 4, FACES[:, ::-1]))


def hand(track_id: int, side: HandSide, frame: int) -> HandEstimate:
    random = np.random.default_rng(100 * track_id + frame)
    mirror = np.float32([-1 if side is HandSide.LEFT else 1, 1, 1])
    corners = (CORNERS * mirror + random.normal(scale=0.1, size=(4, 3))).astype(np.float32)
    return HandEstimate(
        track_id=track_id,
        side=side,
        score=0.5,
        joints_m=np.zeros((21, 3), np.float32),
        joint_visibility=np.ones(21, np.float32),
        vertices_m=corners,
        topology=str(side),
        wrist_pose=np.eye(4),
        pose_rad=np.zeros(48, np.float32),
        shape=np.zeros(10, np.float32),
    )


def frames() -> list[Reconstruction]:
    """Two hands and an object, one hand, none, and then six times one hand."""
    pose = np.eye(4)
    pose[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    pose[:3, 3] = (0.1, 0.2, 0.7)
    held = ObjectEstimate(4, 0.5, pose, CORNERS / 7, FACES, held_by=1)
    contents: list[Any] = [
        ((hand(1, HandSide.LEFT, 0), hand(2, HandSide.RIGHT, 0)), (held,)),
        ((hand(1, HandSide.LEFT, 1),), ()),
        ((), ()),
        *(((hand(2, HandSide.RIGHT, number),), ()) for number in range(3, 9)),
    ]
    return [
        Reconstruction(START_NS + number * FRAME_NS, "camera_optical", "rgbd_fit", *content)
        for number, content in enumerate(contents)
    ]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "result"
    with ReconstructionWriter(folder, TOPOLOGIES) as writer:
        for frame in frames():
            writer.write(frame)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "meshes"


def output_of(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["export-mesh", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def failure_of(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as end:
        main(["export-mesh", *map(str, arguments)])
    printed = capfd.readouterr()
    assert end.value.code == 2
    assert printed.err.count("\n") == 1
    return printed.err


def numbers_in(folder: Path) -> list[int]:
    return [int(path.name.split("_")[1]) for path in sorted(folder.iterdir())]


def expected_parts() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Vertices and faces of the first frame by name."""
    left, right = frames()[0].hands
    held = frames()[0].objects[0]
    moved = (held.pose[:3, :3] @ held.vertices_m.T).T + held.pose[:3, 3]
    return {
        "hand_1_left": (left.vertices_m, FACES[:, ::-1]),
        "hand_2_right": (right.vertices_m, FACES),
        "object_4": (moved.astype(np.float32), FACES),
    }


def glb_document(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    assert struct.unpack_from("<3I", data) == (0x46546C67, 2, len(data))
    length = struct.unpack_from("<I", data, 12)[0]
    return dict(json.loads(data[20 : 20 + length]))


def test_every_frame_with_a_mesh_has_a_file_named_by_number_and_stamp(
    recording: Path, out: Path
) -> None:
    said = output_of(recording, "--out", out)
    assert said == f"Written to {out}, files: 8, frames without a mesh: 1\n"
    assert numbers_in(out) == [0, 1, 3, 4, 5, 6, 7, 8]
    assert (out / f"frame_000003_{START_NS + 3 * FRAME_NS}.glb").is_file()


def test_a_glb_comes_back_with_names_vertices_faces_normals_and_colours(
    recording: Path, out: Path
) -> None:
    output_of(recording, "--out", out)
    path = out / f"frame_000000_{START_NS}.glb"
    scene = trimesh.load_scene(path, process=False)
    assert set(scene.graph.nodes_geometry) == set(expected_parts())
    for name, (vertices, faces) in expected_parts().items():
        transform, geometry = scene.graph[name]
        np.testing.assert_array_equal(transform, np.eye(4))
        mesh = scene.geometry[geometry]
        np.testing.assert_array_equal(mesh.vertices.astype(np.float32), vertices)
        np.testing.assert_array_equal(mesh.faces, faces)
        solid = trimesh.Trimesh(vertices, faces, process=False)
        weighted = solid.faces_sparse @ (solid.face_normals * solid.area_faces[:, None])
        expected = weighted / np.linalg.norm(weighted, axis=1, keepdims=True)
        np.testing.assert_allclose(mesh.vertex_normals, expected, atol=1e-6)
    colors = {
        item["name"]: item["pbrMetallicRoughness"] for item in glb_document(path)["materials"]
    }
    for name, side in (("hand_1_left", HandSide.LEFT), ("hand_2_right", HandSide.RIGHT)):
        linear = np.array(colors[name]["baseColorFactor"][:3])
        srgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(255 * srgb, SIDE_COLORS[side], atol=0.5)


def test_a_glb_says_its_limits_unit_frame_and_stamp(recording: Path, out: Path) -> None:
    output_of(recording, "--out", out)
    document = glb_document(out / f"frame_000000_{START_NS}.glb")
    about = document["asset"]["extras"]
    assert about["unit"] == "metre"
    assert about["frame"] == "camera_optical"
    assert about["stamp_ns"] == str(START_NS)
    assert "x right, y down, z forward" in about["axes"]
    positions = [
        document["accessors"][mesh["primitives"][0]["attributes"]["POSITION"]]
        for mesh in document["meshes"]
    ]
    for accessor, (vertices, _) in zip(positions, expected_parts().values(), strict=True):
        np.testing.assert_array_equal(np.float32(accessor["min"]), vertices.min(axis=0))
        np.testing.assert_array_equal(np.float32(accessor["max"]), vertices.max(axis=0))
    assert document["accessors"][document["meshes"][0]["primitives"][0]["indices"]] == {
        "bufferView": 2,
        "componentType": 5125,
        "count": 12,
        "type": "SCALAR",
    }


def test_a_ply_holds_the_meshes_in_the_order_of_its_comments(recording: Path, out: Path) -> None:
    output_of(recording, "--out", out, "--format", "PLY")
    path = out / f"frame_000000_{START_NS}.ply"
    header = path.read_bytes().partition(b"end_header")[0].decode().splitlines()
    assert "comment frame: camera_optical" in header
    assert "comment unit: metre" in header
    mesh = trimesh.load_mesh(path, process=False)
    rows = [line.split() for line in header if line.startswith("comment mesh ")]
    assert [row[2] for row in rows] == list(expected_parts())
    for row, (vertices, faces) in zip(rows, expected_parts().values(), strict=True):
        first, count, first_face, face_count = (int(row[place]) for place in (4, 5, 7, 8))
        found = mesh.vertices[first : first + count].astype(np.float32)
        np.testing.assert_array_equal(found, vertices)
        np.testing.assert_array_equal(
            mesh.faces[first_face : first_face + face_count] - first, faces
        )
    np.testing.assert_array_equal(mesh.visual.vertex_colors[0, :3], SIDE_COLORS[HandSide.LEFT])
    np.testing.assert_array_equal(mesh.visual.vertex_colors[4, :3], SIDE_COLORS[HandSide.RIGHT])


def test_the_normals_of_ply_and_obj_are_those_of_glb(recording: Path, tmp_path: Path) -> None:
    for kind in ("glb", "ply", "obj"):
        output_of(recording, "--out", tmp_path / kind, "--format", kind, "--start", 0.8)
    stem = f"frame_000008_{START_NS + 8 * FRAME_NS}"
    scene = trimesh.load_scene(tmp_path / "glb" / f"{stem}.glb", process=False)
    expected = scene.geometry["hand_2_right"].vertex_normals
    ply = (tmp_path / "ply" / f"{stem}.ply").read_bytes().partition(b"end_header\n")[2]
    row = np.dtype([("place", "<f4", 3), ("normal", "<f4", 3), ("color", "u1", 3)])
    np.testing.assert_allclose(np.frombuffer(ply, row, 4)["normal"], expected, atol=1e-7)
    obj = (tmp_path / "obj" / f"{stem}.obj").read_text().splitlines()
    normals = [line.split()[1:] for line in obj if line.startswith("vn ")]
    np.testing.assert_allclose(np.array(normals, float), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore::RuntimeWarning:trimesh")
def test_an_obj_comes_back_object_for_object(recording: Path, out: Path) -> None:
    output_of(recording, "--out", out, "--format", "obj")
    path = out / f"frame_000000_{START_NS}.obj"
    assert "# frame: camera_optical" in path.read_text().splitlines()
    scene = trimesh.load_scene(path, process=False, maintain_order=True, split_objects=True)
    assert set(scene.geometry) == set(expected_parts())
    for name, (vertices, faces) in expected_parts().items():
        mesh = scene.geometry[name]
        np.testing.assert_array_equal(mesh.triangles.astype(np.float32), vertices[faces])


def test_a_usda_holds_the_parts_and_says_frame_and_stamp(recording: Path, out: Path) -> None:
    output_of(recording, "--out", out, "--format", "usda")
    text = (out / f"frame_000000_{START_NS}.usda").read_text()
    assert re.findall(r'def Mesh "(\w+)"', text) == list(expected_parts())
    assert 'string frame = "camera_optical"' in text
    assert f'string stamp_ns = "{START_NS}"' in text
    points = [re.findall(r"[-+.\de]+", row) for row in re.findall(r" points = \[(.*)\]", text)]
    for found, (vertices, _) in zip(points, expected_parts().values(), strict=True):
        np.testing.assert_array_equal(np.float32(found).reshape(-1, 3), vertices)


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (("--every", 4), [0, 4, 8]),
        (("--start", 0.25), [3, 4, 5, 6, 7, 8]),
        (("--start", 0.3, "--duration", 0.2), [3, 4]),
        (("--start", 0.3, "--every", 2), [3, 5, 7]),
        (("--hand", "left"), [0, 1]),
    ],
)
def test_frames_are_selected(
    recording: Path, out: Path, options: tuple[object, ...], numbers: list[int]
) -> None:
    output_of(recording, "--out", out, *options)
    assert numbers_in(out) == numbers


def test_one_hand_leaves_the_other_out_but_not_the_object(recording: Path, out: Path) -> None:
    output_of(recording, "--out", out, "--hand", "right", "--duration", 0.05)
    document = glb_document(out / f"frame_000000_{START_NS}.glb")
    assert [node["name"] for node in document["nodes"]] == ["hand_2_right", "object_4"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "usd"), "mesh format is 'usd'; handled are glb, ply, obj, usda"),
        (("--start", 5), "none of 0 selected frames has a mesh"),
        (("--start", 0.15, "--duration", 0.1), "none of 1 selected frames has a mesh"),
        (("--duration", 0), "duration is 0.0 s; it must be above 0"),
    ],
)
def test_wrong_options_are_one_line_and_leave_no_folder(
    recording: Path,
    out: Path,
    capfd: pytest.CaptureFixture[str],
    options: tuple[object, ...],
    message: str,
) -> None:
    assert message in failure_of(capfd, recording, "--out", out, *options)
    assert not out.exists()


def test_a_second_export_into_the_folder_is_refused(
    recording: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output_of(recording, "--out", out)
    assert "holds exported frames already" in failure_of(capfd, recording, "--out", out)


def test_a_file_in_the_way_is_one_line(
    recording: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out.write_text("in the way")
    assert "is a file" in failure_of(capfd, recording, "--out", out)
    assert "cannot be written" in failure_of(capfd, recording, "--out", out / "below")


def test_a_recording_without_results_is_one_line_that_names_the_topic(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str], camera_recording: Path
) -> None:
    error = failure_of(capfd, camera_recording, "--out", out)
    assert "has no /hand_object_recon/topology" in error
    assert CAMERA_INFO_TOPIC in error
    (tmp_path / "empty").mkdir()
    assert "holds no recording" in failure_of(capfd, tmp_path / "empty", "--out", out)
    assert "does not exist" in failure_of(capfd, tmp_path / "nothing", "--out", out)


def test_a_hand_whose_topology_is_missing_is_one_line(
    recording: Path,
    out: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mesh_export, "read_topologies", lambda path: {})
    error = failure_of(capfd, recording, "--out", out)
    assert "hand 1 has topology 'left', whose faces are not given; known are none" in error
