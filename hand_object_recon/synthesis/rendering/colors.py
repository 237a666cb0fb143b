"""Linear light, sRGB, and colours drawn at random."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]


def linear_from_srgb(srgb: NDArray[np.floating[Any]]) -> Float32Array:
    """Linear light, 0 to 1, of sRGB values 0 to 1 (IEC 61966-2-1)."""
    low, high = srgb / 12.92, ((np.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= 0.04045, low, high).astype(np.float32)


def srgb_from_linear(linear: NDArray[np.floating[Any]]) -> Float32Array:
    """sRGB values 0 to 1 of linear light 0 to 1."""
    low, high = linear * 12.92, 1.055 * np.maximum(linear, 0.0) ** (1.0 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high).astype(np.float32)


def draw_color(
    random: np.random.Generator,
    saturation: tuple[float, float] = (0.0, 0.9),
    value: tuple[float, float] = (0.08, 0.95),
) -> Float32Array:
    """(3,) linear RGB with any hue, saturation and value from ranges of the sRGB cone."""
    hsv = random.uniform(), random.uniform(*saturation), random.uniform(*value)
    return linear_from_srgb(np.array(colorsys.hsv_to_rgb(*hsv)))


def lamp_color(temperature_k: float) -> Float32Array:
    """(3,) linear RGB, green 1, of a lamp between 2500 K (warm) and 9000 K (blue sky).

    A straight line in mired through the black body's colours at 3000 K and 6500 K.
    """
    share = (1e6 / temperature_k - 1e6 / 6500.0) / (1e6 / 3000.0 - 1e6 / 6500.0)
    warm = np.array([1.55, 1.0, 0.40])
    return np.clip(1.0 + share * (warm - 1.0), 0.2, 2.0).astype(np.float32)
