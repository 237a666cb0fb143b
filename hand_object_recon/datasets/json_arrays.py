"""Large JSON files of nested lists of numbers as arrays, read once and then mapped from a cache.

FreiHAND's and HO-3D's vertices are over a gigabyte of text; Python's lists of them would not fit
into many machines' memory.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DatasetError
from hand_object_recon.datasets.file_reading import ANEW, require_file

_CHUNK_BYTES: Final = 1 << 24
_BRACKETS: Final = b"[] \n\r\t"
_DIGITS: Final = 24


def json_array(path: Path, row_shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(N, *row_shape) float32, read-only, of a JSON file that holds N such lists of lists.

    Kept as an array under the user's cache folder and mapped from there the next time; where
    that cannot be written, it is read anew in every process.

    Raises
    ------
    DatasetError
        The file is missing, cut off, or holds anything but such numbers.
    """
    require_file(path)
    kept = _cache_file(path)
    if not kept.is_file():
        rows = _rows(path, row_shape)
        if not _keep(kept, rows):
            return rows
    mapped: NDArray[np.float32] = np.load(kept, mmap_mode="r", allow_pickle=False)
    return mapped


def _rows(path: Path, row_shape: tuple[int, ...]) -> NDArray[np.float32]:
    parts = [_numbers(text, path) for text in _texts(path)]
    values = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
    per_row = int(np.prod(row_shape))
    if not len(values) or len(values) % per_row:
        raise DatasetError(
            f"{path} holds {len(values)} numbers, which are not whole rows of {row_shape}; {ANEW}"
        )
    return values.reshape(-1, *row_shape)


def _texts(path: Path) -> Iterator[bytes]:
    """The file without brackets, in pieces that end at a comma."""
    rest, last = b"", b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            last = chunk.rstrip()[-1:] or last
            text = rest + chunk.translate(None, _BRACKETS)
            whole, comma, rest = text.rpartition(b",")
            if comma:
                yield whole
    if last != b"]":
        raise DatasetError(f"{path} is cut off: it does not end with ']'; {ANEW}")
    if rest:
        yield rest


def _numbers(text: bytes, path: Path) -> NDArray[np.float32]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values: NDArray[Any] = np.fromstring(text, dtype=np.float64, sep=",")
    except (DeprecationWarning, ValueError):
        raise DatasetError(f"{path} holds something that is no number; {ANEW}") from None
    return values.astype(np.float32)


def _cache_file(path: Path) -> Path:
    """A name for each state of a file."""
    status = path.stat()
    state = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    name = hashlib.sha256(state.encode()).hexdigest()[:_DIGITS]
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hand_object_recon" / "datasets" / f"{path.stem}-{name}.npy"


def _keep(path: Path, rows: NDArray[np.float32]) -> bool:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            np.save(file, rows)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        return False
    return True
