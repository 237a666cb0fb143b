"""Each term of the loss is what its formula says, and scores are the paper's measures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.transform import Rotation
from torch import Tensor

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.torch_rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.reconstructors.intra_inter_graph.losses import (
    WEIGHTS,
    LossMesh,
    Truth,
    hand_losses,
)
from hand_object_recon.reconstructors.intra_inter_graph.options import IntraInterGraphOptions
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction
from hand_object_recon.reconstructors.intra_inter_graph.scores import (
    hand_scores,
    similarity_aligned,
)

LAYER = HandLayer.load("open_hand", HandSide.RIGHT)
MESH = LossMesh.of("open_hand")
CELLS = 16


def hands_of(pose_rad: Tensor, shape: Tensor) -> Hands:
    posed = LAYER(pose_rad.flatten(1), shape)
    wrist = posed.joints_m[:, WRIST : WRIST + 1]
    return Hands(posed.joints_m - wrist, posed.vertices_m - wrist)


@pytest.fixture(scope="module")
def true() -> Truth:
    torch.manual_seed(0)
    pose_rad, shape = 0.3 * torch.randn(2, 16, 3), torch.randn(2, 10)
    uv = 0.2 + 0.6 * torch.rand(2, 21, 2)
    return Truth(uv, pose_rad, shape, hands_of(pose_rad, shape))


@pytest.fixture(scope="module")
def found(true: Truth) -> Prediction:
    torch.manual_seed(1)
    pose = true.pose_rad + 0.1 * torch.randn(2, 16, 3)
    shape = true.shape + 0.2 * torch.randn(2, 10)
    initial = hands_of(pose, shape)
    refined = Hands(*(places + 0.003 * torch.randn_like(places) for places in initial))
    maps = torch.randn(2, 2, 21, CELLS, CELLS)
    return Prediction(
        heatmaps=maps,
        heatmap_logits=7.0 * maps,
        joints_uv=true.joints_uv + 0.02 * torch.randn(2, 21, 2),
        confidence=torch.ones(2, 21),
        rotations=axis_angle_to_matrix(pose),
        pose=pose,
        shape=shape,
        initial=initial,
        refined=refined,
    )


def losses_with(found: Prediction, true: Truth, **options: Any) -> dict[str, float]:
    """Terms without their weights."""
    chosen = IntraInterGraphOptions.model_validate({"image_size": 128, **options})
    terms = hand_losses(found, true, MESH, chosen)
    return {name: value.item() / WEIGHTS[name] for name, value in terms.items()}


def arrays(*tensors: Tensor) -> list[NDArray[np.float64]]:
    return [tensor.numpy().astype(np.float64) for tensor in tensors]


def mean_square(first: Tensor, second: Tensor) -> float:
    a, b = arrays(first, second)
    return float(np.mean((a - b) ** 2))


def test_places_shape_and_pose_are_compared_by_mean_squares(found: Prediction, true: Truth) -> None:
    losses = losses_with(found, true)
    assert found.refined is not None
    expected = {
        "initial_vertices": mean_square(found.initial.vertices_m, true.hands.vertices_m),
        "initial_joints": mean_square(found.initial.joints_m, true.hands.joints_m),
        "vertices": mean_square(found.refined.vertices_m, true.hands.vertices_m),
        "joints": mean_square(found.refined.joints_m, true.hands.joints_m),
        "pose": mean_square(found.pose, true.pose_rad),
        "shape": mean_square(found.shape, true.shape),
        "joints_uv": mean_square(found.joints_uv, true.joints_uv),
    }
    for name, value in expected.items():
        assert losses[name] == pytest.approx(value, rel=1e-4), name
    assert set(losses) == {*expected, "heatmaps", "edges", "normals"}


def test_two_columns_are_compared_as_matrices(found: Prediction, true: Truth) -> None:
    matrices = Rotation.from_rotvec(true.pose_rad.reshape(-1, 3).numpy()).as_matrix()
    expected = np.mean((found.rotations.reshape(-1, 3, 3).numpy() - matrices) ** 2)
    loss = losses_with(found, true, rotation="two_columns")["pose"]
    assert loss == pytest.approx(expected, rel=1e-4)


def test_heat_maps_are_compared_with_gaussians_cell_by_cell(found: Prediction, true: Truth) -> None:
    maps, uv = arrays(found.heatmaps, true.joints_uv)
    total = 0.0
    for item in range(2):
        for joint in range(21):
            for row in range(CELLS):
                for column in range(CELLS):
                    x, y = CELLS * uv[item, joint] - 0.5
                    height = np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * 1.2**2))
                    total += sum((maps[item, n, joint, row, column] - height) ** 2 for n in (0, 1))
    loss = losses_with(found, true, heatmap_deviation=1.2)["heatmaps"]
    assert loss == pytest.approx(total / found.heatmaps.numel(), rel=1e-4)


def test_cross_entropy_is_that_of_the_cells_around_the_place_where_it_is_in_the_crop(
    found: Prediction, true: Truth
) -> None:
    outside = true.joints_uv.clone()
    outside[0, 3] = torch.tensor([1.2, 0.5])
    truth = Truth(outside, true.pose_rad, true.shape, true.hands)
    (logits,) = arrays(found.heatmap_logits)
    values = []
    for item in range(2):
        for joint in range(21):
            if (item, joint) == (0, 3):
                continue
            x, y = CELLS * outside[item, joint].numpy().astype(float) - 0.5
            for number in (0, 1):
                chosen = logits[item, number, joint]
                logs = chosen - np.log(np.exp(chosen).sum())
                left, top = int(np.floor(x)), int(np.floor(y))
                value = 0.0
                for row, high in ((top, 1 - (y - top)), (top + 1, y - top)):
                    for column, wide in ((left, 1 - (x - left)), (left + 1, x - left)):
                        value -= high * wide * logs[row, column]
                values.append(value)
    losses = losses_with(found, truth, heatmap_loss="cross_entropy")
    assert losses["heatmap_entropy"] == pytest.approx(np.mean(values), rel=1e-4)
    assert "heatmaps" not in losses


def test_edges_are_compared_as_vectors_or_by_their_lengths(found: Prediction, true: Truth) -> None:
    assert found.refined is not None
    mesh = trimesh.Trimesh(
        true.hands.vertices_m[0].numpy(), MESH.faces.numpy(), process=False, validate=False
    )
    one, other = arrays(found.refined.vertices_m, true.hands.vertices_m)
    start, end = mesh.edges_unique.T
    gaps = (one[:, end] - one[:, start]) - (other[:, end] - other[:, start])
    vectors = np.abs(gaps).sum(axis=2).mean()
    assert losses_with(found, true)["edges"] == pytest.approx(vectors, rel=1e-4)
    start, end = mesh.edges.T  # of every triangle: inner ones twice
    lengths = [np.linalg.norm(points[:, end] - points[:, start], axis=2) for points in (one, other)]
    expected = np.abs(lengths[0] - lengths[1]).mean()
    loss = losses_with(found, true, edge_loss="lengths")["edges"]
    assert loss == pytest.approx(expected, rel=1e-4)


def test_normals_are_those_of_the_true_triangles(found: Prediction, true: Truth) -> None:
    assert found.refined is not None
    values = []
    for item in range(2):
        mesh = trimesh.Trimesh(
            true.hands.vertices_m[item].numpy(), MESH.faces.numpy(), process=False
        )
        points = found.refined.vertices_m[item].numpy().astype(float)
        corners = points[MESH.faces.numpy()]
        normals = np.cross(
            mesh.triangles[:, 1] - mesh.triangles[:, 0], mesh.triangles[:, 2] - mesh.triangles[:, 0]
        )
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        for first, second in ((0, 1), (1, 2), (2, 0)):
            edge = corners[:, second] - corners[:, first]
            edge /= np.linalg.norm(edge, axis=1, keepdims=True)
            values.append(np.abs((edge * normals).sum(axis=1)))
    assert losses_with(found, true)["normals"] == pytest.approx(np.mean(values), rel=1e-3)


def test_without_a_refinement_the_hand_model_alone_is_supervised(
    found: Prediction, true: Truth
) -> None:
    losses = losses_with(found._replace(refined=None), true, refinement="none")
    assert not {"vertices", "joints", "edges", "normals"} & set(losses)
    assert {"initial_vertices", "pose", "heatmaps"} < set(losses)


def test_weights_are_changed_by_name_and_unknown_ones_are_refused(
    found: Prediction, true: Truth
) -> None:
    plain, changed = losses_with(found, true), losses_with(found, true, weights={"edges": 7.0})
    assert changed["edges"] == pytest.approx(7.0 / WEIGHTS["edges"] * plain["edges"])
    assert changed["joints"] == plain["joints"]
    with pytest.raises(ConfigError, match=r"'edge'; .*edges"):
        losses_with(found, true, weights={"edge": 1.0})


def test_scores_are_errors_about_the_wrist_in_millimetres(found: Prediction, true: Truth) -> None:
    assert found.refined is not None
    scores = hand_scores(found, true, torch.tensor([0.5, 0.9]), 128)
    joints, vertices, true_joints, true_vertices = arrays(*found.refined, *true.hands)
    for item in range(2):
        gaps = joints[item] - joints[item, WRIST] - true_joints[item]
        error_mm = 1e3 * np.linalg.norm(gaps, axis=1).mean()
        assert scores["joints_mm"][item].item() == pytest.approx(error_mm, rel=1e-4)
        gaps = vertices[item] - joints[item, WRIST] - true_vertices[item]
        error_mm = 1e3 * np.linalg.norm(gaps, axis=1).mean()
        assert scores["vertices_mm"][item].item() == pytest.approx(error_mm, rel=1e-4)
    pixels = 128 * np.linalg.norm((found.joints_uv - true.joints_uv).numpy(), axis=2).mean(axis=1)
    np.testing.assert_allclose(scores["joints_px"], pixels, rtol=1e-4)
    assert scores["hidden_joints_mm"][0] == scores["joints_mm"][0]
    assert scores["hidden_joints_mm"][1].isnan()
    assert next(iter(scores)) == "joints_mm"
    assert (scores["initial_joints_mm"] != scores["joints_mm"]).all()


def test_alignment_takes_out_turn_shift_and_scale_as_procrustes_does(true: Truth) -> None:
    random = np.random.default_rng(3)
    (target,) = arrays(true.hands.joints_m)
    turn = Rotation.from_rotvec([0.4, -1.0, 0.2]).as_matrix()
    points = 1.3 * target @ turn.T + [0.1, 0.2, -0.3] + random.normal(0.0, 0.004, target.shape)
    found = similarity_aligned(torch.tensor(points), torch.tensor(target)).numpy()
    for item in range(2):
        own, other = (one - one.mean(axis=0) for one in (points[item], target[item]))
        rotation, total = orthogonal_procrustes(own, other)
        assert np.linalg.det(rotation) > 0
        scale = total / (own**2).sum()
        expected = scale * own @ rotation + target[item].mean(axis=0)
        np.testing.assert_allclose(found[item], expected, atol=1e-6)
