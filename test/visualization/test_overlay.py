"""The overlay shows every hand where the camera sees it, and says what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    HandTopology,
)
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.visualization.mesh_painting import paint_mesh
from hand_object_recon.visualization.overlay import draw_overlay

GREY = 90
BALL = trimesh.creation.icosphere(subdivisions=3, radius=0.04)
FACES = BALL.faces.astype(np.int32)
TOPOLOGIES = {"ball": HandTopology("ball", len(BALL.vertices), FACES)}


def frame_of(width: int = 640, height: int = 480) -> RgbdFrame:
    focal = 600.0 * height / 480
    camera = CameraIntrinsics(width, height, focal, focal, width / 2, height / 2)
    rgb = np.full((height, width, 3), GREY, dtype=np.uint8)
    depth_m = np.full((height, width), np.nan, dtype=np.float32)
    return RgbdFrame(rgb, depth_m, camera, 1_700_000_000_250_000_000, "camera")


def ball_hand(center_m: tuple[float, float, float], track_id: int = 0) -> HandEstimate:
    """A hand whose mesh is a ball and whose joints lie on a short line in its middle."""
    joints = np.linspace([-0.01, 0, 0], [0.01, 0, 0], 21)
    hand = HandEstimate(
        track_id=track_id,
        side=HandSide.RIGHT,
        score=1.0,
        joints_m=joints.astype(np.float32),
        joint_visibility=np.ones(21, dtype=np.float32),
        vertices_m=BALL.vertices.astype(np.float32),
        topology="ball",
        wrist_pose=np.eye(4),
        pose_rad=np.zeros(48, dtype=np.float32),
        shape=np.zeros(10, dtype=np.float32),
        placement_residual_m=0.0015,
    )
    return hand.moved(np.array(center_m))


def reconstruction_of(*hands: HandEstimate) -> Reconstruction:
    return Reconstruction(
        1_700_000_000_250_000_000, "camera", "rgbd_fit", hands, stage_ms={"fit": 9.0}
    )


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


@pytest.mark.parametrize("center_m", [(0.0, 0.0, 0.5), (0.08, -0.05, 0.4), (-0.1, 0.06, 0.9)])
def test_a_ball_is_painted_on_the_disc_the_camera_sees(
    center_m: tuple[float, float, float],
) -> None:
    frame = frame_of()
    image = frame.rgb.copy()
    vertices = BALL.vertices + center_m
    paint_mesh(image, frame.camera, vertices, FACES, (255, 255, 255))

    rows, columns = np.mgrid[:480, :640]
    rays = np.stack([(columns - 320) / 600, (rows - 240) / 600, np.ones((480, 640))], axis=2)
    along = rays @ np.array(center_m) / np.linalg.norm(rays, axis=2)
    miss_m = np.sqrt(np.maximum(np.dot(center_m, center_m) - along**2, 0.0))
    painted = changed(frame.rgb, image)
    assert painted[miss_m < 0.038].all()
    assert not painted[miss_m > 0.0435].any()


def test_of_two_surfaces_the_nearer_one_is_seen() -> None:
    frame = frame_of()
    both, near_only = frame.rgb.copy(), frame.rgb.copy()
    near = np.add(BALL.vertices, [0, 0, 0.4])
    far = np.add(0.5 * BALL.vertices, [0, 0, 0.5])
    paint_mesh(near_only, frame.camera, near, FACES, (0, 0, 255))
    joined, two_balls = np.concatenate([near, far]), np.concatenate([FACES, FACES + len(near)])
    paint_mesh(both, frame.camera, joined, two_balls, (0, 0, 255))
    difference = np.abs(both.astype(int) - near_only)[200:280, 280:360]
    assert changed(frame.rgb, near_only)[240, 320]
    assert difference.max() <= 1


def test_faces_turned_away_are_not_painted() -> None:
    frame = frame_of()
    image = frame.rgb.copy()
    triangle = np.array([[-0.05, -0.05, 0.5], [0.05, -0.05, 0.5], [0.0, 0.05, 0.5]])
    away = np.array([[0, 1, 2]], dtype=np.int32)
    paint_mesh(image, frame.camera, triangle, away, (255, 255, 255))
    np.testing.assert_array_equal(image, frame.rgb)
    paint_mesh(image, frame.camera, triangle, away[:, ::-1].copy(), (255, 255, 255))
    assert changed(frame.rgb, image)[230, 320]


@pytest.mark.parametrize("center_m", [(0, 0, -0.5), (0, 0, 0.01), (3.0, 0, 0.5), (0.26, 0, 0.5)])
def test_a_mesh_outside_or_half_outside_the_view_is_no_error(
    center_m: tuple[float, float, float],
) -> None:
    frame = frame_of()
    image = draw_overlay(frame, reconstruction_of(ball_hand(center_m)), TOPOLOGIES)
    assert image.shape == frame.rgb.shape


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1280, 720), (320, 240), (333, 201)])
def test_the_hand_is_drawn_at_any_image_size_and_the_frame_is_left_alone(
    width: int, height: int
) -> None:
    frame = frame_of(width, height)
    image = draw_overlay(frame, reconstruction_of(ball_hand((0, 0, 0.5))), TOPOLOGIES)
    assert (image.shape, image.dtype) == ((height, width, 3), np.uint8)
    assert changed(frame.rgb, image)[height // 2, width // 2]
    assert (frame.rgb == GREY).all()


def test_without_a_hand_only_the_caption_is_drawn() -> None:
    frame = frame_of()
    drawn = changed(frame.rgb, draw_overlay(frame, reconstruction_of(), TOPOLOGIES))
    assert drawn[-10:].all()
    assert not drawn[:440].any()


def test_the_caption_says_that_there_is_no_hand() -> None:
    frame = frame_of()
    empty = draw_overlay(frame, reconstruction_of(), TOPOLOGIES)
    behind = draw_overlay(frame, reconstruction_of(ball_hand((0, 0, -0.5))), TOPOLOGIES)
    white_empty, white_behind = ((image[-20:] > 200).sum() for image in (empty, behind))
    assert white_empty > white_behind > 0


def test_each_hand_has_a_label_and_each_detection_a_box() -> None:
    frame = frame_of()
    hand = ball_hand((0, 0, 0.5))
    plain = draw_overlay(frame, reconstruction_of(hand), TOPOLOGIES)
    unmeasured = replace(hand, placement_residual_m=float("nan"))
    shorter = draw_overlay(frame, reconstruction_of(unmeasured), TOPOLOGIES)
    assert changed(frame.rgb, plain)[:185].sum() > changed(frame.rgb, shorter)[:185].sum() > 0

    detection = HandDetection(HandSide.RIGHT, 0.9, BoundingBox(100, 80, 540, 400))
    boxed = changed(plain, draw_overlay(frame, reconstruction_of(hand), TOPOLOGIES, [detection]))
    assert boxed[80, 110:530].all()
    assert boxed[90:390, 540].all()


def test_objects_are_painted_at_their_pose() -> None:
    frame = frame_of()
    pose = np.eye(4)
    pose[:3, 3] = (0.1, 0.05, 0.5)
    ball = ObjectEstimate(0, 1.0, pose, BALL.vertices.astype(np.float32), FACES)
    drawn = changed(
        frame.rgb,
        draw_overlay(frame, replace(reconstruction_of(), objects=(ball,)), TOPOLOGIES),
    )
    assert drawn[300, 440]
    assert not drawn[240, 320]


def test_a_hand_of_unknown_topology_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match=r"hand 3 has topology 'ball'.*other"):
        draw_overlay(
            frame_of(),
            reconstruction_of(ball_hand((0, 0, 0.5), track_id=3)),
            {"other": TOPOLOGIES["ball"]},
        )
