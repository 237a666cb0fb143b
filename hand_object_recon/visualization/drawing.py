"""Lines, dots and labels with sizes in proportion to the image they are drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.visualization.palette import TEXT_BACKING_COLOR, TEXT_COLOR, Rgb

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SUBPIXEL_BITS = 4
_REFERENCE_HEIGHT_PX = 480

Image = NDArray[np.uint8]
Pixels = NDArray[np.floating[Any]]
Point = tuple[int, int]


@dataclass(frozen=True)
class DrawingStyle:
    """Sizes in pixels, in proportion to the image."""

    bone: int
    joint: float
    box: int
    text: float
    text_weight: int
    padding: int

    @classmethod
    def for_image(cls, image: Image) -> DrawingStyle:
        scale = min(image.shape[:2]) / _REFERENCE_HEIGHT_PX
        return cls(
            bone=max(round(2 * scale), 1),
            joint=max(3.2 * scale, 1.5),
            box=max(round(scale), 1),
            text=max(0.44 * scale, 0.3),
            text_weight=max(int(scale), 1),
            padding=max(round(5 * scale), 3),
        )


def draw_line(image: Image, start: Pixels, end: Pixels, color: Rgb, thickness: int) -> None:
    """A line between two (2,) pixels."""
    ends = (_fixed_point(start), _fixed_point(end))
    cv2.line(image, *ends, color, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def draw_dot(image: Image, center: Pixels, color: Rgb, radius: float) -> None:
    """A filled circle around a (2,) pixel."""
    fixed_radius = round(radius * (1 << _SUBPIXEL_BITS))
    cv2.circle(image, _fixed_point(center), fixed_radius, color, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def draw_rectangle(image: Image, low: Pixels, high: Pixels, color: Rgb, thickness: int) -> None:
    """The border of the rectangle between two (2,) pixels."""
    corners = (_fixed_point(low), _fixed_point(high))
    cv2.rectangle(image, *corners, color, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def draw_label(
    image: Image, anchor: Pixels, text: str, color: Rgb, style: DrawingStyle, *, is_below: bool
) -> None:
    """Text with a bar of a colour, above or below the (2,) pixel at its left end, kept inside."""
    (width, height), baseline = cv2.getTextSize(text, _FONT, style.text, style.text_weight)
    box_width, box_height = width + 2 * style.padding, height + baseline + style.padding
    rightmost = max(image.shape[1] - box_width, 0)
    lowest = max(image.shape[0] - 2 * box_height, 0)
    offset = style.padding if is_below else -box_height - style.padding
    left = int(np.clip(anchor[0], 0, rightmost))
    top = int(np.clip(anchor[1] + offset, 0, lowest))
    _darken(image[top : top + box_height, left : left + box_width])
    image[top : top + box_height, left : left + max(style.padding // 2, 2)] = color
    origin = (left + style.padding, top + height + style.padding // 2)
    _write(image, text, origin, style)


def draw_caption(image: Image, text: str, style: DrawingStyle) -> None:
    """Text in a strip along the image's lower border."""
    (_, height), baseline = cv2.getTextSize(text, _FONT, style.text, style.text_weight)
    strip = height + baseline + style.padding
    _darken(image[-strip:])
    _write(image, text, (style.padding, image.shape[0] - baseline - style.padding // 2), style)


def _write(image: Image, text: str, origin: Point, style: DrawingStyle) -> None:
    cv2.putText(image, text, origin, _FONT, style.text, TEXT_COLOR, style.text_weight, cv2.LINE_AA)


def _darken(view: Image) -> None:
    backing = np.empty_like(view)
    backing[:] = TEXT_BACKING_COLOR
    view[:] = cv2.addWeighted(view, 0.35, backing, 0.65, 0.0)


def _fixed_point(pixel: Pixels) -> Point:
    x, y = np.clip(np.round(pixel * (1 << _SUBPIXEL_BITS)), -(2**24), 2**24).astype(int).tolist()
    return x, y
