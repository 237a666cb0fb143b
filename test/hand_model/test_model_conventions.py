"""Conventions change what they say and nothing else."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.model_conventions import (
    CONVENTION_CARDS,
    TIP_VERTICES,
    ModelConventions,
    apply_conventions,
)


def differing(one: HandModel, other: HandModel) -> set[str]:
    names = {field.name for field in fields(HandModel)}
    return {name for name in names if not np.array_equal(getattr(one, name), getattr(other, name))}


def test_every_convention_has_a_card() -> None:
    assert [card.name for card in CONVENTION_CARDS] == [
        field.name for field in fields(ModelConventions)
    ]
    for card in (*CONVENTION_CARDS, *(tips.card for tips in TIP_VERTICES.values())):
        assert card.meaning
        assert card.users
        assert card.trap


@pytest.mark.parametrize("is_mano", [True, False])
def test_the_defaults_leave_a_model_as_it_is(either: HandModel, is_mano: bool) -> None:
    assert (
        differing(apply_conventions(either, ModelConventions(), is_mano=is_mano), either) == set()
    )


def test_a_flat_mean_makes_the_mean_pose_zero(either: HandModel) -> None:
    flat = apply_conventions(either, ModelConventions(flat_hand_mean=True), is_mano=False)
    assert differing(flat, either) == {"hands_mean"}
    np.testing.assert_array_equal(flat.hands_mean, np.zeros(45))


def test_components_beyond_the_count_have_no_effect(right: HandModel) -> None:
    cut = apply_conventions(right, ModelConventions(pca_components=6), is_mano=False)
    assert differing(cut, right) == {"hands_components"}
    np.testing.assert_array_equal(cut.hands_components[:6], right.hands_components[:6])
    np.testing.assert_array_equal(cut.hands_components[6:], np.zeros((39, 45)))


def test_the_corrected_sign_changes_x_of_the_left_hands_shape_only(
    right: HandModel, left: HandModel
) -> None:
    corrected = ModelConventions(left_shapedirs="corrected")
    assert differing(apply_conventions(right, corrected, is_mano=True), right) == set()
    changed = apply_conventions(left, corrected, is_mano=True)
    assert differing(changed, left) == {"shapedirs"}
    np.testing.assert_array_equal(changed.shapedirs[:, 0], -left.shapedirs[:, 0])
    np.testing.assert_array_equal(changed.shapedirs[:, 1:], left.shapedirs[:, 1:])


@pytest.mark.parametrize(
    ("tips", "right_vertices", "left_vertices"),
    [
        ("manopth", (745, 317, 444, 556, 673), (745, 317, 445, 556, 673)),
        ("smplx", (744, 320, 443, 554, 671), (744, 320, 443, 554, 671)),
        ("freihand", (744, 320, 443, 555, 672), (744, 320, 443, 555, 672)),
        ("ho3d", (744, 333, 444, 555, 672), (744, 333, 444, 555, 672)),
        ("h2onet", (745, 317, 445, 556, 673), (745, 317, 445, 556, 673)),
    ],
)
def test_tips_are_the_published_vertices_of_each_side(
    right: HandModel,
    left: HandModel,
    tips: str,
    right_vertices: tuple[int, ...],
    left_vertices: tuple[int, ...],
) -> None:
    for model, vertices in ((right, right_vertices), (left, left_vertices)):
        assert model.side in HandSide
        changed = apply_conventions(model, ModelConventions(tips=tips), is_mano=True)
        assert differing(changed, model) == {"tip_vertices"}
        assert tuple(changed.tip_vertices) == vertices


@pytest.mark.parametrize(
    ("conventions", "message"),
    [
        (ModelConventions(tips="smplx"), "'open_hand' is not MANO.*use 'own'"),
        (ModelConventions(left_shapedirs="corrected"), "nothing to correct"),
    ],
)
def test_manos_conventions_are_refused_for_other_models(
    right: HandModel, conventions: ModelConventions, message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        apply_conventions(right, conventions, is_mano=False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pca_components": 0}, r"pca_components is 0; it must lie in \[1, 45\]"),
        ({"pca_components": 46}, "pca_components is 46"),
        ({"left_shapedirs": "fixed"}, "left_shapedirs is 'fixed'; use 'as_published'"),
        ({"tips": "mine"}, "tips is 'mine'; use one of own, manopth"),
    ],
)
def test_unknown_choices_are_refused_with_those_there_are(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        ModelConventions(**values)
