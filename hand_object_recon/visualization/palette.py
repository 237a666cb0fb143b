"""Colours of everything drawn over an image, as 8-bit RGB."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.core.objects import HandPart

Rgb = tuple[int, int, int]

SIDE_COLORS: Final[dict[HandSide, Rgb]] = {
    HandSide.RIGHT: (72, 176, 255),
    HandSide.LEFT: (255, 158, 74),
}
FINGER_COLORS: Final[tuple[Rgb, ...]] = (
    (255, 99, 97),
    (255, 202, 58),
    (122, 211, 93),
    (64, 196, 222),
    (186, 130, 255),
)
WRIST_COLOR: Final[Rgb] = (245, 245, 245)
OBJECT_COLOR: Final[Rgb] = (196, 198, 204)
SEEN_COLOR: Final[Rgb] = (112, 201, 96)
COMPLETED_COLOR: Final[Rgb] = (168, 115, 217)
CONTACT_COLOR: Final[Rgb] = (242, 51, 64)
DETECTION_COLOR: Final[Rgb] = (230, 230, 230)
TEXT_COLOR: Final[Rgb] = (250, 250, 250)
TEXT_BACKING_COLOR: Final[Rgb] = (16, 18, 24)
OUTLINE_COLOR: Final[Rgb] = (16, 18, 24)
PAGE_COLOR: Final[Rgb] = (246, 247, 249)
SKIN_COLOR: Final[Rgb] = (232, 190, 166)
REFERENCE_COLOR: Final[Rgb] = (24, 92, 200)


def keypoint_color(index: int) -> Rgb:
    """Colour of a hand keypoint, in the order of ``core.keypoints``: one for each finger."""
    return WRIST_COLOR if index == WRIST else FINGER_COLORS[(index - 1) // 4]


def part_color(part: HandPart) -> Rgb:
    """Colour of a part of the hand: that of its finger, or the wrist's for the palm."""
    return WRIST_COLOR if part is HandPart.PALM else FINGER_COLORS[part]


def linear_rgb(color: Rgb) -> tuple[float, float, float]:
    """The colour in linear light from 0 to 1, as glTF and USD want it; the palette is sRGB."""
    red, green, blue = (_linear(channel / 255) for channel in color)
    return red, green, blue


def linear_colors(colors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(V, 3) colours as :func:`linear_rgb`."""
    levels = np.array([_linear(level / 255) for level in range(256)], dtype=np.float32)
    return levels[colors]


def _linear(srgb: float) -> float:
    linear: float = srgb / 12.92 if srgb <= 0.04045 else ((srgb + 0.055) / 1.055) ** 2.4
    return round(linear, 6)
