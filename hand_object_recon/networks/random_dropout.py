"""Dropout whose random numbers cost little on a CPU."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

_LEVELS: Final = 256
_NUMBERS_PER_DRAW: Final = 8  # bytes of what the generator draws at once


def dropout(values: Tensor, share: float) -> Tensor:
    """Values of any shape with about ``share`` of them zero, the others as much larger.

    On a CPU the share is rounded to a 256th, and one draw of torch's generator decides on eight
    values; torch's own draws one for each, which takes longer than the layers around it.
    """
    if values.device.type != "cpu":
        return functional.dropout(values, share)
    dropped = round(share * _LEVELS)
    draws = -(-values.numel() // _NUMBERS_PER_DRAW)
    numbers = torch.empty(draws, dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    kept = numbers.view(torch.uint8)[: values.numel()].view(values.shape) >= dropped
    return values * kept * (_LEVELS / (_LEVELS - dropped))
