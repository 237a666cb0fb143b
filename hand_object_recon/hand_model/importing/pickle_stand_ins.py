"""What a foreign pickle may build: inert stand-ins for arrays, sparse matrices and chumpy nodes.

Nothing of NumPy, SciPy or chumpy is called while a pickle is read. A stand-in only keeps the
state it is given; ``plain_array`` checks that state afterwards and makes an array of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError

_PLAIN_TYPE: Final = re.compile(r"[biuf][1248]|b1|[SU]\d{1,6}")
_LARGEST_MATRIX: Final = 10_000_000


class StandIn:
    """Takes the place of an object of a foreign class; keeps its state and does nothing."""

    made_of: tuple[Any, ...] = ()
    state: Any = None

    def __init__(self, *arguments: Any) -> None:
        self.made_of = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class ArrayStandIn(StandIn):
    """A numpy.ndarray: state (version, shape, type, Fortran order, bytes)."""


class BufferStandIn(StandIn):
    """A numpy.ndarray pickled in one piece: made of (bytes, type, shape, order)."""


class ScalarStandIn(StandIn):
    """A numpy scalar: made of (type, bytes)."""


class TypeStandIn(StandIn):
    """A numpy.dtype: made of (letters, ...), state (version, byte order, ...)."""


class ColumnsStandIn(StandIn):
    """A scipy.sparse.csc_matrix."""


class RowsStandIn(StandIn):
    """A scipy.sparse.csr_matrix."""


class TripletsStandIn(StandIn):
    """A scipy.sparse.coo_matrix."""


class ChumpyStandIn(StandIn):
    """A chumpy.ch.Ch: its state holds the array as x."""


class SelectionStandIn(StandIn):
    """A chumpy.reordering.Select: entries idxs of the flattened a, as preferred_shape."""


class TensorStandIn(StandIn):
    """A torch.Tensor, or the bytes of one, which stay as they are."""


class Marker:
    """Something a pickle names but may neither call nor change."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise TypeError("a pickle may not change what it names")


class Maker(Marker):
    """A function a pickle may call, which may not be changed by it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)


def plain_array(value: Any, name: str) -> NDArray[Any]:
    """The array a pickled value stands for.

    Raises
    ------
    InvalidValueError
        The value is no array of numbers or text, or its parts do not fit together.
    """
    try:
        return _array(value)
    except InvalidValueError as error:
        raise InvalidValueError(f"{name} in the pickle is {error}") from None
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InvalidValueError(
            f"{name} in the pickle does not fit together ({type(error).__name__}: {error})"
        ) from None


def _array(value: Any) -> NDArray[Any]:
    if type(value) in _READERS:
        return _READERS[type(value)](value)
    if isinstance(value, StandIn):
        raise InvalidValueError(f"a {type(value).__name__}, not an array")
    array = np.asarray(value)
    if array.dtype.kind not in "biufU":
        raise InvalidValueError(f"of type {type(value).__name__}, not an array")
    return array


def _ndarray(value: StandIn) -> NDArray[Any]:
    _, shape, kind, is_fortran, data = value.state
    return _from_bytes(data, kind, shape, "F" if is_fortran else "C")


def _buffer(value: StandIn) -> NDArray[Any]:
    data, kind, shape, order = value.made_of
    return _from_bytes(data, kind, shape, order)


def _scalar(value: StandIn) -> NDArray[Any]:
    kind, data = value.made_of
    return _from_bytes(data, kind, (), "C")


def _from_bytes(data: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    raw = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(raw, bytes | bytearray):
        raise InvalidValueError(f"an array of Python objects ({type(data).__name__})")
    array = np.frombuffer(bytes(raw), dtype=_plain_type(kind))
    lengths = tuple(int(length) for length in shape)
    if math.prod(lengths) != array.size or order not in ("C", "F"):
        raise InvalidValueError(f"an array of {array.size} values with shape {lengths}")
    return array.reshape(lengths, order=order)


def _plain_type(kind: Any) -> np.dtype[Any]:
    letters = kind.made_of[0] if isinstance(kind, TypeStandIn) and kind.made_of else kind
    if not isinstance(letters, str) or not _PLAIN_TYPE.fullmatch(letters):
        raise InvalidValueError(f"an array of type {letters!r}, neither numbers nor text")
    order = kind.state[1] if isinstance(kind, TypeStandIn) and kind.state is not None else "="
    return np.dtype(f"{order if order in ('<', '>') else '='}{letters}")


def _columns(value: StandIn) -> NDArray[Any]:
    return _compressed(value, by_column=True)


def _rows(value: StandIn) -> NDArray[Any]:
    return _compressed(value, by_column=False)


def _compressed(value: StandIn, *, by_column: bool) -> NDArray[Any]:
    data, indices, starts = (_array(value.state[key]) for key in ("data", "indices", "indptr"))
    counts = np.diff(starts)
    if (counts < 0).any() or starts[0] != 0 or starts[-1] != len(data):
        raise InvalidValueError("a sparse matrix whose indptr does not divide its data")
    major = np.repeat(np.arange(len(counts)), counts)
    places = (indices, major) if by_column else (major, indices)
    return _dense(value, places, data)


def _triplets(value: StandIn) -> NDArray[Any]:
    state = value.state
    row, column = state["coords"] if "coords" in state else (state["row"], state["col"])
    return _dense(value, (_array(row), _array(column)), _array(state["data"]))


def _dense(
    value: StandIn, places: tuple[NDArray[Any], NDArray[Any]], data: NDArray[Any]
) -> NDArray[Any]:
    state = value.state
    rows, columns = (int(n) for n in (state["_shape"] if "_shape" in state else state["shape"]))
    if rows < 0 or columns < 0 or rows * columns > _LARGEST_MATRIX:
        raise InvalidValueError(f"a sparse matrix of {rows} by {columns}")
    if any((place < 0).any() for place in places):
        raise InvalidValueError("a sparse matrix with negative places")
    dense = np.zeros((rows, columns), dtype=data.dtype)
    np.add.at(dense, places, data)
    return dense


def _chumpy(value: StandIn) -> NDArray[Any]:
    for key in ("x", "r", "_r"):
        if key in value.state:
            return _array(value.state[key])
    raise InvalidValueError("a chumpy array without x")


def _selection(value: StandIn) -> NDArray[Any]:
    selected: NDArray[Any] = _array(value.state["a"]).ravel()[_array(value.state["idxs"])]
    shape = value.state.get("preferred_shape")
    return selected if shape is None else selected.reshape(tuple(int(n) for n in shape))


_READERS: Final[dict[type[Any], Callable[[StandIn], NDArray[Any]]]] = {
    ArrayStandIn: _ndarray,
    BufferStandIn: _buffer,
    ScalarStandIn: _scalar,
    ColumnsStandIn: _columns,
    RowsStandIn: _rows,
    TripletsStandIn: _triplets,
    ChumpyStandIn: _chumpy,
    SelectionStandIn: _selection,
}
