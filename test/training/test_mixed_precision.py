"""``precision: bf16-mixed``: where hands are does not suffer from it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import default_collate

from hand_object_recon.networks.trainable import Batch, TrainableMethod
from hand_object_recon.training.config import load_training_config
from hand_object_recon.training.items import StoreItems
from hand_object_recon.training.methods import build_method
from hand_object_recon.training.mixed_precision import WholeInputs
from hand_object_recon.training.store_building import StoreSource, open_or_build_store

CONFIGURATIONS: Final = Path(__file__).parents[2] / "config" / "train"
METHODS: Final = ("h2onet", "gsdf", "pdfnet", "cross_branch", "intra_inter_graph")
RECORDS: Final = 4
MIXED: Final = Fabric(accelerator="cpu", plugins=WholeInputs("bf16-mixed", "cpu"))
"""As the training engine has it."""


def method_and_batch(name: str, folder: Path) -> tuple[TrainableMethod, Batch]:
    """The lite configuration's last stage and a few records for it."""
    config = load_training_config(CONFIGURATIONS / f"{name}_lite_synthetic.yaml")
    assert config.data.synthetic is not None
    takes = config.data.synthetic.model_copy(update={"takes": 2, "frames_per_take": 4})
    options = {**config.method_options, **config.stages[-1].method_options}
    source = StoreSource("train", takes, None)
    store = open_or_build_store(folder, name, options, source, 0, lambda *_: None)
    method = build_method(name, options)
    items = StoreItems(store, method, None)
    return method, default_collate([items[0, place % len(items)] for place in range(RECORDS)])


class Double(nn.Module):
    """A layer, and what the network was given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        assert self.layer(values).dtype == torch.bfloat16
        return values, self.layer(values)


def test_what_a_network_is_given_is_not_rounded() -> None:
    focal_px = torch.tensor([[501.3]])
    given, answer = MIXED.setup_module(Double())(focal_px)
    assert torch.equal(given, focal_px)
    assert answer.dtype == torch.float32


@pytest.mark.parametrize("name", METHODS)
def test_hands_are_where_they_are_in_single_precision(name: str, tmp_path: Path) -> None:
    method, batch = method_and_batch(name, tmp_path)
    torch.manual_seed(0)
    network = method.build_network().eval()

    with torch.no_grad():
        scores = method.scores(network, batch)
        mixed = method.scores(MIXED.setup_module(network), batch)

    errors = [score for score in scores if score.endswith("_mm")]
    assert errors
    for score in errors:
        torch.testing.assert_close(mixed[score], scores[score], rtol=0.0, atol=2.0, equal_nan=True)


@pytest.mark.parametrize("name", METHODS)
def test_a_step_is_learned_from(name: str, tmp_path: Path) -> None:
    method, batch = method_and_batch(name, tmp_path)
    network = method.build_network().train()

    losses = method.losses(MIXED.setup_module(network), batch)
    MIXED.backward(torch.stack(list(losses.values())).sum())

    slopes = [part.grad for part in network.parameters() if part.grad is not None]
    assert slopes
    assert all(bool(slope.isfinite().all()) for slope in slopes)
