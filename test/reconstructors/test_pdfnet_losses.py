"""The terms of the loss equal what loops over pictures, hands and points add up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.networks.loss_weights import changed_weights
from hand_object_recon.reconstructors.pdfnet.losses import (
    WEIGHTS,
    HandsTruth,
    LossRules,
    center_loss,
    hands_losses,
)
from hand_object_recon.reconstructors.pdfnet.options import METHOD, PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import HandsPrediction, Pyramid, Seen
from hand_object_recon.reconstructors.pdfnet.target_maps import spot_radii, spots
from hand_object_recon.reconstructors.pdfnet.training import PDFNetTraining

BATCH, VERTICES, NODES, SIZE = 3, 12, 5, 32
CELLS = SIZE // 4
FACES = np.array([[0, 1, 2], [2, 1, 3], [4, 5, 6], [9, 10, 11], [3, 8, 7]])
PRESENT = torch.tensor([[True, True], [False, True], [False, False]])
FINE = LossRules(with_fine_terms=True)

Terms = dict[str, float]


def normal(random: np.random.Generator, *shape: int, spread: float = 1.0) -> Tensor:
    return torch.from_numpy(random.normal(0.0, spread, shape))


def roots(random: np.random.Generator) -> Tensor:
    return normal(random, BATCH, 2, 3, spread=0.05) + torch.tensor([0.0, 0.0, 0.6])


@pytest.fixture
def truth() -> HandsTruth:
    random = np.random.default_rng(1)
    camera = torch.tensor([[30.0, 0.0, 15.0], [0.0, 32.0, 14.0], [0.0, 0.0, 1.0]])
    return HandsTruth(
        is_present=PRESENT,
        is_learned=PRESENT,
        joints=normal(random, BATCH, 2, 21, 3, spread=0.05),
        roots_m=roots(random),
        vertices=normal(random, BATCH, 2, VERTICES, 3, spread=0.05),
        nodes=normal(random, BATCH, 2, NODES, 3, spread=0.05),
        cameras=camera.double().expand(BATCH, 3, 3),
        masks=torch.from_numpy(random.integers(0, 2, (BATCH, 2, SIZE, SIZE), dtype=np.uint8)),
        centers=torch.from_numpy(random.integers(0, CELLS**2, (BATCH, 2))),
        extents=torch.from_numpy(random.uniform(2.0, 7.0, (BATCH, 2, 2))),
    )


def found_hands() -> HandsPrediction:
    random = np.random.default_rng(2)
    return HandsPrediction(
        vertices=normal(random, BATCH, 2, VERTICES, 3, spread=0.05),
        joints=normal(random, BATCH, 2, 21, 3, spread=0.05),
        roots_m=roots(random),
        centers=torch.zeros(BATCH, 2, dtype=torch.int64),
        nodes=normal(random, BATCH, 2, NODES, 3, spread=0.05),
        scale=normal(random, BATCH, 2),
        shift=normal(random, BATCH, 2, 2),
    )


def seen_maps() -> Seen:
    random = np.random.default_rng(3)
    unread = torch.empty(0)
    return Seen(
        center_logits=normal(random, BATCH, 2, CELLS, CELLS),
        mask_logits=normal(random, BATCH, 2, SIZE, SIZE),
        heatmaps=normal(random, BATCH, 42, CELLS, CELLS),
        presence_logits=normal(random, BATCH, 2),
        pyramid=Pyramid(None, unread, unread),
    )


def weighted_terms(
    found: HandsPrediction, truth: HandsTruth, rules: LossRules = FINE, seen: Seen | None = None
) -> Terms:
    maps = seen_maps() if seen is None else seen
    shares = maps.mask_logits.sigmoid()
    losses = hands_losses(maps, shares, found, truth, torch.from_numpy(FACES), rules)
    return {name: float(value) for name, value in losses.items()}


def terms(found: HandsPrediction, truth: HandsTruth) -> Terms:
    return {name: value / WEIGHTS[name] for name, value in weighted_terms(found, truth).items()}


def present_hands(truth: HandsTruth) -> list[tuple[int, int]]:
    return [(int(item), int(hand)) for item, hand in torch.nonzero(truth.is_learned)]


def pixels(points_m: NDArray[np.float64], camera: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array(
        [
            [camera[0, 0] * x / z + camera[0, 2], camera[1, 1] * y / z + camera[1, 2]]
            for x, y, z in points_m
        ]
    )


def test_gaps_in_space_are_added_up_over_the_hands_that_are_there(truth: HandsTruth) -> None:
    found = found_hands()
    expected = dict.fromkeys(
        ("root", "joints", "vertices", "nodes", "absolute_joints", "absolute_vertices"), 0.0
    )
    for item, hand in present_hands(truth):
        root_gap = (found.roots_m - truth.roots_m)[item, hand].numpy()
        expected["root"] += float(np.abs(root_gap).mean()) / BATCH
        for name in ("joints", "vertices", "nodes"):
            gap = (getattr(found, name) - getattr(truth, name))[item, hand].numpy()
            expected[name] += float(np.abs(gap).mean()) / BATCH
            if name != "nodes":
                expected[f"absolute_{name}"] += float(np.abs(gap + root_gap).mean()) / BATCH
    losses = terms(found, truth)
    assert {name: losses[name] for name in expected} == pytest.approx(expected)


def test_gaps_in_the_picture_equal_loops_over_points_and_bones(truth: HandsTruth) -> None:
    found = found_hands()
    expected = dict.fromkeys(("reprojected_joints", "vertices_2d", "nodes_2d", "bones"), 0.0)
    assert found.scale is not None
    assert found.shift is not None
    for item, hand in present_hands(truth):
        camera = truth.cameras[item].numpy()
        joints, true_joints = (
            pixels((one.joints[item, hand] + one.roots_m[item, hand]).numpy(), camera)
            for one in (found, truth)
        )
        gap = (joints - true_joints) / (SIZE / 2)
        expected["reprojected_joints"] += float((gap**2).mean()) / BATCH
        scale, shift = float(found.scale[item, hand]), found.shift[item, hand].numpy()
        for name in ("vertices", "nodes"):
            flat = SIZE * scale * getattr(found, name)[item, hand].numpy()[:, :2]
            flat = flat + SIZE / 2 * shift + SIZE / 2
            true = pixels(
                (getattr(truth, name)[item, hand] + truth.roots_m[item, hand]).numpy(), camera
            )
            expected[f"{name}_2d"] += float((((flat - true) / (SIZE / 2)) ** 2).mean()) / BATCH
        for parent, child in BONES:
            ways = []
            for places in (joints, true_joints):
                bone = places[child] - places[parent]
                ways.append(bone / math.sqrt(bone @ bone + 1e-4))
            expected["bones"] += float(((ways[0] - ways[1]) ** 2).sum()) / len(BONES) / BATCH
    losses = terms(found, truth)
    assert {name: losses[name] for name in expected} == pytest.approx(expected)


def test_normals_and_edges_equal_loops_over_triangles(truth: HandsTruth) -> None:
    found = found_hands()
    normals, edges = 0.0, 0.0
    for item, hand in present_hands(truth):
        own, true = found.vertices[item, hand].numpy(), truth.vertices[item, hand].numpy()
        cosines, differences = [], []
        for face in FACES:
            normal_vector = np.cross(true[face[1]] - true[face[0]], true[face[2]] - true[face[0]])
            normal_vector /= np.linalg.norm(normal_vector)
            for first, second in ((0, 1), (1, 2), (2, 0)):
                edge, true_edge = (one[face[first]] - one[face[second]] for one in (own, true))
                cosines.append(abs(edge @ normal_vector) / np.linalg.norm(edge))
                differences.append(abs(np.linalg.norm(edge) - np.linalg.norm(true_edge)))
        normals += float(np.mean(cosines)) / BATCH
        edges += float(np.mean(differences)) / BATCH
    losses = terms(found, truth)
    assert losses["normals"] == pytest.approx(normals)
    assert losses["edges"] == pytest.approx(edges)


def test_masks_and_presence_are_learned_from_every_picture(truth: HandsTruth) -> None:
    seen = seen_maps()
    assert seen.presence_logits is not None
    masks, presence = [], []
    for item in range(BATCH):
        for hand in range(2):
            share = 1.0 / (1.0 + np.exp(-seen.mask_logits[item, hand].numpy()))
            masks.append(0.5 * (share - truth.masks[item, hand].numpy()) ** 2)
            chance = 1.0 / (1.0 + math.exp(-float(seen.presence_logits[item, hand])))
            presence.append(-math.log(chance if PRESENT[item, hand] else 1.0 - chance))
    losses = terms(found_hands(), truth)
    assert losses["masks"] == pytest.approx(np.mean(masks))
    assert losses["presence"] == pytest.approx(np.mean(presence))


def test_masks_may_be_learned_by_cross_entropy_which_never_stops_learning(
    truth: HandsTruth,
) -> None:
    rules = LossRules(with_fine_terms=True, with_cross_entropies=True)
    found = weighted_terms(found_hands(), truth, rules)
    shares = seen_maps().mask_logits.sigmoid().double().numpy()
    masks = truth.masks.numpy()
    expected = -np.where(masks, np.log(shares), np.log1p(-shares)).mean()
    assert found["mask_cross_entropy"] == pytest.approx(WEIGHTS["mask_cross_entropy"] * expected)
    assert found.keys().isdisjoint({"masks", "heatmaps"})

    slopes = {}
    for name, one in (("masks", FINE), ("mask_cross_entropy", rules)):
        logits = torch.full_like(seen_maps().mask_logits, -12.0, requires_grad=True)
        seen = seen_maps()._replace(mask_logits=logits)
        faces = torch.from_numpy(FACES)
        hands_losses(seen, logits.sigmoid(), found_hands(), truth, faces, one)[name].backward()
        assert logits.grad is not None
        slopes[name] = logits.grad.abs().max()
    assert slopes["mask_cross_entropy"] > 1000 * slopes["masks"]


def test_heat_maps_may_be_learned_as_a_softmax_over_the_cells_around_each_joint(
    truth: HandsTruth,
) -> None:
    rules = LossRules(with_fine_terms=True, with_cross_entropies=True)
    found = weighted_terms(found_hands(), truth, rules)["heatmap_cross_entropy"]
    maps = seen_maps().heatmaps.double().numpy().reshape(BATCH, 2, 21, CELLS, CELLS)
    rays = (truth.joints + truth.roots_m[:, :, None]).double().numpy()
    losses = []
    for item, hand, joint in np.ndindex(BATCH, 2, 21):
        ray = truth.cameras[item].double().numpy() @ rays[item, hand, joint]
        x, y = ray[:2] / ray[2] / 4
        if not truth.is_present[item, hand] or not (-0.5 <= min(x, y) <= max(x, y) < CELLS - 0.5):
            continue
        shares = np.exp(maps[item, hand, joint])
        logs = np.log(shares / shares.sum())
        x, y = np.clip([x, y], 0, CELLS - 1)
        weights = np.multiply.outer(
            np.maximum(1 - abs(np.arange(CELLS) - y), 0),
            np.maximum(1 - abs(np.arange(CELLS) - x), 0),
        )
        losses.append(-(weights * logs).sum())
    assert 0 < len(losses) < BATCH * 2 * 21, "some joints should be beside the picture"
    assert found == pytest.approx(WEIGHTS["heatmap_cross_entropy"] * np.mean(losses), rel=1e-4)


def test_the_center_s_focal_loss_equals_a_loop_over_cells(truth: HandsTruth) -> None:
    logits = seen_maps().center_logits
    radii = spot_radii(truth.extents)
    expected = 0.0
    for item in range(BATCH):
        total, middles = 0.0, 0
        for hand in range(2):
            row, column = divmod(int(truth.centers[item, hand]), CELLS)
            target = looped_spot(column, row, int(radii[item, hand]))
            for y in range(CELLS):
                for x in range(CELLS):
                    chance = 1.0 / (1.0 + math.exp(-float(logits[item, hand, y, x])))
                    wanted = target[y, x] if PRESENT[item, hand] else 0.0
                    if wanted == 1.0:
                        middles += 1
                        total -= (1.0 - chance) ** 2 * math.log(chance)
                    else:
                        total -= (1.0 - wanted) ** 4 * chance**2 * math.log(1.0 - chance)
        expected += total / max(middles, 1) / BATCH
    assert terms(found_hands(), truth)["center"] == pytest.approx(expected)


def test_heatmaps_show_the_keypoints_of_hands_that_are_there(truth: HandsTruth) -> None:
    heatmaps = seen_maps().heatmaps
    assert heatmaps is not None
    radii = spot_radii(truth.extents)
    expected = 0.0
    for item in range(BATCH):
        for hand in range(2):
            camera = truth.cameras[item].numpy()
            places = pixels((truth.joints + truth.roots_m[:, :, None])[item, hand].numpy(), camera)
            for joint, (x, y) in enumerate(places):
                drawn = looped_spot(math.floor(x / 4), math.floor(y / 4), int(radii[item, hand]))
                target = drawn if PRESENT[item, hand] else np.zeros((CELLS, CELLS))
                gap = heatmaps[item, 21 * hand + joint].numpy() - target
                expected += float((gap**2).mean()) / (42 * BATCH)
    assert terms(found_hands(), truth)["heatmaps"] == pytest.approx(expected)


def looped_spot(column: int, row: int, radius: int) -> NDArray[np.float64]:
    """As CornerNet draws it: a Gaussian of a sixth of its square's width, cut at the square."""
    deviation = (2 * radius + 1) / 6
    drawn = np.zeros((CELLS, CELLS))
    for y in range(CELLS):
        for x in range(CELLS):
            right, down = x - column, y - row
            if max(abs(right), abs(down)) <= radius:
                drawn[y, x] = math.exp(-(right**2 + down**2) / (2 * deviation**2))
    return drawn


@pytest.mark.parametrize(("width", "height"), [(7.0, 7.0), (3.0, 20.0), (0.0, 0.0)])
def test_a_spot_reaches_as_far_as_cornernet_s_code_has_it(width: float, height: float) -> None:
    w, h = math.ceil(width / 0.7), math.ceil(height / 0.7)
    half = -2 * 0.7 * (h + w)
    roots_of = (half + math.sqrt(half**2 - 4 * (4 * 0.7) * (0.7 - 1) * w * h)) / 2
    assert float(spot_radii(torch.tensor([width, height]))) == int(roots_of)


def test_a_spot_beyond_the_map_is_seen_as_far_as_it_reaches() -> None:
    drawn = spots(torch.tensor([-1.0, 3.0]), torch.tensor(2.0), CELLS)
    np.testing.assert_allclose(drawn, looped_spot(-1, 3, 2), atol=1e-6)
    assert drawn[3, 0] > 0
    assert drawn.max() < 1


def test_a_picture_without_hands_has_a_bounded_loss_of_centers() -> None:
    logits = torch.full((1, 2, CELLS, CELLS), -4.0)
    loss = float(center_loss(logits, torch.zeros_like(logits)))
    chance = 1.0 / (1.0 + math.exp(4.0))
    assert loss == pytest.approx(-2 * CELLS**2 * chance**2 * math.log(1.0 - chance))


def test_a_hand_that_is_right_costs_nothing(truth: HandsTruth) -> None:
    found = found_hands()._replace(
        vertices=truth.vertices, joints=truth.joints, roots_m=truth.roots_m, nodes=truth.nodes
    )
    losses = terms(found, truth)
    exact = {"root", "joints", "vertices", "nodes", "absolute_joints", "absolute_vertices"}
    exact |= {"reprojected_joints", "bones", "edges"}
    assert {name: losses[name] for name in exact} == dict.fromkeys(exact, 0.0)


def test_absent_hands_and_those_without_depth_teach_nothing_of_shape(truth: HandsTruth) -> None:
    unseen = replace(truth, is_learned=torch.zeros_like(PRESENT))
    found = found_hands()
    found = found._replace(vertices=found.vertices * 1e30)
    losses = weighted_terms(found, unseen)
    maps = {"center", "masks", "heatmaps", "presence"}
    assert all(losses[name] == 0.0 for name in losses.keys() - maps)
    assert all(losses[name] > 0.0 for name in maps)


def test_fine_terms_are_left_out_unless_asked_for(truth: HandsTruth) -> None:
    coarse = weighted_terms(found_hands(), truth, LossRules(with_fine_terms=False))
    fine = weighted_terms(found_hands(), truth)
    assert fine.keys() - coarse.keys() == {"reprojected_joints", "edges"}


def test_a_term_may_weigh_more_or_less_than_in_the_code(truth: HandsTruth) -> None:
    usual = weighted_terms(found_hands(), truth)
    weights = changed_weights(WEIGHTS, {"bones": 20.0}, METHOD)
    other = weighted_terms(found_hands(), truth, LossRules(with_fine_terms=True, weights=weights))
    assert other["bones"] == pytest.approx(0.1 * usual["bones"])
    assert all(other[name] == usual[name] for name in usual if name != "bones")
    with pytest.raises(ConfigError, match="has 'bone'; there is center"):
        PDFNetTraining(PDFNetOptions(weights={"bone": 1.0}))


def test_what_a_network_does_not_give_is_not_asked_for(truth: HandsTruth) -> None:
    bare = found_hands()._replace(nodes=None, scale=None, shift=None)
    maps = seen_maps()._replace(heatmaps=None, presence_logits=None)
    missing = {"nodes", "nodes_2d", "vertices_2d", "heatmaps", "presence"}
    expected = WEIGHTS.keys() - missing - {"mask_cross_entropy", "heatmap_cross_entropy"}
    assert weighted_terms(bare, truth, seen=maps).keys() == expected
