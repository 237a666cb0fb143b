"""The speed of the hand layer is measured beside smplx, and without it."""

from __future__ import annotations

import sys

import pytest
import torch

from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.hand_model_benchmark.layer_speed import (
    LayerSpeed,
    measure_layer_speed,
)
from hand_object_recon.hand_model.model import load_hand_model


def quick_rows() -> list[LayerSpeed]:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    return measure_layer_speed(
        [model], batches=(1, 4), threads=(1,), seconds=0.0, with_compiled=False
    )


def test_every_way_is_timed_in_turns_with_smplx() -> None:
    pytest.importorskip("smplx", reason="smplx is not installed")
    threads_before = torch.get_num_threads()
    rows = quick_rows()
    assert [(row.batch, row.way) for row in rows] == [
        (1, "torch"),
        (1, "torch, shape kept"),
        (1, "NumPy"),
        (1, "NumPy, shape kept"),
        (1, "smplx.lbs"),
        (4, "torch"),
        (4, "torch, shape kept"),
        (4, "smplx.lbs"),
    ]
    assert all(0.0 < row.median_ms <= row.p95_ms for row in rows)
    assert [row.times_as_fast for row in rows if row.way == "smplx.lbs"] == [1.0, 1.0]
    assert torch.get_num_threads() == threads_before


def test_without_smplx_there_is_nothing_to_compare_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "smplx.lbs", None)
    rows = quick_rows()
    assert all(row.reference_ms is None and row.times_as_fast is None for row in rows)


def test_a_row_says_how_many_times_as_fast_its_way_is() -> None:
    row = LayerSpeed("open_hand", 2, 32, "torch", 0.5, 0.75, reference_ms=1.25)
    assert row.times_as_fast == 2.5
