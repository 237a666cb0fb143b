"""Smooth noise that repeats without a seam, made once and looked up often."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

SIZE: Final = 512
_BANK_SIZE: Final = 1 << 21
_SEED: Final = 20_240


@lru_cache(maxsize=16)
def noise_tile(grain: float, octaves: int = 1) -> Float32Array:
    """(512, 512) noise of deviation 1, limited to 3, that tiles.

    grain
        Size in texels of the coarsest octave; each further one is half as coarse and strong.
    """
    random = np.random.default_rng([_SEED, int(16 * grain), octaves])
    total = np.zeros((SIZE, SIZE))
    for octave in range(octaves):
        total += _smooth(random, grain / 2**octave) / 2**octave
    return np.asarray(np.clip(total / total.std(), -3.0, 3.0), dtype=np.float32)


def look_up(tile: Float32Array, across: Float32Array, down: Float32Array) -> Float32Array:
    """Values of the tile at (N,) texel coordinates, the nearest texel, repeating."""
    columns = across.astype(np.int32) & (SIZE - 1)
    rows = down.astype(np.int32) & (SIZE - 1)
    return np.asarray(np.take(tile, rows * SIZE + columns))


def normal_values(count: int, random: np.random.Generator) -> Float32Array:
    """(count,) standard normal values from a random place of a long table: for image noise,
    where drawing new ones in every frame would take longer than all else."""
    bank = _bank()
    if count > _BANK_SIZE // 2:
        return random.standard_normal(count, dtype=np.float32)
    start = int(random.integers(_BANK_SIZE - count))
    return bank[start : start + count]


def _smooth(random: np.random.Generator, grain: float) -> NDArray[np.float64]:
    noise = random.standard_normal((SIZE, SIZE), dtype=np.float32)
    margin = min(int(4 * grain) + 1, SIZE)
    padded = np.pad(noise, margin, mode="wrap")
    blurred = cv2.GaussianBlur(padded, (0, 0), max(0.5 * grain, 0.3))
    inner = blurred[margin : margin + SIZE, margin : margin + SIZE].astype(np.float64)
    return np.asarray((inner - inner.mean()) / inner.std())


@lru_cache(maxsize=1)
def _bank() -> Float32Array:
    return np.random.default_rng(_SEED).standard_normal(_BANK_SIZE, dtype=np.float32)
