"""Depth as the encoders see it: relative to what is in the crop's middle, in units of 0.2 m.

What the paper leaves open is decided so:

reference
    The median of the depth in the middle third of the crop (of the whole crop where that has
    none), of that alone which lies less than 0.2 m behind the nearest tenth there: the hand and
    what it holds, not the wall between the fingers. The same rule makes the estimate's truth out
    of the depth that it is learned from.
limits
    From 0.2 m before the reference to 0.3 m behind it; what lies beyond is put there, so a wall is
    one flat value.
nothing
    0, as the reference itself. A network for which holes matter has them filled.
filling
    Where nothing is measured the estimate stands, moved by the median of the difference to what
    is measured in the middle third.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

UNIT_M: Final = 0.2
NEAREST: Final = -1.0
FARTHEST: Final = 1.5
_NEAR_SHARE: Final = 0.1


def relative_depth(depth_m: Tensor) -> Tensor:
    """(B, S, S) of depth in metres, 0 in both where there is none."""
    reference_m = reference_depths_m(depth_m)[:, None, None]
    relative = ((depth_m - reference_m) / UNIT_M).clamp(NEAREST, FARTHEST)
    return torch.where(depth_m > 0.0, relative, 0.0)


def filled(relative: Tensor, depth_m: Tensor, estimate: Tensor) -> Tensor:
    """(B, S, S) measured relative depth whose holes are filled with an estimate.

    depth_m tells where the holes are.
    """
    is_measured = depth_m > 0.0
    compared = is_measured & _is_middle(depth_m) & (relative < FARTHEST)
    gaps = torch.where(compared, relative - estimate.detach(), torch.nan)
    shift = gaps.flatten(1).nanmedian(dim=1).values.nan_to_num()[:, None, None]
    return torch.where(is_measured, relative, estimate + shift).clamp(NEAREST, FARTHEST)


def middle_shares(depth_m: Tensor) -> Tensor:
    """(B,) how much of the middle third of (B, S, S) depth has a reading."""
    in_middle = _is_middle(depth_m)
    return ((depth_m > 0.0) & in_middle).sum(dim=(1, 2)) / in_middle.sum()


def reference_depths_m(depth_m: Tensor) -> Tensor:
    """(B,) depth that (B, S, S) depth is relative to; 0 where there is none at all."""
    is_there = depth_m > 0.0
    in_middle = is_there & _is_middle(depth_m)
    has_middle = in_middle.any(dim=2).any(dim=1)[:, None, None]
    looked_at = torch.where(has_middle, in_middle, is_there)
    depths = torch.where(looked_at, depth_m, torch.nan).flatten(1)
    tenth = (_NEAR_SHARE * looked_at.flatten(1).sum(dim=1, keepdim=True)).long()
    nearest = depths.sort(dim=1).values.gather(1, tenth)  # NaN comes last
    near = torch.where(depths < nearest + UNIT_M, depths, torch.nan)
    return near.nanmedian(dim=1).values.nan_to_num()


def _is_middle(depth_m: Tensor) -> Tensor:
    """(S, S) whether a pixel is in the middle third."""
    size = depth_m.shape[-1]
    place = torch.arange(size, device=depth_m.device)
    is_middle = (3 * place >= size) & (3 * place < 2 * size)
    return is_middle[:, None] & is_middle
