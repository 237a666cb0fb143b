"""A data set's files, read with the error that says which is missing or damaged and what to do."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from hand_object_recon.core.errors import DatasetError, InvalidValueError
from hand_object_recon.geometry.alignment import nearest_rotation
from hand_object_recon.hand_model.importing.pickle_stand_ins import plain_array
from hand_object_recon.hand_model.importing.restricted_unpickler import read_pickled_dict

ANEW: Final = "unpack or download it again"
_ROTATION_WITHIN: Final = 1e-2
_YAML: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file that has some."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing; {ANEW}") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    if not data:
        raise DatasetError(f"{path} is empty; {ANEW}")
    return data


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without the empty ones."""
    return [line.strip() for line in _text(path).splitlines() if line.strip()]


def read_numbers(path: Path, count: int) -> NDArray[np.float64]:
    """The ``count`` numbers of a text file, with white space between."""
    try:
        values = np.array(_text(path).split(), dtype=np.float64)
    except ValueError:
        raise DatasetError(f"{path} holds something that is no number; {ANEW}") from None
    if len(values) != count or not np.isfinite(values).all():
        raise DatasetError(f"{path} holds {len(values)} numbers, not {count} finite ones; {ANEW}")
    return values


def read_yaml(path: Path, *wanted: str) -> dict[str, Any]:
    """A YAML mapping that has the keys ``wanted``."""
    try:
        values = yaml.load(_text(path), Loader=_YAML)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path} is not valid YAML ({reason}); {ANEW}") from None
    if not isinstance(values, dict):
        raise DatasetError(f"{path} holds no 'name: value' lines; {ANEW}")
    _require_keys(path, values, wanted)
    return values


def read_arrays(path: Path, *wanted: str) -> dict[str, NDArray[Any]]:
    """The arrays ``wanted`` of an npz file; no object of it is unpickled."""
    require_file(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            _require_keys(path, stored, wanted)
            return {name: stored[name] for name in wanted}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} is damaged ({error}); {ANEW}") from None


def read_pickle(path: Path, *wanted: str) -> dict[str, Any]:
    """A pickled dictionary; none of its code is run, see ``pickled_array``."""
    require_file(path)
    try:
        values = read_pickled_dict(path, "frame's annotation")
    except InvalidValueError as error:
        raise DatasetError(f"{error}; {ANEW}") from None
    _require_keys(path, values, wanted)
    return values


def pickled_array(values: Mapping[str, Any], name: str, path: Path) -> NDArray[Any] | None:
    """An array of a pickled dictionary; None where it is not there or says None."""
    if values.get(name) is None:
        return None
    try:
        return plain_array(values[name], name)
    except InvalidValueError as error:
        raise DatasetError(f"{path}: {error}; {ANEW}") from None


def numbers_of_shape(
    value: Any, shape: tuple[int, ...], name: str, path: Path
) -> NDArray[np.float64]:
    """Numbers of as many values as a shape has, in that shape."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.size != np.prod(shape):
        raise DatasetError(
            f"{path}: {name} is {array.dtype} of shape {array.shape}; it must be numbers {shape}; "
            f"{ANEW}"
        )
    return array.astype(np.float64).reshape(shape)


def near_rotation(matrix: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    """The rotation (3, 3) that a matrix written with few digits stands for."""
    rotation = nearest_rotation(matrix).astype(np.float64)
    if not np.abs(rotation - matrix).max() < _ROTATION_WITHIN:
        raise DatasetError(f"{path} has a matrix that is no rotation:\n{matrix}\n{ANEW}")
    return rotation


def require_file(path: Path) -> None:
    """Refuse a file that is missing or empty."""
    try:
        size = path.stat().st_size
    except OSError:
        raise DatasetError(f"{path} is missing; {ANEW}") from None
    if not size:
        raise DatasetError(f"{path} is empty; {ANEW}")


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is no text; {ANEW}") from None


def _require_keys(path: Path, values: Any, wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in values]
    if missing:
        raise DatasetError(f"{path} lacks {', '.join(missing)}; {ANEW}")
