"""The authors' files are read whole, with the graphs of their repository, and nothing is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.topology.of_model import graph_hierarchy
from hand_object_recon.reconstructors.pdfnet.official import converted_state, load_official
from hand_object_recon.reconstructors.pdfnet.official_graphs import FOLDER, official_graphs


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Graphs of the open hand as the authors' repository has theirs, a tensor among them."""
    folder = tmp_path / "clone" / FOLDER
    folder.mkdir(parents=True)
    hierarchy = graph_hierarchy(load_hand_model("open_hand", HandSide.RIGHT))
    places = np.argsort(hierarchy.order, kind="stable")
    for side in HandSide:
        graph: dict[str, Any] = {
            "mesh_faces": load_hand_model("open_hand", side).faces.astype(np.uint32),
            "graph_mask": torch.zeros(len(places)),
            "coarsen_graphs_L": list(hierarchy.laplacians("published")),
            "graph_perm": np.minimum(hierarchy.order, hierarchy.vertex_count - 1).tolist(),
            "graph_perm_reverse": places.tolist(),
        }
        (folder / f"graph_{side}.pkl").write_bytes(pickle.dumps(graph, protocol=3))
    return tmp_path / "clone"


@pytest.fixture(scope="module")
def official_state(weights: ModuleType) -> dict[str, Tensor]:
    state = weights.reference_state(weights.load_shapes("pdfnet"))
    return {key: torch.from_numpy(value) for key, value in state.items()}


def test_graphs_are_those_of_the_files(repository: Path) -> None:
    graphs = official_graphs(repository)
    hierarchy = graph_hierarchy(load_hand_model("open_hand", HandSide.RIGHT))
    expected = hierarchy.laplacians("published")
    assert [len(laplacian) for laplacian in graphs.laplacians] == [63, 126, 252]
    for found, laplacian in zip(graphs.laplacians, expected[:1:-1], strict=True):
        np.testing.assert_allclose(found, laplacian.toarray(), atol=1e-7)
    np.testing.assert_array_equal(graphs.node_of_vertex, hierarchy.node_of_vertex(2))


def test_a_checkpoint_as_the_authors_save_it_is_read(
    official_state: dict[str, Tensor], repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "best.pth"
    saved = {f"module.{key}": value for key, value in official_state.items()}
    torch.save({"epoch": 56, "state_dict": saved, "optimizer": {}}, file)
    network = load_official(file, repository, "open_hand")
    loaded, expected = network.state_dict(), converted_state(official_state)
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(value, loaded[key]) for key, value in expected.items())
    order = official_graphs(repository).vertex_of_node
    colors = official_state["decoder.dense_coor"].numpy()
    first_node = np.mean([2 * colors[vertex] - 1 for vertex in order[:16]], axis=0)
    code = network.decoder.get_buffer("vertex_code").numpy()
    np.testing.assert_allclose(code[0], first_node, atol=1e-6)


def test_a_graph_that_is_missing_is_named(repository: Path) -> None:
    (repository / FOLDER / "graph_left.pkl").unlink()
    with pytest.raises(InvalidValueError, match=r"graph_left\.pkl is missing.*clone"):
        official_graphs(repository)


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(InvalidValueError, match=r"fc\.weight"):
        converted_state({"fc.weight": torch.zeros(1)})


def test_a_layer_of_one_hand_alone_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"decoder\.enter\.bias.*left hand only"):
        converted_state({"decoder.gf_layer_left.0.bias": torch.zeros(509)})
