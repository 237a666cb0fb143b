"""What the demo shows: a hand that comes, takes an object up, turns it about and puts it down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.synthesis.filming.film_set import Viewpoint
from hand_object_recon.synthesis.output.recording import Shot, shots_of_takes
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice

_CAMERA: Final = CameraIntrinsics(width=640, height=480, fx=612.0, fy=612.0, cx=321.4, cy=238.7)
_FIRST_TAKE: Final = 27


def demo_shots(frames: int, seed: int) -> Iterator[Shot]:
    """A take in which hand and object are well in view, and others after it if it is too short."""
    settings = SampleSettings(
        split="val",
        seed=seed,
        scene=SceneChoice.GRASP,
        viewpoint=Viewpoint.THIRD_PERSON,
        camera=_CAMERA,
    )
    return shots_of_takes(settings, frames, _FIRST_TAKE)
