"""Reads the arrays of a truth file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError


def read_truth_arrays(path: Path, required: Sequence[str]) -> dict[str, NDArray[Any]]:
    """All arrays of an npz, by name.

    Raises
    ------
    InvalidValueError
        The file cannot be read, or one of the ``required`` arrays is missing.
    """
    arrays = _read(path)
    missing = [name for name in required if name not in arrays]
    if missing:
        raise InvalidValueError(
            f"truth file {path} lacks {', '.join(missing)}; it has {', '.join(sorted(arrays))}"
        )
    return arrays


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, BadZipFile, AttributeError, EOFError, TypeError):
        reason = "it is not an npz of plain arrays"
    raise InvalidValueError(f"truth file {path} cannot be read: {reason}")
