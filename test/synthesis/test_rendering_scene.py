"""A rendered frame: picture, measured and true depth, masks, visibility."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.annotation import MaskLabel
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.forward import HandPoser
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.synthesis.cameras import look_at_pose
from hand_object_recon.synthesis.depth_sensor import StereoDepthSensor
from hand_object_recon.synthesis.rendering.arm_bodies import arm_bodies
from hand_object_recon.synthesis.rendering.cloth import draw_cloth
from hand_object_recon.synthesis.rendering.environment import Environment, draw_environment
from hand_object_recon.synthesis.rendering.image_sensor import ImageSensor
from hand_object_recon.synthesis.rendering.object_material import draw_object_material
from hand_object_recon.synthesis.rendering.renderer import RenderedFrame, render
from hand_object_recon.synthesis.rendering.scene import NO_BODY, Scene, SceneBody
from hand_object_recon.synthesis.rendering.skin import draw_skin
from hand_object_recon.synthesis.rendering.visibility import (
    amodal_mask,
    visible_share,
    visible_vertices,
)

CAMERA = CameraIntrinsics(128, 96, 120.0, 120.0, 63.5, 47.5)
WORLD_CAMERA = look_at_pose(np.array([0.0, -0.5, 0.3]), np.zeros(3))


def ball(kind: MaskLabel, center_m: tuple[float, float, float], radius_m: float) -> SceneBody:
    mesh = trimesh.creation.icosphere(3, radius_m)
    return SceneBody(
        kind,
        (mesh.vertices + center_m).astype(np.float32),
        mesh.faces.astype(np.int32),
        mesh.vertices.astype(np.float32),
        draw_object_material(np.random.default_rng(5)),
    )


@pytest.fixture(scope="module")
def environment() -> Environment:
    return draw_environment(np.random.default_rng(3), table_height_m=-0.1)


@pytest.fixture(scope="module")
def scene(environment: Environment) -> Scene:
    """An arm and a ball that hides part of the hand."""
    model = load_hand_model("open_hand", HandSide.RIGHT)
    posed = HandPoser(model, np.zeros(10)).pose(np.zeros(48), np.array([0.09, 0.0, 0.5]))
    elbow_m = np.array([0.4, 0.1, 0.6])
    random = np.random.default_rng(0)
    arm = arm_bodies(model, posed, elbow_m, draw_skin(random), draw_cloth(random))
    hider = ball(MaskLabel.OBJECT, (-0.06, 0.0, 0.4), 0.03)
    return Scene((*arm, hider), CAMERA, environment, WORLD_CAMERA)


@pytest.fixture(scope="module")
def frame(scene: Scene) -> RenderedFrame:
    return render(scene, np.random.default_rng(1))


def test_the_mask_has_the_kind_of_the_body_seen(scene: Scene, frame: RenderedFrame) -> None:
    kinds = np.array([body.kind for body in scene.bodies])
    covered = frame.body != NO_BODY
    np.testing.assert_array_equal(frame.mask[covered], kinds[frame.body[covered]])
    assert (frame.mask[~covered] == MaskLabel.BACKGROUND).all()
    assert set(np.unique(frame.mask)) == {0, MaskLabel.RIGHT_HAND, MaskLabel.OBJECT, MaskLabel.ARM}


def test_true_depth_lies_on_the_face_that_is_named(scene: Scene, frame: RenderedFrame) -> None:
    rows, columns = np.nonzero(frame.body == 3)
    ball_vertices, faces = scene.bodies[3].vertices_m, scene.bodies[3].faces
    near = ball_vertices[faces[frame.face[rows, columns]]][..., 2]
    depth = frame.clean_depth_m[rows, columns]
    assert (depth >= near.min(axis=1) - 1e-5).all()
    assert (depth <= near.max(axis=1) + 1e-5).all()
    assert (frame.face[frame.body == NO_BODY] == -1).all()


def test_the_table_is_where_its_height_says(environment: Environment) -> None:
    empty = render(Scene((), CAMERA, environment, WORLD_CAMERA), np.random.default_rng(0))
    row, column = 60, 64
    ray = np.array([(column - CAMERA.cx) / CAMERA.fx, (row - CAMERA.cy) / CAMERA.fy, 1.0])
    point = WORLD_CAMERA[:3, :3].T @ (ray * empty.clean_depth_m[row, column] - WORLD_CAMERA[:3, 3])
    assert point[2] == pytest.approx(-0.1, abs=1e-4)
    assert np.isfinite(empty.clean_depth_m).all()


def test_rays_along_the_walls_meet_the_one_ahead(environment: Environment) -> None:
    bare = dataclasses.replace(
        environment, room=dataclasses.replace(environment.room, things=(), table_height_m=None)
    )
    straight = CameraIntrinsics(128, 96, 120.0, 120.0, 64.0, 48.0)
    level = render(Scene((), straight, bare), np.random.default_rng(0)).clean_depth_m
    ahead_m = 0.6 + environment.room.high_m[1]
    np.testing.assert_allclose(level[46:51, 62:67], ahead_m, atol=1e-4)


def test_measured_depth_is_whole_millimetres_near_the_truth(frame: RenderedFrame) -> None:
    read = np.isfinite(frame.depth_m)
    assert 0.3 < read.mean() < 1.0
    millimetres = 1000.0 * frame.depth_m[read]
    np.testing.assert_allclose(millimetres, np.round(millimetres), atol=1e-2)
    assert np.median(np.abs(frame.depth_m - frame.clean_depth_m)[read]) < 0.01


def test_the_same_random_state_takes_the_same_picture(scene: Scene, frame: RenderedFrame) -> None:
    again = render(scene, np.random.default_rng(1))
    np.testing.assert_array_equal(again.rgb, frame.rgb)
    np.testing.assert_array_equal(again.depth_m, frame.depth_m)


def test_without_camera_noise_a_sequence_does_not_flicker(
    scene: Scene, environment: Environment
) -> None:
    clean = dataclasses.replace(
        environment, image_sensor=ImageSensor(shot_noise=0.0, read_noise=0.0)
    )
    still = dataclasses.replace(scene, environment=clean)
    first, second = (render(still, np.random.default_rng(seed)).rgb for seed in (1, 2))
    np.testing.assert_array_equal(first, second)


def test_a_body_between_lamp_and_table_throws_a_shadow(environment: Environment) -> None:
    lights = dataclasses.replace(
        environment.lights, key_direction=np.array([0.0, 0.0, 1.0], dtype=np.float32)
    )
    plain = dataclasses.replace(
        environment,
        lights=lights,
        image_sensor=ImageSensor(shot_noise=0.0, read_noise=0.0),
        background_blur=0.0,
        room=dataclasses.replace(environment.room, things=()),
    )
    above_table = WORLD_CAMERA[:3, :3] @ np.array([0.0, 0.0, 0.02]) + WORLD_CAMERA[:3, 3]
    on_table = WORLD_CAMERA[:3, :3] @ np.array([0.0, 0.0, -0.1]) + WORLD_CAMERA[:3, 3]
    column = round(CAMERA.fx * on_table[0] / on_table[2] + CAMERA.cx)
    row = round(CAMERA.fy * on_table[1] / on_table[2] + CAMERA.cy)
    lit = render(Scene((), CAMERA, plain, WORLD_CAMERA), np.random.default_rng(0))
    body = ball(MaskLabel.OBJECT, tuple(above_table.tolist()), 0.05)
    shaded = render(Scene((body,), CAMERA, plain, WORLD_CAMERA), np.random.default_rng(0))
    assert shaded.body[row, column] == NO_BODY
    assert shaded.rgb[row, column].astype(int).sum() < 0.9 * lit.rgb[row, column].sum()


def test_what_hides_a_hand_lowers_its_visible_share(scene: Scene, frame: RenderedFrame) -> None:
    alone = amodal_mask(scene, 0)
    share = visible_share(scene, frame, 0)
    assert 0.2 < share < 0.95
    assert share == pytest.approx((frame.body == 0).sum() / alone.sum())
    assert visible_share(scene, frame, 3) == pytest.approx(1.0)


def test_visible_vertices_are_the_near_half_of_a_ball(scene: Scene, frame: RenderedFrame) -> None:
    vertices_m = scene.bodies[3].vertices_m
    towards = -vertices_m / np.linalg.norm(vertices_m, axis=1, keepdims=True)
    outwards = (vertices_m - vertices_m.mean(axis=0)) / 0.03
    facing = np.einsum("ij,ij->i", outwards, towards)
    seen = visible_vertices(scene, frame, 3)
    assert seen[facing > 0.35].all()
    assert not seen[facing < -0.35].any()


def test_dark_things_lose_readings_in_a_stereo_camera() -> None:
    depth = np.full((96, 128), 0.5, dtype=np.float32)
    facing = np.ones_like(depth)
    infrared = np.full_like(depth, 0.8)
    infrared[:, :64] = 0.02
    sensor = StereoDepthSensor(least_infrared=0.1, speck_dropout=0.0, baseline_m=1e-6)
    lost = np.isnan(sensor.measure(depth, facing, CAMERA, np.random.default_rng(0), infrared))
    assert lost[:, :64].mean() > 0.5
    assert not lost[:, 64:].any()


def test_the_left_hand_has_the_mirrored_details_of_the_right() -> None:
    skin = draw_skin(np.random.default_rng(2))
    right, left = (load_hand_model("open_hand", side) for side in (HandSide.RIGHT, HandSide.LEFT))
    colors = [
        skin.of(model.side).surface(skin.features(model.v_template, model.faces).T).color
        for model in (right, left)
    ]
    assert np.abs(colors[0] - colors[1]).max() < 0.02


def test_a_body_with_a_wrong_face_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="faces"):
        SceneBody(
            MaskLabel.OBJECT,
            np.zeros((3, 3), np.float32),
            np.array([[0, 1, 3]], np.int32),
            np.zeros((3, 3), np.float32),
            draw_object_material(np.random.default_rng(0)),
        )


def test_a_folder_without_images_cannot_cover_the_walls(tmp_path: object) -> None:
    with pytest.raises(InvalidValueError, match="holds no image"):
        draw_environment(np.random.default_rng(0), image_folder=tmp_path)
