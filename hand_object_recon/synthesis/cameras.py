"""Cameras of the shops: their intrinsics, cut to a square, and where they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError

FloatArray = NDArray[np.floating[Any]]
Range = tuple[float, float]

# Typical colour intrinsics of each kind; units of one kind differ by about a percent.
COLOR_CAMERAS: Final[dict[str, CameraIntrinsics]] = {
    "realsense_d435": CameraIntrinsics(640, 480, 615.7, 615.9, 326.5, 240.0),
    "realsense_d435_hd": CameraIntrinsics(1280, 720, 921.5, 921.6, 646.1, 362.4),
    "realsense_d415": CameraIntrinsics(640, 480, 617.4, 617.4, 313.4, 241.4),
    "realsense_d415_hd": CameraIntrinsics(1280, 720, 926.1, 926.1, 643.3, 363.2),
    "realsense_d455": CameraIntrinsics(640, 480, 382.5, 382.0, 319.2, 241.0),
    "realsense_d455_hd": CameraIntrinsics(1280, 720, 637.9, 637.2, 637.0, 364.5),
    "azure_kinect": CameraIntrinsics(1280, 720, 607.0, 606.8, 637.5, 366.7),
    "kinect_v2": CameraIntrinsics(960, 540, 532.0, 532.0, 478.5, 269.5),
    "orbbec_astra": CameraIntrinsics(640, 480, 528.0, 528.0, 320.0, 240.0),
    "orbbec_femto_bolt": CameraIntrinsics(1280, 720, 613.0, 613.0, 639.0, 361.0),
}

_FOCAL_DEVIATION: Final = 0.01
_CENTER_DEVIATION: Final = 0.006  # of the picture's width


def named_camera(name: str) -> CameraIntrinsics:
    """The typical camera of a kind.

    Raises
    ------
    InvalidValueError
        There is none of this name.
    """
    if name not in COLOR_CAMERAS:
        raise InvalidValueError(
            f"camera {name!r} is not known; known are {', '.join(COLOR_CAMERAS)}"
        )
    return COLOR_CAMERAS[name]


def draw_camera(
    random: np.random.Generator,
    size: int | None = None,
    zoom: Range = (1.0, 2.6),
) -> CameraIntrinsics:
    """A unit of a random camera.

    size
        Side of the square picture to cut out of the camera's, in pixels, or None for the whole
        picture as the camera gives it.
    zoom
        The square's side is the picture's shorter one divided by a factor from this range; it
        lies anywhere in the picture's middle.
    """
    named = COLOR_CAMERAS[list(COLOR_CAMERAS)[random.integers(len(COLOR_CAMERAS))]]
    camera = _vary(named, random)
    if size is None:
        return camera
    side = min(camera.width, camera.height) / random.uniform(*zoom)
    left = 0.5 * (camera.width - side) * random.uniform(0.6, 1.4)
    top = 0.5 * (camera.height - side) * random.uniform(0.6, 1.4)
    return square_cut(camera, left, top, side, size)


def square_cut(
    camera: CameraIntrinsics, left_px: float, top_px: float, side_px: float, size: int
) -> CameraIntrinsics:
    """Intrinsics of a square of a camera's picture scaled to ``size`` pixels.

    left_px, top_px
        Pixel coordinates, as points project to, of the square's upper left corner plus half a
        pixel: 0, 0 keeps the first pixel's outer corner.
    """
    if side_px <= 0 or size <= 0:
        raise InvalidValueError(
            f"a cut of {side_px} pixels scaled to {size} was asked for; both must be positive"
        )
    scale = size / side_px
    return replace(
        camera,
        width=size,
        height=size,
        fx=camera.fx * scale,
        fy=camera.fy * scale,
        cx=(camera.cx + 0.5 - left_px) * scale - 0.5,
        cy=(camera.cy + 0.5 - top_px) * scale - 0.5,
    )


def draw_third_person_pose(
    random: np.random.Generator,
    target_m: FloatArray,
    distance_m: Range = (0.35, 1.2),
) -> NDArray[np.float64]:
    """(4, 4) camera from world of a camera on a stand or a robot that looks at a target.

    The world is that of ``rendering.scene``: z up, the person on the side of -y. The camera
    stands on either side of the target or in front of it, as high as it or higher, and never at
    +y of it by more than a little, where the room may end.
    """
    elevation = np.deg2rad(np.clip(random.normal(28.0, 20.0), -10.0, 80.0))
    azimuth = np.deg2rad(random.uniform(-180.0, 0.0))
    return _draw_pose(random, target_m, azimuth, elevation, random.uniform(*distance_m))


def draw_egocentric_pose(
    random: np.random.Generator,
    target_m: FloatArray,
    distance_m: Range = (0.3, 0.7),
) -> NDArray[np.float64]:
    """(4, 4) camera from world of a camera on the person's head that looks at a target."""
    elevation = np.deg2rad(random.uniform(30.0, 65.0))
    azimuth = np.deg2rad(random.normal(-90.0, 15.0))
    return _draw_pose(random, target_m, azimuth, elevation, random.uniform(*distance_m))


def look_at_pose(
    eye_m: FloatArray, target_m: FloatArray, roll_rad: float = 0.0
) -> NDArray[np.float64]:
    """(4, 4) camera from world of a camera at ``eye_m`` whose optical axis goes through a target.

    roll_rad
        Turn about the optical axis; at 0 the world's z points up in the picture.
    """
    forward = np.asarray(target_m, dtype=np.float64) - eye_m
    length = np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if length < 1e-6 or np.linalg.norm(right) < 1e-6 * length:
        raise InvalidValueError(
            f"a camera at {tuple(np.round(eye_m, 3).tolist())} cannot look at "
            f"{tuple(np.round(target_m, 3).tolist())}: straight up, down, or no way at all"
        )
    forward, right = forward / length, right / np.linalg.norm(right)
    down = np.cross(forward, right)
    cosine, sine = np.cos(roll_rad), np.sin(roll_rad)
    pose = np.eye(4)
    pose[:3, :3] = [cosine * right + sine * down, cosine * down - sine * right, forward]
    pose[:3, 3] = -pose[:3, :3] @ eye_m
    return pose


def _draw_pose(
    random: np.random.Generator,
    target_m: FloatArray,
    azimuth: float,
    elevation: float,
    distance_m: float,
) -> NDArray[np.float64]:
    level = np.cos(elevation)
    towards_eye = np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])
    aim = target_m + 0.03 * distance_m * random.standard_normal(3)
    return look_at_pose(
        aim + distance_m * towards_eye, aim, roll_rad=float(random.normal(0.0, 0.12))
    )


def _vary(camera: CameraIntrinsics, random: np.random.Generator) -> CameraIntrinsics:
    focal = 1.0 + _FOCAL_DEVIATION * float(np.clip(random.standard_normal(), -3.0, 3.0))
    shift = _CENTER_DEVIATION * camera.width * np.clip(random.standard_normal(2), -3.0, 3.0)
    return replace(
        camera,
        fx=camera.fx * focal,
        fy=camera.fy * focal * (1.0 + 0.001 * float(random.standard_normal())),
        cx=camera.cx + float(shift[0]),
        cy=camera.cy + float(shift[1]),
    )
