"""Nearest points of sets against a search tree, and the time of one beside a table of distances."""

from __future__ import annotations

from timeit import repeat

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from hand_object_recon.geometry.nearest_point_kernels import nearest_of_sets


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_points_get_what_a_search_tree_finds(dtype: type) -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(3, 77, 3)).astype(dtype)
    others = random.normal(size=(3, 131, 3)).astype(dtype)
    numbers = np.empty((3, 77), np.int64)
    nearest_of_sets(points, others, numbers)
    expected = [cKDTree(b).query(a)[1] for a, b in zip(points, others, strict=True)]
    np.testing.assert_array_equal(numbers, expected)


def test_of_several_as_near_the_first_one_is_taken() -> None:
    others = np.array([[[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    numbers = np.empty((1, 1), np.int64)
    nearest_of_sets(np.zeros((1, 1, 3)), others, numbers)
    assert numbers.tolist() == [[1]]


@pytest.mark.timing
def test_they_are_found_faster_than_in_a_table_of_distances() -> None:
    points, others = torch.randn(32, 642, 3), torch.randn(32, 600, 3)
    numbers = torch.empty((32, 642), dtype=torch.int64)

    def ours() -> None:
        nearest_of_sets(points.numpy(), others.numpy(), numbers.numpy())

    def table() -> None:
        torch.cdist(points, others).argmin(dim=2)

    ours(), table()
    ours_s, table_s = min(repeat(ours, number=1)), min(repeat(table, number=1))
    print(f"642 of 600 points, 32 sets: {1e3 * ours_s:.1f} ms, a table {1e3 * table_s:.1f} ms")
    assert ours_s < table_s
