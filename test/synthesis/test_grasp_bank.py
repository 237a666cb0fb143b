"""A grasp bank is kept exactly and is refused for objects it was not made for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.surface_distance import distances_to_surface
from hand_object_recon.synthesis.grasp_bank import making
from hand_object_recon.synthesis.grasp_bank.bank import GraspBank, bank_of
from hand_object_recon.synthesis.grasp_bank.bank_file import (
    load_grasp_bank,
    save_grasp_bank,
    shipped_bank,
    shipped_name,
)
from hand_object_recon.synthesis.grasp_bank.builder import main
from hand_object_recon.synthesis.grasp_bank.making import BankPlan, make_bank_of
from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.grasping.hand_meshes import hand_mesh
from hand_object_recon.synthesis.objects.catalogue import CATEGORIES, Split, numbered_object
from hand_object_recon.synthesis.objects.object_shape import ObjectShape, centered_object

PACKAGE = Path(__file__).resolve().parents[2] / "hand_object_recon"
SPLITS: tuple[Split, ...] = get_args(Split)
SIZE_LIMIT_BYTES = 1_000_000


def shape_of(name: str) -> ObjectShape:
    category, _, number = name.rpartition("-")
    return numbered_object(category, int(number))


def ball(radius_m: float) -> ObjectShape:
    mesh = trimesh.creation.icosphere(3, radius_m)
    return centered_object("ball", "ball", mesh.vertices, np.asarray(mesh.faces, dtype=np.int32))


def make_small_bank() -> GraspBank:
    plan = BankPlan("balls", 3, seed=4, rebuild_command="make balls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "_LEAST_TRIES", 2)
        return make_bank_of([ball(0.03)], plan, lambda done: None)


@pytest.fixture(scope="module")
def small_bank() -> GraspBank:
    return make_small_bank()


def assert_same(one: Grasp, other: Grasp) -> None:
    for hand in ("hand", "opened", "pregrasp"):
        for name in ("shape", "fingers_rad", "wrist_pose", "rest_wrist_m", "side"):
            np.testing.assert_array_equal(
                getattr(getattr(one, hand), name), getattr(getattr(other, hand), name)
            )
    for name in (
        *("object_name", "grasp_type", "approach", "is_touching"),
        *("palm_touches", "penetration_m", "self_penetration_m"),
    ):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.slow
def test_a_bank_is_read_as_it_was_written(small_bank: GraspBank, tmp_path: Path) -> None:
    save_grasp_bank(small_bank, tmp_path / "bank.npz")
    read = load_grasp_bank(tmp_path / "bank.npz", "make balls")
    assert read.pairs == small_bank.pairs
    for one, other in zip(read.grasps, small_bank.grasps, strict=True):
        assert_same(one, other)


@pytest.mark.slow
def test_the_same_bank_gives_the_same_bytes(small_bank: GraspBank, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_grasp_bank(small_bank, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.slow
def test_the_same_plan_makes_the_same_grasps(small_bank: GraspBank) -> None:
    again = make_small_bank()
    for one, other in zip(again.grasps, small_bank.grasps, strict=True):
        assert_same(one, other)


@pytest.mark.slow
def test_another_object_of_the_same_name_is_refused(small_bank: GraspBank) -> None:
    small_bank.require_same_object(ball(0.03))
    with pytest.raises(InvalidValueError, match="rebuild it with make balls"):
        small_bank.require_same_object(ball(0.0301))


@pytest.mark.slow
def test_last_bits_of_another_machine_do_not_matter(small_bank: GraspBank) -> None:
    shape = ball(0.03)
    noise = 1e-7 * np.random.default_rng(0).standard_normal(shape.vertices_m.shape)
    small_bank.require_same_object(
        centered_object("ball", "ball", shape.vertices_m + noise, shape.faces)
    )


@pytest.mark.slow
@pytest.mark.parametrize("pair", [(0, 9), (0, 0)])
def test_a_pair_that_is_none_is_refused(small_bank: GraspBank, pair: tuple[int, int]) -> None:
    with pytest.raises(InvalidValueError, match="rebuild it"):
        replace(small_bank, pairs=(pair,))


def test_a_bank_without_grasps_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="empty"):
        bank_of("none", [], [], [], "make none")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"text"])
def test_a_damaged_file_is_refused_with_the_command_that_makes_it(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "bank.npz").write_bytes(content)
    with pytest.raises(InvalidValueError, match=r"bank\.npz cannot be read.*make balls"):
        load_grasp_bank(tmp_path / "bank.npz", "make balls")


@pytest.mark.slow
def test_a_missing_array_is_named(small_bank: GraspBank, tmp_path: Path) -> None:
    path = tmp_path / "bank.npz"
    save_grasp_bank(small_bank, path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "fingers_rad"}
    np.savez(path, **arrays)
    with pytest.raises(InvalidValueError, match="fingers_rad"):
        load_grasp_bank(path, "make balls")


def test_a_plan_without_grasps_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="count must be 1 or more"):
        BankPlan("none", 0, 0, "make none")


@pytest.mark.slow
def test_the_builder_writes_a_bank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bank.npz"
    main(["--split", "val", "--count", "4", "--seed", "9", "--out", str(out)])
    assert "4 grasps" in capsys.readouterr().out
    bank = load_grasp_bank(out, "x")
    assert len(bank.grasps) == 4
    assert {int(grasp.object_name.rpartition("-")[2]) % 3 for grasp in bank.grasps} == {
        SPLITS.index("val")
    }


# What comes with the package


def test_the_shipped_banks_are_small() -> None:
    sizes = [(PACKAGE / "synthesis" / shipped_name(split)).stat().st_size for split in SPLITS]
    assert sum(sizes) < SIZE_LIMIT_BYTES


@pytest.mark.parametrize("split", SPLITS)
def test_a_shipped_bank_fits_the_objects_drawn_now(split: Split) -> None:
    bank = shipped_bank(split)
    for name in sorted(bank.fingerprints)[::25]:
        bank.require_same_object(shape_of(name))


@pytest.mark.parametrize("split", SPLITS)
def test_a_shipped_bank_has_both_hands_and_pairs_of_them(split: Split) -> None:
    bank = shipped_bank(split)
    assert {grasp.hand.side for grasp in bank.grasps} == set(HandSide)
    assert bank.pairs


def test_no_object_is_in_two_splits_and_held_out_ones_are_in_the_test_split_only() -> None:
    names = {split: set(shipped_bank(split).fingerprints) for split in SPLITS}
    assert not names["train"] & names["val"]
    assert not (names["train"] | names["val"]) & names["test"]
    held_out = {name for name, category in CATEGORIES.items() if category.held_out}
    categories = {split: {name.rpartition("-")[0] for name in names[split]} for split in SPLITS}
    assert not categories["train"] & held_out
    assert not categories["val"] & held_out
    assert categories["test"] & held_out


@pytest.mark.parametrize("split", SPLITS)
def test_shipped_hands_touch_their_objects_and_hardly_enter_them(split: Split) -> None:
    """Distances triangle by triangle, and embree's rays for what is inside."""
    bank = shipped_bank(split)
    for grasp in bank.grasps[:: max(len(bank.grasps) // 3, 1)]:
        shape = shape_of(grasp.object_name)
        mesh = trimesh.Trimesh(shape.vertices_m, shape.faces, process=False)
        skin = hand_mesh(grasp.hand)[0]
        distances = distances_to_surface(skin, shape.vertices_m, shape.faces)
        assert distances.min() < 0.002
        assert distances[mesh.contains(skin)].max(initial=0.0) < 0.005
