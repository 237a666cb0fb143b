"""Image messages of every supported encoding become the pixels they were made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hand_object_recon.core.errors import FrameError
from hand_object_recon.core.stream_settings import DepthSettings
from hand_object_recon.recordings.color_encodings import COLOR_ENCODINGS
from hand_object_recon.recordings.depth_units import depth_from_metres, depth_from_millimetres
from hand_object_recon.recordings.image_decoding import decode_color, decode_depth

LIMITS = DepthSettings(min_m=0.1, max_m=2.0)
RGB = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype(np.uint8)
RGB_16 = np.random.default_rng(2).integers(0, 65536, (6, 8, 3)).astype(np.uint16)
HEIGHT, WIDTH = 6, 8
DEPTH_MM = np.array([[0, 99, 100, 101], [1234, 2000, 2001, 65535]], np.uint16)
DEPTH_M = np.array([[np.nan, np.nan, 0.1, 0.101], [1.234, 2.0, np.nan, np.nan]], np.float32)


def in_8_bits(values: np.ndarray) -> np.ndarray:
    return np.rint(values / 257).astype(np.uint8)


def random_yuv() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma, blue and red difference (H, W) in their limited ranges; two columns share chroma."""
    random = np.random.default_rng(4)
    luma = random.integers(16, 236, (HEIGHT, WIDTH)).astype(np.uint8)
    chroma = random.integers(16, 241, (2, HEIGHT, WIDTH // 2)).astype(np.uint8)
    blue, red = chroma.repeat(2, axis=2)
    return luma, blue, red


YUV = random_yuv()


def bt_601(luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> np.ndarray:
    """(H, W, 3) red first, from the standard's luma weights 0.299, 0.587 and 0.114."""
    grey = (luma.astype(float) - 16) / 219
    to_red = 2 * (1 - 0.299) * (red.astype(float) - 128) / 224
    to_blue = 2 * (1 - 0.114) * (blue.astype(float) - 128) / 224
    to_green = -(0.299 * to_red + 0.114 * to_blue) / 0.587
    rgb = np.stack([grey + to_red, grey + to_green, grey + to_blue], axis=-1)
    return (rgb * 255).clip(0, 255)


def measured(pattern: str) -> np.ndarray:
    """(H, W) channel that a pixel measures; ``pattern`` is the top left 2 x 2 pixels by rows."""
    channels = np.array(["rgb".index(letter) for letter in pattern]).reshape(2, 2)
    return np.tile(channels, (HEIGHT // 2, WIDTH // 2))


def mosaic_of(rgb: np.ndarray, pattern: str) -> np.ndarray:
    return np.take_along_axis(rgb, measured(pattern)[..., None], axis=2)[..., 0]


def interpolated(rgb: np.ndarray, pattern: str) -> np.ndarray:
    """Each channel as measured, else the mean of those measured in the 3 x 3 pixels around."""
    channel_of, image = measured(pattern), rgb.astype(float)
    for row in range(1, HEIGHT - 1):
        for column in range(1, WIDTH - 1):
            around = (slice(row - 1, row + 2), slice(column - 1, column + 2))
            for channel in set(range(3)) - {channel_of[row, column]}:
                image[row, column, channel] = rgb[around][channel_of[around] == channel][
                    :, channel
                ].mean()
    return image


@pytest.mark.parametrize("padding", [0, 1, 5])
@pytest.mark.parametrize(
    ("encoding", "channels"),
    [
        ("rgb8", [0, 1, 2]),
        ("bgr8", [2, 1, 0]),
        ("8UC3", [2, 1, 0]),
        ("rgba8", [0, 1, 2, 0]),
        ("bgra8", [2, 1, 0, 0]),
        ("8UC4", [2, 1, 0, 0]),
    ],
)
def test_raw_colour_comes_out_red_first_whatever_the_row_step(
    messages: Any, encoding: str, channels: list[int], padding: int
) -> None:
    message = messages.image(1, RGB[..., channels], encoding, padding=padding)
    rgb = decode_color(message, "/color")
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, RGB)


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize(
    ("encoding", "channels"),
    [
        ("rgb16", [0, 1, 2]),
        ("bgr16", [2, 1, 0]),
        ("rgba16", [0, 1, 2, 0]),
        ("bgra16", [2, 1, 0, 0]),
    ],
)
def test_16_bit_colour_is_scaled_to_8_bits(
    messages: Any, encoding: str, channels: list[int], big_endian: bool, padding: int
) -> None:
    message = messages.image(
        1, RGB_16[..., channels], encoding, padding=padding, big_endian=big_endian
    )
    rgb = decode_color(message, "/color")
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, in_8_bits(RGB_16))


def test_16_bits_are_rounded_to_the_nearest_of_8(messages: Any) -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    rgb = decode_color(messages.image(1, every, "mono16"), "/color")
    np.testing.assert_array_equal(rgb, np.stack([in_8_bits(every)] * 3, axis=-1))


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_comes_out_as_three_equal_channels(messages: Any, encoding: str, padding: int) -> None:
    message = messages.image(1, RGB[..., 0], encoding, padding=padding)
    np.testing.assert_array_equal(decode_color(message, "/color"), RGB[..., [0, 0, 0]])


@pytest.mark.parametrize("big_endian", [False, True])
def test_16_bit_grey_comes_out_as_three_equal_channels(messages: Any, big_endian: bool) -> None:
    message = messages.image(1, RGB_16[..., 1], "mono16", padding=1, big_endian=big_endian)
    np.testing.assert_array_equal(
        decode_color(message, "/color"), in_8_bits(RGB_16)[..., [1, 1, 1]]
    )


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "luma_first"),
    [("yuv422", False), ("uyvy", False), ("yuv422_yuy2", True), ("yuyv", True)],
)
def test_packed_yuv_is_that_of_bt_601(
    messages: Any, encoding: str, luma_first: bool, padding: int
) -> None:
    luma, blue, red = YUV
    chroma = np.where(np.arange(WIDTH) % 2, red, blue)
    pixels = np.stack([luma, chroma] if luma_first else [chroma, luma], axis=-1)
    message = messages.image(1, pixels, encoding, padding=padding)
    expected = bt_601(luma, blue, red)
    np.testing.assert_allclose(decode_color(message, "/color").astype(int), expected, atol=2)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(("encoding", "blue_first"), [("nv12", True), ("nv21", False)])
def test_planar_yuv_is_that_of_bt_601(
    messages: Any, encoding: str, blue_first: bool, padding: int
) -> None:
    luma, blue, red = YUV[0], YUV[1][::2].repeat(2, axis=0), YUV[2][::2].repeat(2, axis=0)
    even, odd = (blue, red) if blue_first else (red, blue)
    chroma = np.where(np.arange(WIDTH) % 2, odd, even)[::2]
    message = messages.image(1, np.concatenate([luma, chroma]), encoding, padding=padding)
    message.height = HEIGHT
    expected = bt_601(luma, blue, red)
    np.testing.assert_allclose(decode_color(message, "/color").astype(int), expected, atol=2)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_keeps_what_was_measured_and_interpolates_the_rest(
    messages: Any, pattern: str, bits: int, big_endian: bool
) -> None:
    rgb = RGB if bits == 8 else RGB_16
    message = messages.image(
        1, mosaic_of(rgb, pattern), f"bayer_{pattern}{bits}", padding=2, big_endian=big_endian
    )
    expected = interpolated(rgb, pattern) / (1 if bits == 8 else 257)
    inner = (slice(1, -1), slice(1, -1))
    decoded = decode_color(message, "/color")
    assert decoded.shape == RGB.shape
    np.testing.assert_allclose(decoded[inner].astype(float), expected[inner], atol=1)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_an_evenly_coloured_bayer_image_has_its_colour_up_to_the_border(
    messages: Any, pattern: str
) -> None:
    orange = np.full((6, 8, 3), (230, 120, 20), np.uint8)
    message = messages.image(1, mosaic_of(orange, pattern), f"bayer_{pattern}8")
    np.testing.assert_array_equal(decode_color(message, "/color"), orange)


@pytest.mark.parametrize("encoding", sorted(COLOR_ENCODINGS))
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 5)])
def test_small_images_are_decoded_or_refused_in_every_encoding(
    messages: Any, encoding: str, size: tuple[int, int]
) -> None:
    height, width = size
    message = messages.image(1, np.full((height * 2, width * 8), 50, np.uint8), encoding)
    message.height, message.width = size
    message.data.flags.writeable = False
    shared_columns = 2 if encoding.startswith(("yu", "uyvy", "nv")) else 1
    shared_rows = 2 if encoding.startswith("nv") else 1
    if height % shared_rows or width % shared_columns:
        with pytest.raises(FrameError, match=f"/color: a {encoding} image cannot be"):
            decode_color(message, "/color")
    else:
        assert decode_color(message, "/color").shape == (height, width, 3)


@pytest.mark.parametrize("encoding", sorted(COLOR_ENCODINGS))
def test_missing_bytes_are_refused_in_every_encoding(messages: Any, encoding: str) -> None:
    message = messages.image(1, np.zeros((6, 64), np.uint8), encoding)
    message.width = 8
    for kept in (0, 1, 63, 383):
        message.data = np.zeros(kept, np.uint8)
        with pytest.raises(FrameError, match=rf"/color: {kept} bytes in rows of 64 are too few"):
            decode_color(message, "/color")


def test_lossless_compressed_colour_comes_out_red_first(
    messages: Any, png: Callable[[np.ndarray], bytes]
) -> None:
    message = messages.compressed(1, png(RGB[..., ::-1]), "rgb8; png compressed bgr8")
    np.testing.assert_array_equal(decode_color(message, "/color"), RGB)


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_16_bit_compressed_colour_is_scaled_to_8_bits(messages: Any, kind: str) -> None:
    _, data = cv2.imencode(f".{kind}", RGB_16[..., ::-1])
    message = messages.compressed(1, data.tobytes(), f"rgb16; {kind} compressed bgr16")
    np.testing.assert_array_equal(decode_color(message, "/color"), in_8_bits(RGB_16))


@pytest.mark.parametrize("image_format", ["mono8; png compressed ", "png"])
def test_compressed_grey_comes_out_as_three_equal_channels(
    messages: Any, png: Callable[[np.ndarray], bytes], image_format: str
) -> None:
    message = messages.compressed(1, png(RGB[..., 0]), image_format)
    np.testing.assert_array_equal(decode_color(message, "/color"), RGB[..., [0, 0, 0]])


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_compressed_bayer_mosaic_is_the_raw_one(
    messages: Any, png: Callable[[np.ndarray], bytes], pattern: str
) -> None:
    mosaic, encoding = mosaic_of(RGB, pattern), f"bayer_{pattern}8"
    compressed = messages.compressed(1, png(mosaic), f"{encoding}; png compressed ")
    np.testing.assert_array_equal(
        decode_color(compressed, "/color"),
        decode_color(messages.image(1, mosaic, encoding), "/color"),
    )


def test_compressed_colour_that_came_from_a_bayer_mosaic_is_colour(
    messages: Any, png: Callable[[np.ndarray], bytes]
) -> None:
    message = messages.compressed(1, png(RGB[..., ::-1]), "bayer_rggb8; png compressed bgr8")
    np.testing.assert_array_equal(decode_color(message, "/color"), RGB)


@pytest.mark.parametrize("image_format", ["jpeg", "rgb8; jpeg compressed bgr8", "bgr8; jpeg"])
def test_jpeg_colour_comes_out_red_first(messages: Any, image_format: str) -> None:
    orange = np.full((16, 16, 3), (230, 120, 20), np.uint8)
    _, data = cv2.imencode(".jpg", orange[..., ::-1])
    rgb = decode_color(messages.compressed(1, data.tobytes(), image_format), "/color")
    np.testing.assert_allclose(rgb.astype(int), orange, atol=4)


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
def test_16_bits_are_millimetres_and_readings_outside_the_limits_are_nan(
    messages: Any, encoding: str, padding: int, big_endian: bool
) -> None:
    message = messages.image(1, DEPTH_MM, encoding, padding=padding, big_endian=big_endian)
    depth_m = decode_depth(message, "/depth", LIMITS)
    assert depth_m.dtype == np.float32
    np.testing.assert_array_equal(depth_m, DEPTH_M)


@pytest.mark.parametrize("padding", [0, 1, 6])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize(("encoding", "dtype"), [("32FC1", np.float32), ("64FC1", np.float64)])
def test_floats_are_metres_and_what_is_no_reading_is_nan(
    messages: Any, encoding: str, dtype: type[np.floating], padding: int, big_endian: bool
) -> None:
    largest = np.finfo(dtype).max
    metres = np.array([[0.0, np.inf, largest], [np.nan, 0.5, 2.5], [-0.5, 0.05, 1.25]], dtype)
    message = messages.image(1, metres, encoding, padding=padding, big_endian=big_endian)
    nan = np.nan
    expected = [[nan, nan, nan], [nan, 0.5, nan], [nan, nan, 1.25]]
    np.testing.assert_array_equal(decode_depth(message, "/depth", LIMITS), expected)


def test_depth_without_any_reading_is_all_nan(messages: Any) -> None:
    message = messages.image(1, np.zeros((6, 8), np.uint16), "16UC1")
    assert np.isnan(decode_depth(message, "/depth", LIMITS)).all()


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1", "nv24", "RGB8", ""])
def test_an_unknown_colour_encoding_is_named_with_its_topic_and_those_known(
    messages: Any, encoding: str
) -> None:
    message = messages.image(1, RGB[..., 0], encoding)
    with pytest.raises(FrameError, match=rf"/color: colour encoding '{encoding}'.*rgb8, bgr8"):
        decode_color(message, "/color")


@pytest.mark.parametrize("encoding", ["mono8", "8UC1", "32FC3", "rgb8", ""])
def test_an_unknown_depth_encoding_is_named_with_its_topic_and_those_known(
    messages: Any, encoding: str
) -> None:
    message = messages.image(1, DEPTH_MM, encoding)
    with pytest.raises(
        FrameError, match=rf"/depth: depth encoding '{encoding}'.*16UC1, mono16, 32FC1"
    ):
        decode_depth(message, "/depth", LIMITS)


@pytest.mark.parametrize("image_format", ["h264", "32FC1; jpeg", "16UC1; png"])
def test_compressed_images_that_are_no_colour_are_refused(messages: Any, image_format: str) -> None:
    with pytest.raises(FrameError, match="/color: colour encoding"):
        decode_color(messages.compressed(1, bytes(40), image_format), "/color")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_colour_file_that_was_cut_off_is_one_unreadable_frame(messages: Any, suffix: str) -> None:
    _, data = cv2.imencode(suffix, RGB)
    for kept in range(0, len(data) - 1, 7):
        with pytest.raises(FrameError, match=f"/color: {kept} bytes are not"):
            decode_color(messages.compressed(1, data[:kept].tobytes(), "jpeg"), "/color")


@pytest.mark.parametrize("data", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_bytes_that_are_no_image_are_one_unreadable_frame(messages: Any, data: bytes) -> None:
    with pytest.raises(FrameError, match=f"/color: {len(data)} bytes are not"):
        decode_color(messages.compressed(1, data, "jpeg"), "/color")
    with pytest.raises(FrameError, match=f"/depth: {len(data) + 12} bytes are not"):
        decode_depth(
            messages.compressed(1, bytes(12) + data, "16UC1; compressedDepth png"), "/depth", LIMITS
        )


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
