"""The colour of skin at every place of the hand, fixed to the rest pose so that it moves along."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]

_BACK_COLOR: Final = np.array([0.60, 0.36, 0.25])
_PALM_COLOR: Final = np.array([0.70, 0.42, 0.32])
_FLUSHED_COLOR: Final = np.array([0.68, 0.30, 0.23])
_FLUSH_RADIUS_M: Final = 0.016
_CREASE_WIDTH_M: Final = 0.0011
_CREASE_REACH_M: Final = 0.013


class SkinTexture:
    """Linear RGB reflectance of a hand model's skin by place in its rest pose (metres)."""

    def __init__(self, model: HandModel) -> None:
        joints = model.rest_joints_m.astype(np.float64)
        tips = model.v_template[model.tip_vertices].astype(np.float64)
        chains = [joints[[first, first + 1, first + 2]] for first in (13, 1, 4, 10, 7)]
        self._tips = tips
        self._creases = [
            (chain[level], _unit(following - chain[level]))
            for chain, tip in zip(chains, tips, strict=True)
            for level, following in ((1, chain[2]), (2, tip))
        ]

    def color(self, rest_m: FloatArray, rest_normals: FloatArray) -> FloatArray:
        """(N, 3) linear RGB, 0 to 1, at rest-pose places (N, 3) with unit normals (N, 3)."""
        palm = _ramp(-rest_normals[:, 1], -0.35, 0.55)[:, None]
        color = _BACK_COLOR + palm * (_PALM_COLOR - _BACK_COLOR)
        color = color + self._flush(rest_m)[:, None] * (_FLUSHED_COLOR - color) * 0.45
        color = color * (1.0 + 0.05 * _mottling(rest_m))[:, None]
        return np.asarray(color * (1.0 - 0.24 * self._crease_depth(rest_m))[:, None])

    def _flush(self, rest_m: FloatArray) -> FloatArray:
        nearest = np.min([_squared_length(rest_m - tip) for tip in self._tips], axis=0)
        flush: FloatArray = np.exp(-nearest / _FLUSH_RADIUS_M**2)
        return flush

    def _crease_depth(self, rest_m: FloatArray) -> FloatArray:
        """(N,) 0 on smooth skin to 1 at the bottom of a finger's crease."""
        depth = np.zeros(len(rest_m))
        for joint, along in self._creases:
            offset = rest_m - joint
            height = offset @ along
            reach = _squared_length(offset) < _CREASE_REACH_M**2
            line = np.exp(-((height / _CREASE_WIDTH_M) ** 2)) * reach
            np.maximum(depth, line, out=depth)
        return depth


def _mottling(rest_m: FloatArray) -> FloatArray:
    """(N,) about -1 to 1, uneven like skin: waves of a few millimetres to centimetres."""
    x, y, z = (rest_m * 260.0).T
    coarse = np.sin(x + 1.7 * np.sin(0.7 * z)) * np.cos(1.3 * z + np.sin(y))
    fine = np.sin(3.1 * x + 2.0 * np.sin(2.3 * z + y)) * np.sin(2.9 * z - 1.1 * x)
    return np.asarray(0.6 * coarse + 0.4 * fine)


def _ramp(values: FloatArray, low: float, high: float) -> FloatArray:
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def _squared_length(vectors: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ij,ij->i", vectors, vectors))


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))
