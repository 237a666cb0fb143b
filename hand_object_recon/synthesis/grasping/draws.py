"""The random numbers of grasps, drawn for each alone: a seed means the same in any batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.hand_model.conventions import SHAPE_COUNT

CANDIDATES: Final = 24
ROLLS: Final = 12
_MOST_SHAPE: Final = 2.0


class Draws(NamedTuple):
    """shape (B, 10) of the hands; pose_noise (B, 15, 3) normal; candidates (B, K, 4) evenly in
    0 to 1, four numbers for each of K places; rolls (B, R) and anchor (B,) the same."""

    shape: Tensor
    pose_noise: Tensor
    candidates: Tensor
    rolls: Tensor
    anchor: Tensor

    @classmethod
    def of(cls, seeds: Sequence[int], device: torch.device | str = "cpu") -> Draws:
        rows = [_draw(np.random.default_rng(seed)) for seed in seeds]
        columns = (np.stack(column) for column in zip(*rows, strict=True))
        return cls(*(torch.tensor(c, dtype=torch.float32, device=device) for c in columns))


def _draw(random: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    return (
        np.clip(random.normal(size=SHAPE_COUNT), -_MOST_SHAPE, _MOST_SHAPE),
        random.normal(size=(15, 3)),
        random.random((CANDIDATES, 4)),
        random.random(ROLLS),
        np.asarray(random.random()),
    )
