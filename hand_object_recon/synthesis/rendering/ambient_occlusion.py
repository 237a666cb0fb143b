"""How much of a room's glow gets into corners, guessed from the depth image alone."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

_GRID_WIDTH: Final = 128
_REACHES: Final = ((0, 3), (3, 0), (2, 2), (2, -2), (0, 6), (6, 0))
_LARGEST_REACH: Final = 6
_DEEPEST_M: Final = 0.008
_SAME_CORNER_M: Final = 0.04
_STRENGTH: Final = 0.55


def open_share(depth_m: Float32Array) -> Float32Array:
    """(H, W) 1 in the open, less where a place lies behind what is on both sides of it.

    A neighbour more than a few centimetres nearer is in front of the place and not beside it,
    so it darkens nothing.
    """
    height, width = depth_m.shape
    step = max(round(width / _GRID_WIDTH), 1)
    coarse = depth_m[::step, ::step]
    padded = np.pad(coarse, _LARGEST_REACH, mode="edge")
    behind = np.zeros_like(coarse)
    for down, across in _REACHES:
        sides = (_beside(padded, coarse, sign * down, sign * across) for sign in (1, -1))
        behind += np.maximum(sum(sides), 0.0)
    share = np.minimum(behind * np.float32(1.0 / (_DEEPEST_M * len(_REACHES))), 1.0)
    openness = cv2.blur(1.0 - np.float32(_STRENGTH) * share, (3, 3))
    return np.asarray(cv2.resize(openness, (width, height), interpolation=cv2.INTER_LINEAR))


def _beside(padded: Float32Array, coarse: Float32Array, down: int, across: int) -> Float32Array:
    """(h, w) how much nearer the neighbour is, 0 where it is too far in front."""
    rows, columns = coarse.shape
    top, left = _LARGEST_REACH + down, _LARGEST_REACH + across
    nearer = coarse - padded[top : top + rows, left : left + columns]
    return np.where(nearer < _SAME_CORNER_M, nearer, np.float32(0.0))
