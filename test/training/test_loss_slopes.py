"""How steep losses are is told for each part of a network, checked on slopes worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from hand_object_recon.networks.trainable import Batch, TrainableMethod
from hand_object_recon.training.config import TrainingConfig
from hand_object_recon.training.engine import Training
from hand_object_recon.training.loss_slopes import Slope, loss_slopes, main, slope_table

MakeValues = Callable[..., dict[str, Any]]


class Linear(nn.Module):
    """Two numbers in a part ``first`` and one in ``second``."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False)


class Sums:
    """``steep`` grows along the batch, 3 and 4 times; ``flat`` only with the second part."""

    def losses(self, network: Linear, batch: Batch) -> dict[str, Tensor]:
        along = network.first.weight[0] @ batch["along"]
        return {"steep": along, "flat": 0.5 * network.second.weight.sum()}


def slopes_of(*batches: list[float]) -> dict[str, dict[str, Slope]]:
    made = ({"along": torch.tensor(batch)} for batch in batches)
    return loss_slopes(cast(TrainableMethod, Sums()), Linear(), iter(made))


def test_slopes_are_the_lengths_of_gradients_in_each_part() -> None:
    found = slopes_of([3.0, 4.0])
    assert found["steep"] == {"first": Slope(5.0, pytest.approx(math.nan, nan_ok=True))}
    assert set(found["flat"]) == {"second"}
    assert found["flat"]["second"].length == 0.5


def test_agreement_is_the_cosine_between_batches() -> None:
    assert slopes_of([3.0, 4.0], [6.0, 8.0])["steep"]["first"].agreement == pytest.approx(1.0)
    across = slopes_of([1.0, 0.0], [0.0, 3.0])["steep"]["first"]
    assert (across.length, across.agreement) == (2.0, pytest.approx(0.0))


def test_the_table_has_a_row_a_loss_and_a_column_a_part() -> None:
    lines = slope_table(slopes_of([3.0, 4.0], [3.0, 4.0])).splitlines()
    assert lines[0] == "| | first | second |"
    assert lines[2:] == ["| steep | 5 (1.00) |  |", "| flat |  | 0.5 (1.00) |"]


def test_weights_of_a_training_are_told(
    training_values: MakeValues,
    store_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stages = [{"name": "one", "epochs": 0.01, "learning_rate": 1e-3}]
    assert Training(TrainingConfig.model_validate(training_values(stages=stages)), tmp_path).run()
    weights = str(tmp_path / "one.safetensors")
    main([weights, "--store", str(store_folder), "--batch-size", "2", "--batches", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert "backbone" in lines[0]
    assert any(line.startswith("| joints") for line in lines)
