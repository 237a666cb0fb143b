"""Everything of a sequence that is not a body: room, light, and the camera's two sensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from hand_object_recon.synthesis.depth_sensor import (
    DepthSensor,
    StereoDepthSensor,
    TimeOfFlightDepthSensor,
)
from hand_object_recon.synthesis.rendering.image_sensor import ImageSensor, draw_image_sensor
from hand_object_recon.synthesis.rendering.lights import Lights, draw_lights
from hand_object_recon.synthesis.rendering.room import Room, draw_room

_STEREO_CHANCE: Final = 0.7
# Typical baseline and focal length in pixels of the depth imagers of RealSense D415, D435 and
# D455 at their best resolution.
_STEREO_IMAGERS: Final = ((0.055, 938.0), (0.050, 424.0), (0.095, 424.0))


@dataclass(frozen=True, eq=False)
class Environment:
    """What stays the same over the frames of a sequence.

    background_blur
        Deviation of the blur of the background, as a share of the picture's width.
    """

    room: Room
    lights: Lights
    image_sensor: ImageSensor
    depth_sensor: DepthSensor
    background_blur: float


def draw_environment(
    random: np.random.Generator,
    table_height_m: float | None = None,
    image_folder: Path | None = None,
    depth_sensor: DepthSensor | None = None,
) -> Environment:
    """A room, its light, and a camera.

    table_height_m
        Height in the world of the table's top, for an object that lies on it; drawn, and at
        times without a table, if it is None.
    image_folder
        Images that cover walls and table instead of procedural textures.
    depth_sensor
        Taken instead of a drawn one.
    """
    return Environment(
        room=draw_room(random, table_height_m, image_folder),
        lights=draw_lights(random),
        image_sensor=draw_image_sensor(random),
        depth_sensor=draw_depth_sensor(random) if depth_sensor is None else depth_sensor,
        background_blur=random.uniform(0.0, 0.006) if random.random() < 0.5 else 0.0,
    )


def draw_depth_sensor(random: np.random.Generator) -> DepthSensor:
    """A stereo camera such as a RealSense, or a time-of-flight one such as an Azure Kinect."""
    if random.random() > _STEREO_CHANCE:
        return TimeOfFlightDepthSensor(noise_at_metre_m=random.uniform(0.0008, 0.0025))
    baseline_m, focal_px = _STEREO_IMAGERS[random.integers(len(_STEREO_IMAGERS))]
    subpixel_px = random.uniform(0.03, 0.10)
    return StereoDepthSensor(
        noise_at_half_metre_m=0.25 * subpixel_px / (focal_px * baseline_m),
        baseline_m=baseline_m,
        edge_dropout=random.uniform(0.3, 0.8),
        speck_dropout=random.uniform(0.0, 0.004),
        disparity_step_px=1.0 / float(random.choice([8, 16, 32])),
        imager_focal_px=focal_px,
        noise_grain_px=random.uniform(0.6, 1.6),
        slant_noise=random.uniform(0.3, 1.0),
        least_infrared=random.uniform(0.03, 0.15),
        flying_share=random.uniform(0.1, 0.6),
    )
