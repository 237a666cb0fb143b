"""Depth stored in another unit than its encoding's is noticed, and read right when told so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.stream_settings import DepthSettings
from hand_object_recon.recordings.depth_units import unit_warning
from hand_object_recon.recordings.reader import RgbdRecording

DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
MS = 10**6


@pytest.fixture
def recording_of(write_bag: Any, rgbd_items: Any, messages: Any) -> Any:
    """One frame with these (6, 8) depth pixels."""

    def write(*images: np.ndarray) -> Path:
        encodings = {np.dtype(np.uint16): "16UC1", np.dtype(np.float32): "32FC1"}
        stamps_ms = [100 * (number + 1) for number in range(len(images))]
        pixels = dict(zip(stamps_ms, images, strict=True))

        def with_pixels(one: Any) -> Any:
            if one.topic != DEPTH:
                return one
            image = pixels[one.stamp_ns // MS]
            return one._replace(message=messages.image(one.stamp_ns, image, encodings[image.dtype]))

        return write_bag([with_pixels(one) for one in rgbd_items(stamps_ms)])

    return write


@pytest.mark.parametrize(
    ("stored", "dtype", "unit", "unit_mm", "true_m"),
    [
        (812.0, np.float32, "millimetres in 32FC1", 1.0, 0.812),
        (1, np.uint16, "metres in 16UC1", 1000.0, 1.0),
        (25_000, np.uint16, "tenths of a millimetre in 16UC1", 0.1, 2.5),
    ],
)
def test_a_unit_wrong_by_far_is_said_and_its_setting_reads_it_right(
    *, recording_of: Any, stored: float, dtype: Any, unit: str, unit_mm: float, true_m: float
) -> None:
    path = recording_of(np.full((6, 8), stored, dtype))
    with RgbdRecording(path) as recording:
        (warning,) = recording.warnings
        (as_stored,) = recording.frames()
    assert warning.startswith(f"depth of {DEPTH} reads as a median of ")
    assert warning.endswith(f"it looks like {unit}; set depth.unit_mm to {unit_mm:g}")
    assert isinstance(as_stored, RgbdFrame)
    assert np.isnan(as_stored.depth_m).all(), "the unit was guessed"
    told = DepthSettings(unit_mm=unit_mm, max_m=5.0)
    with RgbdRecording(path, depth_settings=told) as recording:
        assert recording.warnings == ()
        (frame,) = recording.frames()
    assert isinstance(frame, RgbdFrame)
    np.testing.assert_allclose(frame.depth_m, true_m, rtol=1e-6)


@pytest.mark.parametrize("metres", [0.03, 0.5, 4.0, 19.0])
def test_a_scene_of_usual_depth_is_not_warned_of(recording_of: Any, metres: float) -> None:
    as_metres = np.full((6, 8), metres, np.float32)
    as_millimetres = (1000 * as_metres).astype(np.uint16)
    with RgbdRecording(recording_of(as_metres, as_millimetres)) as recording:
        assert recording.warnings == ()


def test_the_first_image_with_readings_is_judged(recording_of: Any) -> None:
    nothing = np.full((6, 8), np.nan, np.float32)
    some = nothing.copy()
    some[2:4] = 700.0
    with RgbdRecording(recording_of(nothing, some)) as recording:
        (warning,) = recording.warnings
    assert "a median of 700 m" in warning


def test_depth_without_any_reading_is_not_judged(recording_of: Any) -> None:
    with RgbdRecording(recording_of(np.zeros((6, 8), np.uint16))) as recording:
        assert recording.warnings == ()


def test_a_unit_set_wrong_and_a_far_scene_are_said_too() -> None:
    assert "set depth.unit_mm to 1" in unit_warning("/d", "16UC1", 500.0, 1000.0)
    assert unit_warning("/d", "32FC1", 25.0, 0.0).endswith("if its unit is another")
