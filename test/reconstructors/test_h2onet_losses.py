"""The terms of the loss equal what a loop over hands, triangles and edges adds up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.networks.mesh_losses import edge_errors, normal_errors
from hand_object_recon.reconstructors.h2onet.losses import (
    HandTruth,
    LossRules,
    OrientationLoss,
    mesh_losses,
)
from hand_object_recon.reconstructors.h2onet.network import HandMesh
from hand_object_recon.reconstructors.h2onet.options import H2ONetOptions
from hand_object_recon.reconstructors.h2onet.trained_network import new_network

HANDS, VERTICES = 3, 12
FACES = np.array([[0, 1, 2], [2, 1, 3], [4, 5, 6], [9, 10, 11], [3, 8, 7]])


def rotations(random: np.random.Generator) -> Tensor:
    matrices, _ = np.linalg.qr(random.normal(size=(HANDS, 3, 3)))
    return torch.from_numpy(matrices)


def found_hands(*, with_occlusion: bool) -> HandMesh:
    random = np.random.default_rng(0)
    points = {
        name: torch.from_numpy(random.normal(0.0, 0.1, (HANDS, count, size)))
        for name, count, size in (
            ("canonical_vertices", VERTICES, 3),
            ("canonical_joints", 21, 3),
            ("vertices", VERTICES, 3),
            ("joints", 21, 3),
            ("joints_uv", 21, 2),
        )
    }
    logits = torch.from_numpy(random.normal(size=(HANDS, 2, 6))) if with_occlusion else None
    return HandMesh(
        **points,
        orientation=rotations(random),
        occlusion_logits=logits,
    )


@pytest.fixture
def truth() -> HandTruth:
    random = np.random.default_rng(1)
    return HandTruth(
        canonical_vertices=torch.from_numpy(random.normal(0.0, 0.1, (HANDS, VERTICES, 3))),
        canonical_joints=torch.from_numpy(random.normal(0.0, 0.1, (HANDS, 21, 3))),
        vertices=torch.from_numpy(random.normal(0.0, 0.1, (HANDS, VERTICES, 3))),
        joints=torch.from_numpy(random.normal(0.0, 0.1, (HANDS, 21, 3))),
        joints_uv=torch.from_numpy(random.uniform(size=(HANDS, 21, 2))),
        orientation=rotations(random),
        occluded=torch.from_numpy(random.integers(0, 2, (HANDS, 6))),
    )


def looped_normals(vertices: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    cosines = []
    for hand, true_hand in zip(vertices, true, strict=True):
        for face in FACES:
            a, b, c = true_hand[face]
            normal = np.cross(b - a, c - a)
            normal /= np.linalg.norm(normal)
            for first, second in ((0, 1), (1, 2), (2, 0)):
                edge = hand[face[first]] - hand[face[second]]
                cosines.append(abs(edge @ normal) / np.linalg.norm(edge))
    return float(np.mean(cosines))


def looped_edges(vertices: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    differences = []
    for hand, true_hand in zip(vertices, true, strict=True):
        for face in FACES:
            for first, second in ((0, 1), (1, 2), (2, 0)):
                lengths = [
                    np.linalg.norm(one[face[first]] - one[face[second]])
                    for one in (hand, true_hand)
                ]
                differences.append(abs(lengths[0] - lengths[1]))
    return float(np.mean(differences))


def terms(found: HandMesh, truth: HandTruth, rules: LossRules) -> dict[str, float]:
    losses = mesh_losses(found, truth, torch.from_numpy(FACES), rules)
    return {name: float(value) for name, value in losses.items()}


def mean_difference(found: Tensor, true: Tensor) -> float:
    return float(np.abs(found.numpy() - true.numpy()).mean())


def test_normals_and_edges_equal_loops_over_triangles(truth: HandTruth) -> None:
    found = found_hands(with_occlusion=False)
    pair = (found.canonical_vertices, truth.canonical_vertices)
    arrays = [one.numpy() for one in pair]
    faces = torch.from_numpy(FACES)
    normals, edges = (errors(*pair, faces) for errors in (normal_errors, edge_errors))
    for hand in range(HANDS):
        one = [array[hand : hand + 1] for array in arrays]
        assert float(normals[hand]) == pytest.approx(looped_normals(*one))
        assert float(edges[hand]) == pytest.approx(looped_edges(*one))


def test_a_hand_that_is_right_has_no_loss_of_shape(truth: HandTruth) -> None:
    faces, vertices = torch.from_numpy(FACES), truth.vertices
    assert float(edge_errors(vertices, vertices, faces).max()) == 0.0
    assert float(normal_errors(vertices, vertices, faces).max()) == pytest.approx(0.0, abs=1e-9)


def test_the_first_stage_looks_at_the_hand_without_orientation_alone(truth: HandTruth) -> None:
    found = found_hands(with_occlusion=False)
    losses = terms(found, truth, LossRules(with_orientation=False))
    assert losses == pytest.approx(
        {
            "canonical_vertices": mean_difference(
                found.canonical_vertices, truth.canonical_vertices
            ),
            "canonical_joints": mean_difference(found.canonical_joints, truth.canonical_joints),
            "canonical_normals": 0.1
            * looped_normals(found.canonical_vertices.numpy(), truth.canonical_vertices.numpy()),
            "canonical_edges": looped_edges(
                found.canonical_vertices.numpy(), truth.canonical_vertices.numpy()
            ),
            "joints_uv": mean_difference(found.joints_uv, truth.joints_uv),
        }
    )


def test_the_second_stage_adds_the_turned_hand(truth: HandTruth) -> None:
    found = found_hands(with_occlusion=False)
    losses = terms(found, truth, LossRules(with_orientation=True))
    squares = np.square(found.orientation.numpy() - truth.orientation.numpy())
    assert losses["vertices"] == pytest.approx(mean_difference(found.vertices, truth.vertices))
    assert losses["joints"] == pytest.approx(mean_difference(found.joints, truth.joints))
    assert losses["orientation"] == pytest.approx(squares.mean())
    assert "normals" not in losses


def test_the_paper_s_orientation_loss_is_how_far_what_is_left_to_turn_is_from_nothing(
    truth: HandTruth,
) -> None:
    found = found_hands(with_occlusion=False)
    rules = LossRules(with_orientation=True, orientation=OrientationLoss.PAPER)
    left = [
        np.linalg.norm(one.T @ true - np.eye(3))
        for one, true in zip(found.orientation.numpy(), truth.orientation.numpy(), strict=True)
    ]
    assert terms(found, truth, rules)["orientation"] == pytest.approx(np.mean(left))


def test_with_occlusion_the_turned_mesh_and_six_choices_count_too(truth: HandTruth) -> None:
    found = found_hands(with_occlusion=True)
    losses = terms(found, truth, LossRules(with_orientation=True))
    assert found.occlusion_logits is not None
    chances = []
    for logits, occluded in zip(
        found.occlusion_logits.numpy(), truth.occluded.numpy(), strict=True
    ):
        for part in range(6):
            both = np.exp(logits[:, part])
            chances.append(-np.log(both[occluded[part]] / both.sum()))
    assert losses["occlusion"] == pytest.approx(np.mean(chances))
    arrays = found.vertices.numpy(), truth.vertices.numpy()
    assert losses["normals"] == pytest.approx(0.1 * looped_normals(*arrays))
    assert losses["edges"] == pytest.approx(looped_edges(*arrays))


@pytest.mark.parametrize("frames", [1, 3])
def test_what_teaches_the_orientation_does_not_pull_at_the_shape(frames: int) -> None:
    torch.manual_seed(0)
    network = new_network(H2ONetOptions(width=16, frames=frames)).eval()
    images = torch.rand((frames, 2, 3, 128, 128))
    output = network(images[0] if frames == 1 else images)
    hand: HandMesh = output if frames == 1 else output[0]
    (hand.vertices[..., 0].sum() + hand.joints[..., 0].sum()).backward()
    assert network.decoder.lifting.grad is None
    assert network.joint_regressor.grad is None
    assert network.orientation_head[0].weight.grad.abs().max() > 0.0
