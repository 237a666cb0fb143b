"""The network computes what the authors' code computes, whole or pruned."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.reconstructors.pdfnet.conventions import OFFICIAL
from hand_object_recon.reconstructors.pdfnet.hand_template import HandTemplate
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.official import converted_state, official_options
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandPoints,
    HandsPrediction,
    Seen,
    orthographic_px,
)
from hand_object_recon.reconstructors.pdfnet.pruned_network import pruned

TOLERANCE = 1e-4
IMAGE_SIZE = 384
CHANNEL_MEANS = (0.406, 0.456, 0.485)
CHANNEL_DEVIATIONS = (0.225, 0.224, 0.229)
EVERY_8TH = slice(None, None, 8)


class Answer(NamedTuple):
    seen: Seen
    hands: HandsPrediction


@pytest.fixture(scope="module")
def reference(parity: Path) -> dict[str, NDArray[Any]]:
    with np.load(parity / "pdfnet.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def template(reference: dict[str, NDArray[Any]]) -> HandTemplate:
    """Stand-in graphs; which vertices a node stands for is not in the reference data."""
    return HandTemplate(
        laplacians=[reference[f"laplacian_{count}"] for count in (63, 126, 252)],
        vertex_code=reference["vertex_code_left"][0],
        node_of_vertex=np.zeros(778, np.int64),
        lifting=np.zeros((778, 252), np.float32),
        joint_regressors=np.zeros((2, 21, 778), np.float32),
    )


@pytest.fixture(scope="module", params=["whole", "pruned"])
def network(
    weights: ModuleType, template: HandTemplate, request: pytest.FixtureRequest
) -> PDFNetwork:
    state = weights.reference_state(weights.load_shapes("pdfnet"))
    made = PDFNetwork(official_options("mano"), template, OFFICIAL).eval().requires_grad_(False)
    made.load_state_dict(converted_state({k: torch.from_numpy(v) for k, v in state.items()}))
    return pruned(made) if request.param == "pruned" else made


@pytest.fixture(scope="module")
def image(weights: ModuleType) -> Tensor:
    picture = weights.reference_image((1, 3, IMAGE_SIZE, IMAGE_SIZE), 0)
    means, deviations = (np.reshape(v, (3, 1, 1)) for v in (CHANNEL_MEANS, CHANNEL_DEVIATIONS))
    return torch.from_numpy(((picture - means) / deviations).astype(np.float32))


@pytest.fixture(scope="module")
def answer(network: PDFNetwork, image: Tensor, reference: dict[str, NDArray[Any]]) -> Answer:
    points = HandPoints(
        cloud_m=torch.from_numpy(reference["cloud"]),
        pixels=torch.from_numpy(reference["choose"]),
        is_enough=torch.ones(1, 2, dtype=torch.bool),
    )
    camera = torch.from_numpy(reference["cam_intr"])[None]
    seen = network.see(image)
    return Answer(seen, network.reconstruct(seen, points, camera))


def assert_close(found: Tensor, expected: NDArray[Any]) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.numpy() - expected).max() <= TOLERANCE * np.abs(expected).max()


def of_both(reference: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """(1, 2, ...) both hands' entries."""
    return np.stack([reference[name.format(side)] for side in ("left", "right")], axis=1)


def test_parity_of_the_centre_maps(answer: Answer, reference: dict[str, NDArray[Any]]) -> None:
    assert_close(answer.seen.center_logits, reference["extra_ret_hm"])


@pytest.mark.parametrize("network", ["whole"], indirect=True)
def test_parity_of_heat_maps_and_heads_that_nothing_reads(
    answer: Answer, reference: dict[str, NDArray[Any]]
) -> None:
    seen = answer.seen
    assert seen.box_sizes is not None
    assert_close(seen.box_sizes, reference["extra_ret_wh"])
    assert seen.hand_parameters is not None
    found = seen.hand_parameters[:, :, EVERY_8TH, EVERY_8TH]
    assert_close(found, reference["extra_ret_params"])
    assert seen.heatmaps is not None
    assert_close(seen.heatmaps[:, :, EVERY_8TH, EVERY_8TH], reference["extra_hms"])


def test_parity_of_the_masks_but_that_the_left_hand_comes_first(
    answer: Answer, reference: dict[str, NDArray[Any]]
) -> None:
    found = answer.seen.mask_logits[:, :, EVERY_8TH, EVERY_8TH]
    assert_close(found, reference["extra_mask"][:, ::-1])


def test_parity_of_the_vertices(answer: Answer, reference: dict[str, NDArray[Any]]) -> None:
    assert_close(answer.hands.vertices, of_both(reference, "result_verts3d_{}"))


def test_parity_of_the_coarse_nodes(answer: Answer, reference: dict[str, NDArray[Any]]) -> None:
    """The same node of both hands stands for each vertex, whichever that is."""
    assert answer.hands.nodes is not None
    expected = of_both(reference, "extra_verts3d_MANO_list_{}_0")
    node_of_vertex = nearest_nodes(answer.hands.nodes, expected)
    assert_close(answer.hands.nodes[:, :, node_of_vertex], expected)


def nearest_nodes(nodes: Tensor, at_vertices: NDArray[Any]) -> Tensor:
    """(V,) the left hand's node that lies nearest to where each vertex's should."""
    return torch.cdist(torch.from_numpy(at_vertices[0, 0]), nodes[0, 0]).argmin(dim=1)


def test_parity_of_the_orthographic_camera(
    answer: Answer, reference: dict[str, NDArray[Any]]
) -> None:
    hands = answer.hands
    assert hands.scale is not None
    assert hands.shift is not None
    assert hands.nodes is not None
    assert_close(hands.scale, of_both(reference, "param_scale_{}"))
    assert_close(hands.shift, of_both(reference, "param_trans2d_{}"))
    vertices = orthographic_px(hands.vertices, hands.scale, hands.shift, IMAGE_SIZE)
    assert_close(vertices, of_both(reference, "result_verts2d_{}"))
    nodes = orthographic_px(hands.nodes, hands.scale, hands.shift, IMAGE_SIZE)
    in_space = of_both(reference, "extra_verts3d_MANO_list_{}_0")
    node_of_vertex = nearest_nodes(hands.nodes, in_space)
    assert_close(nodes[:, :, node_of_vertex], of_both(reference, "extra_verts2d_MANO_list_{}_0"))


def test_parity_of_the_roots(answer: Answer, reference: dict[str, NDArray[Any]]) -> None:
    """Placed by hand from what the authors' network answers, at the peaks of its maps."""
    camera = reference["cam_intr"]
    centers = reference["extra_ret_hm"].reshape(1, 2, -1).argmax(axis=2)
    answers = of_both(reference, "param_root_{}")
    depth_m = 0.4 + answers[..., 0] / 100
    u = centers % 96 * 4 + answers[..., 1] / 100
    v = centers // 96 * 4 + answers[..., 2] / 100
    x = depth_m * (u - camera[0, 2]) / camera[0, 0]
    y = depth_m * (v - camera[1, 2]) / camera[1, 1]
    assert_close(answer.hands.roots_m, np.stack([x, y, depth_m], axis=-1))
