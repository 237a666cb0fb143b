"""Imported models lie in the user's store and are loaded by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import (
    HandModel,
    load_hand_model,
    read_hand_model,
    read_record,
    write_hand_model,
)
from hand_object_recon.hand_model.model_conventions import ModelConventions
from hand_object_recon.hand_model.model_record import ModelRecord
from hand_object_recon.hand_model.store import (
    imported_names,
    model_file,
    require_free_name,
    store_folder,
    stored_file,
)

MANO = ModelRecord("mano", "MANO_RIGHT.pkl")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setenv("HAND_OBJECT_RECON_HAND_MODELS", str(folder))
    return folder


def keep(model: HandModel, record: ModelRecord = MANO, name: str = "mine") -> Path:
    path = stored_file(name, model.side)
    write_hand_model(replace(model, name=name), path, record)
    return path


def longer(model: HandModel) -> HandModel:
    return replace(model, v_template=1.1 * model.v_template)


def test_the_store_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAND_OBJECT_RECON_HAND_MODELS", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert store_folder() == tmp_path / "own"
    monkeypatch.delenv("HAND_OBJECT_RECON_HAND_MODELS")
    assert store_folder() == tmp_path / "data" / "hand_object_recon" / "hand_models"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".local" / "share" / "hand_object_recon" / "hand_models"
    assert store_folder() == expected


def test_a_store_that_does_not_exist_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAND_OBJECT_RECON_HAND_MODELS", str(tmp_path / "nowhere"))
    assert imported_names() == ()
    with pytest.raises(InvalidValueError, match=r"'mine' .* known are open_hand; .*import"):
        load_hand_model("mine", HandSide.RIGHT)


@pytest.mark.parametrize("side", list(HandSide))
def test_the_side_that_was_not_imported_is_the_mirror_image(
    store: Path, right: HandModel, left: HandModel, side: HandSide
) -> None:
    own, other = (right, left) if side is HandSide.RIGHT else (left, right)
    path = keep(own)
    assert model_file("mine", other.side) == path
    for model in (own, other):
        loaded = load_hand_model("mine", model.side)
        assert (loaded.name, loaded.side) == ("mine", model.side)
        np.testing.assert_array_equal(loaded.v_template, model.v_template)
        np.testing.assert_array_equal(loaded.posedirs, model.posedirs)
    assert load_hand_model("mine", other.side).topology.name == f"mine_{other.side}"


def test_both_imported_sides_are_used_as_they_are(
    store: Path, right: HandModel, left: HandModel
) -> None:
    keep(right)
    keep(longer(left))
    for side, expected in ((HandSide.RIGHT, right), (HandSide.LEFT, longer(left))):
        loaded = load_hand_model("mine", side)
        np.testing.assert_array_equal(loaded.v_template, expected.v_template)


def test_a_model_that_is_imported_anew_is_loaded_anew(store: Path, right: HandModel) -> None:
    keep(right)
    first = load_hand_model("mine", HandSide.RIGHT)
    assert load_hand_model("mine", HandSide.RIGHT) is first
    keep(longer(right))
    second = load_hand_model("mine", HandSide.RIGHT)
    np.testing.assert_array_equal(second.v_template, longer(right).v_template)
    keep(right, name="mine")
    third = load_hand_model("mine", HandSide.RIGHT)
    np.testing.assert_array_equal(third.v_template, right.v_template)


def test_another_store_holds_other_models(
    store: Path, right: HandModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(right)
    load_hand_model("mine", HandSide.RIGHT)
    monkeypatch.setenv("HAND_OBJECT_RECON_HAND_MODELS", str(tmp_path / "other"))
    with pytest.raises(InvalidValueError, match="not installed"):
        load_hand_model("mine", HandSide.RIGHT)


def test_conventions_of_the_import_hold_unless_others_are_asked_for(
    store: Path, left: HandModel
) -> None:
    keep(left, ModelRecord("mano", "MANO_LEFT.pkl", ModelConventions(flat_hand_mean=True)))
    assert not load_hand_model("mine", HandSide.LEFT).hands_mean.any()
    asked = ModelConventions(left_shapedirs="corrected", tips="smplx")
    loaded = load_hand_model("mine", HandSide.LEFT, asked)
    np.testing.assert_array_equal(loaded.hands_mean, left.hands_mean)
    np.testing.assert_array_equal(loaded.shapedirs[:, 0], -left.shapedirs[:, 0])
    np.testing.assert_array_equal(loaded.tip_vertices, [744, 320, 443, 554, 671])
    assert not load_hand_model("mine", HandSide.LEFT).hands_mean.any()


def test_the_file_keeps_the_arrays_as_they_came(store: Path, left: HandModel) -> None:
    record = ModelRecord(
        "rig",
        "hand.glb",
        ModelConventions(flat_hand_mean=True, pca_components=9),
        ("made up",),
    )
    path = keep(left, record)
    assert read_record(path) == record
    stored = read_hand_model(path, "mine")
    assert stored.side is HandSide.LEFT
    np.testing.assert_array_equal(stored.hands_mean, left.hands_mean)


@pytest.mark.parametrize("name", ["open_hand", "Mano", "../mano", "mano right", "", "1mano"])
def test_names_that_are_taken_or_no_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="hand model"):
        require_free_name(name)


def test_a_file_named_like_a_built_in_model_does_not_replace_it(
    store: Path, right: HandModel
) -> None:
    keep(longer(right), name="open_hand")
    assert imported_names() == ()
    loaded = load_hand_model("open_hand", HandSide.RIGHT)
    np.testing.assert_array_equal(loaded.v_template, right.v_template)


def test_other_files_of_the_store_are_no_models(store: Path, right: HandModel) -> None:
    keep(right)
    (store / "notes.npz").write_bytes(b"")
    (store / ".mine_left.npz.1").write_bytes(b"")
    (store / "readme.txt").write_text("mine")
    assert imported_names() == ("mine",)


@pytest.mark.parametrize("spoil", [b"", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_refused_with_the_fix(
    store: Path, right: HandModel, spoil: bytes
) -> None:
    path = keep(right)
    path.write_bytes(spoil)
    with pytest.raises(InvalidValueError, match=r"mine_right\.npz does not read.*--force"):
        load_hand_model("mine", HandSide.RIGHT)


def test_a_file_without_an_array_or_with_a_strange_record_is_refused(
    store: Path, right: HandModel
) -> None:
    path = keep(right)
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{name: array for name, array in arrays.items() if name != "weights"})
    with pytest.raises(InvalidValueError, match="it lacks weights"):
        load_hand_model("mine", HandSide.RIGHT)
    np.savez(path, **(arrays | {"record": np.array("{}")}))
    with pytest.raises(InvalidValueError, match="record does not read"):
        load_hand_model("mine", HandSide.RIGHT)


def test_a_failed_write_leaves_the_old_model_and_no_debris(
    store: Path, right: HandModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep(right)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="No space left"):
        keep(longer(right))
    assert path.read_bytes() == before
    assert [entry.name for entry in store.iterdir()] == ["mine_right.npz"]
