"""Records of real takes are learned from, and what comes out can be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import nn

from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.projection import project
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.trainable import Batch
from hand_object_recon.networks.weights import load_weights
from hand_object_recon.reconstructors.intra_inter_graph.network import IntraInterGraphNetwork
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    METHOD,
    IntraInterGraphOptions,
)
from hand_object_recon.reconstructors.intra_inter_graph.plausibility_scores import (
    plausibility_scores,
)
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction, View
from hand_object_recon.reconstructors.intra_inter_graph.trained_network import load_trained_network
from hand_object_recon.reconstructors.intra_inter_graph.training import (
    IntraInterGraphTraining,
    _view,
)
from hand_object_recon.training.sample_store import SampleStore

SMALL: dict[str, Any] = {
    "image_size": 64,
    "trunk_layers": 18,
    "width": 8,
    "channels": 16,
    "hourglass_depth": 2,
    "pose_channels": 16,
    "pose_blocks": 1,
    "rotation": "two_columns",
    "refinement_channels": 16,
    "refinement_blocks": 1,
    "vertex_level": 2,
    "heatmap_loss": "cross_entropy",
    "with_depth": True,
    "upright": True,
}
STILL: dict[str, Any] = {**SMALL, "turn_share": 0.0, "color": 0.0}

MakeStore = Callable[..., SampleStore]
BatchOf = Callable[..., Batch]
Learn = Callable[..., list[float]]
Train = Callable[..., Path]


@pytest.fixture(scope="module")
def store(make_store: MakeStore) -> SampleStore:
    return make_store(METHOD, SMALL)


def method_with(**options: Any) -> IntraInterGraphTraining:
    return IntraInterGraphTraining(IntraInterGraphOptions.model_validate({**STILL, **options}))


class Answering(nn.Module):
    """Gives the truth, the refined hand moved by ``off_m`` along x, its wrist too or not."""

    def __init__(self, method: IntraInterGraphTraining, batch: Batch, off_m: float) -> None:
        super().__init__()
        self.true, self.off_m = method._truth(batch), off_m

    def forward(self, view: View) -> Prediction:
        true = self.true
        off = torch.zeros(21, 3)
        off[1:, 0] = self.off_m
        count = len(view.images)
        maps = torch.zeros(count, 1, 21, 8, 8)
        return Prediction(
            heatmaps=maps,
            heatmap_logits=maps,
            joints_uv=true.joints_uv,
            confidence=torch.ones(count, 21),
            rotations=torch.eye(3).expand(count, 16, 3, 3),
            pose=torch.zeros(count, 16, 6),
            shape=true.shape,
            initial=true.hands,
            refined=Hands(true.hands.joints_m + off, true.hands.vertices_m),
        )


def test_records_of_takes_show_hands_before_measured_depth(store: SampleStore) -> None:
    assert len(store) >= 4
    for index in range(len(store)):
        record = store.record(index)
        assert record["image"].shape == (96, 96, 3)
        assert record["image"].std() > 5
        measured_m = 1e-4 * record["depth"][40:56, 40:56]
        measured_m = measured_m[measured_m > 0.0]
        assert abs(np.median(measured_m) - np.median(record["joints_m"][:, 2])) < 0.15


def test_the_truth_of_a_batch_is_where_its_joints_are_in_the_crop(
    store: SampleStore, batch_of: BatchOf
) -> None:
    method = method_with()
    batch = batch_of(method, 4, seed=3)
    true = method._truth(batch)
    for item in range(4):
        record = store.record(item)
        sizes_m = np.linalg.norm(record["joints_m"] - record["joints_m"][WRIST], axis=1)
        found_m = torch.linalg.vector_norm(true.hands.joints_m[item], dim=1)
        np.testing.assert_allclose(found_m, sizes_m, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rotation": "axis_angle", "heatmap_loss": "squared", "pose_branch": "ordinary_graph"},
        {"refinement": "none", "with_depth": False, "pose_branch": "regression"},
        {"refined": "places", "vertex_level": 0, "local_features": True},
    ],
    ids=["lite", "paper", "baseline", "places"],
)
def test_a_few_samples_are_learned_by_heart(
    batch_of: BatchOf, learn: Learn, options: dict[str, Any]
) -> None:
    method = method_with(**options)
    batch = batch_of(method, 4)
    torch.manual_seed(0)
    network = method.build_network()
    totals = learn(network, method, batch, 25, rate=2e-3)
    assert all(np.isfinite(totals))
    assert totals[-1] < 0.6 * totals[0]
    with torch.no_grad():
        scores = method.scores(network.eval(), batch)
    assert next(iter(scores)) == "joints_mm"
    assert all(values.shape == (4,) for values in scores.values())


def test_a_network_that_answers_the_truth_has_no_errors(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 3)
    scores = method.scores(Answering(method, batch, 0.0), batch)
    errors = {
        name: values for name, values in scores.items() if name.endswith(("ts_mm", "es_mm", "_px"))
    }
    assert len(errors) == 8
    for name, values in errors.items():
        assert values.nan_to_num().abs().max() < 1e-2, name
    scores = method.scores(Answering(method, batch, 0.005), batch)
    torch.testing.assert_close(scores["joints_mm"], torch.full((3,), 5.0 * 20 / 21))
    assert scores["initial_joints_mm"].max() < 1e-2


def test_plausibility_is_scored_before_and_after_the_refinement(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 3)
    answering = Answering(method, batch, 0.0)
    scores = method.scores(answering, batch)
    for name in ("self_penetration_mm", "beyond_limits_deg", "edge_spread_percent"):
        torch.testing.assert_close(scores[f"initial_{name}"], scores[f"refined_{name}"])
    # as far as the takes' own hands may be: they are made so that they hardly overlap
    assert scores["initial_self_penetration_mm"].max() < 3.0
    assert scores["initial_beyond_limits_deg"].max() < 10.0
    found = answering(_view(batch))
    torch.manual_seed(0)
    rough = 0.002 * torch.randn_like(found.initial.vertices_m)
    assert found.refined is not None
    roughened = Hands(found.refined.joints_m, found.refined.vertices_m + rough)
    worse = plausibility_scores(found._replace(refined=roughened), method._model)
    spread = "edge_spread_percent"
    assert (worse[f"refined_{spread}"] > worse[f"initial_{spread}"] + 5.0).all()
    assert set(plausibility_scores(found._replace(refined=None), method._model)) == {
        name for name in worse if name.startswith("initial")
    }


def test_pictures_show_true_bones_above_found_ones_and_the_mesh(
    store: SampleStore, batch_of: BatchOf
) -> None:
    method = method_with()
    batch = batch_of(method, 2)
    picture = method.picture(Answering(method, batch, 0.0), batch)
    assert picture.shape == (128, 128, 3)
    above, below = picture[:64, :64], picture[64:, :64]
    is_true = (above != batch["image"][0].permute(1, 2, 0).numpy()).any(axis=2)
    assert (above[is_true] == 255).all()
    is_found = (below == [0, 255, 0]).all(axis=2)
    assert is_true[is_found].mean() > 0.95
    is_mesh = (below == [0, 128, 255]).all(axis=2)
    assert is_mesh.sum() > 20
    rows, columns = np.nonzero(is_mesh)
    points_m = method._truth(batch).hands.vertices_m[0].numpy() + store.record(0)["joints_m"][WRIST]
    crop = CropCamera(np.eye(3), float(batch["half_slope"][0])).intrinsics(64)
    gaps_px, _ = cKDTree(project(points_m, crop)).query(np.stack([columns, rows], axis=1))
    assert gaps_px.max() < 1.0


def test_training_leaves_weights_that_load_with_their_options(train: Train) -> None:
    stages = [{"name": "whole", "epochs": 0.5, "learning_rate": 1e-3}]
    path = train(METHOD, SMALL, stages) / "whole.safetensors"
    kept = load_weights(path, METHOD)
    assert next(iter(kept.description["validation"])) == "joints_mm"
    trained = load_trained_network(path)
    assert isinstance(trained.network, IntraInterGraphNetwork)
    assert not trained.network.training
    assert trained.options.vertex_level == 2
    state = trained.network.state_dict()
    assert set(state) == set(kept.tensors)
    assert all(torch.equal(state[name], value) for name, value in kept.tensors.items())
    assert not any("rest" in name or "layer.skinning" in name for name in state)
