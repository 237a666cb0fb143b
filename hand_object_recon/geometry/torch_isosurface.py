"""The surface on which a function sampled on a regular grid is zero, on the samples' device.

The same surface as ``isosurface`` gives, by the same table, so that samples on a GPU need not be
copied to the host: only the mesh is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

import torch
from torch import Tensor

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.isosurface_table import CELL_EDGES, MOST_TRIANGLES, triangle_table

_MARGIN: Final = 0.01  # of an edge, between a vertex and its ends


def crossed_cells(is_inside: Tensor) -> Tensor:
    """(M, 3) numbers of the cells with corners of both kinds, of (nx, ny, nz) bool samples."""
    is_any, is_all = is_inside, is_inside
    for axis in range(3):
        low = (slice(None),) * axis + (slice(-1),)
        high = (slice(None),) * axis + (slice(1, None),)
        is_any, is_all = is_any[low] | is_any[high], is_all[low] & is_all[high]
    return (is_any & ~is_all).nonzero()


def torch_isosurface(values: Tensor, low: Tensor, spacing: float) -> tuple[Tensor, Tensor]:
    """Vertices (V, 3) float32 and faces (F, 3) int64, counter-clockwise from outside.

    Parameters
    ----------
    values
        (nx, ny, nz) finite samples, below zero inside.
    low
        (3,) position of sample (0, 0, 0).
    spacing
        Distance between samples.

    Raises
    ------
    InvalidValueError
        The samples are no grid.
    """
    if values.ndim != 3 or min(values.shape) < 2:
        raise InvalidValueError(
            f"isosurface values have shape {tuple(values.shape)}; give (nx, ny, nz), two or more a "
            "side"
        )
    strides = torch.tensor(
        [values.shape[1] * values.shape[2], values.shape[2], 1], device=values.device
    )
    is_inside = values < 0
    first = crossed_cells(is_inside) @ strides
    patterns, numbers = _edges_of_cells(is_inside, first, strides)
    keys, own = _numbered(numbers, patterns)
    return _vertices(values, keys, strides, low, spacing), _faces(patterns, own)


def _edges_of_cells(is_inside: Tensor, first: Tensor, strides: Tensor) -> tuple[Tensor, Tensor]:
    """Patterns (M,) of inside corners of cells whose first corners have flattened numbers (M,),
    and the numbers (M, 12) of their edges in the grid."""
    corners = _bits(range(8), strides.device)
    inside = is_inside.flatten()[first[:, None] + corners @ strides]
    weights = 1 << torch.arange(8, device=strides.device)
    starts = _bits((corner for corner, _ in CELL_EDGES), strides.device) @ strides
    axes = torch.tensor([axis for _, axis in CELL_EDGES], device=strides.device)
    return (inside * weights).sum(dim=1), 3 * (first[:, None] + starts) + axes


def _numbered(numbers: Tensor, patterns: Tensor) -> tuple[Tensor, Tensor]:
    """The edges (V,) that have a vertex, in order, and each cell's vertices (M, 12) on its own."""
    is_crossed = _crossed_edges(numbers.device)[patterns]
    keys, found = torch.unique(numbers[is_crossed], return_inverse=True)
    own = torch.zeros_like(numbers)
    own[is_crossed] = found
    return keys, own


def _vertices(values: Tensor, keys: Tensor, strides: Tensor, low: Tensor, spacing: float) -> Tensor:
    start, axis = keys.div(3, rounding_mode="floor"), keys.remainder(3)
    samples = values.flatten()
    begin, end = samples[start], samples[start + strides[axis]]
    share = (begin / (begin - end)).clamp(_MARGIN, 1.0 - _MARGIN)
    places = torch.stack(torch.unravel_index(start, values.shape), dim=1).to(values.dtype)
    places = places.scatter_add(1, axis[:, None], share[:, None])
    return (low.to(values.dtype) + spacing * places).float()


def _faces(patterns: Tensor, own: Tensor) -> Tensor:
    counts, edges = _triangles(own.device)
    corners = own.gather(1, edges[patterns].flatten(1)).reshape(len(own), MOST_TRIANGLES, 3)
    is_one = torch.arange(MOST_TRIANGLES, device=own.device) < counts[patterns][:, None]
    return corners[is_one]


def _bits(numbers: Iterable[int], device: torch.device) -> Tensor:
    """(N, 3) the three lowest bits of numbers."""
    listed = torch.tensor(list(numbers), device=device)
    return listed[:, None] >> torch.arange(3, device=device) & 1


@cache
def _triangles(device: torch.device) -> tuple[Tensor, Tensor]:
    counts, edges = triangle_table()
    return (
        torch.from_numpy(counts).long().to(device),
        torch.from_numpy(edges).long().to(device),
    )


@cache
def _crossed_edges(device: torch.device) -> Tensor:
    """(256, 12) whether an edge's corners differ."""
    patterns = torch.arange(256)[:, None]
    start = torch.tensor([corner for corner, _ in CELL_EDGES])
    end = torch.tensor([corner | 1 << axis for corner, axis in CELL_EDGES])
    return ((patterns >> start ^ patterns >> end) & 1).bool().to(device)
