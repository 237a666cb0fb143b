"""Places and heat-maps: there and back, and how unlikely one makes the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hand_object_recon.networks.volume_heatmaps import (
    CELLS,
    camera_to_cells,
    cells_to_camera,
    heatmap_loss,
    places_of,
)

HALF_DEPTH_M = 0.2


def test_places_come_back_from_the_camera() -> None:
    random = np.random.default_rng(0)
    cells = torch.from_numpy(random.uniform(0.0, CELLS, (3, 5, 3)))
    cameras = torch.tensor([[300.0, 0.0, 120.0], [0.0, 310.0, 130.0], [0.0, 0.0, 1.0]]).double()
    view = cameras.expand(3, 3, 3), torch.tensor([0.4, 0.5, 0.9]).double(), HALF_DEPTH_M, 4.0
    torch.testing.assert_close(camera_to_cells(cells_to_camera(cells, *view), *view), cells)


def test_the_loss_is_the_cross_entropy_with_the_cells_on_both_sides() -> None:
    volumes = torch.randn(1, 1, 4, 2, 8, generator=torch.Generator().manual_seed(0)).double()
    place = torch.tensor([[[20.0, 16.0, 2.25]]]).double()  # x 2.5 of 8 and y 0.5 of 2 cells
    shares = np.exp(volumes[0, 0].numpy())
    shares /= shares.sum()
    in_image, in_depth = shares.sum(axis=0), shares.sum(axis=(1, 2))
    of_image = -np.log(in_image[:, 2:4]).sum() / 4
    of_depth = -0.75 * np.log(in_depth[2]) - 0.25 * np.log(in_depth[3])
    assert float(heatmap_loss(volumes, place)) == pytest.approx(of_image + of_depth)


def test_places_beyond_the_border_count_as_on_it() -> None:
    volumes = torch.randn(1, 2, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    outside = torch.tensor([[[-5.0, 99.0, -1.0], [70.0, -3.0, 80.0]]])
    border = torch.tensor([[[0.0, 48.0, 0.0], [48.0, 0.0, 3.0]]])
    torch.testing.assert_close(heatmap_loss(volumes, outside), heatmap_loss(volumes, border))


def test_heat_maps_learn_from_it_to_give_the_place() -> None:
    volumes = torch.zeros(1, 1, CELLS, 16, 16, requires_grad=True)
    place = torch.tensor([[[41.0, 10.0, 50.5]]])
    optimizer = torch.optim.Adam([volumes], lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        heatmap_loss(volumes, place).backward()
        optimizer.step()
    torch.testing.assert_close(places_of(volumes), place, atol=0.1, rtol=0)
