"""A model's topology is built once, and both hands have the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.of_model import (
    graph_hierarchy,
    mesh_hierarchy,
    spiral_indices,
)


@pytest.mark.parametrize("build", [mesh_hierarchy, spiral_indices, graph_hierarchy])
def test_a_copy_of_a_model_shares_its_topology(
    right: HandModel, build: Callable[[HandModel], Any]
) -> None:
    assert build(replace(right, name="copy")) is build(right)


def test_both_hands_have_the_same_levels_wound_the_other_way(
    right: HandModel, left: HandModel
) -> None:
    of_right, of_left = mesh_hierarchy(right), mesh_hierarchy(left)
    assert of_left.steps is of_right.steps
    for level, mirrored in zip(of_right.levels, of_left.levels, strict=True):
        np.testing.assert_array_equal(mirrored.template_indices, level.template_indices)
        np.testing.assert_array_equal(mirrored.faces, level.faces[:, ::-1])
    np.testing.assert_array_equal(of_left.levels[0].faces, left.faces)


def test_both_hands_share_spirals_and_graph(right: HandModel, left: HandModel) -> None:
    assert spiral_indices(left, 2) is spiral_indices(right, 2)
    assert graph_hierarchy(left) is graph_hierarchy(right)


def test_another_template_has_another_hierarchy(right: HandModel) -> None:
    wider = replace(right, v_template=right.v_template * np.float32([1.0, 1.0, 1.5]))
    kept = mesh_hierarchy(wider).steps[0].kept
    assert not np.array_equal(kept, mesh_hierarchy(right).steps[0].kept)


def test_a_level_there_is_not_is_refused(right: HandModel) -> None:
    with pytest.raises(InvalidValueError, match=r"level is 5; it must lie in \[0, 4\]"):
        spiral_indices(right, 5)
