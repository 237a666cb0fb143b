"""Dropout whose random numbers cost little on a CPU."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from hand_object_recon.networks.random_dropout import dropout


def test_the_share_asked_for_is_zero_and_the_rest_is_as_much_larger() -> None:
    torch.manual_seed(0)
    found = dropout(torch.full((300, 401), 3.0), 0.25)
    assert set(found.unique().tolist()) == {0.0, 4.0}
    count = int((found == 0).sum())
    assert stats.binomtest(count, found.numel(), 0.25).pvalue > 1e-3


def test_every_place_of_a_draw_is_dropped_alike_and_apart_from_its_neighbours() -> None:
    torch.manual_seed(1)
    dropped = dropout(torch.ones(80_000, 8), 0.2) == 0
    counts = dropped.sum(dim=0).numpy()
    assert stats.chisquare(counts).pvalue > 1e-3
    both = float((dropped[:, :-1] & dropped[:, 1:]).double().mean())
    assert both == pytest.approx((51 / 256) ** 2, abs=1e-3)


def test_the_same_seed_drops_the_same_and_gradients_flow_where_values_are_kept() -> None:
    values = torch.randn(5, 7, requires_grad=True)
    torch.manual_seed(2)
    first = dropout(values, 0.5)
    torch.manual_seed(2)
    assert torch.equal(dropout(values, 0.5), first)
    first.sum().backward()
    assert torch.equal(values.grad, torch.where(first == 0, 0.0, 2.0))


def test_half_precision_stays_half_precision() -> None:
    found = dropout(torch.ones(64, dtype=torch.bfloat16), 0.2)
    assert found.dtype == torch.bfloat16
