"""Depth in compressed messages, packed here as the image transports pack it."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack
from typing import Any

import cv2
import numpy as np
import pytest

from hand_object_recon.core.errors import FrameError
from hand_object_recon.core.stream_settings import DepthSettings
from hand_object_recon.recordings.compressed_depth import pack_rvl_depth
from hand_object_recon.recordings.image_decoding import decode_depth
from hand_object_recon.recordings.rvl import encode_rvl

LIMITS = DepthSettings(min_m=0.1, max_m=2.0)
DEPTH_MM = np.array([[0, 99, 100, 101], [1234, 2000, 2001, 65535]], np.uint16)
DEPTH_M = np.array([[np.nan, np.nan, 0.1, 0.101], [1.234, 2.0, np.nan, np.nan]], np.float32)
UNUSED_HEADER = bytes(12)
SCALE = 100.0 * 101.0
OFFSET = 1.0 - SCALE / 10.0
METRES = np.array([[0.2, 0.4, 0.8], [1.6, 1.999, np.nan]])


def rvl(pixels: np.ndarray) -> bytes:
    return pack("<II", pixels.shape[1], pixels.shape[0]) + encode_rvl(pixels)


def tiff(pixels: np.ndarray) -> bytes:
    succeeded, data = cv2.imencode(".tiff", pixels)
    assert succeeded
    return data.tobytes()


def quantized() -> np.ndarray:
    """What the published encoder stores of METRES: inverse depth cut to 16 bits, 0 for none."""
    return np.where(np.isnan(METRES), 0, SCALE / np.nan_to_num(METRES, nan=1.0) + OFFSET).astype(
        np.uint16
    )


@pytest.mark.parametrize("header", [UNUSED_HEADER, b""], ids=["header", "bare"])
@pytest.mark.parametrize(
    "image_format",
    [
        "16UC1; compressedDepth png",
        "16UC1; compressedDepth",
        "16UC1;compressedDepth png",
        "mono16; compressedDepth png",
        "16UC1; png compressed ",
        "16UC1",
        "png",
    ],
)
def test_a_png_holds_millimetres(
    messages: Any, png: Callable[[np.ndarray], bytes], header: bytes, image_format: str
) -> None:
    message = messages.compressed(1, header + png(DEPTH_MM), image_format)
    np.testing.assert_array_equal(decode_depth(message, "/depth", LIMITS), DEPTH_M)


def test_rvl_holds_millimetres(messages: Any) -> None:
    message = messages.compressed(1, UNUSED_HEADER + rvl(DEPTH_MM), "16UC1; compressedDepth rvl")
    depth_m = decode_depth(message, "/depth", LIMITS)
    assert depth_m.dtype == np.float32
    np.testing.assert_array_equal(depth_m, DEPTH_M)


def test_rvl_packed_for_a_message_comes_back(messages: Any) -> None:
    assert pack_rvl_depth(DEPTH_MM) == UNUSED_HEADER + rvl(DEPTH_MM)
    message = messages.compressed(1, pack_rvl_depth(DEPTH_MM), "16UC1; compressedDepth rvl")
    np.testing.assert_array_equal(decode_depth(message, "/depth", LIMITS), DEPTH_M)


@pytest.mark.parametrize("transport", ["png", "rvl"])
def test_float_depth_is_taken_out_of_its_inverse_quantization(
    messages: Any, png: Callable[[np.ndarray], bytes], transport: str
) -> None:
    stored = quantized()
    data = png(stored) if transport == "png" else rvl(stored)
    header = pack("<iff", 0, SCALE, OFFSET)
    message = messages.compressed(1, header + data, f"32FC1; compressedDepth {transport}")
    depth_m = decode_depth(message, "/depth", LIMITS)
    one_step_m = METRES**2 / SCALE
    error_m = depth_m.astype(float) - METRES
    assert np.array_equal(np.isnan(depth_m), np.isnan(METRES))
    assert (np.abs(error_m) <= 1.01 * one_step_m)[~np.isnan(METRES)].all()
    exact = np.full(METRES.shape, np.nan)
    np.divide(SCALE, stored - OFFSET, out=exact, where=stored > 0)
    np.testing.assert_allclose(depth_m, exact, rtol=1e-6)


def test_tiff_holds_millimetres_or_metres(messages: Any) -> None:
    message = messages.compressed(1, tiff(DEPTH_MM), "16UC1; tiff compressed ")
    np.testing.assert_array_equal(decode_depth(message, "/depth", LIMITS), DEPTH_M)
    metres = METRES.astype(np.float32)
    message = messages.compressed(1, tiff(metres), "32FC1; tiff compressed ")
    np.testing.assert_array_equal(decode_depth(message, "/depth", LIMITS), metres)


@pytest.mark.parametrize("image_format", ["16UC1; jpeg compressed", "jpeg", "JPG", "mono8; jpeg"])
def test_depth_as_jpeg_is_refused_with_what_to_record_instead(
    messages: Any, image_format: str
) -> None:
    with pytest.raises(FrameError, match=f"/depth: depth format '{image_format}' is JPEG.*raw"):
        decode_depth(messages.compressed(1, bytes(40), image_format), "/depth", LIMITS)


@pytest.mark.parametrize(
    "image_format", ["", "h264", "8UC1; compressedDepth png", "16UC1; zstd", "rgb8; png compressed"]
)
def test_an_unknown_format_is_named_with_those_known(messages: Any, image_format: str) -> None:
    words = f"/depth: depth format '{image_format}' is not supported; known are 16UC1, mono16"
    with pytest.raises(FrameError, match=words):
        decode_depth(messages.compressed(1, bytes(40), image_format), "/depth", LIMITS)


def test_an_8_bit_png_is_not_taken_for_depth(
    messages: Any, png: Callable[[np.ndarray], bytes]
) -> None:
    data = UNUSED_HEADER + png(np.zeros((4, 4), np.uint8))
    with pytest.raises(FrameError, match="16-bit PNG"):
        decode_depth(messages.compressed(1, data, "16UC1; compressedDepth png"), "/depth", LIMITS)


@pytest.mark.parametrize("header", [b"", bytes(12), pack("<iff", 0, np.nan, 1.0)])
def test_quantized_depth_without_its_parameters_is_refused(
    messages: Any, png: Callable[[np.ndarray], bytes], header: bytes
) -> None:
    message = messages.compressed(1, header + png(quantized()), "32FC1; compressedDepth png")
    with pytest.raises(FrameError, match=r"/depth: .*header"):
        decode_depth(message, "/depth", LIMITS)


@pytest.mark.parametrize(
    "image_format", ["16UC1; compressedDepth rvl", "32FC1; compressedDepth rvl"]
)
def test_rvl_that_was_cut_off_is_one_unreadable_frame(messages: Any, image_format: str) -> None:
    data = pack("<iff", 0, SCALE, OFFSET) + rvl(quantized())
    for kept in range(len(data)):
        message = messages.compressed(1, data[:kept], image_format)
        with pytest.raises(FrameError, match="/depth: "):
            decode_depth(message, "/depth", LIMITS)


def test_a_png_that_was_cut_off_is_one_unreadable_frame(
    messages: Any, png: Callable[[np.ndarray], bytes]
) -> None:
    data = UNUSED_HEADER + png(DEPTH_MM)
    for kept in range(len(data)):
        message = messages.compressed(1, data[:kept], "16UC1; compressedDepth png")
        with pytest.raises(FrameError, match=rf"/depth: {kept} bytes are not the 16-bit PNG"):
            decode_depth(message, "/depth", LIMITS)


def test_a_tiff_that_was_cut_off_is_one_unreadable_frame(messages: Any) -> None:
    data = tiff(DEPTH_MM)
    for kept in range(0, len(data) // 2, 3):
        message = messages.compressed(1, data[:kept], "16UC1; tiff compressed")
        with pytest.raises(FrameError, match=rf"/depth: {kept} bytes are not the 16-bit TIFF"):
            decode_depth(message, "/depth", LIMITS)


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (2**32 - 1, 2**32 - 1), (20_000, 20_000)])
def test_rvl_of_an_impossible_size_is_refused(messages: Any, size: tuple[int, int]) -> None:
    data = UNUSED_HEADER + pack("<II", *size) + bytes(20)
    with pytest.raises(FrameError, match=f"claims to be {size[0]}x{size[1]}"):
        decode_depth(messages.compressed(1, data, "16UC1; compressedDepth rvl"), "/depth", LIMITS)
