"""Reads a pickle of arrays without running anything of it.

A pickle may name any function of the machine and have it called. Here the names it may use are
a list of exact (module, name) pairs, each of which leads to an inert stand-in of
``pickle_stand_ins``; any other name is refused when it is met, before anything was called.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.importing.pickle_stand_ins import (
    ArrayStandIn,
    BufferStandIn,
    ChumpyStandIn,
    ColumnsStandIn,
    Maker,
    Marker,
    RowsStandIn,
    ScalarStandIn,
    SelectionStandIn,
    StandIn,
    TensorStandIn,
    TripletsStandIn,
    TypeStandIn,
)

_LARGEST_FILE_BYTES: Final = 256 * 1024 * 1024


def read_pickled_dict(path: Path, content: str = "hand model") -> dict[str, Any]:
    """Read a pickled dictionary of arrays, Python 2's included; values become stand-ins.

    ``pickle_stand_ins.plain_array`` makes an array of a value. ``content`` is what messages call
    what the file should hold.

    Raises
    ------
    InvalidValueError
        The file does not read, names anything but the arrays' own classes (the message says
        what), or holds no dictionary.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise InvalidValueError(f"{path} is larger than 256 MiB; it is no {content}")
        with path.open("rb") as file:
            value = _RestrictedUnpickler(file, content).load()
    except InvalidValueError:
        raise
    except OSError as error:
        raise InvalidValueError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:
        # A damaged or hostile stream makes the unpickler fail in many ways, all of them harmless.
        raise InvalidValueError(
            f"{path} is damaged or no pickle of a {content} ({type(error).__name__}: {error})"
        ) from None
    if not isinstance(value, dict):
        raise InvalidValueError(f"{path} holds a {type(value).__name__}, not a {content}'s arrays")
    return {str(key): entry for key, entry in value.items()}


class _RestrictedUnpickler(pickle._Unpickler):
    """The unpickler written in Python: the one in C mishandles buffers of damaged files."""

    def __init__(self, file: BinaryIO, content: str) -> None:
        super().__init__(file, encoding="latin1")
        self._content = content

    def find_class(self, module: str, name: str) -> Any:
        allowed = _ALLOWED.get((module, name))
        if allowed is None:
            raise InvalidValueError(
                f"the pickle asks for {module}.{name}, which no {self._content} needs; nothing of "
                "it was run. Use the file from its maker's own site"
            )
        return allowed

    def persistent_load(self, pid: Any) -> Any:
        raise InvalidValueError(f"the pickle refers to outside data ({pid!r}); refused")


def _reconstruct(*_: Any) -> ArrayStandIn:
    """``numpy.core.multiarray._reconstruct``: an array whose state follows."""
    return ArrayStandIn()


def _blank(kind: Any, *_: Any) -> StandIn:
    """``copyreg._reconstructor``: an object whose state follows."""
    if not (isinstance(kind, type) and issubclass(kind, StandIn)):
        raise TypeError("an object of no known class")
    return kind()


def _encode(text: Any, encoding: Any = "latin1", *_: Any) -> bytes:
    """``_codecs.encode``: bytes written by Python 3 in an old protocol."""
    if not isinstance(text, str) or encoding != "latin1":
        raise TypeError("bytes in another encoding than latin1")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """``bytes``: Python 3's empty bytes in an old protocol."""
    return b""


def _members(values: Any = ()) -> list[Any]:
    """``set``: its members, of which no array is made."""
    if not isinstance(values, list | tuple):
        raise TypeError("a set of no list")
    return list(values)


def _no_entries(*_: Any) -> dict[str, Any]:
    """``collections.OrderedDict``: the hooks of a tensor, of which it has none."""
    return {}


def _torch_names() -> Iterable[tuple[tuple[str, str], Any]]:
    """Tensors beside the arrays. They are stepped over: none is read, and no array is made."""
    yield ("torch._utils", "_rebuild_tensor_v2"), Maker(TensorStandIn)
    yield ("torch.storage", "_load_from_bytes"), Maker(TensorStandIn)
    yield ("collections", "OrderedDict"), Maker(_no_entries)


def _numpy_names() -> Iterable[tuple[tuple[str, str], Any]]:
    for package in ("numpy.core", "numpy._core"):
        yield (f"{package}.multiarray", "_reconstruct"), Maker(_reconstruct)
        yield (f"{package}.multiarray", "scalar"), Maker(ScalarStandIn)
        yield (f"{package}.numeric", "_frombuffer"), Maker(BufferStandIn)
    yield ("numpy", "ndarray"), Marker()
    yield ("numpy", "dtype"), Maker(TypeStandIn)


def _sparse_names() -> Iterable[tuple[tuple[str, str], Any]]:
    kinds = {"csc": ColumnsStandIn, "csr": RowsStandIn, "coo": TripletsStandIn}
    for name, stand_in in kinds.items():
        for module in (name, f"_{name}"):
            yield (f"scipy.sparse.{module}", f"{name}_matrix"), stand_in


def _python_names() -> Iterable[tuple[tuple[str, str], Any]]:
    for module in ("__builtin__", "builtins"):
        yield (module, "object"), Marker()
        yield (module, "set"), Maker(_members)
        yield (module, "bytes"), Maker(_no_bytes)
    for module in ("copy_reg", "copyreg"):
        yield (module, "_reconstructor"), Maker(_blank)
    for module in ("_codecs", "codecs"):
        yield (module, "encode"), Maker(_encode)


_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    ("chumpy.ch", "Ch"): ChumpyStandIn,
    ("chumpy", "Ch"): ChumpyStandIn,
    ("chumpy.reordering", "Select"): SelectionStandIn,
    **dict(_numpy_names()),
    **dict(_sparse_names()),
    **dict(_python_names()),
    **dict(_torch_names()),
}
