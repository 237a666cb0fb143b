"""Cloth of sleeves: plain, striped or checked, with a weave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.rendering.appearance import Appearance, Surface
from hand_object_recon.synthesis.rendering.colors import draw_color
from hand_object_recon.synthesis.rendering.noise_tiles import SIZE, look_up, noise_tile

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.floating[Any]]

_PATTERNS: Final = ("plain", "stripes", "checks")
_PATTERN_CHANCES: Final = (0.6, 0.22, 0.18)
_WEAVE_TEXELS_PER_METRE: Final = 1800.0
_FOLD_TEXELS_PER_METRE: Final = 700.0
_TURN_M: Final = 0.04  # rest metres that one radian around the arm counts as


@dataclass(frozen=True, eq=False)
class Cloth(Appearance):
    """A woven or knitted cloth, its pattern along and around a sleeve whose rest is along x.

    base, second (3,)
        Linear RGB reflectance of the ground and of the pattern.
    """

    base: Float32Array
    second: Float32Array
    pattern: str
    period_m: float
    weave: float

    def surface(self, features: Float32Array) -> Surface:
        along, around = features[0], _TURN_M * np.arctan2(features[1], features[2])
        share = self._pattern_share(along, around)
        color = self.base[:, None] + share * (self.second - self.base)[:, None]
        scale, shift = _WEAVE_TEXELS_PER_METRE, float(8 * SIZE)
        weave = look_up(noise_tile(2.0), along * scale + shift, around * scale + shift)
        scale = _FOLD_TEXELS_PER_METRE
        folds = look_up(noise_tile(24.0, 2), along * scale + shift, around * scale + shift)
        color *= np.maximum(1.0 + self.weave * weave + 0.10 * folds, 0.2)
        return Surface(color, gloss=0.01, gloss_power=6.0)

    @property
    def infrared(self) -> float:
        # Most dyes are bright in the near infrared; black cloth of the cheap kind is not.
        return float(0.35 + 0.6 * np.clip(3.0 * self.base.mean(), 0.0, 1.0))

    def _pattern_share(self, along: Float32Array, around: Float32Array) -> Float32Array:
        if self.pattern == "plain":
            return np.zeros_like(along)
        stripes = (np.mod(along, self.period_m) < 0.5 * self.period_m).astype(np.float32)
        if self.pattern == "stripes":
            return stripes
        across = np.mod(around, self.period_m) < 0.5 * self.period_m
        return np.asarray(0.5 * stripes + 0.5 * across, dtype=np.float32)


def draw_cloth(random: np.random.Generator) -> Cloth:
    """A sleeve's cloth: any colour, dark ones more often than on objects."""
    return Cloth(
        base=draw_color(random, (0.0, 0.75), (0.08, 0.95)),
        second=draw_color(random, (0.0, 0.75), (0.08, 0.95)),
        pattern=str(random.choice(_PATTERNS, p=_PATTERN_CHANCES)),
        period_m=random.uniform(0.008, 0.04),
        weave=random.uniform(0.03, 0.14),
    )
