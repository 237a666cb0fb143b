"""From the two fields of a frame to closed meshes, without asking where no surface is.

The authors ask 128^3 points of the cube from -1 to 1, then as many in the cube around what they
found inside. The same two cubes are searched here by blocks: the
first only to place the second, the second only near the surfaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.geometry.block_grid import BlockGrid, Cube, Field, sweep
from hand_object_recon.geometry.isosurface import isosurface
from hand_object_recon.geometry.lattice_samples import LatticeSamples, lattice_samples
from hand_object_recon.geometry.mesh_components import largest_component
from hand_object_recon.geometry.torch_isosurface import torch_isosurface

CELLS: Final = 128
"""Cells along each edge of the cube around hand and object."""

TRUSTED: Final = 0.04
"""Distances were trained up to 0.05 in query units; beyond they only say outside."""

_WHOLE: Final = Cube((-1.0, -1.0, -1.0), 2.0)
_SWEPT_BLOCKS: Final = 32
_EXTREME_BLOCKS: Final = 2
_MARGIN_BLOCKS: Final = 2
_CELLS_PER_BLOCK: Final = 4
_NEAR_SHARE: Final = 0.7  # of a block's half diagonal, for blocks of a known neighbourhood
_LATTICE_SHARE: Final = 0.5  # for the last ones, from which the surface is followed
_BORDER_CELLS: Final = 2
_LEAST_FILLED: Final = 0.75
_OUTSIDE: Final = 1e-3


@dataclass(frozen=True, eq=False)
class Surface:
    """A closed mesh in query units: vertices (V, 3) float32, faces (F, 3) int32."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Extraction:
    """Samples of hand and object, on the same lattice."""

    hand: LatticeSamples
    object: LatticeSamples

    @property
    def cube(self) -> Cube:
        return self.hand.cube


def extract(
    hand: Field, held: Field, device: torch.device, cells: int = CELLS
) -> Extraction | None:
    """Samples of the hand's and the held object's field in the cube around what is inside them.

    None where nothing is. ``cells`` along each edge of the cube: a multiple of 8.
    """
    grids = [search(field, device) for field in (hand, held)]
    cube = cube_around((hand, held), grids)
    if cube is None:
        return None
    return Extraction(
        sample_in(hand, grids[0], cube, cells), sample_in(held, grids[1], cube, cells)
    )


def extract_following(
    hand: Field, held: Field, previous: Extraction | None, device: torch.device, cells: int = CELLS
) -> Extraction | None:
    """The same in the cube of the frame before, asking first where its surfaces lay.

    The whole cube is searched again where a surface comes near the border of the smaller one, no
    longer fills it, or is gone. Until then a part that appears apart from the surfaces there were
    is not seen.
    """
    if previous is not None and _fits(previous):
        followed = Extraction(_follow(hand, previous.hand), _follow(held, previous.object))
        if _fits(followed):
            return followed
    return extract(hand, held, device, cells)


def search(field: Field, device: torch.device) -> BlockGrid:
    """Where in the whole cube a field's surface may be, half as fine as the authors look first."""
    return sweep(field, _WHOLE, _SWEPT_BLOCKS, TRUSTED, device).split(field)


def cube_around(fields: Sequence[Field], grids: Sequence[BlockGrid]) -> Cube | None:
    """The cube about the box of all that is inside, with a margin; None where nothing is.

    The box is as fine as the authors look: blocks that it may end in are split once more.
    """
    extreme = _far_out(grids)
    if extreme is None:
        return None
    pairs = zip(fields, grids, strict=True)
    halved = [
        replace(grid, may_cross=grid.may_cross & extreme).split(field) for field, grid in pairs
    ]
    inside = _inside(halved)
    block = halved[0].block_edge
    low = _WHOLE.low[0] + (inside.amin(dim=0) - _MARGIN_BLOCKS).double() * block
    high = _WHOLE.low[0] + (inside.amax(dim=0) + 1 + _MARGIN_BLOCKS).double() * block
    edge = float((high - low).max())
    x, y, z = ((low + high - edge) / 2).tolist()
    return Cube((x, y, z), edge)


def _far_out(grids: Sequence[BlockGrid]) -> Tensor | None:
    """(n, n, n) the blocks that are as far out as any inside, or nearly; None where none is."""
    inside = _inside(grids)
    if not len(inside):
        return None
    numbers = torch.arange(grids[0].count, device=inside.device)[:, None]
    is_out = (numbers < inside.amin(dim=0) + _EXTREME_BLOCKS) | (
        numbers > inside.amax(dim=0) - _EXTREME_BLOCKS
    )
    x, y, z = is_out.unbind(dim=1)
    return x[:, None, None] | y[:, None] | z


def _inside(grids: Sequence[BlockGrid]) -> Tensor:
    """(N, 3) numbers of the blocks that any field is below zero in."""
    return torch.stack([grid.values < 0 for grid in grids]).any(dim=0).nonzero()


def sample_in(field: Field, grid: BlockGrid, cube: Cube, cells: int) -> LatticeSamples:
    """A field on a cube's lattice, near where a search found that its surface may be."""
    count = cells // _CELLS_PER_BLOCK
    while cube.edge / count < grid.block_edge:
        count //= 2
    blocks = grid.moved_to(cube, count).asked_again(field, _NEAR_SHARE)
    while blocks.count < cells // _CELLS_PER_BLOCK:
        blocks = blocks.split(field, _NEAR_SHARE)
    return lattice_samples(field, blocks.split(field, _LATTICE_SHARE))


def surface_of(samples: LatticeSamples) -> Surface | None:
    """The largest part of a field's surface, closed where it leaves the cube; None without one."""
    values = samples.values.clone()
    for axis in range(3):
        for side in (0, -1):
            values.select(axis, side).clamp_(min=_OUTSIDE)
    vertices, faces = largest_component(*_mesh(values, samples))
    if not len(faces):
        return None
    return Surface(vertices.astype(np.float32), faces)


def _mesh(values: Tensor, samples: LatticeSamples) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Of all parts; samples on a GPU stay there."""
    if values.is_cuda:
        low = torch.tensor(samples.cube.low, device=values.device)
        vertices, faces = torch_isosurface(values, low, samples.spacing)
        return vertices.cpu().numpy(), faces.int().cpu().numpy()
    mesh = isosurface(values.numpy(), origin=samples.cube.low, spacing=samples.spacing)
    return mesh.vertices, mesh.faces


def _follow(field: Field, before: LatticeSamples) -> LatticeSamples:
    count = before.cells // _CELLS_PER_BLOCK
    middles = torch.arange(count, device=before.values.device) * _CELLS_PER_BLOCK
    middles = middles + _CELLS_PER_BLOCK // 2
    values = before.values[middles][:, middles][:, :, middles].clone()
    crossed = before.crossed.div(_CELLS_PER_BLOCK, rounding_mode="floor")
    may_cross = torch.zeros_like(values)
    may_cross[crossed.unbind(dim=1)] = 1.0
    grown = torch.nn.functional.max_pool3d(may_cross[None], 3, stride=1, padding=1)[0]
    blocks = BlockGrid(before.cube, values, grown > 0, before.slope)
    near = blocks.asked_again(field, _NEAR_SHARE)
    return lattice_samples(field, near.split(field, _LATTICE_SHARE))


def _fits(extraction: Extraction) -> bool:
    """Whether the surfaces stay off the cube's border and still fill it."""
    both = [extraction.hand.crossed, extraction.object.crossed]
    if not all(len(crossed) for crossed in both):
        return False
    crossed, cells = torch.cat(both), extraction.hand.cells
    low, high = crossed.amin(dim=0), crossed.amax(dim=0)
    is_off_border = bool((low >= _BORDER_CELLS).all() and (high < cells - _BORDER_CELLS).all())
    return is_off_border and float((high - low).max()) >= _LEAST_FILLED * cells
