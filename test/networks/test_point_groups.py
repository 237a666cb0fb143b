"""Neighbourhoods of points are those that looking at every distance finds."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from hand_object_recon.networks.point_groups import nearest_within


def clouds(batch: int, points: int, seed: int = 0) -> Tensor:
    """(B, N, 3) points of hands' size, half a metre away."""
    random = torch.Generator().manual_seed(seed)
    return 0.05 * torch.randn(batch, points, 3, generator=random) + torch.tensor([0.1, 0.0, 0.5])


def looked_at_one_by_one(points: Tensor, center: int, neighbors: int, radius: float) -> list[int]:
    """Of one cloud (N, 3) and one centre."""
    away = (points.double() - points[center].double()).norm(dim=1).tolist()
    nearest = sorted(range(len(points)), key=lambda number: away[number])[:neighbors]
    return sorted(number if away[number] <= radius else center for number in nearest)


@pytest.mark.parametrize("radius", [0.02, 0.06, 10.0])
def test_neighbours_are_those_that_looking_at_every_distance_finds(radius: float) -> None:
    points = clouds(3, 60)
    found = nearest_within(points, 20, 16, radius)
    assert found.shape == (3, 20, 16)
    for cloud in range(3):
        for center in range(20):
            expected = looked_at_one_by_one(points[cloud], center, 16, radius)
            assert sorted(found[cloud, center].tolist()) == expected


def test_neighbours_within_a_radius_are_those_of_a_search_tree() -> None:
    points, radius = clouds(2, 1024, seed=1), 0.02
    found = nearest_within(points, 512, 64, radius)
    for cloud, groups in zip(points.double().numpy(), found.numpy(), strict=True):
        inside = cKDTree(cloud).query_ball_point(cloud[:512], radius)
        assert max(len(one) for one in inside) <= 64
        for center, (group, expected) in enumerate(zip(groups, inside, strict=True)):
            assert set(group) == set(expected), center


def test_a_centre_is_among_its_neighbours_and_stands_for_those_that_lack() -> None:
    points = clouds(1, 30)
    points[0, 3] += 5.0
    found = nearest_within(points, 10, 8, 0.5)[0]
    assert (found == torch.arange(10)[:, None]).any(dim=1).all()
    assert found[3].tolist() == [3] * 8


def test_neighbours_do_not_change_where_the_cloud_is_far_away() -> None:
    points = clouds(1, 200)
    near, far = (nearest_within(points + away, 50, 16, 0.05).sort().values for away in (0.0, 4.0))
    assert (near == far).float().mean() > 0.999


def test_points_on_one_spot_are_neighbours() -> None:
    found = nearest_within(torch.ones(2, 40, 3), 4, 5, 0.1)
    assert ((found >= 0) & (found < 40)).all()


def test_neighbours_are_the_same_where_networks_run_in_half_precision() -> None:
    points = clouds(1, 200)
    full = nearest_within(points, 50, 16, 0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = nearest_within(points, 50, 16, 0.05)
    assert torch.equal(full.sort().values, half.sort().values)


def test_no_gradient_flows_through_the_search() -> None:
    points = clouds(1, 30).requires_grad_()
    assert not nearest_within(points, 5, 4, 0.1).requires_grad


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize(("points", "centers"), [(512, 256), (1024, 512)])
def test_the_search_takes_no_longer_than_sorting_every_distance(points: int, centers: int) -> None:
    torch.set_num_threads(1)
    both = clouds(2, points)
    arrays = both.numpy()
    ours_ms = least_ms(lambda: nearest_within(both, centers, 64, 0.12))
    sort_ms = least_ms(lambda: torch.cdist(both[:, :centers], both).argsort(dim=2)[:, :, :64])
    tree_ms = least_ms(lambda: [cKDTree(one).query(one[:centers], 64) for one in arrays])
    print(
        f"{centers} of {points} points, 64 neighbours, both hands: {ours_ms:.1f} ms; all sorted "
        f"{sort_ms:.1f}, search tree {tree_ms:.1f}"
    )
    assert ours_ms < sort_ms


def least_ms(function: Callable[[], object]) -> float:
    function()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.min(times))
