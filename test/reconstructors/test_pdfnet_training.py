"""Records of real takes are learned from, and what comes out can be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from hand_object_recon.networks.trainable import Batch
from hand_object_recon.networks.weights import load_weights
from hand_object_recon.reconstructors.pdfnet.batch_points import points_of
from hand_object_recon.reconstructors.pdfnet.batch_truth import TruePoser
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.options import METHOD, Decoder, Inputs, PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandPoints,
    HandsPrediction,
    Pyramid,
    Seen,
)
from hand_object_recon.reconstructors.pdfnet.trained_network import load_trained_network
from hand_object_recon.reconstructors.pdfnet.training import PDFNetTraining
from hand_object_recon.training.items import StoreItems
from hand_object_recon.training.sample_store import SampleStore

SMALL: dict[str, Any] = {
    "image_size": 96,
    "kept_size": 96,
    "trunk_layers": 18,
    "width": 16,
    "points": 64,
    "neighbours": 16,
}
STILL: dict[str, Any] = {**SMALL, "turn_share": 0.0, "color": 0.0, "mirror_share": 0.0}
OFF_M = (0.006, 0.0, 0.008)

MakeStore = Callable[..., SampleStore]
BatchOf = Callable[..., Batch]
Learn = Callable[..., list[float]]
Train = Callable[..., Path]


@pytest.fixture(scope="module")
def store(make_store: MakeStore) -> SampleStore:
    takes = {"takes": 4, "frames_per_take": 3, "step_s": 0.8, "two_hands_share": 0.5}
    return make_store(METHOD, SMALL, **takes)


@pytest.fixture(scope="module")
def batch_of(store: SampleStore) -> BatchOf:
    """Batches of samples from all over the store: of one hand and of two."""

    def make(method: PDFNetTraining, count: int, seed: int | None = None) -> Batch:
        items = StoreItems(store, method, seed)
        numbers = np.linspace(0, len(store) - 1, count).astype(int)
        batch: Batch = default_collate([items[0, int(number)] for number in numbers])
        return batch

    return make


def method_with(**options: Any) -> PDFNetTraining:
    return PDFNetTraining(PDFNetOptions.model_validate({**STILL, **options}))


def new_network(method: PDFNetTraining) -> nn.Module:
    torch.manual_seed(0)
    return method.build_network()


class Answering(nn.Module):
    """Sees and answers the truth of a batch, its roots off by so much."""

    def __init__(self, batch: Batch, off_m: Tensor, only: slice = slice(None)) -> None:
        super().__init__()
        self.batch = {name: value[only] for name, value in batch.items()}
        self.off_m = off_m
        self.likely = self.batch["is_present"].float()

    def see(self, images: Tensor) -> Seen:
        unread = torch.empty(0)
        return Seen(
            center_logits=unread,
            mask_logits=10.0 * (self.batch["masks"].float() - 0.5),
            heatmaps=None,
            presence_logits=20.0 * (self.likely - 0.5),
            pyramid=Pyramid(None, unread, unread),
        )

    def reconstruct(
        self,
        seen: Seen,
        points: HandPoints,
        cameras: Tensor,
        centers: Tensor | None = None,
    ) -> HandsPrediction:
        assert torch.equal(points.is_enough, self.batch["is_enough"])
        truth = TruePoser("open_hand").truth_of(self.batch)
        off = self.off_m.to(truth.roots_m.dtype)
        return HandsPrediction(truth.vertices, truth.joints, truth.roots_m + off, truth.centers)


def test_records_of_takes_show_one_hand_or_two(store: SampleStore) -> None:
    records = [store.record(number) for number in range(len(store))]
    assert {int(record["is_present"].sum()) for record in records} >= {1, 2}
    for record in records:
        assert record["image"].shape == (96, 96, 3)
        assert record["image"].std() > 5
        assert record["depth"].dtype == np.uint16
        for hand in np.flatnonzero(record["is_present"]):
            assert (record["mask"] == hand + 1).any()


def test_a_few_samples_are_learned_by_heart(batch_of: BatchOf, learn: Learn) -> None:
    method = method_with(fine_terms=True)
    batch = batch_of(method, 3)
    network = new_network(method)
    totals = learn(network, method, batch, 12, rate=2e-3)
    assert all(np.isfinite(totals))
    assert totals[-1] < 0.6 * totals[0]
    with torch.no_grad():
        scores = method.scores(network.eval(), batch)
    assert next(iter(scores)) == "joints_mm"
    assert all(values.shape == (3,) for values in scores.values())


@pytest.mark.parametrize("inputs", [one for one in Inputs if one is not Inputs.FUSED])
def test_each_kind_of_input_can_be_learned_from(batch_of: BatchOf, inputs: Inputs) -> None:
    method = method_with(inputs=inputs, decoder=Decoder.MANO)
    batch = batch_of(method, 2, seed=0)
    network = new_network(method)
    losses = method.losses(network, batch)
    torch.stack(list(losses.values())).sum().backward()
    assert "nodes" not in losses
    assert ("cloud_m" in batch) == inputs.has_points
    with torch.no_grad():
        assert method.scores(network.eval(), batch)["joints_mm"].shape == (2,)


def test_joints_alone_are_learned_where_there_are_no_meshes(batch_of: BatchOf) -> None:
    method = method_with(decoder=Decoder.KEYPOINTS)
    batch = batch_of(method, 2, seed=0)
    network = new_network(method)
    losses = method.losses(network, batch)
    assert {"joints", "root", "bones"} < losses.keys()
    assert not losses.keys() & {"vertices", "absolute_vertices", "normals", "nodes"}
    torch.stack(list(losses.values())).sum().backward()
    with torch.no_grad():
        scores = method.scores(network.eval(), batch)
    assert not any("vertices" in name for name in scores)
    assert method.record_settings()["hand_model"] is None


def test_hands_read_about_the_middle_of_their_points_move_with_them(batch_of: BatchOf) -> None:
    method = method_with(centered_points=True)
    batch = batch_of(method, 2)
    network = new_network(method).eval()
    assert isinstance(network, PDFNetwork)
    by = torch.tensor([0.1, -0.2, 0.3])
    points = points_of(batch)
    assert points is not None
    with torch.no_grad():
        seen = network.see(method._images(batch))
        here, there = (
            network.reconstruct(seen, one, batch["camera"], batch["centers"])
            for one in (points, points._replace(cloud_m=points.cloud_m + by))
        )
    torch.testing.assert_close(there.vertices, here.vertices, atol=1e-4, rtol=0)
    torch.testing.assert_close(there.roots_m, here.roots_m + by, atol=1e-4, rtol=0)


def test_own_masks_choose_the_points_that_are_learned_from(batch_of: BatchOf) -> None:
    method = method_with(own_masks=True)
    batch = batch_of(method, 2)
    told = []
    network = new_network(method)
    assert isinstance(network, PDFNetwork)
    network.hand.register_forward_pre_hook(lambda _, given: told.append(given[:2]))
    torch.manual_seed(1)
    method.losses(network, batch)
    ((seen, points),) = told
    is_own = (seen.mask_logits > 0.0).flatten(2)
    assert points.is_enough.any()
    for item, hand in torch.nonzero(points.is_enough).tolist():
        assert is_own[item, hand, points.pixels[item, hand]].all()


def test_a_network_that_answers_the_truth_is_as_far_off_as_its_roots(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 6)
    off_m = torch.tensor(OFF_M)
    scores = method.scores(Answering(batch, off_m), batch)
    has_hands = batch["is_present"] & batch["is_enough"]
    has_any = has_hands.any(dim=1)
    assert has_any.any()
    for name in ("joints_mm", "vertices_mm", "root_mm", "told_joints_mm"):
        torch.testing.assert_close(scores[name][has_any], torch.full((int(has_any.sum()),), 10.0))
    assert scores["aligned_joints_mm"][has_any].max() < 1e-3
    assert scores["aligned_vertices_mm"][has_any].max() < 1e-3
    assert (scores["mask_iou"][has_any] == 1.0).all()
    assert (scores["presence_accuracy"] == 1.0).all()
    assert (scores["count_accuracy"] == 1.0).all()
    is_nan = torch.stack([scores[f"{side}_joints_mm"].isnan() for side in ("left", "right")], dim=1)
    assert torch.equal(is_nan, ~has_hands)


def test_aligned_errors_are_those_about_the_middle_finger_s_knuckle(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 2)
    answering = Answering(batch, torch.zeros(3))
    truth = TruePoser("open_hand").truth_of(batch)
    grown = truth.joints * 1.1
    answering.reconstruct = lambda *_, **__: HandsPrediction(  # type: ignore[method-assign]
        truth.vertices * 1.1, grown + 0.05, truth.roots_m, truth.centers
    )
    scores = method.scores(answering, batch)
    sizes = 1e3 * torch.linalg.vector_norm(0.1 * truth.joints, dim=3).mean(dim=2)
    counted = torch.where(truth.is_learned, sizes, torch.nan).nanmean(dim=1)
    torch.testing.assert_close(scores["aligned_joints_mm"], counted, equal_nan=True)


def test_hands_taken_for_each_other_or_for_either_are_counted_all_the_same(
    batch_of: BatchOf,
) -> None:
    method = method_with()
    batch = batch_of(method, 6)
    answering = Answering(batch, torch.zeros(3))
    is_alone = ~batch["is_present"].all(dim=1)
    assert is_alone.any()
    answering.likely = answering.likely.flip(1)
    exchanged = method.scores(answering, batch)
    assert torch.equal(exchanged["presence_accuracy"], torch.where(is_alone, 0.0, 1.0))
    assert (exchanged["count_accuracy"] == 1.0).all()
    answering.likely = torch.full_like(answering.likely, 0.5)
    unclear = method.scores(answering, batch)
    assert torch.equal(unclear["count_accuracy"], torch.where(is_alone, 1.0, 0.0))


def test_hands_that_are_not_there_make_the_count_wrong(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 6)
    answering = Answering(batch, torch.zeros(3))
    answering.likely = torch.ones_like(answering.likely)
    scores = method.scores(answering, batch)
    assert torch.equal(scores["count_accuracy"] == 1.0, batch["is_present"].all(dim=1))


def test_pictures_show_joints_found_and_true_ones(batch_of: BatchOf) -> None:
    method = method_with()
    batch = batch_of(method, 2)
    plain = np.concatenate(list(batch["image"].permute(0, 2, 3, 1).numpy()), axis=1)
    picture = method.picture(Answering(batch, torch.tensor([0.05, 0.0, 0.0])), batch)
    assert picture.shape == plain.shape
    changed = picture[(picture != plain).any(axis=2)]
    shown = {tuple(color) for color in changed.tolist()}
    assert (255, 255, 255) in shown
    assert shown & {(0, 255, 0), (255, 128, 0)}


def test_training_leaves_weights_that_load_with_their_options(train: Train) -> None:
    fine_options = {"fine_terms": True, "own_masks": True}
    stages = [
        {"name": "coarse", "epochs": 0.5, "learning_rate": 1e-3},
        {"name": "fine", "epochs": 0.5, "learning_rate": 1e-4, "method_options": fine_options},
    ]
    path = train(METHOD, SMALL, stages) / "fine.safetensors"
    fine = load_weights(path, METHOD)
    assert next(iter(fine.description["validation"])) == "joints_mm"
    trained = load_trained_network(path)
    assert isinstance(trained.network, PDFNetwork)
    assert trained.options.fine_terms
    assert trained.options.points == 64
