"""Weights scored on a store afterwards, and what they are scored by."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.networks.weights import Weights, load_weights, save_weights
from hand_object_recon.reconstructors.h2onet.network import HandMesh
from hand_object_recon.reconstructors.h2onet.reconstructor import SHIPPED_WEIGHTS
from hand_object_recon.training.config import TrainingConfig
from hand_object_recon.training.engine import Training
from hand_object_recon.training.items import StoreItems
from hand_object_recon.training.methods import build_method
from hand_object_recon.training.sample_store import SampleStore
from hand_object_recon.training.store_scores import store_scores

MakeValues = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def weights(training_values: MakeValues, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("training")
    assert Training(TrainingConfig.model_validate(training_values()), out).run()
    return out / "one.safetensors"


def test_scores_afterwards_are_those_that_training_wrote_down(
    weights: Path, store_folder: Path, tmp_path: Path
) -> None:
    written = load_weights(weights, "h2onet").description["validation"]
    found = store_scores(weights, store_folder, 8, tmp_path / "pictures")
    assert found == pytest.approx(written, rel=1e-4, nan_ok=True)
    picture = cv2.imread(str(tmp_path / "pictures" / "one.png"))
    assert picture is not None
    assert picture.shape[0] == 128


def test_the_shipped_weights_know_hands(store_folder: Path) -> None:
    """Far less than the 100 mm and 40 mm of a hand that is put anywhere, and of the mean hand."""
    found = store_scores(SHIPPED_WEIGHTS, store_folder, 100)
    assert found["joints_mm"] < 60.0
    assert found["aligned_joints_mm"] < 25.0


def test_what_is_no_store_or_another_method_s_is_named(
    weights: Path, store_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidValueError, match="no finished store"):
        store_scores(weights, tmp_path, 8)
    other = tmp_path / "other.safetensors"
    save_weights(other, Weights({"a": torch.zeros(1)}, {"method": "gsdf", "options": {}}))
    with pytest.raises(InvalidValueError, match="holds samples of 'h2onet'"):
        store_scores(other, store_folder, 8)


class KnowsAllButOneFinger(nn.Module):
    """Answers what is true, but puts the index finger's joints 1 cm aside."""

    def __init__(self, truth: HandMesh) -> None:
        super().__init__()
        moved = truth.joints.clone()
        moved[:, 5:9, 0] += 0.01
        self._answer = truth._replace(joints=moved)

    def forward(self, _: Tensor) -> HandMesh:
        return self._answer


def test_hidden_fingers_are_scored_apart_from_visible_ones(store: SampleStore) -> None:
    method = build_method("h2onet", {"width": 16})
    items = StoreItems(store, method, None)
    batch = dict(default_collate([items[0, index] for index in range(3)]))
    batch["occluded"] = torch.tensor(
        [[[0, 1, 0, 0, 0, 0]], [[0, 0, 0, 0, 0, 0]], [[1, 1, 1, 1, 1, 1]]]
    )
    truth = method._truth({name: value[:, 0] for name, value in batch.items()})  # type: ignore[attr-defined]
    known = {name: getattr(truth, name) for name in HandMesh._fields if hasattr(truth, name)}
    network = KnowsAllButOneFinger(HandMesh(**known))
    scores = method.scores(network, batch)
    np.testing.assert_allclose(scores["visible_fingers_mm"][:2], [0.0, 2.0], atol=1e-3)
    np.testing.assert_allclose(scores["hidden_fingers_mm"][[0, 2]], [10.0, 2.0], atol=1e-3)
    assert math.isnan(scores["visible_fingers_mm"][2])
    assert math.isnan(scores["hidden_fingers_mm"][1])
