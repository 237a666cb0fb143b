"""Still images come back as they were written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.visualization.images import contact_sheet, save_image


def test_a_png_holds_the_same_pixels(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    save_image(tmp_path / "new" / "a.png", rgb)
    read_bgr = cv2.imread(str(tmp_path / "new" / "a.png"))
    np.testing.assert_array_equal(read_bgr[..., ::-1], rgb)


@pytest.mark.parametrize("name", ["a.txt", "a"])
def test_an_ending_that_is_no_image_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidValueError, match=r"use \.png or \.jpg"):
        save_image(tmp_path / name, np.zeros((4, 4, 3), dtype=np.uint8))


def test_a_sheet_reads_row_by_row_and_leaves_the_rest_black() -> None:
    sheet = contact_sheet([np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)], 2)
    assert sheet.shape == (4, 6, 3)
    assert [int(sheet[row, column, 0]) for row in (0, 2) for column in (0, 3)] == [10, 20, 30, 0]


def test_a_sheet_of_nothing_or_of_two_sizes_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="0 images"):
        contact_sheet([])
    with pytest.raises(InvalidValueError, match="differ in size"):
        contact_sheet([np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)])
