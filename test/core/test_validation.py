"""Arrays that enter a value type have the promised shape, type and finite values."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import (
    require_array,
    require_range,
    require_rigid_transform,
    require_text,
)


def test_a_matching_array_comes_back_read_only() -> None:
    array = require_array("points", np.zeros((2, 3), np.float32), (2, 3), np.float32)

    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1.0


def test_the_callers_own_array_stays_writable() -> None:
    mine = np.zeros((2, 3), np.float32)

    require_array("points", mine, (2, 3), np.float32)

    mine[0, 0] = 1.0
    assert mine[0, 0] == 1.0


def test_none_in_the_shape_admits_any_length() -> None:
    assert require_array("points", np.zeros((7, 3)), (None, 3), np.float64).shape == (7, 3)
    assert require_array("points", np.zeros((0, 3)), (None, 3), np.float64).shape == (0, 3)


@pytest.mark.parametrize("shape", [(2, 4), (3,), (1, 2, 3)])
def test_a_wrong_shape_is_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        require_array("points", np.zeros(shape), (None, 3), np.float64)

    assert str(refusal.value) == f"points has shape {shape}; it must be (N, 3)"


def test_a_float_array_is_converted_between_precisions() -> None:
    assert require_array("points", np.zeros(3), (3,), np.float32).dtype == np.float32


@pytest.mark.parametrize(("given", "wanted"), [(np.float32, np.int32), (np.int32, np.uint8)])
def test_a_conversion_that_could_lose_values_is_refused(given: type, wanted: type) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        require_array("faces", np.zeros(3, given), (3,), wanted)

    assert str(refusal.value) == (
        f"faces has type {np.dtype(given).name}; it must be {np.dtype(wanted).name}"
    )


def test_values_that_are_not_finite_are_counted_and_refused_where_asked() -> None:
    array = np.array([0.0, np.nan, np.inf])

    with pytest.raises(InvalidValueError, match="joints holds 2 values that are not finite"):
        require_array("joints", array, (3,), np.float64, finite=True)
    assert np.isnan(require_array("joints", array, (3,), np.float64)[1])


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_a_number_outside_its_range_is_refused_with_the_range(value: float) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        require_range("score", value, 0.0, 1.0)

    assert str(refusal.value) == f"score is {value}; it must lie in [0.0, 1.0]"


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_both_ends_of_a_range_belong_to_it(value: float) -> None:
    assert require_range("score", value, 0.0, 1.0) == value


@pytest.mark.parametrize("value", ["", None, 3])
def test_text_must_be_a_string_with_something_in_it(value: object) -> None:
    with pytest.raises(InvalidValueError, match=r"frame_id is .*; it must be a non-empty string"):
        require_text("frame_id", value)  # type: ignore[arg-type]


class TestRigidTransform:
    def test_a_rotation_with_a_translation_is_accepted(self) -> None:
        quarter_turn = np.array([[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]], float)

        np.testing.assert_array_equal(require_rigid_transform("pose", quarter_turn), quarter_turn)

    def test_a_scaled_transform_is_refused(self) -> None:
        with pytest.raises(InvalidValueError, match=r"pose is not rigid.*determinant 8\.000"):
            require_rigid_transform("pose", np.diag([2.0, 2.0, 2.0, 1.0]))

    def test_a_mirror_is_refused(self) -> None:
        with pytest.raises(InvalidValueError, match=r"pose is not rigid.*determinant -1\.000"):
            require_rigid_transform("pose", np.diag([1.0, 1.0, -1.0, 1.0]))

    def test_a_last_row_other_than_0_0_0_1_is_refused(self) -> None:
        transposed = np.eye(4)
        transposed[3, 0] = 0.5

        with pytest.raises(InvalidValueError, match=r"pose has last row .*; it must be 0 0 0 1"):
            require_rigid_transform("pose", transposed)
