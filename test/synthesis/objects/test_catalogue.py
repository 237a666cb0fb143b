"""Every category gives closed objects a hand can hold, the same ones each time."""

from __future__ import annotations

import igl
import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.objects.catalogue import (
    CATEGORIES,
    Split,
    category_and_number,
    draw_object,
    numbered_object,
)
from hand_object_recon.synthesis.objects.object_shape import ObjectShape

HELD_OUT = {"bowl", "torus", "wrench"}
SPLITS: tuple[Split, ...] = ("train", "val", "test")


GREATEST_GRIP_M = 0.11


def bytes_of(shape: ObjectShape) -> bytes:
    return shape.vertices_m.tobytes() + shape.faces.tobytes()


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_twenty_objects_of_a_category_are_closed_solids_of_hand_size(category: str) -> None:
    for number in range(20):
        shape = numbered_object(category, number)
        mesh = trimesh.Trimesh(shape.vertices_m, shape.faces, process=False)
        assert mesh.is_watertight
        assert mesh.is_winding_consistent
        assert mesh.volume == pytest.approx(shape.volume_m3, rel=1e-4)
        assert shape.volume_m3 > 2e-6
        assert 0.020 <= mesh.extents.max() <= 0.250
        assert 1000 <= len(mesh.faces) <= 6000
        assert mesh.body_count == 1
        assert mesh.extents.min() < GREATEST_GRIP_M


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_no_object_of_a_category_cuts_itself(category: str) -> None:
    for number in range(20, 25):
        shape = numbered_object(category, number)
        low, high = shape.vertices_m.min(axis=0), shape.vertices_m.max(axis=0)
        points = np.random.default_rng(number).uniform(low, high, (300, 3))
        winding = igl.fast_winding_number(
            shape.vertices_m.astype(np.float64), shape.faces.astype(np.int64), points
        )
        np.testing.assert_allclose(winding, np.clip(np.rint(winding), 0, 1), atol=0.1)


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_a_number_always_means_the_same_bytes(category: str) -> None:
    assert bytes_of(numbered_object(category, 5)) == bytes_of(numbered_object(category, 5))
    assert bytes_of(numbered_object(category, 5)) != bytes_of(numbered_object(category, 6))


def test_a_mug_has_one_handle_and_a_wrench_two_openings_of_which_one_is_a_hole() -> None:
    def handles(category: str) -> int:
        return (
            1 - igl.euler_characteristic(numbered_object(category, 2).faces.astype(np.int64)) // 2
        )

    assert handles("mug") == 1
    assert handles("wrench") == 1
    assert handles("torus") == 1
    assert handles("cup") == handles("hammer") == handles("spoon") == 0


def test_a_mug_holds_what_its_outline_does_not() -> None:
    mug = numbered_object("mug", 2)
    hull = trimesh.Trimesh(mug.vertices_m, mug.faces, process=False).convex_hull
    assert mug.volume_m3 < 0.4 * hull.volume


def test_the_same_seed_and_split_give_the_same_object() -> None:
    one, other = draw_object(12, "train"), draw_object(12, "train")
    assert one.name == other.name == "{}-{:06d}".format(*category_and_number(12, "train"))
    assert bytes_of(one) == bytes_of(other)


def test_an_object_can_be_made_again_from_its_name() -> None:
    shape = draw_object(31, "test")
    category, _, number = shape.name.rpartition("-")
    assert bytes_of(numbered_object(category, int(number))) == bytes_of(shape)


def test_no_two_splits_or_seeds_share_an_object() -> None:
    names = [category_and_number(seed, split) for split in SPLITS for seed in range(200)]
    assert len(set(names)) == len(names)


def test_only_the_test_split_has_the_held_out_categories_and_half_of_it_is_theirs() -> None:
    drawn = {
        split: [category_and_number(seed, split)[0] for seed in range(400)] for split in SPLITS
    }
    assert {name for name, kind in CATEGORIES.items() if kind.held_out} == HELD_OUT
    assert set(drawn["train"]) == set(CATEGORIES) - HELD_OUT
    assert set(drawn["val"]) == set(CATEGORIES) - HELD_OUT
    held_out = [category in HELD_OUT for category in drawn["test"]]
    assert 0.4 < np.mean(held_out) < 0.6


def test_a_split_a_seed_or_a_category_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="one of train, val, test"):
        draw_object(0, "dev")  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="seed is -1"):
        draw_object(-1, "train")
    with pytest.raises(InvalidValueError, match="object category is 'teapot'"):
        numbered_object("teapot", 0)
