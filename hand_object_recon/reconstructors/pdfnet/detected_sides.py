"""Which hand is the left one is for the detector to say.

A network that has seen few hands knows well where hands are and badly whose side they are. What
it takes for either hand is that of the detected hand whose joints are nearest in the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.hands import HandDetection
from hand_object_recon.networks.hand_crop import BOX_MARGIN
from hand_object_recon.reconstructors.pdfnet.conventions import CELL_PX, SIDES
from hand_object_recon.reconstructors.pdfnet.prediction import Seen

FloatArray = NDArray[np.floating[Any]]

_LEAST_DOUBT: Final = 1e-4  # so that logits stay finite
_NOWHERE: Final = -1e4  # a logit


def seen_by_sides(seen: Seen, is_own: Tensor) -> Seen:
    """Masks and middles of each side's hand, where it was detected and nowhere else.

    is_own
        (B, 2, S / 4, S / 4) bool: the cell is about a hand of the side.
    """
    is_own_px = is_own.repeat_interleave(CELL_PX, dim=2).repeat_interleave(CELL_PX, dim=3)
    return seen._replace(
        mask_logits=_of_sides(seen.mask_logits, is_own_px),
        center_logits=_of_sides(seen.center_logits, is_own),
    )


def presence_of_either(seen: Seen) -> Tensor | None:
    """(B, 2) logits that there is a hand at all; whose side it is, the detector has said.

    A hand whose side is unclear is half likely on either, so these shares add up.
    """
    logits = seen.presence_logits
    if logits is None:
        return None
    either = logits.sigmoid().sum(dim=1, keepdim=True)
    return either.logit(_LEAST_DOUBT).expand_as(logits)


def detected_cells(hands: Sequence[HandDetection], to_square: FloatArray, size: int) -> Tensor:
    """(1, 2, S / 4, S / 4) bool: the cells of a square image that are about hands of each side.

    to_square
        (2, 3) affine map from the camera's pixels to the square's.
    """
    cells = size // CELL_PX
    nearest = torch.full((1, len(SIDES), cells, cells), torch.inf)
    for hand in hands:
        points = _points_px(hand) @ to_square[:, :2].T + to_square[:, 2]
        found = _distances(torch.from_numpy(points)[None].float(), cells)
        own = nearest[:, SIDES.index(hand.side)]
        torch.minimum(own, found, out=own)
    return _nearer(nearest)


def cells_of_joints(joints_px: Tensor, is_present: Tensor, size: int) -> Tensor:
    """(B, 2, S / 4, S / 4) bool: the same of (B, 2, 21, 2) joints as a detector would see them."""
    cells = size // CELL_PX
    found = _distances(joints_px.flatten(0, 1), cells).reshape(*is_present.shape, cells, cells)
    return _nearer(torch.where(is_present[..., None, None], found, torch.inf))


def _points_px(hand: HandDetection) -> FloatArray:
    """(N, 2) keypoints of a detection, or the corners of its box and their middle."""
    if hand.keypoints_px is not None:
        return hand.keypoints_px.astype(np.float64)
    steps = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]]) - 0.5
    size = np.array([hand.box.width, hand.box.height]) / BOX_MARGIN
    return np.asarray(hand.box.center + steps * size)


def _distances(points_px: Tensor, cells: int) -> Tensor:
    """(N, K, K) pixels from each cell to the nearest of (N, P, 2) points; infinite beyond the box
    that a detector draws about them."""
    middles = (torch.arange(cells, device=points_px.device) + 0.5) * CELL_PX
    x, y = (middles - points_px[..., axis, None] for axis in range(2))
    squares = x.square()[:, :, None, :] + y.square()[:, :, :, None]
    low, high = points_px.amin(dim=1), points_px.amax(dim=1)
    half = BOX_MARGIN * (high - low) / 2 + CELL_PX / 2
    away = (middles[None, :, None] - ((low + high) / 2)[:, None]).abs() <= half[:, None]
    is_in = away[:, None, :, 0] & away[:, :, None, 1]
    return torch.where(is_in, squares.amin(dim=1).sqrt(), torch.inf)


def _nearer(distances: Tensor) -> Tensor:
    """(B, 2, K, K) where each side's hand is nearer than the other one."""
    return distances.isfinite() & (distances <= distances.flip(1))


def _of_sides(logits: Tensor, is_own: Tensor) -> Tensor:
    return torch.where(is_own, logits.amax(dim=1, keepdim=True), _NOWHERE)
