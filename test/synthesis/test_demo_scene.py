"""The demo scene is what a camera in front of a moving hand would see, and its truth fits it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.hand_truth import load_hand_truth
from hand_object_recon.evaluation.surface_distance import distances_to_surface
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.synthesis.arm_mesh import grow_arm, wrist_rim
from hand_object_recon.synthesis.demo_recording import write_demo_recording
from hand_object_recon.synthesis.demo_scene import DemoScene, SyntheticFrame
from hand_object_recon.synthesis.hand_motion import LOOP_S, HandMotion

SMALL_CAMERA = CameraIntrinsics(320, 240, 306.0, 306.0, 160.2, 119.1)
FRAME_COUNT = 60


@pytest.fixture(scope="module")
def scene() -> list[SyntheticFrame]:
    return list(DemoScene(FRAME_COUNT, seed=1, camera=SMALL_CAMERA).frames())


def test_frames_come_at_thirty_a_second(scene: list[SyntheticFrame]) -> None:
    stamps_ns = [synthetic.frame.stamp_ns for synthetic in scene]
    assert len(scene) == FRAME_COUNT
    np.testing.assert_allclose(np.diff(stamps_ns), 1e9 / 30, atol=1)


def test_the_right_hand_is_there_throughout_and_the_left_one_joins(
    scene: list[SyntheticFrame],
) -> None:
    sides = [[hand.model.side for hand in synthetic.hands] for synthetic in scene]
    half = FRAME_COUNT // 2
    assert all(listed == [HandSide.RIGHT] for listed in sides[:half])
    assert sides[-1] == [HandSide.RIGHT, HandSide.LEFT]


@pytest.mark.parametrize("index", [0, 25, 59])
def test_depth_on_the_palm_is_that_of_the_true_mesh(
    scene: list[SyntheticFrame], index: int
) -> None:
    synthetic = scene[index]
    hand = synthetic.hands[0]
    triangles = trimesh.Trimesh(hand.posed.vertices_m, hand.model.faces, process=False)
    towards = np.einsum("ij,ij->i", triangles.face_normals, triangles.triangles_center) < 0
    pixels = np.round(project(triangles.triangles_center[towards], SMALL_CAMERA)).astype(int)
    pixels = np.unique(pixels, axis=0)
    read = synthetic.frame.depth_m[pixels[:, 1], pixels[:, 0]]
    on_hand = np.isfinite(read) & (read < 0.75)
    points = back_project(pixels[on_hand].astype(float), read[on_hand], SMALL_CAMERA)
    distances = distances_to_surface(points, hand.posed.vertices_m, hand.model.faces)
    assert len(points) > 100
    assert np.median(distances) < 0.002


def test_the_wall_is_behind_the_hands(scene: list[SyntheticFrame]) -> None:
    corner_m = np.nanmedian(scene[0].frame.depth_m[:30, -60:])
    assert 0.85 < corner_m < 1.05


def test_a_hand_stands_out_from_the_wall_in_colour(scene: list[SyntheticFrame]) -> None:
    synthetic = scene[0]
    palm = synthetic.hands[0].posed.joints_m[[0, 5, 9, 13, 17]].mean(axis=0)
    column, row = np.round(project(palm, SMALL_CAMERA)).astype(int)
    red, _, blue = synthetic.frame.rgb[row - 3 : row + 4, column - 3 : column + 4].mean(axis=(0, 1))
    wall_red, _, wall_blue = synthetic.frame.rgb[:30, -60:].mean(axis=(0, 1))
    assert red - blue > 30
    assert abs(wall_red - wall_blue) < 20


def test_the_same_seed_makes_the_same_frame() -> None:
    first, again, other = (
        next(DemoScene(4, seed=seed, camera=SMALL_CAMERA).frames()).frame for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.depth_m, again.depth_m)
    assert (first.depth_m != other.depth_m).mean() > 0.5


@pytest.mark.parametrize("side", list(HandSide))
def test_the_hand_moves_smoothly_and_stays_inside_its_joint_limits(side: HandSide) -> None:
    model = load_hand_model("open_hand", side)
    motion = HandMotion(model, (0.0, 0.0, 0.5))
    joints = np.array([motion.at(time).joints_m for time in np.arange(0.0, LOOP_S, 1 / 30)])
    speed_m_s = 30 * np.linalg.norm(np.diff(joints, axis=0), axis=2)
    assert 0.1 < speed_m_s.max() < 1.0
    np.testing.assert_allclose(motion.at(LOOP_S).joints_m, joints[0], atol=1e-5)


@pytest.mark.parametrize(
    ("side", "thumb_is_right"), [(HandSide.RIGHT, True), (HandSide.LEFT, False)]
)
def test_the_palm_faces_the_camera_with_the_fingers_up(
    side: HandSide, thumb_is_right: bool
) -> None:
    joints = HandMotion(load_hand_model("open_hand", side), (0.0, 0.0, 0.5)).at(0.0).joints_m
    assert joints[12, 1] < joints[9, 1] < joints[0, 1]
    assert (joints[4, 0] > joints[17, 0]) == thumb_is_right


@pytest.mark.parametrize("side", list(HandSide))
def test_thumb_and_index_come_together_within_the_first_three_seconds(side: HandSide) -> None:
    motion = HandMotion(load_hand_model("open_hand", side), (0.0, 0.0, 0.5))
    joints = np.array([motion.at(time).joints_m for time in np.arange(0.0, 3.0, 1 / 30)])
    apart_m = np.linalg.norm(joints[:, 4] - joints[:, 8], axis=1)
    assert apart_m.max() > 0.08
    assert 0.003 < apart_m.min() < 0.012


@pytest.mark.parametrize("side", list(HandSide))
def test_the_forearm_closes_onto_the_wrist_without_a_gap(side: HandSide) -> None:
    model = load_hand_model("open_hand", side)
    posed = HandMotion(model, (0.0, 0.0, 0.5)).at(1.0)
    arm = grow_arm(model, posed, np.array([0.0, 0.4, 0.6]))
    mesh = trimesh.Trimesh(arm.skin_vertices_m, arm.skin_faces, process=False)
    open_edges = mesh.edges_sorted[trimesh.grouping.group_rows(mesh.edges_sorted, require_count=1)]
    assert mesh.is_winding_consistent
    assert len(open_edges) == len(wrist_rim(model))
    assert open_edges.min() >= len(model.v_template)


def test_the_recording_and_its_truth_are_written_side_by_side(tmp_path: Path) -> None:
    shown: list[SyntheticFrame] = []
    scene = DemoScene(3, seed=1, camera=SMALL_CAMERA)
    write_demo_recording(scene, tmp_path / "recording", tmp_path / "truth.npz", shown.append)
    truth = load_hand_truth(tmp_path / "truth.npz")
    assert [int(stamp) for stamp in truth.stamps_ns] == [item.frame.stamp_ns for item in shown]
    np.testing.assert_allclose(truth.joints_m[2], shown[2].hands[0].posed.joints_m, atol=1e-6)
    assert set(truth.topologies) == {"open_hand_right"}
    assert set(truth.sides) == {HandSide.RIGHT}
    assert (tmp_path / "recording" / "metadata.yaml").is_file()
    assert list((tmp_path / "recording").glob("*.mcap"))
