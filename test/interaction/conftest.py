"""Hands that hold things before a depth camera, and what the camera measures of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.hand_model.hand_poser import HandPoser
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.synthesis.grasp_bank.bank_file import shipped_bank
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.objects.catalogue import numbered_object
from hand_object_recon.visualization.mesh_raster import rasterize

FloatArray = NDArray[np.floating[Any]]

CAMERA = CameraIntrinsics(320, 240, 380.0, 380.0, 159.5, 119.5)
STEP_NS = 33_333_333
WALL_M = 1.2
BEFORE_CAMERA_M = (0.0, 0.0, 0.45)


@dataclass(frozen=True, eq=False)
class HeldScene:
    """A true hand with what it holds, in the camera frame, and a frame of both."""

    hand: HandEstimate
    thing: ObjectEstimate
    frame: RgbdFrame


@pytest.fixture(scope="session")
def grasp_scenes() -> list[HeldScene]:
    """Some grasps of the shipped bank, each seen from another side."""
    return [_scene_of_grasp(number) for number in (0, 40, 80, 120, 160, 190)]


@pytest.fixture(scope="session")
def make_hand() -> Callable[..., HandEstimate]:
    return hand_estimate


@pytest.fixture(scope="session")
def make_ball() -> Callable[..., ObjectEstimate]:
    return ball


@pytest.fixture(scope="session")
def film() -> Callable[..., RgbdFrame]:
    """What an ideal depth camera measures of hands and objects."""
    return frame_showing


@pytest.fixture(scope="session")
def film_nothing() -> Callable[..., RgbdFrame]:
    """Frames in which no depth was measured."""
    return blind_frame


@pytest.fixture(scope="session")
def perturb() -> Callable[[HandEstimate, np.random.Generator], HandEstimate]:
    return perturbed


def hand_estimate(
    side: HandSide,
    pose_rad: FloatArray,
    translation_m: FloatArray,
    shape: FloatArray | None = None,
    track_id: int = 1,
) -> HandEstimate:
    """The open hand in a pose, in the camera frame."""
    model = load_hand_model("open_hand", side)
    coefficients = np.zeros(10, np.float32) if shape is None else np.float32(shape)
    posed = HandPoser(model, coefficients).pose(np.float32(pose_rad), np.float32(translation_m))
    return HandEstimate(
        track_id=track_id,
        side=side,
        score=0.9,
        joints_m=posed.joints_m,
        joint_visibility=np.ones(KEYPOINT_COUNT, np.float32),
        vertices_m=posed.vertices_m,
        topology=model.topology.name,
        wrist_pose=posed.wrist_pose,
        pose_rad=np.float32(pose_rad),
        shape=coefficients,
    )


def ball(center_m: FloatArray, radius_m: float, **more: Any) -> ObjectEstimate:
    """A ball that hand 1 holds, unless told otherwise."""
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=radius_m)
    pose = np.eye(4)
    pose[:3, 3] = center_m
    given = {"track_id": 5, "score": 1.0, "held_by": 1, **more}
    return ObjectEstimate(
        pose=pose, vertices_m=np.float32(mesh.vertices), faces=np.int32(mesh.faces), **given
    )


def frame_showing(
    hands: Sequence[HandEstimate], things: Sequence[ObjectEstimate] = (), number: int = 0
) -> RgbdFrame:
    """Frame ``number``, a thirtieth of a second each, of hands and objects before a wall."""
    meshes = [_mesh_of(hand) for hand in hands] + [_mesh_in_camera(thing) for thing in things]
    size = (CAMERA.height, CAMERA.width)
    depth_m = np.full(size, WALL_M, np.float32)
    for vertices, faces in meshes:
        points = np.concatenate([project(vertices, CAMERA), CAMERA.fx * vertices[:, 2:]], axis=1)
        depth_m = np.minimum(depth_m, rasterize(points, faces, size).depth / np.float32(CAMERA.fx))
    return RgbdFrame(
        np.zeros((*size, 3), np.uint8), depth_m, CAMERA, 10**9 + number * STEP_NS, "camera"
    )


def blind_frame(number: int = 0) -> RgbdFrame:
    """A frame in which no depth was measured."""
    frame = frame_showing([], [], number)
    return replace(frame, depth_m=np.full_like(frame.depth_m, np.nan))


def _mesh_of(hand: HandEstimate) -> tuple[FloatArray, NDArray[np.int32]]:
    return hand.vertices_m, load_hand_model("open_hand", hand.side).faces


def _mesh_in_camera(thing: ObjectEstimate) -> tuple[FloatArray, NDArray[np.int32]]:
    moved = thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3]
    return moved.astype(np.float32), thing.faces


def perturbed(hand: HandEstimate, random: np.random.Generator) -> HandEstimate:
    """The hand shifted by 3 to 8 mm, turned, and each finger bent by 5 to 10 degrees or so."""
    model = load_hand_model("open_hand", hand.side)
    pose = hand.pose_rad.astype(np.float64)
    turn = axis_angle_to_matrix(_direction(random) * np.deg2rad(random.uniform(0.0, 4.0)))
    pose[:3] = matrix_to_axis_angle(turn @ axis_angle_to_matrix(pose[:3]))
    flexion = np.repeat(random.choice([-1.0, 1.0], 5) * random.uniform(0.09, 0.17, 5), 3)
    flexion *= np.tile([0.6, 0.8, 0.5], 5)
    pose[3:] += (flexion[:, None] * model.joint_axes[:, 0]).ravel()
    shift = _direction(random) * random.uniform(0.003, 0.008)
    rest = hand_estimate(hand.side, pose, np.zeros(3), hand.shape)
    translation = hand.joints_m[0] - rest.joints_m[0] + shift
    return hand_estimate(hand.side, pose, translation, hand.shape, hand.track_id)


@lru_cache(maxsize=16)
def _scene_of_grasp(number: int) -> HeldScene:
    grasp = shipped_bank("test").grasps[number]
    category, _, index = grasp.object_name.rpartition("-")
    shape = numbered_object(category, int(index))
    pose = np.eye(4)
    turn = np.random.default_rng(number).uniform(-np.pi, np.pi, 3)
    pose[:3, :3] = axis_angle_to_matrix(turn)
    middle = 0.5 * (grasp.hand.wrist_pose[:3, 3] + shape.vertices_m.mean(axis=0))
    pose[:3, 3] = BEFORE_CAMERA_M - pose[:3, :3] @ middle
    hand = _estimate_of(grasp.hand.moved(pose))
    thing = ObjectEstimate(5, 1.0, pose, shape.vertices_m, shape.faces, held_by=hand.track_id)
    frame = frame_showing([hand], [thing])
    return HeldScene(hand, thing, frame)


def _estimate_of(hand: PlacedHand) -> HandEstimate:
    return hand_estimate(hand.side, hand.pose_rad, hand.translation_m, hand.shape)


def _direction(random: np.random.Generator) -> FloatArray:
    vector = random.normal(size=3)
    return np.asarray(vector / np.linalg.norm(vector))
