"""A small stage: hands of the grasp bank, what they hold, a table, and a depth camera before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.annotation import MaskLabel
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.synthesis.grasp_bank.bank_file import shipped_bank
from hand_object_recon.synthesis.grasping.grasp import Grasp, PlacedHand
from hand_object_recon.synthesis.objects.catalogue import numbered_object
from hand_object_recon.visualization.mesh_raster import rasterize

FloatArray = NDArray[np.floating[Any]]
Pose = NDArray[np.float64]

TOPOLOGIES = tuple(load_hand_model("open_hand", side).topology for side in HandSide)
CAMERA = CameraIntrinsics(320, 240, 400.0, 400.0, 159.5, 119.5)
STEP_NS = 33_333_333
START_NS = 10**18
MIDDLE_M = np.array([0.0, 0.03, 0.45])
SKIN_RGB, THING_RGB, TABLE_RGB = (200, 150, 120), (40, 90, 190), (120, 120, 110)
HAND_ERROR_M = 0.002
VIEWS_TRIED = 12


@dataclass(frozen=True, eq=False)
class Body:
    """A mesh in the camera's frame, its color and what a mask calls it."""

    vertices_m: FloatArray
    faces: NDArray[np.int32]
    rgb: tuple[int, int, int]
    label: MaskLabel


@dataclass(frozen=True, eq=False)
class FilmedMoment:
    """A frame, hands as a good reconstructor estimates them, and what is true."""

    frame: RgbdFrame
    hands: tuple[HandEstimate, ...]
    mask: NDArray[np.uint8]
    thing_pose: Pose


@dataclass(frozen=True, eq=False)
class Props:
    """A grasp, the mesh of what is grasped, and how both are turned to the camera."""

    grasp: Grasp
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    turn: Pose


@dataclass(frozen=True, eq=False)
class Cue:
    """Where the thing is, and where the hand is beside its place in the grasp; None: not there."""

    thing_m: FloatArray
    turn_rad: FloatArray
    hand_off_m: FloatArray | None


Film = tuple[FilmedMoment, ...]


@pytest.fixture(scope="session")
def props() -> Props:
    """A thing that shows well beside the hand that holds it."""
    return _props(3)


@pytest.fixture(scope="session")
def lifted(props: Props) -> Film:
    """A hand comes to a thing on a table, lifts it, turns it, puts it down and goes."""
    return film_of(props, lifting_cues())


@pytest.fixture(scope="session")
def empty_handed(props: Props) -> Film:
    """The same hand with the same motion, and no thing anywhere."""
    return film_of(props, lifting_cues(), with_thing=False)


@pytest.fixture(scope="session")
def film_cues(props: Props) -> Callable[..., Film]:
    """Films another story: for each frame where the thing is beside its first place, how it is
    turned, and where the hand is beside its place in the grasp, or None for no hand."""
    return lambda cues: film_of(props, [Cue(*cue) for cue in cues])


@lru_cache(maxsize=1)
def _props(number: int) -> Props:
    grasp = shipped_bank("val").grasps[number]
    category, _, index = grasp.object_name.rpartition("-")
    shape = numbered_object(category, int(index))
    plain = [
        Props(grasp, shape.vertices_m, shape.faces, _turn(random))
        for random in np.random.default_rng(0).spawn(VIEWS_TRIED)
    ]
    return max(plain, key=_visible_px)


def _visible_px(props: Props) -> int:
    moment = _filmed(props, Cue(np.zeros(3), np.zeros(3), np.zeros(3)), 0, table_m=np.inf)
    return int(np.count_nonzero(moment.mask == MaskLabel.OBJECT))


def _turn(random: np.random.Generator) -> Pose:
    turn = np.eye(4)
    turn[:3, :3] = axis_angle_to_matrix(random.uniform(-np.pi, np.pi, 3))
    return turn


def lifting_cues() -> list[Cue]:
    """Half a second each of coming, resting, lifting, turning there and back, and going."""
    up, none = np.array([0.0, -0.06, 0.0]), np.zeros(3)
    away = np.array([0.0, -0.12, 0.0])
    turned = np.array([0.1, 0.5, 0.1])
    return [
        *_cues(12, (none, none), (none, none), (away, none)),
        *_cues(8, (none, none), (none, none), (none, none)),
        *_cues(15, (none, up), (none, none), (none, none)),
        *_cues(15, (up, up), (none, turned), (none, none)),
        *_cues(15, (up, up), (turned, none), (none, none)),
        *_cues(15, (up, none), (none, none), (none, none)),
        *_cues(15, (none, none), (none, none), (none, away)),
    ]


def _cues(count: int, *ways: tuple[FloatArray, FloatArray]) -> list[Cue]:
    """Even motion from the first to the second of each: thing, turn, hand."""
    shares = np.arange(count) / count
    thing, turn, hand = ([a + share * (b - a) for share in shares] for a, b in ways)
    return [Cue(*values) for values in zip(thing, turn, hand, strict=True)]


def film_of(props: Props, cues: Sequence[Cue], *, with_thing: bool = True) -> Film:
    """30 frames a second; the table is under the thing's lowest point at the first cue."""
    first = _thing_pose(props, cues[0])
    table_m = float((props.vertices_m @ first[:3, :3].T + first[:3, 3])[:, 1].max())
    return tuple(
        _filmed(props, cue, number, table_m, with_thing=with_thing)
        for number, cue in enumerate(cues)
    )


def _filmed(
    props: Props, cue: Cue, number: int, table_m: float, *, with_thing: bool = True
) -> FilmedMoment:
    pose = _thing_pose(props, cue)
    thing = props.vertices_m @ pose[:3, :3].T + pose[:3, 3]
    bodies = [Body(thing, props.faces, THING_RGB, MaskLabel.OBJECT)] if with_thing else []
    hands = []
    if cue.hand_off_m is not None:
        hand = estimate_of(props.grasp.hand.moved(pose)).moved(cue.hand_off_m)
        faces = load_hand_model("open_hand", hand.side).faces
        bodies.append(Body(hand.vertices_m, faces, SKIN_RGB, MaskLabel.RIGHT_HAND))
        error = np.random.default_rng(number).normal(0.0, HAND_ERROR_M, 3)
        hands.append(hand.moved(error))
    frame, mask = take_picture(bodies, table_m, number)
    return FilmedMoment(frame, tuple(hands), mask, pose)


def _thing_pose(props: Props, cue: Cue) -> Pose:
    pose = np.eye(4)
    pose[:3, :3] = axis_angle_to_matrix(cue.turn_rad) @ props.turn[:3, :3]
    pose[:3, 3] = MIDDLE_M + cue.thing_m
    return pose


def estimate_of(hand: PlacedHand, track_id: int = 7) -> HandEstimate:
    """The placed hand as an estimate."""
    model = load_hand_model("open_hand", hand.side)
    posed = pose_hand(model, hand.pose_rad, hand.shape, hand.translation_m)
    return HandEstimate(
        track_id=track_id,
        side=hand.side,
        score=1.0,
        joints_m=posed.joints_m.astype(np.float32),
        joint_visibility=np.ones(21, dtype=np.float32),
        vertices_m=posed.vertices_m.astype(np.float32),
        topology=model.topology.name,
        wrist_pose=hand.wrist_pose,
        pose_rad=hand.pose_rad,
        shape=hand.shape,
    )


def take_picture(
    bodies: Sequence[Body], table_m: float = np.inf, number: int = 0
) -> tuple[RgbdFrame, NDArray[np.uint8]]:
    """Frame and mask of bodies over a table at y = ``table_m`` before a wall, with noise."""
    size = (CAMERA.height, CAMERA.width)
    random = np.random.default_rng(number)
    depth = _room_m(table_m)
    colors = np.full((*size, 3), TABLE_RGB, dtype=np.float64)
    mask = np.zeros(size, dtype=np.uint8)
    for body in bodies:
        points = np.concatenate(
            [project(body.vertices_m, CAMERA), CAMERA.fx * body.vertices_m[:, 2:]], axis=1
        )
        drawn = rasterize(points, body.faces, size).depth / CAMERA.fx
        nearer = drawn < depth
        depth = np.where(nearer, drawn, depth)
        colors[nearer], mask[nearer] = body.rgb, body.label
    depth = depth + random.normal(0.0, 0.002, size) * depth**2
    rgb = np.clip(colors + random.normal(0.0, 6.0, colors.shape), 0, 255).astype(np.uint8)
    stamp_ns = START_NS + number * STEP_NS
    return RgbdFrame(rgb, depth.astype(np.float32), CAMERA, stamp_ns, "camera"), mask


def _room_m(table_m: float) -> FloatArray:
    """(H, W) depth of the table, and of a wall at 1.2 m."""
    rows = np.repeat(np.arange(CAMERA.height)[:, None], CAMERA.width, axis=1)
    slope = np.maximum((rows - CAMERA.cy) / CAMERA.fy, 1e-6)
    return np.minimum(table_m / slope, 1.2)
