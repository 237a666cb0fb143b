"""Where and with what a take is filmed: camera, room, light, and how people and things look."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, rotation_between
from hand_object_recon.synthesis.cameras import (
    draw_camera,
    draw_egocentric_pose,
    draw_third_person_pose,
)
from hand_object_recon.synthesis.depth_sensor import DepthSensor
from hand_object_recon.synthesis.rendering.appearance import Appearance
from hand_object_recon.synthesis.rendering.cloth import draw_cloth
from hand_object_recon.synthesis.rendering.environment import Environment, draw_environment
from hand_object_recon.synthesis.rendering.object_material import draw_object_material
from hand_object_recon.synthesis.rendering.skin import Skin, draw_skin
from hand_object_recon.synthesis.takes.hand_surface import posed
from hand_object_recon.synthesis.takes.take import Take

FloatArray = NDArray[np.floating[Any]]

_EGOCENTRIC_CHANCE: Final = 0.35
_BARE_ARM_CHANCE: Final = 0.25
_FACING_CAMERA_RAD: Final = (0.5 * np.pi, 1.5 * np.pi)
_BESIDE_CAMERA_RAD: Final = 0.3
_AIMED_AT_TIMES: Final = 5
_FILLED_SHARE: Final = (0.35, 0.8)


class Viewpoint(str, Enum):
    """Whose eyes the camera stands for: any of the two, the person's, or somebody else's; or the
    camera a motion was tracked with."""

    ANY = "any"
    EGOCENTRIC = "egocentric"
    THIRD_PERSON = "third_person"
    TRACKED = "tracked"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class FilmSettings:
    """What may be chosen about how takes are filmed.

    image_size_px
        Side of square pictures, or None for whole pictures of real cameras' sizes.
    camera
        Taken instead of a drawn one.
    depth_sensor
        Taken instead of a drawn one.
    image_folder
        Images that cover walls and table.
    distance_m
        The camera's, at least and at most.
    """

    image_size_px: int | None = 256
    viewpoint: Viewpoint = Viewpoint.ANY
    camera: CameraIntrinsics | None = None
    depth_sensor: DepthSensor | None = None
    image_folder: Path | None = None
    distance_m: tuple[float, float] = (0.3, 1.2)


@dataclass(frozen=True, eq=False)
class FilmSet:
    """What stays the same while a take is filmed.

    camera_from_take
        (4, 4) from the world of the take, which the person may have been turned in, to the
        camera optical frame.
    camera_from_world
        (4, 4) from the world of the room.
    """

    camera: CameraIntrinsics
    camera_from_world: NDArray[np.float64]
    camera_from_take: NDArray[np.float64]
    environment: Environment
    skin: Skin
    sleeve: Appearance | None
    material: Appearance


def draw_film_set(
    take: Take, random: np.random.Generator, settings: FilmSettings | None = None
) -> FilmSet:
    """A set in which the hands of the take, and its object, are in the picture.

    Raises
    ------
    InvalidValueError
        The viewpoint is that of tracking, and the take is not a tracked one.
    """
    settings = settings or FilmSettings()
    standpoint = _standpoint(take, random, settings)
    return FilmSet(
        camera=standpoint.camera,
        camera_from_world=standpoint.camera_from_world,
        camera_from_take=standpoint.camera_from_take,
        environment=draw_environment(
            random, take.support_height_m, settings.image_folder, settings.depth_sensor
        ),
        skin=draw_skin(random),
        sleeve=None if random.random() < _BARE_ARM_CHANCE else draw_cloth(random),
        material=draw_object_material(random),
    )


class _Standpoint(NamedTuple):
    camera: CameraIntrinsics
    camera_from_world: NDArray[np.float64]
    camera_from_take: NDArray[np.float64]


def _standpoint(take: Take, random: np.random.Generator, settings: FilmSettings) -> _Standpoint:
    if settings.viewpoint is Viewpoint.TRACKED:
        filmed = take.filmed_from
        if filmed is None:
            raise InvalidValueError(
                f"viewpoint {settings.viewpoint} is for tracked motions; give --tracks"
            )
        return _Standpoint(filmed.camera, filmed.camera_from_take, filmed.camera_from_take)
    is_egocentric = _is_egocentric(settings.viewpoint, random)
    world_from_take = _turned_person(is_egocentric, random)
    camera = settings.camera or draw_camera(random, settings.image_size_px)
    subject = _subject_m(take) @ world_from_take[:3, :3].T
    draw_pose = draw_egocentric_pose if is_egocentric else draw_third_person_pose
    distance = float(np.clip(_filling_distance_m(subject, camera, random), *settings.distance_m))
    center = 0.5 * (subject.min(axis=0) + subject.max(axis=0))
    aimed = draw_pose(random, center, (distance, distance))
    camera_from_world = _aimed_by_middle(camera) @ aimed
    return _Standpoint(camera, camera_from_world, camera_from_world @ world_from_take)


def _is_egocentric(viewpoint: Viewpoint, random: np.random.Generator) -> bool:
    if viewpoint is Viewpoint.ANY:
        return bool(random.random() < _EGOCENTRIC_CHANCE)
    return viewpoint is Viewpoint.EGOCENTRIC


def _turned_person(is_egocentric: bool, random: np.random.Generator) -> NDArray[np.float64]:
    """(4, 4) that turns the take about the vertical: a person before the camera faces it."""
    low, high = (-_BESIDE_CAMERA_RAD, _BESIDE_CAMERA_RAD) if is_egocentric else _FACING_CAMERA_RAD
    turn = np.eye(4)
    turn[:3, :3] = axis_angle_to_matrix(np.array([0.0, 0.0, random.uniform(low, high)]))
    return turn


def _subject_m(take: Take) -> FloatArray:
    """(N, 3) joints of the hands and the object's centre at a few times, in the take's world."""
    points = []
    for time_s in np.linspace(0.0, take.duration_s, _AIMED_AT_TIMES + 2)[1:-1]:
        moment = take.at(float(time_s))
        points += [posed(hand).joints_m for hand in moment.hands]
        if moment.object_pose is not None:
            points.append(moment.object_pose[None, :3, 3])
    return np.concatenate(points)


def _filling_distance_m(
    subject_m: FloatArray, camera: CameraIntrinsics, random: np.random.Generator
) -> float:
    """At which the subject fills a random share of the picture."""
    extent = float(np.linalg.norm(subject_m.max(axis=0) - subject_m.min(axis=0)))
    tangent = min(camera.width / camera.fx, camera.height / camera.fy)
    return extent / (tangent * random.uniform(*_FILLED_SHARE))


def _aimed_by_middle(camera: CameraIntrinsics) -> NDArray[np.float64]:
    """(4, 4) turn of a camera that aimed with its optical axis and then aims with the middle of
    its picture; in a picture cut out of a larger one the two are far apart."""
    middle = (0.5 * (camera.width - 1), 0.5 * (camera.height - 1))
    ray = np.array([(middle[0] - camera.cx) / camera.fx, (middle[1] - camera.cy) / camera.fy, 1.0])
    turn = np.eye(4)
    turn[:3, :3] = rotation_between(np.array([0.0, 0.0, 1.0]), ray / np.linalg.norm(ray))
    return turn


def forearm_towards_m(side: HandSide) -> FloatArray:
    """(3,) about where the shoulder is in the take's world."""
    outward = 1.0 if side is HandSide.RIGHT else -1.0
    return np.array([outward * 0.22, -0.55, 0.12])
