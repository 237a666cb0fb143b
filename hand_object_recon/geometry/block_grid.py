"""Where in a cube a function of space may be zero, found from coarse to fine.

A cube is cut into blocks and the function is asked at their middles. How steeply it changes is
learned from its own answers, so it need not be a distance, and may be a distance that is only
right near the surface: a network's, for example.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Field = Callable[[Tensor], Tensor]
"""(N, 3) points to (N,) values, below zero inside."""

_HALF_DIAGONAL = 0.5 * math.sqrt(3.0)
_STEEPEST_SHARE = 0.95
_LEAST_STEEP = 0.5  # of the steepest: no field is taken for flatter than this


@dataclass(frozen=True, eq=False)
class Cube:
    """low: its corner of least coordinates; edge: its length."""

    low: tuple[float, float, float]
    edge: float


@dataclass(frozen=True, eq=False)
class BlockGrid:
    """A cube cut into n blocks along each edge.

    values
        (n, n, n) the function at each block's middle, or of the larger block it is part of.
    may_cross
        (n, n, n) whether the surface may pass through.
    slope
        How much the function changes over a unit of length, where it may cross.
    """

    cube: Cube
    values: Tensor
    may_cross: Tensor
    slope: float

    @property
    def count(self) -> int:
        """Blocks along an edge."""
        return len(self.values)

    @property
    def block_edge(self) -> float:
        return self.cube.edge / self.count

    @property
    def half_diagonal(self) -> float:
        """From a block's middle to its corners."""
        return _HALF_DIAGONAL * self.block_edge

    def middles(self, blocks: Tensor) -> Tensor:
        """(N, 3) middles of blocks with (N, 3) numbers."""
        low = torch.tensor(self.cube.low, device=blocks.device)
        return low + (blocks + 0.5) * self.block_edge

    def split(self, field: Field, share: float = 1.0) -> BlockGrid:
        """Every block halved along each axis; asked are the parts of those that may cross.

        share
            Of the distance from a block's middle to its corners within which the surface must
            be; below 1, blocks that it only cuts a corner of may be left out.
        """
        parents = self.may_cross.nonzero()
        children = (2 * parents[:, None] + _corners(parents)).flatten(0, 1)
        halved = BlockGrid(self.cube, _doubled(self.values), _doubled(self.may_cross), self.slope)
        found = field(halved.middles(children))
        slopes = _slopes(found.reshape(-1, 2, 2, 2), halved.block_edge)
        slope = _steepest(slopes, self.slope)
        near = slopes.clamp(min=_LEAST_STEEP * slope).repeat_interleave(8)
        return halved._told(children, found, slope, near * share * halved.half_diagonal)

    def asked_again(self, field: Field, share: float = 1.0) -> BlockGrid:
        """The function asked at the middles of the blocks that may cross, to leave out more."""
        blocks = self.may_cross.nonzero()
        found = field(self.middles(blocks))
        return self._told(blocks, found, self.slope, self.slope * share * self.half_diagonal)

    def moved_to(self, cube: Cube, count: int) -> BlockGrid:
        """What is known here about another cube's blocks, which must not be smaller than these.

        A block beyond this cube counts as outside.
        """
        edge = cube.edge / count
        low = torch.tensor(cube.low, device=self.values.device)
        here = torch.tensor(self.cube.low, device=self.values.device)
        numbers = torch.arange(count, device=low.device)
        along = [
            ((low[axis] + (numbers + 0.5) * edge - here[axis]) / self.block_edge).floor().long()
            for axis in range(3)
        ]
        values = self.values
        is_within = torch.ones((count,) * 3, dtype=torch.bool, device=low.device)
        for axis, places in enumerate(along):
            values = values.index_select(axis, places.clamp(0, self.count - 1))
            within = (places >= 0) & (places < self.count)
            is_within &= within.view(tuple(-1 if one == axis else 1 for one in range(3)))
        crossed = self.may_cross.nonzero()
        corners = here + (crossed[:, None] + _corners(crossed)) * self.block_edge
        targets = ((corners.flatten(0, 1) - low) / edge).floor().long()
        targets = targets[((targets >= 0) & (targets < count)).all(dim=1)]
        may_cross = torch.zeros_like(is_within)
        may_cross[targets.unbind(dim=1)] = True
        values = torch.where(is_within, values, values.abs().max())
        return BlockGrid(cube, values, may_cross, self.slope)

    def _told(self, blocks: Tensor, found: Tensor, slope: float, most: float | Tensor) -> BlockGrid:
        """With the values found at the middles of (N, 3) blocks; of these and no others those may
        cross where the value is ``most`` at most."""
        values = self.values.clone()
        values[blocks.unbind(dim=1)] = found
        may_cross = torch.zeros_like(self.may_cross)
        may_cross[blocks.unbind(dim=1)] = found.abs() <= most
        return BlockGrid(self.cube, values, may_cross, slope)


def sweep(field: Field, cube: Cube, count: int, trusted: float, device: torch.device) -> BlockGrid:
    """Ask a function at the middles of all ``count``^3 blocks of a cube; ``count`` is even.

    trusted
        Values beyond this do not say how far the surface is, and are taken for far even where
        blocks are too large to be sure. So a part of the surface may be missed that reaches no
        block's middle nearer than this.
    """
    nothing = torch.zeros((count,) * 3, device=device)
    grid = BlockGrid(cube, nothing, torch.ones_like(nothing, dtype=torch.bool), 0.0)
    blocks = grid.may_cross.nonzero()
    found = field(grid.middles(blocks))
    groups = found.reshape(nothing.shape).unfold(0, 2, 2).unfold(1, 2, 2).unfold(2, 2, 2)
    groups = groups.reshape(-1, 2, 2, 2)
    is_near = (groups.abs() <= trusted).flatten(1).any(dim=1)
    slope = _steepest(_slopes(groups[is_near], grid.block_edge), 0.0)
    told = grid._told(blocks, found, slope, slope * grid.half_diagonal)
    return replace(told, may_cross=told.may_cross & (told.values.abs() <= trusted))


def _slopes(groups: Tensor, apart: float) -> Tensor:
    """(N,) lengths of the gradient in groups (N, 2, 2, 2) of samples."""
    along = [
        (groups.select(axis, 1) - groups.select(axis, 0)).mean(dim=(1, 2)) / apart
        for axis in (1, 2, 3)
    ]
    lengths: Tensor = torch.stack(along, dim=1).norm(dim=1)
    return lengths


def _steepest(slopes: Tensor, otherwise: float) -> float:
    """The slope that few exceed."""
    return float(slopes.quantile(_STEEPEST_SHARE)) if len(slopes) else otherwise


def _doubled(values: Tensor) -> Tensor:
    for axis in range(3):
        values = values.repeat_interleave(2, dim=axis)
    return values


def _corners(like: Tensor) -> Tensor:
    """(8, 3) zeros and ones."""
    pair = torch.arange(2, device=like.device)
    return torch.cartesian_prod(pair, pair, pair)
