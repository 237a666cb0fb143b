"""Depth as encoders see it, its estimate, and what the estimate is learned by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hand_object_recon.reconstructors.cross_branch.depth_channel import (
    FARTHEST,
    NEAREST,
    UNIT_M,
    filled,
    reference_depths_m,
    relative_depth,
)
from hand_object_recon.reconstructors.cross_branch.depth_estimator import DepthEstimator
from hand_object_recon.reconstructors.cross_branch.losses import Truth, depth_terms
from hand_object_recon.reconstructors.cross_branch.structural_similarity import (
    structural_similarity,
)

SIZE = 66
WALL_M = 1.6


def scene(hand_m: float = 0.5, *, share: float = 0.6) -> Tensor:
    """(1, S, S) a hand with some slope before a wall, in as much of the middle third as asked."""
    depth = torch.full((1, SIZE, SIZE), WALL_M)
    rows = slice(SIZE // 3, SIZE // 3 + round(share * SIZE / 3))
    depth[:, rows, SIZE // 3 : 2 * SIZE // 3] = hand_m + torch.linspace(-0.02, 0.02, SIZE // 3)
    return depth


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_the_reference_is_the_hand_however_much_wall_is_seen_beside_it(share: float) -> None:
    assert reference_depths_m(scene(share=share)).item() == pytest.approx(0.5, abs=1e-3)


def test_the_reference_is_a_median_of_what_was_measured() -> None:
    """A fifth of wrong readings before the wall moves it less than the hand is thick."""
    depth = scene(share=1.0)
    depth[:, ::5, ::2] = 0.0
    depth[:, 1::5] = WALL_M
    assert reference_depths_m(depth).item() == pytest.approx(0.5, abs=0.01)


def test_where_the_middle_is_empty_the_whole_crop_tells_the_reference() -> None:
    depth = torch.zeros(1, SIZE, SIZE)
    depth[:, 2:9, 3:9] = 0.7
    assert reference_depths_m(depth).item() == pytest.approx(0.7)


def test_relative_depth_does_not_depend_on_how_far_the_hand_is() -> None:
    near, far = (relative_depth(scene(distance)) for distance in (0.4, 0.9))
    assert torch.allclose(near, far, atol=1e-5)
    assert near.min().item() == pytest.approx(-0.1, abs=0.01)
    assert near.max().item() == FARTHEST  # the wall


def test_units_are_of_twenty_centimetres_and_limited_on_both_sides() -> None:
    depth = scene(share=1.0)
    depth[0, 0, :4] = torch.tensor([0.55, 0.42, 0.1, 3.0])
    expected = [0.05 / UNIT_M, -0.08 / UNIT_M, NEAREST, FARTHEST]
    found = relative_depth(depth)[0, 0, :4].tolist()
    assert found == pytest.approx(expected, abs=0.005)


def test_nothing_measured_is_nothing_seen() -> None:
    depth = scene()
    depth[:, 5] = 0.0
    assert relative_depth(depth)[0, 5].abs().max().item() == 0.0
    assert relative_depth(torch.zeros(2, SIZE, SIZE)).abs().max().item() == 0.0


def test_holes_are_filled_with_the_estimate_where_it_fits_what_is_measured() -> None:
    whole = scene(share=1.0)
    true = relative_depth(whole)
    holed = whole.clone()
    holed[:, SIZE // 2 : SIZE // 2 + 4] = 0.0
    result = filled(relative_depth(holed), holed, true + 0.3)
    hand = true < FARTHEST
    assert torch.allclose(result[hand], true[hand], atol=0.02)
    is_measured = holed > 0.0
    assert torch.equal(result[is_measured], relative_depth(holed)[is_measured])


def test_without_any_measurement_the_estimate_stands_as_it_is() -> None:
    estimate = torch.linspace(-0.5, 0.5, SIZE).expand(1, SIZE, SIZE)
    nothing = torch.zeros(1, SIZE, SIZE)
    assert torch.equal(filled(nothing, nothing, estimate), estimate)


def test_structural_similarity_is_luminance_times_contrast_times_structure() -> None:
    """Wang et al., equations 6, 9 and 10, in the 11 x 11 window around each pixel."""
    random = np.random.default_rng(0)
    first = random.uniform(0.0, 2.5, (18, 22))
    second = 0.7 * first + random.uniform(0.0, 0.8, first.shape)
    found = structural_similarity(
        torch.from_numpy(first)[None], torch.from_numpy(second)[None], 2.5
    )
    c1, c2 = (0.01 * 2.5) ** 2, (0.03 * 2.5) ** 2
    along = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))
    window = np.outer(along, along) / along.sum() ** 2
    for y, x in np.ndindex(18 - 10, 22 - 10):
        a, b = (picture[y : y + 11, x : x + 11] for picture in (first, second))
        mean_a, mean_b = (window * a).sum(), (window * b).sum()
        spread_a = np.sqrt((window * (a - mean_a) ** 2).sum())
        spread_b = np.sqrt((window * (b - mean_b) ** 2).sum())
        together = (window * (a - mean_a) * (b - mean_b)).sum()
        luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        contrast = (2 * spread_a * spread_b + c2) / (spread_a**2 + spread_b**2 + c2)
        structure = (together + c2 / 2) / (spread_a * spread_b + c2 / 2)
        assert float(found[0, y + 5, x + 5]) == pytest.approx(luminance * contrast * structure)


def truth(depth_m: Tensor, foreground: Tensor) -> Truth:
    nothing = torch.empty(0)
    return Truth(depth_m, foreground, nothing, None, nothing, nothing, nothing)


def test_a_right_estimate_has_the_least_loss_whatever_it_says_of_the_background() -> None:
    depth = scene()
    foreground = depth < 1.0
    right = relative_depth(torch.where(foreground, depth, 0.0))
    estimate = torch.where(foreground, right, 77.0)
    terms = depth_terms(estimate, truth(depth, foreground))
    assert terms["depth"].item() == 0.0
    assert terms["depth_structure"].item() == pytest.approx(1.0)


def test_the_gap_is_the_mean_over_each_pictures_foreground() -> None:
    depth = torch.cat([scene(share=0.4), scene(share=1.0)])
    foreground = depth < 1.0
    right = relative_depth(torch.where(foreground, depth, 0.0))
    gaps = torch.tensor([0.1, 0.3])[:, None, None]
    terms = depth_terms(right + gaps, truth(depth, foreground))
    assert terms["depth"].item() == pytest.approx(0.2, rel=1e-5)
    assert terms["depth_structure"].item() > 1.001


def test_where_foreground_has_no_depth_nothing_is_learned() -> None:
    depth = scene()
    foreground = depth < 1.0
    depth[:, SIZE // 3 : SIZE // 3 + 5] = 0.0
    estimate = torch.zeros_like(depth, requires_grad=True)
    sum(depth_terms(estimate, truth(depth, foreground)).values(), torch.zeros(())).backward()
    assert estimate.grad is not None
    assert estimate.grad[depth == 0.0].abs().max().item() == 0.0
    assert estimate.grad[foreground & (depth > 0.0)].abs().max().item() > 0.0


def test_opposite_structure_keeps_a_finite_loss() -> None:
    """SSIM is negative there, and its inverse would be least just below zero."""
    depth = scene(share=1.0)
    foreground = depth < 1.0
    right = relative_depth(torch.where(foreground, depth, 0.0))
    terms = depth_terms(-10.0 * right - 0.5, truth(depth, foreground))
    assert 1.0 < terms["depth_structure"].item() <= 20.0


def test_a_crop_without_foreground_teaches_nothing() -> None:
    depth = scene()
    terms = depth_terms(torch.ones_like(depth), truth(depth, torch.zeros_like(depth).bool()))
    assert terms["depth"].item() == 0.0
    assert np.isfinite(terms["depth_structure"].item())


def test_the_decoder_has_four_wide_and_four_single_convolutions() -> None:
    estimator = DepthEstimator(16)
    sizes = [
        layer.kernel_size
        for name, layer in estimator.named_modules()
        if isinstance(layer, nn.Conv2d) and not name.startswith("encoder.")
    ]
    assert sizes.count((5, 5)) == 4
    assert sizes.count((1, 1)) == 4
    assert len(sizes) == 8


@pytest.mark.parametrize("size", [64, 96])
def test_the_estimate_has_the_images_size_and_begins_at_the_reference(size: int) -> None:
    torch.manual_seed(0)
    estimate = DepthEstimator(16)(torch.randn(2, 3, size, size))
    assert estimate.shape == (2, size, size)
    assert estimate.abs().mean().item() < 0.3
    assert estimate.min().item() >= NEAREST


def balls(count: int, size: int = 64) -> tuple[Tensor, Tensor]:
    """(B, 3, S, S) pictures of balls before a wall, and (B, S, S) their depth in metres."""
    place = torch.linspace(-1.0, 1.0, size)
    middles = 0.4 * torch.rand(count, 2, 1, 1) - 0.2
    squared = (place - middles[:, 0]) ** 2 + (place[:, None] - middles[:, 1]) ** 2
    bulge = (0.35 - squared).clamp_min(0.0).sqrt()
    images = torch.stack([squared, bulge, place.expand_as(squared)], dim=1)
    return images, torch.where(squared < 0.35, 0.5 - 0.1 * bulge, WALL_M)


def test_a_small_estimator_learns_a_few_pictures() -> None:
    torch.manual_seed(0)
    images, depth = balls(2)
    true = truth(depth, depth < WALL_M)
    estimator = DepthEstimator(8)
    optimizer = torch.optim.Adam(estimator.parameters(), 1e-3)
    gaps = []
    for _ in range(40):
        terms = depth_terms(estimator(images), true)
        optimizer.zero_grad()
        (terms["depth"] + 1e-3 * terms["depth_structure"]).backward()
        optimizer.step()
        gaps.append(terms["depth"].item())
    assert gaps[-1] < 0.5 * gaps[0]
