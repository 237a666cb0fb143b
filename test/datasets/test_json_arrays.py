"""Nested lists of numbers are read as json reads them, whatever the pieces they are read in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.errors import DatasetError
from hand_object_recon.datasets import json_arrays
from hand_object_recon.datasets.json_arrays import json_array

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("chunk_bytes", [7, 64, 1 << 20])
def test_pieces_of_any_size_give_the_same_numbers(
    chunk_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_arrays, "_CHUNK_BYTES", chunk_bytes)
    rows = np.random.default_rng(1).normal(size=(5, 21, 3)) * [1, 1e-7, 1e5]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows.tolist()) + "\n", encoding="utf-8")
    np.testing.assert_array_equal(json_array(file, (21, 3)), rows.astype(np.float32))


def test_it_is_parsed_once_and_anew_when_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.json"
    file.write_text("[[1, 2], [3, 4]]", encoding="utf-8")
    first = json_array(file, (2,))
    with monkeypatch.context() as patched:
        patched.setattr(json_arrays, "_rows", lambda *_: pytest.fail("it was parsed again"))
        np.testing.assert_array_equal(json_array(file, (2,)), first)
    file.write_text("[[1, 2], [3, 4], [5, 6]]", encoding="utf-8")
    assert json_array(file, (2,)).shape == (3, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1, 2], [3, ", "cut off"),
        ("[[1, 2], [3]]", r"3 numbers, which are not whole rows of \(2,\)"),
        ("[[1, 2], [3, null]]", "no number"),
        ("", "is empty"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "rows.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        json_array(file, (2,))
