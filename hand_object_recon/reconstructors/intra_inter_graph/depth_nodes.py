"""What measured depth says of a node: beyond the paper, where x, y and z are all that nodes have.

A network that sees colour alone guesses how large a hand is. Where its joints are in the crop and
how large it thinks the hand is, together, say how far away the wrist must be. How far it is, the
depth camera measured. So the ratio of both tells how much too small the hand was guessed.

gap
    Measured depth behind the node, seen along the camera's axis, over 0.05 m and from -2 to 2:
    how far something lies before or behind it, once the hand is where the depth says.
is_measured
    1 where the node has a reading; where it has none the gap is 0.
size
    The logarithm of the measured distance over the guessed one, times 5 and from -2.5 to 2.5; the
    same for all nodes, 0 where nothing was measured.

The measured distance is the median over all nodes with a reading of what it says of the wrist. Half
the nodes may be hidden before it is off by more than the hand's thickness.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from hand_object_recon.reconstructors.intra_inter_graph.projection import sampled

DEPTH_CHANNELS: Final = 3
_GAP_UNIT_M: Final = 0.05
_MOST_GAP: Final = 2.0
_SIZE_FACTOR: Final = 5.0
_MOST_SIZE: Final = 0.5
_REACH: Final = 0.35
"""Of the guessed distance: readings farther off the node are not of this hand."""


class NodeDepth(NamedTuple):
    """channels (B, N, 3): gap, is_measured and size of each node; distance_m (B,): how far away
    the wrist is by depth, NaN where nothing was measured."""

    channels: Tensor
    distance_m: Tensor


def depth_of_nodes(depth_m: Tensor, uv: Tensor, nodes_z_m: Tensor, wrist_z_m: Tensor) -> NodeDepth:
    """What depth says of each node, and of the wrist.

    depth_m (B, S, S), 0 where there is none; uv (B, N, 2) where nodes are in the crop; nodes_z_m
    (B, N) about the wrist; wrist_z_m (B,) the guessed distance.
    """
    readings_m = sampled(depth_m[:, None], uv, mode="nearest")[..., 0]
    says_m = readings_m - nodes_z_m
    is_measured = readings_m > 0.0
    is_near = (says_m - wrist_z_m[:, None]).abs() < _REACH * wrist_z_m[:, None]
    distance_m = torch.where(is_measured & is_near, says_m, torch.nan).nanmedian(dim=1).values
    kept_m = torch.where(distance_m.isnan(), wrist_z_m, distance_m)
    gap = ((says_m - kept_m[:, None]) / _GAP_UNIT_M).clamp(-_MOST_GAP, _MOST_GAP)
    size = (kept_m / wrist_z_m).log().clamp(-_MOST_SIZE, _MOST_SIZE)
    channels = [
        torch.where(is_measured, gap, 0.0),
        is_measured.to(gap.dtype),
        _SIZE_FACTOR * size[:, None].expand_as(gap),
    ]
    return NodeDepth(torch.stack(channels, dim=2), distance_m)
