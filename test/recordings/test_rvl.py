"""RVL streams against a plain loop over pixels and nibbles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.recordings.rvl import decode_rvl, encode_rvl

PIXELS = arrays.arrays(
    np.uint16,
    st.integers(0, 60),
    elements=st.one_of(st.just(0), st.integers(500, 520), st.integers(0, 65535)),
)


def encode_plainly(pixels: list[int]) -> bytes:
    """The published algorithm, one pixel and one nibble at a time."""
    nibbles: list[int] = []

    def write(number: int) -> None:
        while number > 7:
            nibbles.append(8 + number % 8)
            number //= 8
        nibbles.append(number)

    at, previous = 0, 0
    while at < len(pixels):
        run = [0, 0]
        for kind in (0, 1):
            while at + sum(run) < len(pixels) and bool(pixels[at + sum(run)]) == bool(kind):
                run[kind] += 1
            write(run[kind])
        for pixel in pixels[at + run[0] : at + sum(run)]:
            difference = pixel - previous
            write(2 * difference if difference >= 0 else -2 * difference - 1)
            previous = pixel
        at += sum(run)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [
        int("".join(f"{nibble:x}" for nibble in nibbles[first : first + 8]), 16)
        for first in range(0, len(nibbles), 8)
    ]
    return b"".join(word.to_bytes(4, "little") for word in words)


def decode_plainly(data: bytes, pixel_count: int) -> list[int]:
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
    nibbles = iter(int(digit, 16) for word in words for digit in f"{word:08x}")

    def read() -> int:
        number, place = 0, 1
        while (nibble := next(nibbles)) >= 8:
            number += (nibble - 8) * place
            place *= 8
        return number + nibble * place

    pixels: list[int] = []
    previous = 0
    while len(pixels) < pixel_count:
        pixels += [0] * read()
        for _ in range(read()):
            number = read()
            previous += number // 2 if number % 2 == 0 else -(number + 1) // 2
            pixels.append(previous)
    return pixels


def as_bytes(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@given(PIXELS)
def test_a_published_stream_is_decoded_to_its_pixels(pixels: np.ndarray) -> None:
    decoded = decode_rvl(as_bytes(encode_plainly(pixels.tolist())), len(pixels))
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, pixels)


@given(PIXELS)
def test_our_stream_is_the_published_one(pixels: np.ndarray) -> None:
    data = encode_rvl(pixels)
    assert data == encode_plainly(pixels.tolist())
    assert decode_plainly(data, len(pixels)) == pixels.tolist()


def test_a_stream_written_by_hand() -> None:
    """Two zeros, then 1, 2, 1: numbers 2, 3, then differences +1, +1, -1 as 2, 2, 1."""
    data = bytes.fromhex("23221000")[::-1]
    np.testing.assert_array_equal(decode_rvl(as_bytes(data), 5), [0, 0, 1, 2, 1])


@pytest.mark.parametrize("kind", ["empty", "full", "checkers", "noise", "surface"])
def test_a_whole_image_comes_back(kind: str) -> None:
    rows, columns = np.mgrid[0:120, 0:161]
    noise = np.random.default_rng(3).integers(0, 65536, rows.shape)
    images = {
        "empty": np.zeros_like(rows),
        "full": np.full_like(rows, 65535),
        "checkers": (rows + columns) % 2 * 900,
        "noise": noise,
        "surface": np.where(noise < 3000, 0, 600 + rows + columns // 3 + noise % 5),
    }
    pixels = images[kind].astype(np.uint16)
    data = encode_rvl(pixels)
    assert data == encode_plainly(pixels.reshape(-1).tolist())
    np.testing.assert_array_equal(decode_rvl(as_bytes(data), pixels.size), pixels.reshape(-1))


@given(PIXELS, st.data())
def test_a_stream_that_was_cut_off_is_refused_or_complete(
    pixels: np.ndarray, draw: st.DataObject
) -> None:
    data = encode_rvl(pixels)
    kept = draw.draw(st.integers(0, len(data)))
    try:
        decoded = decode_rvl(as_bytes(data[:kept]), len(pixels))
    except InvalidValueError:
        assert kept < len(data)
    else:
        np.testing.assert_array_equal(decoded, pixels)


@given(st.binary(max_size=200), st.integers(0, 500))
def test_any_bytes_are_pixels_or_refused(data: bytes, pixel_count: int) -> None:
    try:
        assert decode_rvl(as_bytes(data), pixel_count).shape == (pixel_count,)
    except InvalidValueError as error:
        assert "damaged" in str(error)  # noqa: PT017


@pytest.mark.parametrize("pixel_count", [4, 6])
def test_another_number_of_pixels_is_refused(pixel_count: int) -> None:
    data = as_bytes(encode_rvl(np.array([0, 0, 1, 2, 1], np.uint16)))
    with pytest.raises(InvalidValueError, match=f"the {pixel_count} pixels"):
        decode_rvl(data, pixel_count)


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="number of 16 nibbles"):
        decode_rvl(as_bytes(b"\xff" * 4 + b"\xf0" + b"\xff" * 3), 5)
