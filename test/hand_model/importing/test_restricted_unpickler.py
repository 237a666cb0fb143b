"""A pickle can name nothing but arrays, and nothing of a hostile one runs."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.importing.import_hand_model import (
    ImportOptions,
    import_hand_model,
)
from hand_object_recon.hand_model.importing.pickle_stand_ins import plain_array
from hand_object_recon.hand_model.importing.restricted_unpickler import read_pickled_dict

STOP = b"."


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], dict[str, Any]]:
    def read_bytes(data: bytes) -> dict[str, Any]:
        path = tmp_path / "MANO_RIGHT.pkl"
        path.write_bytes(data)
        return read_pickled_dict(path)

    return read_bytes


def unicode(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def by_reduce(module: str, name: str, argument: str) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + unicode(argument) + b"tR" + STOP


def by_inst(module: str, name: str, argument: str) -> bytes:
    return b"(" + unicode(argument) + f"i{module}\n{name}\n".encode() + STOP


def by_obj(module: str, name: str, argument: str) -> bytes:
    return b"(" + f"c{module}\n{name}\n".encode() + unicode(argument) + b"o" + STOP


def by_stack_global(module: str, name: str, argument: str) -> bytes:
    called = unicode(module) + unicode(name) + b"\x93" + unicode(argument) + b"\x85R"
    return b"\x80\x04" + called + STOP


def by_newobj(module: str, name: str, argument: str) -> bytes:
    return b"\x80\x02" + f"c{module}\n{name}\n".encode() + unicode(argument) + b"\x85\x81" + STOP


WAYS = [by_reduce, by_inst, by_obj, by_stack_global, by_newobj]
GADGETS = [
    ("os", "system"),
    ("posix", "system"),
    ("nt", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("__builtin__", "eval"),
    ("builtins", "getattr"),
    ("builtins", "__import__"),
    ("importlib", "import_module"),
    ("operator", "attrgetter"),
    ("functools", "partial"),
    ("numpy", "load"),
    ("numpy", "fromfile"),
    ("numpy", "memmap"),
    ("numpy", "ndarray.tofile"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy.core.multiarray", "fromfile"),
    ("numpy._core.multiarray", "_reconstruct.__globals__"),
    ("scipy.sparse", "load_npz"),
    ("scipy.io", "loadmat"),
    ("chumpy.utils", "anything"),
    ("chumpy.ch", "Ch.__init__.__globals__"),
    ("pickle", "loads"),
    ("copyreg", "__newobj__"),
    ("_codecs", "lookup"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("module", "name"), GADGETS)
def test_any_other_name_is_refused_and_named(
    read: Callable[[bytes], Any], way: Callable[..., bytes], module: str, name: str
) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        read(way(module, name, "anything"))
    assert f"{module}.{name}" in str(refusal.value)
    assert "nothing of it was run" in str(refusal.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_command_of_a_hostile_pickle_is_not_run(
    read: Callable[[bytes], Any], tmp_path: Path, way: Callable[..., bytes]
) -> None:
    """The same bytes do run with the plain unpickler, so the pickle is a real one."""
    trace = tmp_path / "trace"
    hostile = way("os", "system", f"touch {trace}")
    with pytest.raises(InvalidValueError, match=r"os\.system"):
        read(hostile)
    assert not trace.exists()
    if way is not by_newobj:
        pickle.loads(hostile)
        assert trace.exists()


class Payload:
    """Pickles to a call, as a library's own pickler would write it."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, ("__import__('os').getcwd()",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_payload_hidden_among_sound_arrays_is_refused(
    read: Callable[[bytes], Any], mano_arrays: dict[str, Any], protocol: int
) -> None:
    hostile = pickle.dumps(mano_arrays | {"betas": Payload()}, protocol)
    with pytest.raises(InvalidValueError, match="eval"):
        read(hostile)


CHANGES = {
    "a class's attributes": b"cchumpy.ch\nCh\n}S'state'\nI1\nsb",
    "an attribute by slot state": b"cnumpy.core.multiarray\n_reconstruct\n(N}S'_make'\nI1\nstb",
    "the attributes of a type": b"cnumpy\nndarray\n}S'x'\nI1\nsb",
    "a call of numpy.ndarray": b"cnumpy\nndarray\n((I1000000000000\ntS'f8'\ntR",
    "a new object": b"c__builtin__\nobject\n(tR",
    "an object of a foreign class": (
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR"
    ),
    "a codec that decompresses": b"c_codecs\nencode\n(S'aaaa'\nS'zlib'\ntR",
    "an extension": b"\x82\x01",
    "outside data": b"S'somewhere'\nQ",
    "a stack underflow": b"R",
    "an endless memo": b"h\x05",
}


@pytest.mark.parametrize("trick", CHANGES)
def test_what_is_allowed_cannot_be_turned_to_something_else(
    read: Callable[[bytes], Any], mano_arrays: dict[str, Any], trick: str
) -> None:
    with pytest.raises(InvalidValueError):
        read(CHANGES[trick] + STOP)
    sound = read(pickle.dumps(mano_arrays, 2))
    np.testing.assert_array_equal(plain_array(sound["weights"], "weights"), mano_arrays["weights"])


@pytest.mark.parametrize("data", [b"", b"\x80", b"not a pickle", b"\x80\x04\x95\xff", b"]."])
def test_a_file_that_is_no_pickled_dictionary_is_refused(
    read: Callable[[bytes], Any], data: bytes
) -> None:
    with pytest.raises(InvalidValueError, match=r"MANO_RIGHT\.pkl"):
        read(data)


def test_a_hostile_file_is_not_stored(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(by_reduce("os", "system", "true"))
    with pytest.raises(InvalidValueError, match=r"os\.system"):
        import_hand_model(path, ImportOptions())
    assert not store.exists()


ARRAYS = [
    np.arange(24, dtype="<f8").reshape(2, 3, 4),
    np.arange(6, dtype=">i4").reshape(2, 3),
    np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    np.array([True, False]),
    np.array(["wrist", "tip"]),
    np.zeros((0, 3)),
    np.float64(2.5),
    sparse.csc_matrix(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]])),
    sparse.csr_matrix(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]])),
    sparse.coo_matrix(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]])),
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", ARRAYS, ids=lambda value: f"{type(value).__name__}{value.shape}")
def test_arrays_of_every_layout_come_back_as_numpy_itself_reads_them(
    read: Callable[[bytes], Any], value: Any, protocol: int
) -> None:
    written = pickle.dumps({"x": value}, protocol)
    expected = pickle.loads(written)["x"]
    expected = expected.toarray() if sparse.issparse(expected) else np.asarray(expected)
    found = plain_array(read(written)["x"], "x")
    np.testing.assert_array_equal(found, expected)
    assert found.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    "value",
    [np.array([{}], dtype=object), {"a": 1}, None, np.zeros(2, dtype=[("a", "f4")])],
)
def test_a_value_that_is_no_array_of_numbers_is_refused_when_it_is_needed(
    read: Callable[[bytes], Any], value: Any
) -> None:
    stored = read(pickle.dumps({"x": value}, 2))
    with pytest.raises(InvalidValueError, match="x in the pickle"):
        plain_array(stored["x"], "x")


def test_an_array_whose_parts_do_not_fit_together_is_refused(
    read: Callable[[bytes], Any], mano_arrays: dict[str, Any]
) -> None:
    written = pickle.dumps({"x": np.arange(4.0)}, 2)
    stored = read(written.replace(b"K\x04\x85", b"K\x09\x85"))
    with pytest.raises(InvalidValueError, match=r"4 values with shape \(9,\)"):
        plain_array(stored["x"], "x")
    far = sparse.csc_matrix(np.eye(3))
    far.indices[1] = 900
    stored = read(pickle.dumps({"x": far}, 2))
    with pytest.raises(InvalidValueError, match="does not fit together"):
        plain_array(stored["x"], "x")
