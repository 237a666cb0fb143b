"""A moment of a take filmed: a frame with everything true of it."""

from __future__ import annotations

from typing import Final

import numpy as np

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.synthesis.filming.film_set import FilmSet
from hand_object_recon.synthesis.filming.scene_of import scene_of
from hand_object_recon.synthesis.filming.truth import truth_of
from hand_object_recon.synthesis.rendering.renderer import render
from hand_object_recon.synthesis.takes.take import Moment, Take

FRAME_RATE_HZ: Final = 30
FRAME_ID: Final = "camera_color_optical_frame"


def film_frame(
    take: Take, film_set: FilmSet, moment: Moment, stamp_ns: int, random: np.random.Generator
) -> AnnotatedFrame:
    """One moment of a take; ``random`` is for the sensors' noise."""
    before_camera = scene_of(moment, take.object_shape, film_set)
    rendered = render(before_camera.scene, random)
    frame = RgbdFrame(rendered.rgb, rendered.depth_m, film_set.camera, stamp_ns, FRAME_ID)
    truth = truth_of(stamp_ns, before_camera, rendered)
    return AnnotatedFrame(frame, truth, take.name)
