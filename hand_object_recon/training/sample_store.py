"""Records of a method on disk, read at random: small crops instead of whole frames.

A folder of parts, each an ``.npz`` of plain arrays and an ``.images`` file of JPEGs and PNGs one
after the other, and ``meta.json``, which says what they were made of.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.networks.trainable import Record

META_FILE: Final = "meta.json"
FORMAT: Final = 1

_ARRAYS: Final = ".npz"
_IMAGES: Final = ".images"
_ENDS: Final = "image_ends"
_IMAGE_NAMES: Final = "image_names"
_KEYS: Final = ("sequence", "track", "stamp_ns")
_QUALITY: Final = [cv2.IMWRITE_JPEG_QUALITY, 95]


@dataclass(frozen=True, eq=False)
class StoredRecord:
    """A record with the sequence and track it belongs to, and when it was taken."""

    sequence: int
    track: int
    stamp_ns: int
    record: Record


class SampleStore:
    """Reads records by number; a data loader's workers may share one."""

    def __init__(self, folder: Path) -> None:
        """Open a finished store.

        Raises
        ------
        InvalidValueError
            The folder is no finished store, or of another version.
        """
        self.folder = folder
        self.meta = read_meta(folder)
        parts = [_Part(folder / name) for name in self.meta["parts"]]
        self._parts = [part for part in parts if part.count]
        if not self._parts:
            raise InvalidValueError(f"{folder} holds no records: no hand was seen in its source")
        self._starts = np.cumsum([0, *(part.count for part in self._parts)])
        sequence, track, stamp = (
            np.concatenate([part.arrays[key] for part in self._parts]) for key in _KEYS
        )
        self._groups = _grouped(sequence, track, stamp)
        self.stamps_ns = stamp

    def __len__(self) -> int:
        return int(self._starts[-1])

    def record(self, index: int) -> Record:
        """Record number ``index``, its images decoded."""
        part = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self._parts[part].record(index - int(self._starts[part]))

    def with_earlier(self, index: int, earlier_s: Sequence[float]) -> list[Record]:
        """The record, and for each time before it the record of the same hand nearest to that.

        Where nothing was seen so early, the earliest record stands in.
        """
        members = self._groups[index]
        stamps = self.stamps_ns[members]
        wanted = [self.stamps_ns[index] - round(1e9 * before) for before in earlier_s]
        not_later = members[stamps <= self.stamps_ns[index]]
        nearest = [
            int(not_later[np.abs(self.stamps_ns[not_later] - stamp).argmin()]) for stamp in wanted
        ]
        return [self.record(number) for number in (index, *nearest)]


def read_meta(folder: Path) -> dict[str, Any]:
    """What a finished store says of itself."""
    try:
        meta = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InvalidValueError(f"{folder} is not a finished store of samples") from None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise InvalidValueError(f"{folder} is a store of another version; make it anew")
    return meta


def write_part(path: Path, records: Iterable[StoredRecord]) -> None:
    """Write one part, whole or not at all."""
    columns: dict[str, list[Any]] = {key: [] for key in (*_KEYS, _ENDS)}
    images = bytearray()
    image_names: list[str] = []
    for stored in records:
        image_names = [name for name, value in stored.record.items() if _is_image(value)]
        for key in _KEYS:
            columns[key].append(getattr(stored, key))
        for name, value in stored.record.items():
            if _is_image(value):
                images += _encoded(value)
                columns[_ENDS].append(len(images))
            else:
                columns.setdefault(name, []).append(value)
    arrays = {name: np.array(values) for name, values in columns.items()}
    arrays[_IMAGE_NAMES] = np.array(image_names, dtype=np.str_)
    _write_whole(path.with_suffix(_IMAGES), bytes(images))
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, allow_pickle=False, **arrays)
    partial.replace(path.with_suffix(_ARRAYS))


def has_part(path: Path) -> bool:
    """Whether a part was written wholly."""
    return path.with_suffix(_ARRAYS).exists()


def finish_store(folder: Path, parts: Sequence[str], identity: Mapping[str, Any]) -> None:
    """Say that all parts are there, and what they are made of."""
    meta = {"format": FORMAT, "parts": list(parts), "identity": identity}
    _write_whole(folder / META_FILE, json.dumps(meta, indent=1).encode())


class _Part:
    def __init__(self, path: Path) -> None:
        with np.load(path.with_suffix(_ARRAYS)) as arrays:
            self.arrays = dict(arrays)
        self.count = len(self.arrays["stamp_ns"])
        self._image_names = [str(name) for name in self.arrays[_IMAGE_NAMES]]
        self._ends = np.concatenate([[0], self.arrays[_ENDS]]).astype(np.int64)
        self._path = path.with_suffix(_IMAGES)
        self._images: NDArray[np.uint8] | None = None

    def record(self, row: int) -> Record:
        reserved = (*_KEYS, _ENDS, _IMAGE_NAMES)
        record = {name: value[row] for name, value in self.arrays.items() if name not in reserved}
        return {**record, **dict(self._decoded(row))}

    def _decoded(self, row: int) -> Iterator[tuple[str, NDArray[Any]]]:
        if self._images is None:
            self._images = np.memmap(self._path, dtype=np.uint8, mode="r")
        for place, name in enumerate(self._image_names):
            number = row * len(self._image_names) + place
            encoded = self._images[self._ends[number] : self._ends[number + 1]]
            image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
            if image is None:
                raise InvalidValueError(f"image {number} of {self._path} is damaged")
            yield name, image[..., ::-1] if _is_photograph(image) else image

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_images": None}


def _grouped(
    sequence: NDArray[Any], track: NDArray[Any], stamp: NDArray[Any]
) -> list[NDArray[np.intp]]:
    """For each record the records of its hand in its sequence, in time order."""
    order = np.lexsort((stamp, track, sequence))
    keys = np.stack([sequence[order], track[order]])
    starts = np.flatnonzero((np.diff(keys, axis=1) != 0).any(axis=0)) + 1
    groups: list[NDArray[np.intp]] = [order] * len(order)
    for members in np.split(order, starts):
        for member in members:
            groups[member] = members
    return groups


def _is_image(value: NDArray[Any]) -> bool:
    is_map = value.dtype in (np.uint8, np.uint16) and value.ndim == 2
    return is_map or _is_photograph(value)


def _is_photograph(value: NDArray[Any]) -> bool:
    return value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3


def _encoded(image: NDArray[Any]) -> bytes:
    """A photograph as JPEG; anything else as PNG, which keeps it exactly."""
    if _is_photograph(image):
        done, encoded = cv2.imencode(".jpg", image[..., ::-1], _QUALITY)
    else:
        done, encoded = cv2.imencode(".png", image)
    if not done:
        raise InvalidValueError(f"an image of shape {image.shape} cannot be written")
    return encoded.tobytes()


def _write_whole(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)
