"""Connected parts of a depth image, against scipy and plain geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hand_object_recon.held_objects.part_columns import PartColumn
from hand_object_recon.held_objects.part_kernels import (
    areas_near,
    connected_parts,
    part_measures,
)

Array = NDArray[Any]

INTRINSICS = np.array([200.0, 200.0, 40.0, 30.0])
WANTED, BACKGROUND = 4, 1


def parts_of(depth: Array, kinds: Array) -> tuple[Array, int]:
    return connected_parts(depth.astype(np.float32), kinds.astype(np.uint8), WANTED, 1 / 200)


def measures_of(depth: Array, kinds: Array, gaps: Array) -> Array:
    number, count = parts_of(depth, kinds)
    likeness = np.full(depth.shape, 0.5, dtype=np.float32)
    return part_measures(
        depth.astype(np.float32),
        number,
        count,
        INTRINSICS,
        gaps.astype(np.float32),
        likeness,
        kinds.astype(np.uint8),
        BACKGROUND,
    )


def test_on_level_depth_parts_are_those_scipy_finds() -> None:
    wanted = np.random.default_rng(3).random((60, 80)) < 0.4
    number, count = parts_of(np.full((60, 80), 0.5), np.where(wanted, WANTED, BACKGROUND))
    labels, expected = ndimage.label(wanted, structure=np.ones((3, 3)))

    assert count == expected
    assert (number[~wanted] == -1).all()
    pairs = np.unique(np.stack([number[wanted], labels[wanted]], axis=1), axis=0)
    assert len(pairs) == count


def test_a_jump_in_depth_parts_and_a_slope_does_not() -> None:
    kinds = np.full((60, 80), WANTED)
    slope = np.tile(0.5 + 0.004 * np.arange(80), (60, 1))
    jump = np.full((60, 80), 0.5)
    jump[:, 40:] = 0.52

    assert parts_of(slope, kinds)[1] == 1
    assert parts_of(jump, kinds)[1] == 2


def test_areas_are_those_of_the_surface_seen() -> None:
    kinds = np.full((60, 80), BACKGROUND)
    kinds[10:20, 10:30] = WANTED
    gaps = np.full((60, 80), np.inf)
    gaps[10:20, 10:20] = 0.005
    measures = measures_of(np.full((60, 80), 0.5), kinds, gaps)[0]

    pixel = (0.5 / 200) ** 2
    np.testing.assert_allclose(measures[PartColumn.AREA], 200 * pixel, rtol=1e-5)
    np.testing.assert_allclose(measures[PartColumn.CLEAR_AREA], 100 * pixel, rtol=1e-5)
    np.testing.assert_allclose(measures[PartColumn.CONTACT_AREA], 100 * pixel, rtol=1e-5)
    np.testing.assert_allclose(measures[PartColumn.X], (19.5 - 40) * 0.5 / 200, atol=1e-5)
    assert measures[PartColumn.RIM_AREA] == 0


def test_a_part_is_fastened_where_background_goes_on() -> None:
    kinds = np.full((60, 80), BACKGROUND)
    kinds[10:20, 10:20] = WANTED
    level = np.full((60, 80), 0.5)
    before = level.copy()
    before[10:20, 10:20] = 0.45
    gaps = np.full((60, 80), np.inf)

    assert measures_of(level, kinds, gaps)[0][PartColumn.FASTENED] == 1.0
    assert measures_of(before, kinds, gaps)[0][PartColumn.FASTENED] == 0.0


def test_the_area_near_a_place_is_that_of_a_disc() -> None:
    kinds = np.full((60, 80), WANTED)
    depth = np.full((60, 80), 0.5, dtype=np.float32)
    number, count = parts_of(depth, kinds)
    places = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 0.5]])
    areas = areas_near(depth, number, count, INTRINSICS, places, 0.04)

    np.testing.assert_allclose(areas, np.pi * 0.04**2, rtol=0.03)
