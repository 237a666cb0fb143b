"""How the opened hand comes to its grasp without meeting the object."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.hands import Hands, placed
from hand_object_recon.synthesis.grasping.refinement import HeldPose

_SHARES: Final = (0.15, 0.3, 0.5, 0.75, 1.0)
_BACK_M: Final = (0.004, 0.01, 0.02, 0.035, 0.055, 0.08, 0.11, 0.15)
_GRAZE_M: Final = 0.002
_CLEAR_M: Final = 0.01
_LEAST_BACK_M: Final = 0.03


class WayIn(NamedTuple):
    """angles (B, 15, 3) of the opened hands, back_m (B,) how far they back off along the
    approach until they are clear, and is_clear (B,) whether nothing is met on the way."""

    angles: Tensor
    back_m: Tensor
    is_clear: Tensor


def find_way_in(
    objects: GraspObjects,
    numbers: Tensor,
    hands: Hands,
    held: HeldPose,
    opened_rad: Tensor,
    approach: Tensor,
) -> WayIn:
    """Open each hand as little as it needs to come along ``approach`` (B, 3)."""
    with torch.no_grad():
        angles, back = held.angles, torch.zeros_like(approach[:, 0])
        is_clear = torch.zeros_like(numbers, dtype=torch.bool)
        for share in _SHARES:
            trial = torch.lerp(held.angles, opened_rad, share)
            clear, trial_back = _is_clear(objects, numbers, hands, trial, held, approach)
            is_better = clear & ~is_clear
            angles = torch.where(is_better[:, None, None], trial, angles)
            back = torch.where(is_better, trial_back, back)
            is_clear = is_clear | clear
        return WayIn(angles, back, is_clear)


def _is_clear(
    objects: GraspObjects,
    numbers: Tensor,
    hands: Hands,
    angles: Tensor,
    held: HeldPose,
    approach: Tensor,
) -> tuple[Tensor, Tensor]:
    skin = placed(hands.posed(angles).vertices_m, held.rotation, held.wrist_m)
    gaps = torch.stack(
        [
            objects.field.distance_m(skin - back * approach[:, None], numbers).amin(dim=1)
            for back in (0.0, *_BACK_M)
        ],
        dim=1,
    )
    grazes = gaps < -_GRAZE_M
    # What the closed hand already touches it still touches when it opens.
    grazes[:, 0] = gaps[:, 0] < -2.0 * _GRAZE_M
    backs = gaps.new_tensor((0.0, *_BACK_M))
    is_off = (gaps > _CLEAR_M) & (backs > _LEAST_BACK_M)
    return ~grazes.any(dim=1) & is_off.any(dim=1), backs[is_off.int().argmax(dim=1)]
