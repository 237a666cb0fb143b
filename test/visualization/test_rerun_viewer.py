"""What the Rerun viewer is given, read back from the file that keeps it."""

from __future__ import annotations

import importlib.util
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    HandTopology,
)
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.core.objects import HandContact, HandPart, ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.visualization import rerun_viewer
from hand_object_recon.visualization.palette import COMPLETED_COLOR, SIDE_COLORS
from hand_object_recon.visualization.rerun_viewer import RerunViewer, require_viewer

START_NS = 1_700_000_000_123_456_789
FRAME_NS = 40_000_000
CAMERA = CameraIntrinsics(64, 48, 60.0, 61.0, 31.0, 24.0)
BALL = trimesh.creation.icosphere(subdivisions=1, radius=0.04)
FACES = BALL.faces.astype(np.int32)
TOPOLOGIES = (HandTopology("ball", len(BALL.vertices), FACES),)
DETECTION = HandDetection(HandSide.RIGHT, 0.75, BoundingBox(10.0, 5.0, 30.0, 45.0))
HAND = "/hand_3_right"
DETECTED = "/camera/detections/track_3"
TOWARDS_CAMERA = np.float32([0, 0, -1])


@pytest.fixture
def rerun() -> Any:
    if int(np.__version__.partition(".")[0]) < 2:
        pytest.skip("Rerun needs NumPy 2")
    return pytest.importorskip("rerun", reason="rerun-sdk, the extra `viewer`, is not installed")


def frame_of(number: int) -> RgbdFrame:
    rows, columns = np.mgrid[0:48, 0:64]
    rgb = np.stack([columns * 3, rows * 4, np.full_like(rows, 40 * number)], axis=-1)
    depth_m = (0.4 + rows / 1000).astype(np.float32)
    depth_m[5:9, 5:9] = np.nan
    depth_m[0, 0] = 70.0
    stamp_ns = START_NS + number * FRAME_NS
    return RgbdFrame(rgb.astype(np.uint8), depth_m, CAMERA, stamp_ns, "camera")


def hand_at(number: int) -> HandEstimate:
    random = np.random.default_rng(number)
    return HandEstimate(
        track_id=3,
        side=HandSide.RIGHT,
        score=1.0,
        joints_m=random.normal(size=(21, 3)).astype(np.float32),
        joint_visibility=np.ones(21, dtype=np.float32),
        vertices_m=(BALL.vertices + np.array([0, 0, 0.5 + number / 100])).astype(np.float32),
        topology="ball",
        wrist_pose=np.eye(4),
        pose_rad=np.zeros(48, dtype=np.float32),
        shape=np.zeros(10, dtype=np.float32),
    )


def held_object() -> ObjectEstimate:
    pose = np.eye(4)
    pose[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    pose[:3, 3] = (0.1, 0.2, 0.7)
    return ObjectEstimate(
        4,
        0.5,
        pose,
        BALL.vertices.astype(np.float32),
        FACES,
        held_by=3,
        name="ball",
        vertex_seen=BALL.vertices[:, 2] < 0,
        vertex_colors=np.tile(np.uint8([10, 200, 30]), (len(BALL.vertices), 1)),
        contacts=(
            HandContact(3, HandPart.THUMB, np.float32([0.1, 0.2, 0.66]), TOWARDS_CAMERA, 0.001),
            HandContact(3, HandPart.INDEX, np.float32([0.1, 0.2, 0.74]), -TOWARDS_CAMERA, 0.0),
        ),
    )


@pytest.fixture
def kept(rerun: Any, tmp_path: Path) -> Path:
    """Four frames: a hand with an object, the hand alone, nothing, the object untouched."""
    file = tmp_path / "new" / "kept.rrd"
    contents: list[Any] = [
        ((hand_at(0),), (held_object(),)),
        ((hand_at(1),), ()),
        ((), ()),
        ((), (replace(held_object(), contacts=()),)),
    ]
    with RerunViewer(TOPOLOGIES, file=file) as viewer:
        for number, (hands, objects) in enumerate(contents):
            frame = frame_of(number)
            stage_ms = {"detect": 4.0 + number, "fit": 9.5}
            result = Reconstruction(frame.stamp_ns, "camera", "fit", hands, objects, stage_ms)
            viewer.show(frame, result, {3: DETECTION} if hands else {})
    return file


def rows_of(file: Path, entity: str) -> list[dict[str, Any]]:
    """Rows of an entity in the order of the frames; a component without values is left out."""
    chunks = pytest.importorskip("rerun.chunk", reason="this Rerun reads no file back")
    rows = []
    for chunk in chunks.RrdReader(file).stream():
        if chunk.entity_path == entity:
            batch = chunk.to_record_batch()
            for number in range(chunk.num_rows):
                cells = {name: batch.column(name)[number] for name in batch.schema.names}
                rows.append(
                    {
                        name: value_of(name, cell)
                        for name, cell in cells.items()
                        if cell.is_valid and value_of(name, cell) is not None
                    }
                )
    return sorted(rows, key=lambda row: row.get("frame", -1))


def value_of(name: str, cell: Any) -> Any:
    """Nanoseconds of a time, otherwise the values; None for an empty list of them."""
    if name in ("stamp", "log_time"):
        return cell.value
    value = cell.as_py()
    return None if value == [] else value


def array_of(row: dict[str, Any], component: str) -> NDArray[Any]:
    return np.array(row[component])


def test_every_frame_is_on_the_timelines_of_stamps_and_numbers(kept: Path) -> None:
    images = rows_of(kept, "/camera/image")
    assert [row["frame"] for row in images] == [0, 1, 2, 3]
    assert [row["stamp"] for row in images] == [START_NS + n * FRAME_NS for n in range(4)]


def test_a_hand_is_where_it_is_with_its_faces_and_normals(kept: Path) -> None:
    for number, row in enumerate(rows_of(kept, f"{HAND}/mesh")[:2]):
        hand = hand_at(number)
        positions = array_of(row, "Mesh3D:vertex_positions").astype(np.float32)
        np.testing.assert_array_equal(positions, hand.vertices_m)
        np.testing.assert_array_equal(array_of(row, "Mesh3D:triangle_indices"), FACES)
        outward = BALL.vertices / np.linalg.norm(BALL.vertices, axis=1, keepdims=True)
        np.testing.assert_allclose(array_of(row, "Mesh3D:vertex_normals"), outward, atol=0.02)
        (color,) = row["Mesh3D:albedo_factor"]
        assert tuple(color.to_bytes(4, "big")[:3]) == SIDE_COLORS[HandSide.RIGHT]


def test_joints_are_points_and_bones_are_lines(kept: Path) -> None:
    joints = hand_at(1).joints_m
    points = rows_of(kept, f"{HAND}/joints")[1]
    np.testing.assert_array_equal(array_of(points, "Points3D:positions"), joints)
    lines = rows_of(kept, f"{HAND}/skeleton")[1]
    expected = [[joints[parent], joints[child]] for parent, child in BONES]
    np.testing.assert_array_equal(array_of(lines, "LineStrips3D:strips"), expected)


def test_an_object_is_moved_to_the_camera_frame(kept: Path) -> None:
    held = held_object()
    expected = trimesh.transform_points(held.vertices_m, held.pose)
    row = rows_of(kept, "/object_4/mesh")[0]
    np.testing.assert_allclose(array_of(row, "Mesh3D:vertex_positions"), expected, atol=1e-6)


def test_an_object_has_its_own_colours_and_another_where_it_was_not_seen(kept: Path) -> None:
    row = rows_of(kept, "/object_4/mesh")[0]
    colors = np.array([value.to_bytes(4, "big")[:3] for value in row["Mesh3D:vertex_colors"]])
    rgb = np.frombuffer(b"".join(colors), np.uint8).reshape(-1, 3)
    seen = held_object().vertex_seen
    assert seen is not None
    assert {tuple(one) for one in rgb[seen].tolist()} == {(10, 200, 30)}
    assert {tuple(one) for one in rgb[~seen].tolist()} == {COMPLETED_COLOR}
    assert "Mesh3D:albedo_factor" not in row


def test_contacts_are_dots_and_arrows_until_there_are_none(kept: Path) -> None:
    contacts = held_object().contacts
    dots, *_, none = rows_of(kept, "/object_4/contacts")
    points = [contact.point_m for contact in contacts]
    np.testing.assert_array_equal(array_of(dots, "Points3D:positions"), points)
    assert dots["Points3D:labels"] == ["thumb", "index"]
    assert none["frame"] == 3
    assert "Points3D:positions" not in none
    arrows = rows_of(kept, "/object_4/contact_normals")[0]
    np.testing.assert_array_equal(array_of(arrows, "Arrows3D:origins"), points)
    vectors = array_of(arrows, "Arrows3D:vectors")
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, [contact.normal for contact in contacts], atol=1e-6)


def test_the_label_in_an_object_tells_its_name_and_state(kept: Path) -> None:
    row = rows_of(kept, "/object_4/label")[0]
    assert row["Points3D:labels"] == ["ball #4 held"]
    np.testing.assert_allclose(array_of(row, "Points3D:positions"), [[0.1, 0.2, 0.7]], atol=1e-6)


def test_an_object_that_vanished_is_cleared_and_may_come_back(kept: Path) -> None:
    rows = rows_of(kept, "/object_4/mesh")
    assert [row["frame"] for row in rows if "Mesh3D:vertex_positions" in row] == [0, 3]
    cleared = [row for row in rows_of(kept, "/object_4") if "Clear:is_recursive" in row]
    assert [(row["frame"], row["Clear:is_recursive"]) for row in cleared] == [(1, [True])]


@pytest.mark.parametrize(
    ("entity", "component", "frames"),
    [
        (f"{HAND}/mesh", "Mesh3D:vertex_positions", [0, 1]),
        (f"{HAND}/joints", "Points3D:positions", [0, 1]),
        (DETECTED, "Boxes2D:centers", [0, 1]),
    ],
)
def test_what_vanished_is_cleared_once(
    kept: Path, entity: str, component: str, frames: list[int]
) -> None:
    assert [row["frame"] for row in rows_of(kept, entity) if component in row] == frames
    parent = entity if entity == DETECTED else entity.rpartition("/")[0]
    cleared = [row for row in rows_of(kept, parent) if "Clear:is_recursive" in row]
    assert [(row["frame"], row["Clear:is_recursive"]) for row in cleared] == [
        (frames[-1] + 1, [True])
    ]


def test_a_detection_is_a_labelled_box_under_its_track(kept: Path) -> None:
    row = rows_of(kept, DETECTED)[0]
    np.testing.assert_array_equal(array_of(row, "Boxes2D:centers"), [(20.0, 25.0)])
    np.testing.assert_array_equal(array_of(row, "Boxes2D:half_sizes"), [(10.0, 20.0)])
    assert row["Boxes2D:labels"] == ["right #3 0.75"]


def test_the_image_is_a_jpeg_and_depth_is_millimetres_with_holes(kept: Path) -> None:
    frame = frame_of(1)
    image = rows_of(kept, "/camera/image")[1]
    (blob,) = image["EncodedImage:blob"]
    bgr = cv2.imdecode(np.frombuffer(bytes(blob), np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    assert np.abs(bgr[..., ::-1].astype(int) - frame.rgb).mean() < 6
    depth = rows_of(kept, "/camera/depth")[1]
    (buffer,) = depth["DepthImage:buffer"]
    millimetres = np.frombuffer(bytes(buffer), np.uint16).reshape(48, 64)
    expected = np.where(np.isnan(frame.depth_m), 0, np.round(frame.depth_m * 1000))
    expected[0, 0] = 0  # more millimetres than 16 bits hold
    np.testing.assert_array_equal(millimetres, expected)
    assert depth["DepthImage:meter"] == [1000.0]


def test_the_camera_looks_along_z_with_y_down(kept: Path) -> None:
    (camera,) = rows_of(kept, "/camera")
    matrix = array_of(camera, "Pinhole:image_from_camera").reshape(3, 3)
    np.testing.assert_array_equal(matrix, CAMERA.matrix.T)  # Rerun keeps columns
    assert camera["Pinhole:resolution"] == [[64.0, 48.0]]
    right_down_forward = [3, 2, 5]  # Rerun's numbers for these directions
    assert camera["Pinhole:camera_xyz"] == [right_down_forward]
    (world,) = rows_of(kept, "/")
    assert world["ViewCoordinates:xyz"] == [right_down_forward]


def test_stage_times_are_numbers_over_time_and_their_sum_is_the_total(kept: Path) -> None:
    def times(stage: str) -> list[float]:
        return [row["Scalars:scalars"][0] for row in rows_of(kept, f"/latency/{stage}")]

    assert times("detect") == [4.0, 5.0, 6.0, 7.0]
    assert times("fit") == [9.5, 9.5, 9.5, 9.5]
    assert times("total") == [13.5, 14.5, 15.5, 16.5]


def test_the_file_says_how_to_look_at_it(kept: Path) -> None:
    chunks = pytest.importorskip("rerun.chunk")
    reader = chunks.RrdReader(kept)
    (blueprint,) = reader.blueprints()
    text = "\n".join(str(chunk) for chunk in reader.stream(store=blueprint))
    for view in ("Camera space", "Image", "Latency in ms"):
        assert view in text


@pytest.fixture
def no_viewer_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(rerun_viewer, "_PORT", free.getsockname()[1])


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def program(folder: Path, script: str) -> str:
    path = folder / "rerun"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.usefixtures("no_viewer_listens")
def test_a_viewer_is_opened_and_fed_as_well_as_the_file(
    rerun: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, sinks = tmp_path / "asked", []
    script = f"echo $@ > {asked}; sleep 2"
    monkeypatch.setattr(rerun_viewer, "_viewer_program", lambda: program(tmp_path, script))
    monkeypatch.setattr(rerun_viewer, "_START_LIMIT_S", 0.2)
    monkeypatch.setattr(
        rerun.RecordingStream, "set_sinks", lambda self, *given, **_: sinks.extend(given)
    )
    with RerunViewer(TOPOLOGIES, opens=True, file=tmp_path / "kept.rrd"):
        pass
    assert asked.read_text() == f"--port {rerun_viewer._PORT}\n"
    assert [type(sink).__name__ for sink in sinks] == ["GrpcSink", "FileSink"]


@pytest.mark.usefixtures("rerun", "no_viewer_listens")
def test_a_viewer_that_ends_at_once_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerun_viewer, "_viewer_program", lambda: program(tmp_path, "exit 7"))
    monkeypatch.setattr(rerun_viewer, "_START_LIMIT_S", 0.2)
    with pytest.raises(DependencyError, match=r"ended at once with status 7; is there a screen\?"):
        RerunViewer(TOPOLOGIES, opens=True)


def test_a_file_that_cannot_be_written_is_one_line(rerun: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidValueError, match="cannot be written"):
        RerunViewer(TOPOLOGIES, file=tmp_path / "file" / "kept.rrd")


def test_without_rerun_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"pip install 'hand_object_recon\[viewer\]'"):
        require_viewer(opens=False, file=Path("kept.rrd"))


def test_an_old_numpy_is_named(rerun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "__version__", "1.26.4")
    with pytest.raises(DependencyError, match=r"needs NumPy 2, this is NumPy 1\.26\.4"):
        require_viewer(opens=False, file=None)


@pytest.mark.usefixtures("rerun", "no_viewer_listens", "no_screen")
def test_without_a_screen_it_is_said_what_to_do() -> None:
    with pytest.raises(DependencyError, match=r"needs a screen.*use --save-viewer FILE\.rrd"):
        require_viewer(opens=True, file=None)


@pytest.mark.usefixtures("rerun", "no_viewer_listens")
def test_without_the_viewer_program_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(DependencyError, match=r"program rerun is neither .*\[viewer\]"):
        require_viewer(opens=True, file=None)


@pytest.mark.usefixtures("rerun", "no_screen")
def test_without_a_screen_a_viewer_that_listens_already_will_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setattr(rerun_viewer, "_PORT", listening.getsockname()[1])
        require_viewer(opens=True, file=None)


def test_a_file_that_exists_or_is_no_rrd_is_refused(rerun: Any, tmp_path: Path) -> None:
    (tmp_path / "old.rrd").write_bytes(b"")
    with pytest.raises(InvalidValueError, match="exists already"):
        require_viewer(opens=False, file=tmp_path / "old.rrd")
    with pytest.raises(InvalidValueError, match=r"must end in \.rrd"):
        require_viewer(opens=False, file=tmp_path / "kept.mp4")
