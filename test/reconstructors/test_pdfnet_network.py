"""Both hands of an image: what the network computes, in every variant it is trained in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.resnet import ResNet50
from hand_object_recon.reconstructors.pdfnet.centers import (
    CenterFeatures,
    peaks,
    peaks_of_raw_logits,
    roots_in_camera,
)
from hand_object_recon.reconstructors.pdfnet.hand_template import HandTemplate
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.options import Decoder, Inputs, PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import HandPoints
from hand_object_recon.reconstructors.pdfnet.trained_network import new_network

SIZE = 64
CAMERA = torch.tensor([[[60.0, 0.0, 32.0], [0.0, 62.0, 30.0], [0.0, 0.0, 1.0]]])

TINY = PDFNetOptions(image_size=SIZE, trunk_layers=18, width=16, points=64, neighbours=8)
VARIANTS = [
    *({"inputs": inputs} for inputs in Inputs),
    {"trunk_layers": 50},
    {"feature_transform": False},
    {"center_feature": False},
    {"decoder": Decoder.MANO},
]


def variant(**changes: object) -> PDFNetwork:
    torch.manual_seed(0)
    options = PDFNetOptions.model_validate({**TINY.model_dump(), **changes})
    return new_network(options).eval()


def images(network: PDFNetwork, count: int = 2) -> Tensor:
    random = torch.Generator().manual_seed(1)
    channels = network.options.inputs.image_channels
    return torch.randn(count, channels, SIZE, SIZE, generator=random)


def some_points(count: int = 2) -> HandPoints:
    random = torch.Generator().manual_seed(2)
    cloud = 0.05 * torch.randn(count, 2, TINY.points, 3, generator=random)
    pixels = torch.randint(0, SIZE * SIZE, (count, 2, TINY.points), generator=random)
    away = torch.tensor([0.0, 0.0, 0.5])
    return HandPoints(cloud + away, pixels, torch.ones(count, 2, dtype=torch.bool))


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_every_variant_gives_both_hands_of_every_image(changes: dict[str, object]) -> None:
    network = variant(**changes)
    points = some_points() if network.options.inputs.has_points else None
    with torch.inference_mode():
        seen = network.see(images(network))
        hands = network.reconstruct(seen, points, CAMERA.expand(2, -1, -1))
    assert seen.center_logits.shape == (2, 2, SIZE // 4, SIZE // 4)
    assert seen.mask_logits.shape == (2, 2, SIZE, SIZE)
    assert seen.heatmaps is not None
    assert seen.heatmaps.shape == (2, 42, SIZE // 4, SIZE // 4)
    assert seen.presence_logits is not None
    assert seen.presence_logits.shape == (2, 2)
    vertices = len(load_hand_model("open_hand", HandSide.RIGHT).v_template)
    assert hands.vertices.shape == (2, 2, vertices, 3)
    assert hands.joints.shape == (2, 2, 21, 3)
    assert hands.roots_m.shape == (2, 2, 3)
    assert torch.isfinite(hands.vertices).all()


@pytest.mark.parametrize(
    ("inputs", "reads_points", "reads_color"),
    [
        (Inputs.RGB_ONLY, False, True),
        (Inputs.DEPTH_ONLY, True, False),
        (Inputs.DENSE_FUSION, True, True),
        (Inputs.FUSED, True, True),
    ],
)
def test_hands_depend_on_what_the_variant_reads(
    inputs: Inputs, reads_points: bool, reads_color: bool
) -> None:
    network = variant(inputs=inputs)
    camera, centers = CAMERA.expand(2, -1, -1), torch.tensor([[5, 80], [200, 17]])
    points = some_points()
    pictures = images(network)
    nearer = points._replace(cloud_m=points.cloud_m * 0.9)
    with torch.inference_mode():
        seen = network.see(pictures)
        before = network.reconstruct(seen, points, camera, centers).vertices
        moved = network.reconstruct(seen, nearer, camera, centers).vertices
        recolored = network.reconstruct(
            network.see(pictures.flip(1)), points, camera, centers
        ).vertices
    assert torch.equal(before, moved) != reads_points
    assert torch.equal(before, recolored) != reads_color


def test_a_trunk_of_50_layers_has_as_many_weights_as_the_published_one() -> None:
    with_classifier, classifier = 25_557_032, 2048 * 1000 + 1000
    weights = sum(parameter.numel() for parameter in ResNet50().parameters())
    assert weights == with_classifier - classifier


def test_centre_features_are_those_of_two_convolutions_of_the_whole_map() -> None:
    torch.manual_seed(0)
    layers = CenterFeatures(4)
    maps = torch.randn(2, 4, 9, 7)
    on_the_rim = torch.tensor([[0, 62], [6, 56]])
    inside = torch.tensor([[31, 32], [8, 54]])
    for centers in (on_the_rim, inside):
        of_patches = layers(maps, centers)
        whole = layers.second(layers.first(maps)).flatten(2)
        for image, hand in itertools.product(range(2), range(2)):
            expected = whole[image, :, centers[image, hand]]
            torch.testing.assert_close(of_patches[image, hand], expected, rtol=1e-4, atol=1e-5)


def test_the_authors_peak_is_the_first_zeroed_cell_where_all_logits_are_negative() -> None:
    logits = torch.full((1, 2, 12, 12), -3.0) + torch.arange(144).reshape(12, 12) / 1000
    logits[0, 1, 5, 7] = 1.0
    assert peaks(logits).tolist() == [[143, 67]]
    left, right = peaks_of_raw_logits(logits)[0].tolist()
    assert right == 67
    assert left == 0


def test_a_root_of_zero_lies_where_its_cell_is_seen_at_40_cm() -> None:
    centers = torch.tensor([[3 * 16 + 5, 15 * 16 + 2]])
    roots = roots_in_camera(torch.zeros(1, 2, 3), centers, CAMERA, SIZE)
    seen_at = roots @ CAMERA[0].T
    np.testing.assert_allclose(seen_at[..., 2].numpy(), 0.4, rtol=1e-6)
    pixels = (seen_at[..., :2] / seen_at[..., 2:]).numpy()
    np.testing.assert_allclose(pixels, [[[20.0, 12.0], [8.0, 60.0]]], atol=1e-4)


def test_graphs_are_scaled_for_chebyshev_polynomials() -> None:
    template = HandTemplate.load("open_hand")
    assert [len(laplacian) for laplacian in template.laplacians] == [63, 126, 252]
    for laplacian in template.laplacians:
        values = np.linalg.eigvalsh(laplacian)
        assert values[0] >= -1.0 - 1e-6
        assert values[-1] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("side", HandSide)
def test_a_template_hand_comes_back_from_its_nodes_within_millimetres(side: HandSide) -> None:
    template = HandTemplate.load("open_hand")
    vertices = load_hand_model("open_hand", side).v_template
    np.testing.assert_allclose(template.lifting.sum(axis=1), 1.0, atol=1e-3)
    again = template.lifting @ (template.node_means @ vertices)
    gaps_m = np.linalg.norm(again - vertices, axis=1)
    in_steps_m = np.linalg.norm(
        (template.node_means @ vertices)[template.node_of_vertex] - vertices, axis=1
    )
    assert gaps_m.mean() < 0.003
    assert gaps_m.mean() < 0.5 * in_steps_m.mean()


def test_joints_follow_from_vertices_as_the_hand_model_has_it() -> None:
    network = variant()
    for number, side in enumerate((HandSide.LEFT, HandSide.RIGHT)):
        model = load_hand_model("open_hand", side)
        joints = network.joint_regressors[number] @ torch.from_numpy(model.v_template.copy())
        wrist = model.joint_regressor[0] @ model.v_template
        np.testing.assert_allclose(joints[0].numpy(), wrist, atol=1e-6)
        tips = model.v_template[model.tip_vertices]
        np.testing.assert_allclose(joints[[4, 8, 12, 16, 20]].numpy(), tips, atol=1e-6)


def test_a_few_images_can_be_learned_by_heart() -> None:
    torch.manual_seed(0)
    network = variant().train()
    pictures, points, camera = images(network), some_points(), CAMERA.expand(2, -1, -1)
    centers = torch.tensor([[5, 80], [200, 17]])
    right = torch.from_numpy(load_hand_model("open_hand", HandSide.RIGHT).v_template.copy())
    scales = torch.tensor([[1.0, 0.9], [1.1, 1.2]])
    truth = (right - right.mean(dim=0)) * scales[..., None, None]
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    errors_m = []
    for _ in range(60):
        hands = network(pictures, points, camera, centers)[1]
        error = (hands.vertices - truth).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors_m.append(float(error.detach()))
    assert errors_m[0] > 0.02
    assert np.mean(errors_m[-5:]) < 0.4 * errors_m[0]


@pytest.mark.parametrize(
    "changes",
    [{"neighbours": 64}, {"inputs": "rgb_only", "center_feature": False}, {"image_size": 100}],
    ids=str,
)
def test_sizes_that_do_not_fit_together_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        PDFNetOptions.model_validate({**TINY.model_dump(), **changes})
