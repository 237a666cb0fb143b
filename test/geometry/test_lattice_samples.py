"""Samples near a surface give the mesh that samples everywhere give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from hand_object_recon.geometry.block_grid import BlockGrid, Cube, Field, sweep
from hand_object_recon.geometry.isosurface import Isosurface, isosurface
from hand_object_recon.geometry.lattice_samples import LatticeSamples, lattice_samples

CPU = torch.device("cpu")
CUBE = Cube((-1.0, -1.0, -1.0), 2.0)
FAR = float("inf")


def ball(x: float, y: float, z: float, radius: float) -> Field:
    return lambda points: (points - torch.tensor([x, y, z])).norm(dim=1) - radius


def torus(points: Tensor) -> Tensor:
    ring = points[:, :2].norm(dim=1) - 0.6
    return torch.hypot(ring, points[:, 2]) - 0.08


def either(*fields: Field) -> Field:
    return lambda points: torch.stack([field(points) for field in fields]).amin(dim=0)


def clamped(field: Field, most: float) -> Field:
    return lambda points: field(points).clamp(-most, most)


def scaled(field: Field, factor: float) -> Field:
    return lambda points: factor * field(points)


def wavy(field: Field, height: float) -> Field:
    return lambda points: field(points) + height * (17.0 * points).sin().sum(dim=1)


def found_near(field: Field, cells: int = 64, blocks: int = 16, trusted: float = FAR) -> BlockGrid:
    grid = sweep(field, CUBE, blocks, trusted, CPU)
    while grid.count < cells // 2:
        grid = grid.split(field)
    return grid


def dense(field: Field, cube: Cube, cells: int) -> np.ndarray:
    along = torch.arange(cells + 1)
    places = torch.cartesian_prod(along, along, along) * (cube.edge / cells)
    return field(torch.tensor(cube.low) + places).reshape((cells + 1,) * 3).numpy()


def mesh_of(values: np.ndarray, cube: Cube, cells: int) -> Isosurface:
    return isosurface(values, origin=cube.low, spacing=cube.edge / cells)


def assert_same_surface(samples: LatticeSamples, field: Field) -> None:
    cube, cells = samples.cube, samples.cells
    expected = mesh_of(dense(field, cube, cells), cube, cells)
    found = mesh_of(samples.values.numpy(), cube, cells)
    assert len(expected.faces) > 0
    np.testing.assert_array_equal(found.faces, expected.faces)
    np.testing.assert_allclose(found.vertices, expected.vertices, atol=1e-6)


BODIES: dict[str, Field] = {
    "ball": ball(0.1, -0.2, 0.05, 0.5),
    "torus": torus,
    "two_balls_that_touch": either(ball(-0.3, 0.0, 0.0, 0.3), ball(0.31, 0.0, 0.0, 0.3)),
    "ball_within_a_shell": either(
        ball(0.0, 0.0, 0.0, 0.1),
        lambda points: (points.norm(dim=1) - 0.5).abs() - 0.06,
    ),
    "waves": wavy(ball(0.0, 0.0, 0.0, 0.6), 0.03),
    "no_distance": scaled(ball(0.2, 0.1, 0.0, 0.4), 7.0),
    "half_a_distance": scaled(torus, 0.5),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_surface_is_that_of_samples_everywhere(name: str) -> None:
    assert_same_surface(lattice_samples(BODIES[name], found_near(BODIES[name])), BODIES[name])


@pytest.mark.parametrize("name", BODIES)
def test_it_is_so_where_distances_are_right_near_the_surface_only(name: str) -> None:
    field = clamped(BODIES[name], 0.05)
    blocks = found_near(field, blocks=32, trusted=0.04)
    assert_same_surface(lattice_samples(field, blocks), field)


def test_most_points_are_never_asked() -> None:
    samples = lattice_samples(torus, found_near(torus, cells=128))
    assert samples.asked < 0.04 * 129**3
    assert samples.asked == int(samples.is_asked.sum())


def test_a_surface_is_followed_from_one_block_to_where_nobody_expected_it() -> None:
    grid = found_near(torus)
    chosen = torch.zeros_like(grid.may_cross)
    chosen[tuple(grid.may_cross.nonzero()[0])] = True
    blocks = BlockGrid(grid.cube, grid.values, chosen, grid.slope)
    assert_same_surface(lattice_samples(torus, blocks), torus)


def test_small_parts_beside_a_large_one_are_found() -> None:
    cell = 2.0 / 64
    random = np.random.default_rng(0)
    places = random.uniform(0.55, 0.85, (10, 3)) * random.choice([-1, 1], (10, 3))
    for x, y, z in places.tolist():
        field = clamped(either(ball(0.0, 0.0, 0.0, 0.3), ball(x, y, z, 2.3 * cell)), 0.05)
        blocks = found_near(field, blocks=32, trusted=0.04)
        assert_same_surface(lattice_samples(field, blocks), field)


def test_a_sheet_between_blocks_middles_in_a_flat_field_is_found() -> None:
    cells = 64
    spacing = CUBE.edge / cells
    plane = CUBE.low[0] + 20 * spacing  # middles of blocks have odd numbers

    def sheet(points: Tensor) -> Tensor:
        off = 0.1 * (points[:, 0] - plane).abs() - 1e-4
        return torch.maximum(off, points[:, 1:].norm(dim=1) - 0.15)

    field = either(ball(0.5, 0.5, 0.5, 0.3), sheet)
    values = dense(field, CUBE, cells)
    assert (values[20] < 0).sum() > 50
    assert not (values[[19, 21]] < 0)[:, : cells // 2, : cells // 2].any()
    assert_same_surface(lattice_samples(field, found_near(field)), field)


def test_crossed_are_the_cells_between_samples_of_either_sign() -> None:
    samples = lattice_samples(torus, found_near(torus))
    inside = dense(torus, CUBE, 64) < 0
    corners = np.stack([inside[i:, j:, k:][:64, :64, :64] for i, j, k in np.ndindex(2, 2, 2)])
    expected = np.argwhere(corners.any(axis=0) & ~corners.all(axis=0))
    np.testing.assert_array_equal(samples.crossed.numpy(), expected)


def test_nothing_inside_has_no_surface() -> None:
    samples = lattice_samples(ball(0.0, 0.0, 0.0, -0.1), found_near(ball(0.0, 0.0, 0.0, -0.1)))
    assert len(samples.crossed) == 0
    assert bool((samples.values > 0).all())


@pytest.mark.parametrize("factor", [0.5, 1.0, 7.0])
def test_the_slope_is_learned(factor: float) -> None:
    grid = found_near(scaled(ball(0.0, 0.0, 0.0, 0.5), factor))
    assert grid.slope == pytest.approx(factor, rel=0.05)


def test_a_share_below_one_asks_less_and_finds_the_same() -> None:
    grid = sweep(torus, CUBE, 32, FAR, CPU)
    all_of_them = grid.asked_again(torus, 1.0)
    fewer = grid.asked_again(torus, 0.5)
    assert torch.equal(all_of_them.may_cross, grid.may_cross)
    assert int(fewer.may_cross.sum()) < 0.7 * int(grid.may_cross.sum())
    assert_same_surface(lattice_samples(torus, fewer), torus)


@pytest.mark.parametrize(
    "cube", [Cube((-0.75, -0.73, -0.2), 1.5), Cube((-1.2, -0.9, -1.3), 2.4), CUBE]
)
def test_what_is_known_of_one_cube_serves_another(cube: Cube) -> None:
    moved = found_near(torus).moved_to(cube, 16)
    assert_same_surface(lattice_samples(torus, moved.split(torus)), torus)


def test_blocks_of_a_flat_part_are_left_out_by_its_own_slope() -> None:
    flat, steep = ball(-0.5, 0.0, 0.0, 0.3), ball(0.5, 0.0, 0.0, 0.3)

    def field(points: Tensor) -> Tensor:
        return torch.where(points[:, 0] < 0.0, 0.6 * flat(points), steep(points))

    grid = sweep(field, CUBE, 16, FAR, CPU).split(field)
    half = grid.count // 2
    reach = grid.values.abs() / grid.half_diagonal * grid.may_cross
    assert 0.5 < reach[:half].max() < 0.7
    assert 0.8 < reach[half:].max() < 1.0


def test_beyond_the_known_cube_is_outside() -> None:
    inner = Cube((-0.2, -0.2, -0.2), 0.4)
    grid = sweep(ball(0.0, 0.0, 0.0, 0.1), inner, 8, FAR, CPU)
    moved = grid.moved_to(CUBE, 8)
    assert bool((moved.values[0] > 0).all())
    assert moved.may_cross.nonzero().amin() >= 3
    assert moved.may_cross.nonzero().amax() <= 4


def test_parts_of_a_block_lie_in_it() -> None:
    asked: list[Tensor] = []

    def recorded(field: Field) -> Callable[[Tensor], Tensor]:
        def ask(points: Tensor) -> Tensor:
            asked.append(points)
            return field(points)

        return ask

    grid = sweep(torus, CUBE, 16, FAR, CPU)
    grid.split(recorded(torus))
    parents = grid.middles(grid.may_cross.nonzero())
    away = (asked[0].reshape(-1, 8, 3) - parents[:, None]).abs()
    torch.testing.assert_close(away, torch.full_like(away, grid.block_edge / 4))
