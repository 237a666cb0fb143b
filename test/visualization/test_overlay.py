"""The overlay shows every hand where the camera sees it, and says what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from hand_object_recon.core.objects import GraspState, HandContact, HandPart, ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.visualization.mesh_painting import paint_mesh
from hand_object_recon.visualization.overlay import draw_overlay
from hand_object_recon.visualization.palette import CONTACT_COLOR, part_color

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
    drawn = changed(frame.rgb, drawn_objects(frame, ball_object((0.1, 0.05, 0.5))))
    assert drawn[300, 440]
    assert not drawn[240, 320]


def ball_object(center_m: tuple[float, float, float], **fields: Any) -> ObjectEstimate:
    pose = np.eye(4)
    pose[:3, 3] = center_m
    return ObjectEstimate(0, 1.0, pose, BALL.vertices.astype(np.float32), FACES, **fields)


def drawn_objects(frame: RgbdFrame, *objects: ObjectEstimate) -> np.ndarray:
    return draw_overlay(frame, replace(reconstruction_of(), objects=objects), TOPOLOGIES)


def tint_of(image: np.ndarray, row: int, column: int) -> str:
    """Which of the channels leads in a small patch of the image."""
    patch = image[row - 3 : row + 4, column - 3 : column + 4].reshape(-1, 3).astype(float)
    return "rgb"[int(patch.mean(axis=0).argmax())]


def test_the_seen_part_of_an_object_is_green_and_the_completed_part_violet() -> None:
    seen = BALL.vertices[:, 0] < 0.0
    image = drawn_objects(frame_of(), ball_object((0, 0, 0.5), vertex_seen=seen))
    assert tint_of(image, 240, 300) == "g"
    assert tint_of(image, 240, 345) == "b"
    all_seen = drawn_objects(frame_of(), ball_object((0, 0, 0.5)))
    assert tint_of(all_seen, 240, 345) == "g"


@pytest.mark.parametrize(("object_m", "leading"), [(0.45, "g"), (0.55, "b")])
def test_a_hand_before_an_object_hides_it_and_one_behind_does_not(
    object_m: float, leading: str
) -> None:
    frame = frame_of()
    hand = replace(ball_hand((0, 0, 0.5)), joints_m=np.full((21, 3), 9.0, np.float32))
    scene = replace(reconstruction_of(hand), objects=(ball_object((0, 0, object_m)),))
    assert tint_of(draw_overlay(frame, scene, TOPOLOGIES), 240, 320) == leading


def test_a_contact_is_a_dot_of_its_fingers_colour_in_a_ring_with_a_line_along_the_normal() -> None:
    frame = frame_of()
    at_m, normal = np.float32([0.02, 0.0, 0.5]), np.float32([1.0, 0.0, 0.0])
    contact = HandContact(0, HandPart.MIDDLE, at_m, normal, 0.0)
    ball = ball_object((0, 0, 0.5))
    image = drawn_objects(frame, replace(ball, contacts=(contact,)))
    difference = changed(drawn_objects(frame, ball), image)
    column = 320 + round(600 * 0.02 / 0.5)
    assert tuple(image[240, column]) == part_color(HandPart.MIDDLE)
    assert tuple(image[240, column + 5]) == CONTACT_COLOR
    assert tuple(image[240, column + 15]) == CONTACT_COLOR
    rows, columns = np.nonzero(difference)
    assert (np.abs(rows - 240).max(), columns.min()) <= (8, column)


def test_a_contact_behind_the_camera_is_not_drawn() -> None:
    away = HandContact(0, HandPart.PALM, np.float32([0, 0, -0.5]), np.float32([0, 0, 1]), 0.0)
    frame, ball = frame_of(), ball_object((0, 0, 0.5))
    without, with_it = (drawn_objects(frame, replace(ball, contacts=one)) for one in ((), (away,)))
    np.testing.assert_array_equal(with_it, without)


def test_the_label_below_an_object_tells_its_state() -> None:
    frame, ball = frame_of(), ball_object((0, 0, 0.5))
    held, put_down = (
        drawn_objects(frame, replace(ball, state=state))
        for state in (GraspState.HELD, GraspState.PUT_DOWN)
    )
    difference = changed(held, put_down)
    assert difference[290:320].any()  # below the ball, whose lower end is at row 288
    assert not difference[:288].any()


def test_a_hand_of_unknown_topology_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match=r"hand 3 has topology 'ball'.*other"):
        draw_overlay(
            frame_of(),
            reconstruction_of(ball_hand((0, 0, 0.5), track_id=3)),
            {"other": TOPOLOGIES["ball"]},
        )
