"""The layers compute what their formulas say, node by node, whatever the nodes' order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from hand_object_recon.hand_model.topology.skeleton_graph import joint_adjacency, keypoint_adjacency
from hand_object_recon.reconstructors.intra_inter_graph.graph_layers import (
    GraphConvolution,
    NeighbourSum,
    ResidualGraphBlock,
    SemanticGraphConvolution,
    normalised_adjacency,
)
from hand_object_recon.reconstructors.intra_inter_graph.heatmap_joints import (
    CONFIDENT_WITHIN,
    HeatmapJoints,
)
from hand_object_recon.reconstructors.intra_inter_graph.hourglass import HeatmapStack
from hand_object_recon.reconstructors.intra_inter_graph.mutual_attention import (
    GraphAttention,
    MutualAttention,
)
from hand_object_recon.reconstructors.intra_inter_graph.self_enhancement import SelfEnhancement

CHAIN = csr_matrix(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=float))


def random_graph(nodes: int, seed: int = 0) -> csr_matrix:
    random = np.random.default_rng(seed)
    upper = np.triu(random.random((nodes, nodes)) < 0.15, 1)
    return csr_matrix((upper | upper.T).astype(float))


def arrays(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().numpy().astype(np.float64)


def with_random_logits(layer: SemanticGraphConvolution) -> SemanticGraphConvolution:
    nn.init.normal_(layer.logits)
    return layer


def test_semantic_shares_of_a_chain_are_the_softmax_of_each_node_s_own_edges() -> None:
    layer = SemanticGraphConvolution(1, 1, CHAIN)
    with torch.no_grad():
        layer.logits.copy_(torch.log(torch.tensor([1.0, 3.0, 1.0, 2.0, 1.0, 1.0, 4.0])))
    expected = [[0.25, 0.75, 0.0], [0.25, 0.5, 0.25], [0.0, 0.2, 0.8]]
    np.testing.assert_allclose(arrays(layer.shares()), expected, atol=1e-6)


def test_semantic_convolution_of_a_chain_is_what_one_works_out_by_hand() -> None:
    layer = SemanticGraphConvolution(1, 1, CHAIN)
    with torch.no_grad():
        layer.own.weight.fill_(2.0)
        layer.neighbours.weight.fill_(10.0)
        layer.bias.fill_(0.5)
    found = layer(torch.tensor([[[1.0], [2.0], [4.0]]]))
    # equal logits: shares are 1/2 at the ends and 1/3 in the middle
    expected = [0.5 * 2 + 0.5 * 20 + 0.5, (4 + 10 + 40) / 3 + 0.5, 0.5 * 8 + 0.5 * 20 + 0.5]
    np.testing.assert_allclose(arrays(found)[0, :, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("adjacency", [keypoint_adjacency(), joint_adjacency()], ids=["21", "16"])
def test_semantic_convolution_is_the_sum_over_each_node_s_neighbours(adjacency: csr_matrix) -> None:
    torch.manual_seed(1)
    layer = with_random_logits(SemanticGraphConvolution(3, 4, adjacency))
    nodes = adjacency.shape[0]
    features = torch.randn(2, nodes, 3)
    joined = adjacency.toarray() + np.eye(nodes)
    logits = np.full((nodes, nodes), np.nan)
    number = 0
    own, others, bias = arrays(layer.own.weight), arrays(layer.neighbours.weight), layer.bias
    for row in range(nodes):
        for column in range(nodes):
            if joined[row, column]:
                logits[row, column] = layer.logits[number].item()
                number += 1
    assert number == len(layer.logits)
    found = arrays(layer(features))
    for row in range(nodes):
        near = np.flatnonzero(joined[row])
        shares = np.exp(logits[row, near]) / np.exp(logits[row, near]).sum()
        for item in range(2):
            total = arrays(bias)
            for share, column in zip(shares, near, strict=True):
                weight = own if column == row else others
                total = total + share * weight @ arrays(features)[item, column]
            np.testing.assert_allclose(found[item, row], total, atol=1e-5)


@pytest.mark.parametrize("nodes", [20, 100])
def test_ordinary_convolution_weights_neighbours_by_both_degrees(nodes: int) -> None:
    torch.manual_seed(2)
    adjacency = random_graph(nodes)
    layer = GraphConvolution(3, 2, adjacency)
    nn.init.normal_(layer.bias)
    features = torch.randn(2, nodes, 3)
    looped = adjacency.toarray() + np.eye(nodes)
    degree = looped.sum(axis=1)
    found, weight = arrays(layer(features)), arrays(layer.linear.weight)
    for row in range(nodes):
        total = sum(
            weight @ arrays(features)[0, column] / np.sqrt(degree[row] * degree[column])
            for column in np.flatnonzero(looped[row])
        )
        np.testing.assert_allclose(found[0, row], total + arrays(layer.bias), atol=1e-5)


def test_sums_over_neighbours_are_products_with_the_matrix_however_they_are_worked_out() -> None:
    for nodes in (10, 300):
        matrix = normalised_adjacency(random_graph(nodes, seed=3))
        features = torch.randn(3, nodes, 5)
        expected = np.stack([matrix @ one for one in arrays(features)])
        np.testing.assert_allclose(arrays(NeighbourSum(matrix)(features)), expected, atol=1e-5)


@pytest.mark.parametrize("kind", [SemanticGraphConvolution, GraphConvolution])
@pytest.mark.parametrize("nodes", [21, 90])
def test_relabelled_nodes_get_the_same_features_from_graph_convolutions(
    kind: type[nn.Module], nodes: int
) -> None:
    adjacency = random_graph(nodes, seed=4)
    order = np.random.default_rng(5).permutation(nodes)
    relabelled = csr_matrix(adjacency.toarray()[order][:, order])
    torch.manual_seed(6)
    block = ResidualGraphBlock(4, lambda i, o: kind(i, o, adjacency))
    other = ResidualGraphBlock(4, lambda i, o: kind(i, o, relabelled))
    state = block.state_dict()
    if kind is SemanticGraphConvolution:
        rows, columns = (relabelled + csr_matrix(np.eye(nodes))).nonzero()
        old_rows, old_columns = (adjacency + csr_matrix(np.eye(nodes))).nonzero()
        place = {
            edge: number
            for number, edge in enumerate(zip(old_rows.tolist(), old_columns.tolist(), strict=True))
        }
        edges = [
            place[int(order[row]), int(order[column])]
            for row, column in zip(rows, columns, strict=True)
        ]
        for name in [name for name in state if name.endswith("logits")]:
            nn.init.normal_(state[name])
        other.load_state_dict(
            {
                name: value[edges] if name.endswith("logits") else value
                for name, value in state.items()
            }
        )
    else:
        other.load_state_dict(state)
    features = torch.randn(2, nodes, 4)
    torch.testing.assert_close(other(features[:, order]), block(features)[:, order])


def test_attention_is_the_softmax_of_products_over_the_root_of_the_channels() -> None:
    torch.manual_seed(7)
    layer = GraphAttention(4)
    own, others = torch.randn(1, 3, 4), torch.randn(1, 5, 4)
    found = arrays(layer(own, others))[0]
    queries, keys, values = (
        arrays(one)[0] for one in (layer.queries(own), layer.keys(others), layer.values(others))
    )
    # the fusion's first layer on own and found features side by side
    joined = np.hstack([arrays(layer.of_own.weight), arrays(layer.of_found.weight)])
    for node in range(3):
        scores = np.array([queries[node] @ key / 2.0 for key in keys])
        shares = np.exp(scores) / np.exp(scores).sum()
        seen = sum(share * value for share, value in zip(shares, values, strict=True))
        beside = np.concatenate([arrays(own)[0, node], seen])
        hidden = np.maximum(joined @ beside + arrays(layer.of_own.bias), 0.0)
        expected = arrays(layer.fused.weight) @ hidden + arrays(layer.fused.bias)
        np.testing.assert_allclose(found[node], expected, atol=1e-5)


def test_relabelled_vertices_and_joints_get_the_same_features_from_attention() -> None:
    torch.manual_seed(8)
    layer = MutualAttention(6)
    joints, vertices = torch.randn(2, 21, 6), torch.randn(2, 40, 6)
    joint_order, vertex_order = torch.randperm(21), torch.randperm(40)
    of_joints, of_vertices = layer(joints, vertices)
    other_joints, other_vertices = layer(joints[:, joint_order], vertices[:, vertex_order])
    torch.testing.assert_close(other_joints, of_joints[:, joint_order])
    torch.testing.assert_close(other_vertices, of_vertices[:, vertex_order])


def test_each_graph_sees_the_other_as_it_was_before() -> None:
    torch.manual_seed(9)
    layer = MutualAttention(6)
    joints, vertices = torch.randn(2, 21, 6), torch.randn(2, 40, 6)
    of_joints, of_vertices = layer(joints, vertices)
    torch.testing.assert_close(of_joints, layer.joints(joints, vertices))
    torch.testing.assert_close(of_vertices, layer.vertices(vertices, joints))
    changed = vertices.clone()
    changed[:, 7] += 3.0
    assert (layer(joints, changed)[0] - of_joints).abs().amax(dim=2).min() > 0.0


def test_a_single_hot_cell_is_answered_by_its_middle_with_full_confidence() -> None:
    maps = torch.zeros(1, 2, 8, 8)
    maps[0, 0, 2, 5] = 100.0
    maps[0, 1, 7, 0] = 100.0
    found = HeatmapJoints(2)(maps)
    np.testing.assert_allclose(arrays(found.uv)[0], [[5.5 / 8, 2.5 / 8], [0.5 / 8, 7.5 / 8]])
    np.testing.assert_allclose(arrays(found.confidence)[0], [1.0, 1.0])


def test_places_are_the_mean_under_the_sharpened_softmax() -> None:
    torch.manual_seed(10)
    maps = 0.3 * torch.randn(2, 3, 6, 6)
    layer = HeatmapJoints(3)
    with torch.no_grad():
        layer.log_sharpness.copy_(torch.log(torch.tensor([1.0, 5.0, 20.0])))
    found = layer(maps)
    for item in range(2):
        for point, sharpness in enumerate((1.0, 5.0, 20.0)):
            heights = np.exp(sharpness * arrays(maps)[item, point])
            shares = heights / heights.sum()
            place = np.zeros(2)
            for row in range(6):
                for column in range(6):
                    place += shares[row, column] * np.array([column + 0.5, row + 0.5]) / 6
            near = sum(
                shares[row, column]
                for row in range(6)
                for column in range(6)
                if np.hypot(*(np.array([column + 0.5, row + 0.5]) / 6 - place)) < CONFIDENT_WITHIN
            )
            np.testing.assert_allclose(arrays(found.uv)[item, point], place, atol=1e-5)
            assert found.confidence[item, point].item() == pytest.approx(near, abs=1e-5)


def test_two_peaks_far_apart_leave_no_confidence() -> None:
    maps = torch.zeros(1, 1, 16, 16)
    maps[0, 0, 8, 2] = maps[0, 0, 8, 13] = 50.0
    found = HeatmapJoints(1)(maps)
    np.testing.assert_allclose(arrays(found.uv)[0, 0], [0.5, 8.5 / 16], atol=1e-6)
    assert found.confidence.item() < 1e-6


def test_every_hourglass_has_maps_and_the_first_does_not_know_of_later_ones() -> None:
    torch.manual_seed(11)
    stack = HeatmapStack(8, 3, hourglasses=3, depth=2).eval()
    features = torch.randn(2, 8, 8, 8)
    maps = stack(features)
    assert maps.shape == (2, 3, 3, 8, 8)
    with torch.no_grad():
        stack.heads[2].bias += 1.0
    changed = stack(features)
    torch.testing.assert_close(changed[:, :2], maps[:, :2])
    torch.testing.assert_close(changed[:, 2], maps[:, 2] + 1.0)


def test_self_enhancement_brings_far_places_together_and_knows_them_apart() -> None:
    torch.manual_seed(12)
    layer = SelfEnhancement(8, 4, blocks=1, heads=2)
    features = torch.randn(1, 8, 4, 4)
    found = layer(features)
    assert found.shape == features.shape
    changed = features.clone()
    changed[0, :, 3, 3] += 2.0
    assert (layer(changed) - found)[0, :, 0, 0].abs().max() > 1e-6
    turned = layer(features.flip(2)).flip(2)
    assert (turned - found).abs().max() > 1e-6
    for places in (layer.blocks[0].query_places, layer.blocks[0].key_places):
        nn.init.zeros_(places)
    torch.testing.assert_close(layer(features.flip(2)).flip(2), layer(features))


def test_self_enhancement_is_attention_added_then_layers_on_the_norm() -> None:
    torch.manual_seed(13)
    layer = SelfEnhancement(6, 2, blocks=1, heads=3)
    block = layer.blocks[0]
    tokens = torch.randn(1, 4, 6)
    queries = block.queries(tokens + block.query_places)[0]
    keys = block.keys(tokens + block.key_places)[0]
    values = block.values(tokens)[0]
    seen = torch.zeros(4, 6)
    for head in range(3):
        part = slice(2 * head, 2 * head + 2)
        for token in range(4):
            scores = torch.stack([queries[token, part] @ key[part] for key in keys]) / 2**0.5
            seen[token, part] = scores.softmax(dim=0) @ values[:, part]
    expected = tokens + seen
    expected = expected + block.layers(block.norm(expected))
    torch.testing.assert_close(block(tokens), expected)
