"""A function sampled on a lattice, but only where its surface passes.

What is known of blocks foretells the samples between their middles. Where foretold samples of
either sign meet in a cell, its corners are asked, and from those the surface is followed into cells
that nobody expected it in. So the surface is the one that sampling every point would give.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hand_object_recon.geometry.block_grid import BlockGrid, Cube, Field
from hand_object_recon.geometry.torch_isosurface import crossed_cells

_CELLS_PER_BLOCK = 2  # so that a block's middle is a point of the lattice
_NEAR_SHARE = 0.07  # of what the function changes by from a block's middle to its corners


@dataclass(frozen=True, eq=False)
class LatticeSamples:
    """Samples on the (n + 1)^3 corners of a cube's n^3 cells.

    values
        (n + 1, n + 1, n + 1); where nobody asked, of the right sign only.
    is_asked
        The same shape: whether the function was asked there.
    crossed
        (M, 3) numbers of the cells that the surface passes through.
    slope
        How much the function changes over a unit of length near it.
    """

    cube: Cube
    values: Tensor
    is_asked: Tensor
    crossed: Tensor
    slope: float

    @property
    def cells(self) -> int:
        """Cells along an edge."""
        return len(self.values) - 1

    @property
    def spacing(self) -> float:
        return self.cube.edge / self.cells

    @property
    def asked(self) -> int:
        """How many points the function was asked at."""
        return int(self.is_asked.sum())


def lattice_samples(field: Field, blocks: BlockGrid) -> LatticeSamples:
    """Samples on the cells of blocks, two along each edge of a block."""
    lattice = _Lattice(field, blocks)
    wanted = lattice.expected(blocks)
    while len(wanted):
        wanted = lattice.ask(wanted)
    return lattice.samples(blocks)


class _Lattice:
    """The arrays that are filled while the surface is followed."""

    def __init__(self, field: Field, blocks: BlockGrid) -> None:
        self._field, self._cells = field, _CELLS_PER_BLOCK * blocks.count
        self._points = self._cells + 1
        device = blocks.values.device
        self._values = _between_middles(blocks.values).flatten()
        self._is_asked = torch.zeros_like(self._values, dtype=torch.bool)
        self._is_crossed = torch.zeros_like(self._is_asked)
        self._marks = torch.zeros_like(self._is_asked)
        self._corners = self.numbers(_steps(2, device))
        self._low = torch.tensor(blocks.cube.low, device=device)
        self._spacing = blocks.cube.edge / self._cells

    def expected(self, blocks: BlockGrid) -> Tensor:
        """Points of the cells that the surface passes through as far as is foretold, and of blocks
        whose middle is so near to it that a flat part may have been foretold wrongly."""
        is_inside = (self._values < 0).reshape((self._points,) * 3)
        cells = self.numbers(crossed_cells(is_inside))
        near = blocks.values.abs() <= _NEAR_SHARE * blocks.slope * blocks.half_diagonal
        first = _CELLS_PER_BLOCK * (near & blocks.may_cross).nonzero()
        corners = _steps(_CELLS_PER_BLOCK + 1, first.device)
        return torch.cat(
            [
                (cells[:, None] + self._corners).flatten(),
                self.numbers(first[:, None] + corners).flatten(),
            ]
        )

    def numbers(self, places: Tensor) -> Tensor:
        """(..., 3) places to numbers in the flattened lattice; a cell has its first corner's."""
        return (places[..., 0] * self._points + places[..., 1]) * self._points + places[..., 2]

    def ask(self, wanted: Tensor) -> Tensor:
        """Ask at points, and return those that the surface makes one ask at next."""
        asked = self._different(wanted)
        self._values[asked] = self._field(self._low + self._places(asked) * self._spacing)
        self._is_asked[asked] = True
        cells = self._cells_around(asked)
        corners = cells[:, None] + self._corners
        inside = self._values[corners] < 0
        is_crossed = inside.any(dim=1) & ~inside.all(dim=1)
        self._is_crossed[cells] = is_crossed
        needed = corners[is_crossed].flatten()
        return needed[~self._is_asked[needed]]

    def samples(self, blocks: BlockGrid) -> LatticeSamples:
        shape = (self._points,) * 3
        return LatticeSamples(
            blocks.cube,
            self._values.reshape(shape),
            self._is_asked.reshape(shape),
            self._places(self._is_crossed.nonzero()[:, 0]),
            blocks.slope,
        )

    def _cells_around(self, points: Tensor) -> Tensor:
        places = self._places(points)[:, None] - _steps(2, points.device)
        is_cell = ((places >= 0) & (places < self._cells)).all(dim=2)
        return self._different(self.numbers(places)[is_cell])

    def _different(self, numbers: Tensor) -> Tensor:
        """Each number once, in order."""
        self._marks[numbers] = True
        different = self._marks.nonzero()[:, 0]
        self._marks[different] = False
        return different

    def _places(self, numbers: Tensor) -> Tensor:
        rows = numbers.div(self._points, rounding_mode="floor")
        return torch.stack(
            [
                rows.div(self._points, rounding_mode="floor"),
                rows.remainder(self._points),
                numbers.remainder(self._points),
            ],
            dim=1,
        )


def _between_middles(values: Tensor) -> Tensor:
    """(2n + 1)^3 values at the corners of half blocks, linear between the middles of n^3 blocks."""
    for axis in (2, 1, 0):  # the first last, so that the array is in order at the end
        middles = values.movedim(axis, 0)
        corners = middles.new_empty((2 * len(middles) + 1, *middles.shape[1:]))
        corners[1::2] = middles
        torch.add(middles[:-1], middles[1:], out=corners[2:-1:2]).mul_(0.5)
        corners[0], corners[-1] = middles[0], middles[-1]
        values = corners.movedim(0, axis)
    return values


def _steps(count: int, device: torch.device) -> Tensor:
    """(count^3, 3) places of a small cube's points."""
    along = torch.arange(count, device=device)
    return torch.cartesian_prod(along, along, along)
