"""Transforms between frames that several links join."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.recordings.frame_tree import FrameLink, transform_between


def pose(rotation: tuple[float, float, float], offset: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = cv2.Rodrigues(np.array(rotation))[0]
    matrix[:3, 3] = offset
    return matrix


BASE_DEPTH = pose((0.1, 0.2, 0.3), (0.01, 0.0, 0.0))
BASE_COLOR = pose((-0.3, 0.0, 0.1), (-0.03, 0.01, 0.0))
OPTICAL = pose((0.0, 1.5, 0.0), (0.0, 0.0, 0.0))
LINKS = [
    FrameLink("base", "depth", BASE_DEPTH),
    FrameLink("color", "color_optical", OPTICAL),
    FrameLink("base", "color", BASE_COLOR),
    FrameLink("lonely", "island", np.eye(4)),
]


def test_a_chain_goes_up_and_down_the_tree() -> None:
    found = transform_between(LINKS, "depth", "color_optical")
    np.testing.assert_allclose(BASE_COLOR @ OPTICAL @ found, BASE_DEPTH, atol=1e-12)
    back = transform_between(LINKS, "color_optical", "depth")
    np.testing.assert_allclose(found @ back, np.eye(4), atol=1e-12)


def test_a_frame_is_where_it_is() -> None:
    np.testing.assert_array_equal(transform_between([], "depth", "depth"), np.eye(4))


def test_a_missing_chain_names_both_frames() -> None:
    with pytest.raises(
        RecordingError, match=r"join frame 'depth' to 'island' \(known frames: base"
    ):
        transform_between(LINKS, "depth", "island")


def test_a_transform_that_is_not_rigid_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match="transform a to b is not rigid"):
        transform_between([FrameLink("a", "b", np.diag([2.0, 1, 1, 1]))], "a", "b")
