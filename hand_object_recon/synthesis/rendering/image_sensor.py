"""What a colour camera makes of the light: exposure, blur, tone curve, noise and JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.rendering.colors import srgb_from_linear
from hand_object_recon.synthesis.rendering.noise_tiles import normal_values

Float32Array = NDArray[np.float32]
Image = NDArray[np.uint8]

_LEVELS: Final = 4096
_BRIGHTEST: Final = 2.0  # linear light; beyond it all is white
_WHITE_KNEE: Final = 0.8


@dataclass(frozen=True)
class ImageSensor:
    """A colour camera and its settings, which stay the same over a sequence.

    exposure
        Linear light is multiplied by it.
    white_balance
        Factors of red, green and blue.
    lens_blur_px
        Deviation of the blur of lens and demosaicing in a picture 256 pixels wide.
    motion_blur_px
        Longest smear in a picture 256 pixels wide; each frame draws its own up to it.
    shot_noise, read_noise
        Deviation at full brightness and of the dark, 0 to 1, before the tone curve.
    vignette
        Loss of light in the corners, 0 to 1.
    jpeg_quality
        1 to 100, or None for no compression.
    """

    exposure: float = 1.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    contrast: float = 0.0
    lens_blur_px: float = 0.45
    motion_blur_px: float = 0.0
    shot_noise: float = 0.01
    read_noise: float = 0.003
    vignette: float = 0.0
    jpeg_quality: int | None = None

    def develop(self, linear_rgb: Float32Array, random: np.random.Generator) -> Image:
        """(H, W, 3) 8-bit sRGB of (H, W, 3) linear light."""
        light = self._smear(self._blur(linear_rgb), random)
        light = np.asarray(cv2.transform(light, self._color_matrix()), dtype=np.float32)
        if self.vignette > 0.0:
            light *= _corner_loss(*light.shape[:2], self.vignette)
        np.clip(light, 0.0, _BRIGHTEST, out=light)
        noise = normal_values(light.size, random).reshape(light.shape)
        light += noise * np.sqrt(self.shot_noise**2 * light + self.read_noise**2)
        curve = tone_curve(self.contrast)
        level = np.clip(light * (_LEVELS / _BRIGHTEST), 0, _LEVELS - 1).astype(np.uint16)
        return self._compress(np.take(curve, level))

    def _blur(self, linear_rgb: Float32Array) -> Float32Array:
        sigma = self.lens_blur_px * max(linear_rgb.shape[1] / 256.0, 1.0) ** 0.5
        return np.asarray(cv2.GaussianBlur(linear_rgb, (0, 0), max(sigma, 0.1)))

    def _smear(self, light: Float32Array, random: np.random.Generator) -> Float32Array:
        longest = self.motion_blur_px * light.shape[1] / 256.0
        if longest <= 0.0:
            return light
        length, angle = random.uniform(0.0, longest), random.uniform(0.0, np.pi)
        if length < 1.0:
            return light
        reach = int(np.ceil(0.5 * length))
        kernel = np.zeros((2 * reach + 1,) * 2, dtype=np.float32)
        x, y = (16 * 0.5 * length * np.array([np.cos(angle), np.sin(angle)])).astype(int).tolist()
        middle = 16 * reach
        ends = (middle - x, middle - y), (middle + x, middle + y)
        cv2.line(kernel, *ends, 1.0, 1, cv2.LINE_AA, shift=4)
        return np.asarray(cv2.filter2D(light, -1, kernel / kernel.sum()))

    def _color_matrix(self) -> Float32Array:
        """(3, 3) exposure, white balance and saturation at once."""
        gray = np.full((3, 3), 1.0 / 3.0)
        saturated = gray + self.saturation * (np.eye(3) - gray)
        gains = self.exposure * np.array(self.white_balance)
        return np.asarray(saturated * gains, dtype=np.float32)

    def _compress(self, image: Image) -> Image:
        if self.jpeg_quality is None:
            return image
        blue_first = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        ok, coded = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality])
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR) if ok else None
        if decoded is None:
            raise InvalidValueError(f"a picture of shape {image.shape} cannot be written as JPEG")
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def draw_image_sensor(random: np.random.Generator) -> ImageSensor:
    """A camera of any make: most sharp and clean, some blurred, noisy or compressed."""
    noise = random.uniform(0.2, 1.0) ** 2
    return ImageSensor(
        exposure=float(np.exp(random.normal(0.0, 0.22))),
        white_balance=_draw_white_balance(random),
        saturation=random.uniform(0.8, 1.2),
        contrast=random.uniform(-0.1, 0.35),
        lens_blur_px=random.uniform(0.35, 0.75),
        motion_blur_px=random.uniform(0.0, 4.0) if random.random() < 0.5 else 0.0,
        shot_noise=0.03 * noise,
        read_noise=0.006 * noise,
        vignette=random.uniform(0.0, 0.3),
        jpeg_quality=int(random.integers(60, 96)) if random.random() < 0.7 else None,
    )


@lru_cache(maxsize=64)
def tone_curve(contrast: float) -> Image:
    """(4096,) sRGB values of linear light from 0 to 2: a soft shoulder near white, and an S of
    the given strength."""
    light = _BRIGHTEST * np.arange(_LEVELS) / _LEVELS
    over = np.maximum(light - _WHITE_KNEE, 0.0)
    room = 1.0 - _WHITE_KNEE
    soft = np.minimum(light, _WHITE_KNEE) + room * (1.0 - np.exp(-over / room))
    encoded = srgb_from_linear(soft)
    bent = encoded + contrast * (encoded * encoded * (3.0 - 2.0 * encoded) - encoded)
    return np.clip(255.0 * bent + 0.5, 0, 255).astype(np.uint8)


def _draw_white_balance(random: np.random.Generator) -> tuple[float, float, float]:
    """A camera corrects a lamp's colour, though seldom fully."""
    red, blue = np.exp(random.normal(0.0, 0.09, 2)).tolist()
    return float(red), 1.0, float(blue)


@lru_cache(maxsize=8)
def _corner_loss(height: int, width: int, loss: float) -> Float32Array:
    """(H, W, 3) share of the light that arrives."""
    y, x = np.linspace(-1.0, 1.0, height), np.linspace(-1.0, 1.0, width)
    squared = 0.5 * (x[None] ** 2 + y[:, None] ** 2)
    share = (1.0 - loss * squared**1.5).astype(np.float32)
    return np.repeat(share[..., None], 3, axis=2)
