"""Records of real takes are learned from in all stages, and scores are the paper's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree
from torch import nn

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.trainable import Batch
from hand_object_recon.networks.weights import load_weights
from hand_object_recon.reconstructors.cross_branch.depth_channel import UNIT_M, relative_depth
from hand_object_recon.reconstructors.cross_branch.options import METHOD, CrossBranchOptions
from hand_object_recon.reconstructors.cross_branch.prediction import (
    HandPrediction,
    ObjectPrediction,
    Prediction,
    View,
)
from hand_object_recon.reconstructors.cross_branch.scores import penetrations_mm
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere
from hand_object_recon.reconstructors.cross_branch.trained_network import load_trained_network
from hand_object_recon.reconstructors.cross_branch.training import CrossBranchTraining
from hand_object_recon.training.config import load_training_config
from hand_object_recon.training.sample_store import SampleStore

STORED: dict[str, Any] = {"image_size": 64, "width": 8, "kept_points": 300, "points": 200}
STILL: dict[str, Any] = {**STORED, "turn_share": 0.0, "color": 0.0}
CONFIGURATIONS = Path(__file__).parents[2] / "config/train"
PARTS = ["depth", "hand", "object", "joint"]

MakeStore = Callable[..., SampleStore]
BatchOf = Callable[..., Batch]
Learn = Callable[..., list[float]]
Train = Callable[..., Path]


@pytest.fixture(scope="module")
def store(make_store: MakeStore) -> SampleStore:
    return make_store(METHOD, STORED)


def method_with(**options: Any) -> CrossBranchTraining:
    return CrossBranchTraining(CrossBranchOptions.model_validate({**STILL, **options}))


def new_network(method: CrossBranchTraining) -> nn.Module:
    torch.manual_seed(0)
    return method.build_network()


def test_records_of_takes_show_hands_and_what_they_hold(store: SampleStore) -> None:
    assert len(store) >= 4
    for index in range(len(store)):
        record = store.record(index)
        assert record["image"].shape == (96, 96, 3)
        assert record["image"].std() > 5
        foreground_m = 1e-4 * record["true_depth"][record["true_depth"] > 0]
        assert foreground_m.size > 100
        joints_m = record["joints_m"]
        assert abs(np.median(foreground_m) - np.median(joints_m[:, 2])) < 0.08
        measured_m = 1e-4 * record["depth"][(record["depth"] > 0) & (record["true_depth"] > 0)]
        assert abs(np.median(measured_m) - np.median(foreground_m)) < 0.02
        # a hand touches what it holds
        gaps = cKDTree(record["points_m"]).query(record["vertices_m"])[0]
        assert gaps.min() < 0.01


@pytest.mark.parametrize(
    ("part", "left"), [("depth", 0.9), ("hand", 0.7), ("object", 0.7), ("joint", 0.7)]
)
def test_a_few_samples_are_learned_by_heart(
    batch_of: BatchOf, learn: Learn, part: str, left: float
) -> None:
    method = method_with(part=part, sphere_offsets=True, weights={"attraction": 0.002})
    batch = batch_of(method, 4)
    network = new_network(method)
    totals = learn(network, method, batch, 25)
    assert totals[-1] < left * totals[0]
    assert all(np.isfinite(totals))
    with torch.no_grad():
        scores = method.scores(network.eval(), batch)
    first = {"depth": "depth_mm", "hand": "joints_mm", "object": "chamfer_mm2", "joint": "both_mm"}
    assert next(iter(scores)) == first[part]
    assert all(values.shape == (4,) for values in scores.values())


def test_what_a_stage_does_not_train_stays_as_it_was(batch_of: BatchOf, learn: Learn) -> None:
    method = method_with(part="object")
    batch = batch_of(method, 2)
    before = new_network(method).state_dict()
    network = new_network(method)
    learn(network, method, batch, 1)
    changed = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed
    assert all(name.startswith("object.") for name in changed)


class Answering(nn.Module):
    """Gives the truth, joints and vertices of the hand moved by ``off_m`` along x."""

    def __init__(self, batch: Batch, off_m: float) -> None:
        super().__init__()
        self.batch, self.off_m = batch, off_m

    def forward(self, *_: Any) -> Prediction:
        true, off = self.batch, torch.tensor([self.off_m, 0.0, 0.0])
        joints_m = true["joints_m"] - true["joints_m"][:, WRIST, None]
        count = len(joints_m)
        hand = HandPrediction(
            joints_m + off,
            true["vertices_m"] + off,
            torch.eye(3).expand(count, 3, 3),
            torch.zeros(count, 30),
            torch.zeros(count, 10),
        )
        sphere = torch.tensor(object_sphere().vertices)
        canonical = sphere.expand(count, -1, 3)
        vertices_m = true["radius_m"][:, None, None] * canonical + true["center_m"][:, None]
        held = ObjectPrediction(
            vertices_m, canonical, true["radius_m"], true["center_m"] + 2.0 * off
        )
        estimate = relative_depth(true["true_depth_m"]) + self.off_m / UNIT_M
        return Prediction(estimate, hand, held)


def test_a_network_that_answers_the_truth_has_no_errors(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 3)
    for off_mm in (0.0, 5.0):
        scores = method.scores(Answering(batch, off_mm * 1e-3), batch)
        expected = {"joints_mm": 1.0, "vertices_mm": 1.0, "depth_mm": 1.0, "center_mm": 2.0}
        for name, times in expected.items():
            wanted = torch.full((3,), times * off_mm)
            torch.testing.assert_close(scores[name], wanted, atol=1e-3, rtol=0.0, msg=name)


def test_the_object_s_error_is_the_paper_s_chamfer_distance(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 3)
    answering = Answering(batch, 0.0)
    scores = method.scores(answering, batch)
    found_mm = 1e3 * answering().object.vertices_m.numpy()
    true_mm = 1e3 * batch["points_m"].numpy()
    for row, (found, true) in enumerate(zip(found_mm, true_mm, strict=True)):
        there, back = cKDTree(found).query(true)[0], cKDTree(true).query(found)[0]
        chamfer_mm2 = 0.5 * (np.mean(there**2) + np.mean(back**2))
        assert scores["chamfer_mm2"][row].item() == pytest.approx(chamfer_mm2, rel=1e-3)
        both = 0.5 * (scores["joints_mm"][row].item() + np.sqrt(chamfer_mm2))
        assert scores["both_mm"][row].item() == pytest.approx(both, rel=1e-3)


def test_penetration_is_that_of_the_deepest_vertex() -> None:
    sphere = object_sphere()
    body = 0.03 * sphere.vertices
    rest_m = np.asarray(load_hand_model("open_hand", HandSide.RIGHT).v_template)
    hand = rest_m - rest_m[300]
    moved = hand + np.array([0.0, 0.0, 1.0], dtype=np.float32)
    found = penetrations_mm(
        torch.tensor(np.stack([hand, moved]), dtype=torch.float32),
        torch.tensor(np.stack([body, body]), dtype=torch.float32),
    )
    mesh = trimesh.Trimesh(body, sphere.faces, process=False)  # convex: behind all its planes
    planes = (mesh.face_normals * mesh.triangles_center).sum(axis=1)[:, None]
    deepest = (planes - mesh.face_normals @ hand.T).min(axis=0).max()
    assert deepest > 0.025
    np.testing.assert_allclose(found, [1e3 * deepest, 0.0], atol=1e-3)


def test_hands_that_can_hardly_be_seen_are_scored_on_their_own(batch_of: BatchOf) -> None:
    method = method_with()
    batch = dict(batch_of(method, 3))
    batch["visible_share"] = torch.tensor([0.7, 0.8, torch.nan])
    scores = method.scores(Answering(batch, 0.004), batch)
    hidden = scores["hidden_joints_mm"]
    assert hidden[0].item() == pytest.approx(4.0, abs=1e-3)
    assert hidden[1:].isnan().all()


def test_data_without_meshes_of_hands_and_foreground_are_learned_from(batch_of: BatchOf) -> None:
    method = method_with(hand_meshes=False, depth_truth="sensor", with_depth=True, contact=True)
    batch = {name: value for name, value in batch_of(method, 2).items() if name != "vertices_m"}
    losses = method.losses(new_network(method), batch)
    assert "vertices" not in losses
    assert {"joints", "chamfer", "depth", "attraction"} < losses.keys()
    assert "vertices_mm" not in method.scores(new_network(method).eval(), batch)


def with_empty_hands(batch: Batch, *is_held: float) -> Batch:
    """The same batch of which some hands are said to hold nothing."""
    held = torch.tensor(is_held)
    points_m = batch["points_m"] * held[:, None, None]
    return {**batch, "points_m": points_m, "is_held": held}


def test_objects_are_learned_from_hands_that_hold_one_alone(batch_of: BatchOf) -> None:
    method = method_with(empty_hands=True, contact=True)
    network = new_network(method).eval()
    batch = batch_of(method, 3)
    losses = method.losses(network, with_empty_hands(batch, 1.0, 0.0, 1.0))
    held = {name: value[[0, 2]] for name, value in batch.items()}
    expected = method.losses(network, with_empty_hands(held, 1.0, 1.0))
    for name in ("chamfer", "canonical_chamfer", "translation", "scale", "edges", "repulsion"):
        torch.testing.assert_close(losses[name], expected[name])
    none = method.losses(network, with_empty_hands(batch, 0.0, 0.0, 0.0))
    assert none["chamfer"].item() == none["attraction"].item() == 0.0
    assert all(value.isfinite() for value in none.values())


def test_whether_there_is_an_object_is_a_cross_entropy(batch_of: BatchOf) -> None:
    method = method_with(empty_hands=True)
    network = new_network(method).eval()
    batch = with_empty_hands(batch_of(method, 2), 1.0, 0.0)
    logits = network(View(normalised(batch["image"]), batch["depth_m"])).object.is_held
    likely = torch.stack([logits[0].sigmoid(), 1.0 - logits[1].sigmoid()])
    expected = -likely.log().mean()
    torch.testing.assert_close(method.losses(network, batch)["is_held"], expected)


def test_scores_tell_wrong_answers_and_leave_out_objects_of_empty_hands(batch_of: BatchOf) -> None:
    method = method_with(empty_hands=True)
    network = new_network(method).eval()
    torch.nn.init.zeros_(network.object.decoder.is_held[-1].weight)
    torch.nn.init.constant_(network.object.decoder.is_held[-1].bias, 1.0)
    scores = method.scores(network, with_empty_hands(batch_of(method, 2), 1.0, 0.0))
    assert scores["is_held_wrong_percent"].tolist() == [0.0, 100.0]
    for name in ("chamfer_mm2", "center_mm", "both_mm", "penetration_mm"):
        assert scores[name].isnan().tolist() == [False, True], name


def test_pictures_show_what_is_true_above_what_is_found(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 2)
    picture = method.picture(Answering(batch, 0.0), batch)
    assert picture.shape == (128, 256, 3)
    true, found = picture[:64], picture[64:]
    is_there = batch["true_depth_m"][0].numpy() > 0.0
    np.testing.assert_array_equal(true[:, 64:128][is_there], found[:, 64:128][is_there])
    assert (true[:, 64:128][~is_there] == 0).all()
    crop = batch["image"][0].permute(1, 2, 0).numpy()
    is_marked = (true[:, :64] != crop).any(axis=2)
    assert 0.01 < is_marked.mean() < 0.9
    is_joint = (true[:, :64] == 255).all(axis=2) & is_marked
    np.testing.assert_array_equal(is_joint, (found[:, :64] == 255).all(axis=2) & is_joint)


@pytest.mark.parametrize("path", sorted(CONFIGURATIONS.glob("cross_branch_*.yaml")), ids=str)
def test_stages_of_shipped_configurations_have_options_that_go_together(path: Path) -> None:
    config = load_training_config(path)
    for stage in config.stages:
        CrossBranchOptions.model_validate({**config.method_options, **stage.method_options})


def test_stages_follow_each_other_and_leave_weights(train: Train) -> None:
    stage = {"epochs": 0.01, "learning_rate": 1e-3}
    stages = [{"name": part, **stage, "method_options": {"part": part}} for part in PARTS]
    folder = train(METHOD, STILL, stages)
    depth, hand, held, joint = (
        load_weights(folder / f"{part}.safetensors", METHOD).tensors for part in PARTS
    )
    assert set(depth) < set(hand) < set(held) == set(joint)
    for earlier in (depth, hand):
        assert all(torch.equal(value, held[name]) for name, value in earlier.items())
    trained = load_trained_network(folder / "joint.safetensors")
    assert trained.options.part.value == "joint"
