"""The terms are those of the paper's equations, written out in loops; weights are the paper's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.reconstructors.cross_branch.losses import (
    WEIGHTS,
    LossMeshes,
    Truth,
    cross_branch_losses,
    hand_terms,
    object_terms,
)
from hand_object_recon.reconstructors.cross_branch.options import CrossBranchOptions
from hand_object_recon.reconstructors.cross_branch.prediction import (
    HandPrediction,
    ObjectPrediction,
    Prediction,
)
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere

BATCH, VERTICES, SIZE = 2, 778, 16
MESHES = LossMeshes.of("open_hand")


def random_tensor(seed: int, *shape: int, scale: float = 0.05) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator)


def found_hand() -> HandPrediction:
    return HandPrediction(
        joints_m=random_tensor(0, BATCH, 21, 3),
        vertices_m=random_tensor(1, BATCH, VERTICES, 3),
        orientation=torch.eye(3).expand(BATCH, 3, 3),
        components=random_tensor(2, BATCH, 30, scale=0.5),
        shape=random_tensor(3, BATCH, 10, scale=1.0),
    )


def found_object() -> ObjectPrediction:
    sphere = torch.tensor(object_sphere().vertices)
    canonical = sphere + random_tensor(4, BATCH, 642, 3)
    scale_m, translation_m = torch.tensor([0.03, 0.06]), random_tensor(5, BATCH, 3)
    vertices_m = scale_m[:, None, None] * canonical + translation_m[:, None]
    return ObjectPrediction(vertices_m, canonical, scale_m, translation_m)


def truth() -> Truth:
    points_m = random_tensor(6, BATCH, 600, 3) + 0.02
    center_m = points_m.mean(dim=1)
    depth_m = 0.5 + random_tensor(9, BATCH, SIZE, SIZE, scale=0.02)
    return Truth(
        depth_m=depth_m,
        foreground=depth_m < 0.51,
        joints_m=random_tensor(7, BATCH, 21, 3),
        vertices_m=random_tensor(8, BATCH, VERTICES, 3),
        points_m=points_m,
        center_m=center_m,
        radius_m=(points_m - center_m[:, None]).norm(dim=2).amax(dim=1),
    )


def prediction() -> Prediction:
    return Prediction(random_tensor(10, BATCH, SIZE, SIZE), found_hand(), found_object())


def looped_squares(found: Tensor, true: Tensor) -> float:
    """Mean over points of the squared distance, mm2."""
    pairs = zip(found.reshape(-1, 3).tolist(), true.reshape(-1, 3).tolist(), strict=True)
    return float(
        np.mean([sum((1e3 * (x - y)) ** 2 for x, y in zip(a, b, strict=True)) for a, b in pairs])
    )


def looped_chamfer(found: Tensor, true: Tensor) -> float:
    """Eq. 6 over a batch."""
    values = []
    for q, p in zip(found.double().numpy(), true.double().numpy(), strict=True):
        of_truth = (cKDTree(q).query(p)[0] ** 2).sum() / 600
        of_mesh = (cKDTree(p).query(q)[0] ** 2).sum() / 642
        values.append(0.5 * (of_truth + of_mesh))
    return float(np.mean(values))


def test_the_hands_terms_are_squares_of_millimetres_and_of_parameters() -> None:
    found, true = found_hand(), truth()
    terms = {name: value.item() for name, value in hand_terms(found, true).items()}
    assert true.vertices_m is not None
    expected = {
        "joints": looped_squares(found.joints_m, true.joints_m),
        "vertices": looped_squares(found.vertices_m, true.vertices_m),
        "shape": float(np.mean([np.dot(one, one) for one in found.shape.numpy()])),
        "pose": float(np.mean([np.dot(one, one) for one in found.components.numpy()])),
    }
    assert terms == pytest.approx(expected, rel=1e-4)


def test_without_meshes_joints_alone_are_learned() -> None:
    assert set(hand_terms(found_hand(), replace(truth(), vertices_m=None))) == {
        "joints",
        "shape",
        "pose",
    }


def test_the_objects_terms_are_those_of_equations_6_to_9() -> None:
    found, true = found_object(), truth()
    terms = {name: value.item() for name, value in object_terms(found, true, MESHES).items()}
    in_unit = torch.stack(
        [
            (points - center) / radius
            for points, center, radius in zip(
                true.points_m, true.center_m, true.radius_m, strict=True
            )
        ]
    )
    expected = {
        "chamfer": 1e6 * looped_chamfer(found.vertices_m, true.points_m),
        "canonical_chamfer": 50.0**2 * looped_chamfer(found.canonical, in_unit),
        "translation": looped_squares(found.translation_m, true.center_m),
        "scale": float(np.mean((1e3 * (found.scale_m - true.radius_m).numpy()) ** 2)),
    }
    assert {name: terms[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert set(terms) == {*expected, "laplacian", "edges"}


def test_the_canonical_chamfer_compares_with_the_truth_and_not_with_itself() -> None:
    """As Eq. 7 is printed it is 0 whatever the network answers."""
    assert object_terms(found_object(), truth(), MESHES)["canonical_chamfer"].item() > 10.0


def test_a_perfect_answer_has_no_gap_left() -> None:
    sphere = torch.tensor(object_sphere().vertices)[None]
    found = ObjectPrediction(
        0.04 * sphere + 0.1, sphere, torch.tensor([0.04]), torch.full((1, 3), 0.1)
    )
    true = replace(
        truth(),
        points_m=found.vertices_m,
        center_m=found.translation_m,
        radius_m=found.scale_m,
    )
    terms = object_terms(found, true, MESHES)
    for name in ("chamfer", "canonical_chamfer", "translation", "scale"):
        assert terms[name].item() == pytest.approx(0.0, abs=1e-6), name


def terms_of(**changes: Any) -> dict[str, float]:
    options = CrossBranchOptions(**changes)
    losses = cross_branch_losses(prediction(), truth(), MESHES, options)
    return {name: value.item() for name, value in losses.items()}


DEPTH = {"depth", "depth_structure"}
HAND = {"joints", "vertices", "shape", "pose"}
OBJECT = {"chamfer", "canonical_chamfer", "translation", "scale", "laplacian", "edges"}
CONTACT = {"attraction", "repulsion"}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"part": "depth"}, DEPTH),
        ({"part": "hand"}, HAND),
        ({"part": "object"}, OBJECT),
        ({}, HAND | OBJECT),
        ({"contact": True}, HAND | OBJECT | CONTACT),
        ({"contact": True, "with_depth": True}, DEPTH | HAND | OBJECT | CONTACT),
    ],
)
def test_a_stage_learns_from_what_it_trains(changes: dict[str, Any], names: set[str]) -> None:
    assert set(terms_of(**changes)) == names


def test_weights_are_those_of_the_paper() -> None:
    """Eqs. 1, 3, 9 and 10 with the factors of section IV-B."""
    hand = dict.fromkeys(("joints", "shape", "pose"), 0.001 * 0.167) | {"vertices": 0.001}
    held = {
        "chamfer": 0.001,
        "canonical_chamfer": 0.001,
        "translation": 0.001 * 0.167,
        "scale": 0.001 * 0.167,
        "laplacian": 0.001 * 0.1,
        "edges": 0.001 * 2.0,
    }
    others = {"depth": 1.0, "depth_structure": 1e-3, "attraction": 0.1, "repulsion": 0.1}
    assert pytest.approx(hand | held | others) == WEIGHTS


def test_terms_are_weighted_and_weights_can_be_changed() -> None:
    plain = object_terms(found_object(), truth(), MESHES)
    weighted = terms_of(part="object", weights={"edges": 0.5})
    for name, value in plain.items():
        factor = 0.5 if name == "edges" else WEIGHTS[name]
        assert weighted[name] == pytest.approx(factor * value.item(), rel=1e-5)


def test_a_weight_of_no_term_is_refused() -> None:
    with pytest.raises(ConfigError, match="'edge'; there is depth,"):
        terms_of(weights={"edge": 1.0})
