"""Truth files are read with what is optional in them, and refused by what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.hand_truth import load_hand_truth


def save(path: Path, **changes: Any) -> Path:
    arrays = {
        "stamps_ns": np.array([5, 7], dtype=np.int64),
        "joints": np.zeros((2, 21, 3)),
        "vertices": np.zeros((2, 9, 3), dtype=np.float32),
    }
    arrays.update(changes)
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_topology_and_side_are_unknown_unless_given(tmp_path: Path) -> None:
    truth = load_hand_truth(save(tmp_path / "t.npz"))
    assert truth.stamps_ns.tolist() == [5, 7]
    assert (truth.topologies, truth.sides) == (("", ""), (None, None))


def test_one_topology_and_one_side_hold_for_all_rows(tmp_path: Path) -> None:
    path = save(tmp_path / "t.npz", topology=np.array("mano_left"), side=np.array("left"))
    truth = load_hand_truth(path)
    assert truth.topologies == ("mano_left", "mano_left")
    assert truth.sides == (HandSide.LEFT, HandSide.LEFT)


def test_each_row_may_have_its_own_side(tmp_path: Path) -> None:
    truth = load_hand_truth(save(tmp_path / "t.npz", side=np.array(["left", "right"])))
    assert truth.sides == (HandSide.LEFT, HandSide.RIGHT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints": None}, "lacks joints; it has stamps_ns, vertices"),
        ({"joints": np.zeros((2, 20, 3))}, r"joints has shape \(2, 20, 3\)"),
        ({"joints": np.zeros((3, 21, 3))}, r"joints has shape \(3, 21, 3\)"),
        ({"joints": np.full((2, 21, 3), np.nan)}, "joints holds 126 values"),
        ({"vertices": np.zeros((2, 9))}, r"vertices has shape \(2, 9\)"),
        ({"stamps_ns": np.array([0.5, 0.7])}, "stamps_ns has type float64"),
        ({"side": np.array("up")}, "side is 'up'; it must be left or right"),
        ({"side": np.array(["left"] * 3)}, "side names 3 hands; there are 2 stamps"),
        ({"topology": np.array(["a"] * 3)}, "topology names 3 hands; there are 2 stamps"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_what_is_wrong(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidValueError, match=rf"truth file .*t\.npz.*{message}"):
        load_hand_truth(save(tmp_path / "t.npz", **changes))


@pytest.mark.parametrize("content", [None, b"", b"no npz", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "t.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidValueError, match=r"t\.npz cannot be read"):
        load_hand_truth(path)


def test_python_objects_are_not_unpickled(tmp_path: Path) -> None:
    path = save(tmp_path / "t.npz", joints=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(InvalidValueError, match="not an npz of plain arrays"):
        load_hand_truth(path)


def test_the_reference_truth_is_read(reference_data: Path) -> None:
    truth = load_hand_truth(reference_data / "data" / "real_hand" / "ground_truth.npz")
    assert len(truth) == 35
    assert truth.vertices_m.shape == (35, 778, 3)
    assert set(truth.topologies) == {""}
