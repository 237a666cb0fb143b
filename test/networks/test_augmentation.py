"""Random changes of crops: within their limits, by their seed, and what they do to a picture."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.networks.augmentation import AugmentationOptions, CropChange, draw_change

LIMITS = AugmentationOptions(
    shift=0.1, scale=0.2, turn_deg=17.0, turn_share=0.5, color=0.1, occluder_share=0.25
)


def changes() -> list[CropChange]:
    return [draw_change(np.random.default_rng(seed), LIMITS) for seed in range(300)]


def test_the_same_seed_draws_the_same_change() -> None:
    assert changes() == changes()


def test_changes_stay_within_their_limits() -> None:
    drawn = changes()
    assert np.abs([change.shift for change in drawn]).max() <= 0.1
    assert np.abs([change.scale - 1 for change in drawn]).max() == pytest.approx(0.2)
    assert np.abs([np.subtract(change.colors, 1) for change in drawn]).max() <= 0.1
    assert np.abs([change.turn_rad for change in drawn]).max() <= 0.6


def test_turns_and_occluders_come_as_often_as_asked() -> None:
    drawn = changes()
    assert 0.4 < np.mean([change.turn_rad == 0.0 for change in drawn]) < 0.6
    assert 0.18 < np.mean([change.occluder is not None for change in drawn]) < 0.32


def test_an_occluder_covers_its_part_of_the_crop_alone() -> None:
    crop = np.full((256, 128, 3), 100, dtype=np.uint8)
    change = CropChange(occluder=(0.5, 0.5, 0.25, 0.5), occluder_color=(9, 8, 7))
    changed = change.recolored(crop)
    is_covered = np.zeros((256, 128), dtype=bool)
    is_covered[64:192, 48:80] = True
    assert (changed[is_covered] == (9, 8, 7)).all()
    assert (changed[~is_covered] == 100).all()


def test_channels_are_scaled_one_by_one_up_to_white() -> None:
    crop = np.full((4, 4, 3), 200, dtype=np.uint8)
    changed = CropChange(colors=(0.5, 1.0, 1.5)).recolored(crop)
    assert changed[0, 0].tolist() == [100, 200, 255]
