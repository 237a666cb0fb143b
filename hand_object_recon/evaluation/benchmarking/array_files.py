"""Arrays on disk: whole or not at all, and the same bytes for the same values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import RecordingError


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an npz; NumPy gives every member the same date, so equal arrays give equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _unfinished(path)
    with unfinished.open("wb") as file:
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]
    unfinished.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _unfinished(path)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def write_zipped_text(path: Path, name: str, text: str) -> None:
    """Write a zip file that holds one text file of that name; equal texts give equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _unfinished(path)
    with ZipFile(unfinished, "w", ZIP_DEFLATED) as file:
        file.writestr(ZipInfo(name), text, ZIP_DEFLATED)
    unfinished.replace(path)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz by name.

    Raises
    ------
    RecordingError
        The file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, BadZipFile, EOFError, AttributeError, TypeError):
        reason = "it is not an npz of plain arrays; remove it and evaluate again"
    raise RecordingError(f"results {path} cannot be read: {reason}")


def _unfinished(path: Path) -> Path:
    """Beside the file, and of this process alone."""
    return path.with_name(f".{path.name}.{os.getpid()}")
