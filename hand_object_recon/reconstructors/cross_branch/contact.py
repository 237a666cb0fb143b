"""Hand and object are drawn to where they touch and out of each other (Hasson et al., CVPR 2019).

As in ObMan's code: distances are those to the nearest vertex of the object, levelled off by a
hyperbolic tangent; of each zone with which hands touch things the nearest vertex is drawn to the
object, unless it is inside; vertices of the hand that are inside are driven out; means are over all
such vertices of the batch. ObMan lists six zones of MANO's vertices; here they are those of
``hand_model/vertex_labels.py``, five finger pads and the palm, which any hand model has. ObMan
tells the inside by the parity of crossings, ``is_inside`` by their directions, which is the same
for meshes that do not cross themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from hand_object_recon.reconstructors.cross_branch.point_distances import (
    is_inside,
    nearest_points,
)

_ATTRACTION_REACH_MM: Final = 10.0
_REPULSION_REACH_MM: Final = 20.0
_MM: Final = 1e3


def contact_errors_mm(
    hand_m: Tensor, object_m: Tensor, object_faces: Tensor, zones: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """How far the hand's zones are from the object, and the hand inside it: two numbers, mm.

    hand_m (B, V, 3), object_m (B, O, 3), object_faces (F, 3); zones: vertices of the hand.
    """
    gaps_m = hand_m - nearest_points(hand_m, object_m)
    distances_mm = _MM * torch.linalg.vector_norm(gaps_m, dim=2)
    inside = is_inside(hand_m, object_m, object_faces)
    drawn = _nearest_of_zones(distances_mm.detach(), zones) & ~inside
    return (
        _mean_over(_levelled(distances_mm, _ATTRACTION_REACH_MM), drawn),
        _mean_over(_levelled(distances_mm, _REPULSION_REACH_MM), inside),
    )


def _nearest_of_zones(distances: Tensor, zones: Sequence[Tensor]) -> Tensor:
    """(B, V) whether a vertex is the nearest one of its zone."""
    is_nearest = torch.zeros_like(distances, dtype=torch.bool)
    for zone in zones:
        nearest = zone[distances[:, zone].argmin(dim=1)]
        is_nearest.scatter_(1, nearest[:, None], True)
    return is_nearest


def _levelled(distances: Tensor, reach: float) -> Tensor:
    return reach * torch.tanh(distances / reach)


def _mean_over(values: Tensor, counted: Tensor) -> Tensor:
    """Of the (B, V) values that count; 0 where none does."""
    return torch.where(counted, values, 0.0).sum() / counted.sum().clamp_min(1)
