"""Where the hands' middles are in the image, what is seen there, and the root that lies there."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.reconstructors.pdfnet.conventions import (
    CELL_PX,
    ROOT_DEPTH_M,
    ROOT_REACH_M,
    ROOT_STEP,
)

_PEAK_CELLS: Final = 5
_PATCH: Final = 5


class CenterFeatures(nn.Module):
    """Features around a cell: two 3x3 convolutions with nothing between them.

    Each needs a patch of 5x5 cells alone; ``of_all_cells`` has them all worked out, as in the
    authors' code.
    """

    def __init__(self, channels: int, *, of_all_cells: bool = False) -> None:
        super().__init__()
        self.channels_out = 4 * channels
        self.first = nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(2 * channels, 4 * channels, 3, padding=1, bias=False)
        self.of_all_cells = of_all_cells

    def forward(self, maps: Tensor, centers: Tensor) -> Tensor:
        """(B, 2, 4C) at (B, 2) cells of (B, C, H, W) maps."""
        if self.of_all_cells:
            return at_cells(self.second(self.first(maps)), centers).transpose(1, 2)
        patches, is_cell = patches_around(maps, centers)
        inner = functional.conv2d(patches, self.first.weight)
        # Beyond the maps the second convolution sees zeros, not what the first would find there.
        inner = inner * is_cell[:, :, 1:-1, 1:-1]
        features = functional.conv2d(inner, self.second.weight)
        return features.reshape(*centers.shape, self.channels_out)


def patches_around(maps: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """(2B, C, 5, 5) cells around (B, 2) of (B, C, H, W) maps, zero beyond them, and (2B, 1, 5, 5)
    which are on the maps."""
    height, width = maps.shape[2:]
    steps = torch.arange(_PATCH, device=maps.device) - _PATCH // 2
    rows = (centers // width)[..., None, None] + steps[:, None]
    columns = (centers % width)[..., None, None] + steps
    is_cell = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    numbers = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    cells = at_cells(maps, numbers.flatten(1)).reshape(*maps.shape[:2], *numbers.shape[1:])
    inside = is_cell.flatten(0, 1)[:, None].to(maps.dtype)
    return cells.transpose(1, 2).flatten(0, 1) * inside, inside


def at_cells(maps: Tensor, cells: Tensor) -> Tensor:
    """(B, C, N) what (B, C, H, W) maps hold at (B, N) cells, row after row."""
    flat = maps.flatten(2)
    return flat.gather(2, cells[:, None].expand(-1, flat.shape[1], -1))


def peaks(center_logits: Tensor) -> Tensor:
    """(B, 2) the most likely cell of each (B, 2, H, W) map, row after row."""
    return center_logits.flatten(2).argmax(dim=2)


def peaks_of_raw_logits(center_logits: Tensor) -> Tensor:
    """The same as the authors' network finds them: see ``Conventions.peaks_of_logits``."""
    margin = _PEAK_CELLS // 2
    largest = functional.max_pool2d(center_logits, _PEAK_CELLS, stride=1, padding=margin)
    return peaks(center_logits * (largest == center_logits))


def roots_from_middles(root: Tensor, middles_m: Tensor) -> Tensor:
    """(B, 2, 3) metres in camera axes, by (B, 2, 3) middles of the hands' points there.

    root
        (B, 2, 3) what the network answers: depth, then right and down; see ``ROOT_REACH_M``.
    """
    return middles_m + ROOT_REACH_M * root.roll(-1, dims=-1)


def roots_in_camera(root: Tensor, centers: Tensor, cameras: Tensor, image_size: int) -> Tensor:
    """(B, 2, 3) metres in the axes of (B, 3, 3) cameras.

    root
        (B, 2, 3) what the network answers: depth, then right and down; see ``ROOT_STEP``.
    """
    cells = image_size // CELL_PX
    steps = ROOT_STEP * root
    depth_m = ROOT_DEPTH_M + steps[..., :1]
    corners = CELL_PX * torch.stack([centers % cells, centers // cells], dim=-1)
    focal = torch.stack([cameras[:, 0, 0], cameras[:, 1, 1]], dim=-1)[:, None]
    slopes = (corners + steps[..., 1:] - cameras[:, None, :2, 2]) / focal
    return torch.cat([slopes * depth_m, depth_m], dim=-1)
