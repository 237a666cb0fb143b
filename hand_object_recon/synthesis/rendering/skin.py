"""Skin of every tone, with knuckles, creases and nails fixed to the hand's rest pose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.synthesis.rendering.appearance import Appearance, Surface
from hand_object_recon.synthesis.rendering.colors import linear_from_srgb
from hand_object_recon.synthesis.rendering.noise_tiles import SIZE, look_up, noise_tile
from hand_object_recon.synthesis.rendering.skin_details import SkinDetails, skin_details

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.floating[Any]]

# The ten tones of the Monk Skin Tone Scale, sRGB (skintone.google, CC BY 4.0).
MONK_TONES_SRGB: Final = (
    (246, 237, 228),
    (243, 231, 219),
    (247, 234, 208),
    (234, 218, 186),
    (215, 189, 150),
    (160, 126, 86),
    (130, 92, 67),
    (96, 65, 52),
    (58, 49, 42),
    (41, 36, 32),
)

_BRIGHTNESS: Final = (0.55, 0.85)
_PALM_TOWARDS: Final = np.array([0.60, 0.36, 0.27], dtype=np.float32)
_FLUSH_TINT: Final = np.array([1.02, 0.72, 0.66], dtype=np.float32)
_NAIL_TOWARDS: Final = np.array([0.62, 0.40, 0.34], dtype=np.float32)
_BLOOD: Final = np.array([1.0, 0.77, 0.70], dtype=np.float32)
_SCATTER: Final = (0.38, 0.20, 0.14)
_TEXELS_PER_METRE: Final = 2200.0


@dataclass(frozen=True, eq=False)
class Skin(Appearance):
    """The skin of a person's hand, or of the forearm that goes on from its rest place.

    side
        Of the hand whose rest place has the creases; see ``of``.
    back, palm (3,)
        Linear RGB reflectance.
    crease, flush, mottling, pores
        Strengths of the details.
    offset
        Texels by which this person's blotches are shifted.
    """

    back: Float32Array
    palm: Float32Array
    nail: Float32Array
    crease: float
    flush: float
    mottling: float
    pores: float
    gloss: float
    gloss_power: float
    offset: tuple[float, float]
    side: HandSide = HandSide.RIGHT

    def of(self, side: HandSide) -> Skin:
        """The same person's skin on the hand of that side."""
        return replace(self, side=side)

    def features(self, rest_m: FloatArray, faces: NDArray[np.int32]) -> Float32Array:
        """(V, 4): the rest place, and 0 on the back of the hand to 1 in the palm."""
        rest = np.ascontiguousarray(rest_m, dtype=np.float32)
        return _with_palm(rest.tobytes(), np.ascontiguousarray(faces, dtype=np.int32).tobytes())

    def surface(self, features: Float32Array) -> Surface:
        x, y, z, palm = features
        x = x if self.side is HandSide.RIGHT else -x
        color = self.back[:, None] + palm * (self.palm - self.back)[:, None]
        details = skin_details().at(x, z, is_palm=palm > 0.5)
        color *= self._blotches(x + 0.6 * y, z - 0.8 * y)
        self._apply(color, details)
        return Surface(color, self.gloss, self.gloss_power, scatter=_SCATTER)

    @property
    def infrared(self) -> float:
        return 0.75

    def _blotches(self, along: Float32Array, around: Float32Array) -> Float32Array:
        across = along * _TEXELS_PER_METRE + (self.offset[0] + 8 * SIZE)
        down = around * _TEXELS_PER_METRE + (self.offset[1] + 8 * SIZE)
        blotches = look_up(noise_tile(24.0, 3), across, down)
        pores = look_up(noise_tile(1.5), across, down)
        return 1.0 + self.mottling * blotches + self.pores * pores

    def _apply(self, color: Float32Array, details: SkinDetails) -> None:
        color *= 1.0 - self.flush * details.flush * (1.0 - _FLUSH_TINT)[:, None]
        color += (0.8 * details.nail) * (self.nail[:, None] - color)
        color *= 1.0 - self.crease * details.crease


def draw_skin(random: np.random.Generator) -> Skin:
    """A person's skin, on the right hand: a tone of the Monk scale or between two, and details.

    The reflectance is 0.55 to 0.85 times the linear light of the scale's chip. Palms are nearer
    to a common pink than the back of the hand, the more so the darker the skin.
    """
    back = _draw_tone(random)
    darkness = float(1.0 - np.clip(back.mean() / 0.55, 0.0, 1.0))
    towards = (0.25 + 0.30 * darkness) * random.uniform(0.6, 1.1)
    palm = back + towards * (_PALM_TOWARDS * random.uniform(0.8, 1.1) - back)
    nail = back + random.uniform(0.35, 0.7) * (_NAIL_TOWARDS * random.uniform(0.8, 1.2) - back)
    return Skin(
        back=back,
        palm=palm.astype(np.float32),
        nail=nail.astype(np.float32),
        crease=random.uniform(0.25, 0.55),
        flush=random.uniform(0.2, 0.9),
        mottling=random.uniform(0.02, 0.06),
        pores=random.uniform(0.01, 0.04),
        gloss=random.uniform(0.02, 0.09),
        gloss_power=random.uniform(12.0, 32.0),
        offset=(random.uniform(0, SIZE), random.uniform(0, SIZE)),
    )


@lru_cache(maxsize=32)
def _with_palm(rest_m: bytes, faces: bytes) -> Float32Array:
    """(V, 4) features of (V, 3) float32 rest vertices and (F, 3) int32 faces: a sequence asks for
    the same ones in every frame."""
    rest = np.frombuffer(rest_m, dtype=np.float32).reshape(-1, 3)
    triangles = np.frombuffer(faces, dtype=np.int32).reshape(-1, 3)
    normals = vertex_normals(face_area_vectors(rest, triangles), triangles, len(rest))
    palm = np.clip(0.5 - 0.9 * normals[:, 1:2], 0.0, 1.0)
    return np.concatenate([rest, palm], axis=1, dtype=np.float32)


def _draw_tone(random: np.random.Generator) -> Float32Array:
    tones = linear_from_srgb(np.array(MONK_TONES_SRGB) / 255.0)
    place = random.uniform(0, len(tones) - 1)
    before = min(int(place), len(tones) - 2)
    tone = tones[before] + (place - before) * (tones[before + 1] - tones[before])
    blood = 1.0 + random.uniform(0.4, 1.2) * (_BLOOD - 1.0)
    return np.asarray(tone * random.uniform(*_BRIGHTNESS) * blood, dtype=np.float32)
