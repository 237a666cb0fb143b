"""Image messages of every supported encoding become the pixels they were made of."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hand_object_recon.core.config import DepthSettings
from hand_object_recon.core.errors import FrameError
from hand_object_recon.recordings.depth_units import depth_from_metres, depth_from_millimetres
from hand_object_recon.recordings.image_decoding import decode_color, decode_depth

LIMITS = DepthSettings(min_m=0.1, max_m=2.0)
RGB = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype(np.uint8)
DEPTH_MM = np.array([[0, 99, 100, 101], [1234, 2000, 2001, 65535]], np.uint16)
DEPTH_M = np.array([[np.nan, np.nan, 0.1, 0.101], [1.234, 2.0, np.nan, np.nan]], np.float32)
COMPRESSED_DEPTH_HEADER = bytes(12)


@pytest.mark.parametrize("padding", [0, 1, 5])
@pytest.mark.parametrize(
    ("encoding", "channels"),
    [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0]), ("rgba8", [0, 1, 2, 0]), ("bgra8", [2, 1, 0, 0])],
)
def test_raw_colour_comes_out_red_first_whatever_the_row_step(
    messages: Any, encoding: str, channels: list[int], padding: int
) -> None:
    message = messages.image(1, RGB[..., channels], encoding, padding=padding)
    rgb = decode_color(message, "/color")
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, RGB)


def test_lossless_compressed_colour_comes_out_red_first(
    messages: Any, png: Callable[[np.ndarray], bytes]
) -> None:
    message = messages.compressed(1, png(RGB[..., ::-1]), "rgb8; png compressed bgr8")
    np.testing.assert_array_equal(decode_color(message, "/color"), RGB)


@pytest.mark.parametrize("image_format", ["jpeg", "rgb8; jpeg compressed bgr8", "bgr8; jpeg"])
def test_jpeg_colour_comes_out_red_first(messages: Any, image_format: str) -> None:
    orange = np.full((16, 16, 3), (230, 120, 20), np.uint8)
    _, data = cv2.imencode(".jpg", orange[..., ::-1])
    rgb = decode_color(messages.compressed(1, data.tobytes(), image_format), "/color")
    np.testing.assert_allclose(rgb.astype(int), orange, atol=4)


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("big_endian", [False, True])
def test_16uc1_is_millimetres_and_readings_outside_the_limits_are_nan(
    messages: Any, padding: int, big_endian: bool
) -> None:
    message = messages.image(1, DEPTH_MM, "16UC1", padding=padding, big_endian=big_endian)
    depth_m = decode_depth(message, "/depth", LIMITS)
    assert depth_m.dtype == np.float32
    np.testing.assert_array_equal(depth_m, DEPTH_M)


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("big_endian", [False, True])
def test_32fc1_is_metres_and_what_is_no_reading_is_nan(
    messages: Any, padding: int, big_endian: bool
) -> None:
    metres = np.array([[0.0, np.inf, -np.inf], [np.nan, 0.5, 2.5], [-0.5, 0.05, 1.25]], np.float32)
    message = messages.image(1, metres, "32FC1", padding=padding, big_endian=big_endian)
    nan = np.nan
    expected = [[nan, nan, nan], [nan, 0.5, nan], [nan, nan, 1.25]]
    np.testing.assert_array_equal(decode_depth(message, "/depth", LIMITS), expected)


@pytest.mark.parametrize("header", [COMPRESSED_DEPTH_HEADER, b""], ids=["header", "bare"])
@pytest.mark.parametrize("image_format", ["16UC1; compressedDepth png", "16UC1; compressedDepth"])
def test_compressed_depth_is_a_png_of_millimetres(
    messages: Any, png: Callable[[np.ndarray], bytes], header: bytes, image_format: str
) -> None:
    message = messages.compressed(1, header + png(DEPTH_MM), image_format)
    np.testing.assert_array_equal(decode_depth(message, "/depth", LIMITS), DEPTH_M)


def test_compressed_float_depth_is_taken_out_of_its_inverse_quantization(
    messages: Any, png: Callable[[np.ndarray], bytes]
) -> None:
    quantization, farthest_m = 100.0, 10.0
    scale = quantization * (quantization + 1.0)
    offset = 1.0 - scale / farthest_m
    metres = np.array([[0.4, 0.8, 1.6]])
    stored = np.append(np.rint(scale / metres + offset), [[0]], axis=1).astype(np.uint16)
    header = pack("<iff", 0, scale, offset)
    message = messages.compressed(1, header + png(stored), "32FC1; compressedDepth png")
    depth_m = decode_depth(message, "/depth", LIMITS)
    np.testing.assert_allclose(depth_m[0, :3], metres[0], rtol=1e-3)
    assert np.isnan(depth_m[0, 3])


def test_depth_without_any_reading_is_all_nan(messages: Any) -> None:
    message = messages.image(1, np.zeros((6, 8), np.uint16), "16UC1")
    assert np.isnan(decode_depth(message, "/depth", LIMITS)).all()


@pytest.mark.parametrize("encoding", ["mono8", "yuv422_yuy2", "8UC3", ""])
def test_an_unknown_colour_encoding_is_named_with_its_topic_and_those_known(
    messages: Any, encoding: str
) -> None:
    message = messages.image(1, RGB[..., 0], encoding)
    with pytest.raises(FrameError, match=rf"/color: colour encoding '{encoding}'.*rgb8, bgr8"):
        decode_color(message, "/color")


@pytest.mark.parametrize("encoding", ["mono16", "8UC1", "64FC1"])
def test_an_unknown_depth_encoding_is_named_with_its_topic_and_those_known(
    messages: Any, encoding: str
) -> None:
    message = messages.image(1, DEPTH_MM, encoding)
    with pytest.raises(FrameError, match=rf"/depth: depth encoding '{encoding}'.*16UC1, 32FC1"):
        decode_depth(message, "/depth", LIMITS)


@pytest.mark.parametrize(
    "image_format", ["16UC1; compressedDepth rvl", "16UC1; jpeg compressed", "jpeg", ""]
)
def test_depth_in_an_unsupported_container_is_refused(messages: Any, image_format: str) -> None:
    message = messages.compressed(1, bytes(40), image_format)
    with pytest.raises(FrameError, match=rf"/depth: depth format '{image_format}'"):
        decode_depth(message, "/depth", LIMITS)


@pytest.mark.parametrize("image_format", ["h264", "mono8; jpeg compressed ", "16UC1; png"])
def test_compressed_images_that_are_no_colour_are_refused(messages: Any, image_format: str) -> None:
    with pytest.raises(FrameError, match="/color: colour encoding"):
        decode_color(messages.compressed(1, bytes(40), image_format), "/color")


@pytest.mark.parametrize("data", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_bytes_that_are_no_image_are_one_unreadable_frame(messages: Any, data: bytes) -> None:
    with pytest.raises(FrameError, match=f"/color: {len(data)} bytes are not"):
        decode_color(messages.compressed(1, data, "jpeg"), "/color")
    with pytest.raises(FrameError, match=f"/depth: {len(data) + 12} bytes are not"):
        decode_depth(
            messages.compressed(1, bytes(12) + data, "16UC1; compressedDepth png"), "/depth", LIMITS
        )


def test_an_8_bit_png_is_not_taken_for_depth(
    messages: Any, png: Callable[[np.ndarray], bytes]
) -> None:
    data = bytes(12) + png(np.zeros((4, 4), np.uint8))
    with pytest.raises(FrameError, match="16-bit PNG"):
        decode_depth(messages.compressed(1, data, "16UC1; compressedDepth png"), "/depth", LIMITS)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("step", 23, "rows of 23 are too few"),
        ("height", 7, "too few for a 8x7 rgb8 image"),
        ("width", 0, "0x6 pixels"),
    ],
)
def test_an_image_whose_sizes_contradict_its_bytes_is_refused(
    messages: Any, field: str, value: int, words: str
) -> None:
    message = messages.image(1, RGB, "rgb8")
    setattr(message, field, value)
    with pytest.raises(FrameError, match=words):
        decode_color(message, "/color")


@given(
    st.integers(0, 65535),
    st.integers(0, 10_000),
    st.integers(1, 10_000),
)
def test_a_millimetre_reading_counts_exactly_within_the_limits(
    depth_mm: int, min_mm: int, span_mm: int
) -> None:
    max_mm = min_mm + span_mm
    limits = DepthSettings(min_m=min_mm / 1000, max_m=max_mm / 1000)
    (depth_m,) = depth_from_millimetres(np.array([depth_mm], np.uint16), limits)
    if depth_mm > 0 and min_mm <= depth_mm <= max_mm:
        assert depth_m == np.float32(depth_mm / 1000)
    else:
        assert np.isnan(depth_m)


@given(arrays.arrays(np.float32, (3, 4), elements=st.floats(width=32)))
def test_metres_are_kept_as_they_are_or_nan(depth: np.ndarray) -> None:
    depth_m = depth_from_metres(depth, LIMITS)
    for after, before in zip(depth_m.ravel().tolist(), depth.ravel().tolist(), strict=True):
        assert after == before if np.float32(0.1) <= before <= 2.0 else np.isnan(after)
