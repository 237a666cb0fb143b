"""MANO-like arrays of an anatomical hand, pickles as Python 2 wrote them, and rigged .glb files."""

from __future__ import annotations

import json
import pickle
import struct
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.conventions import JOINT_PARENTS
from hand_object_recon.hand_model.joint_orders import joint_order
from hand_object_recon.hand_model.model import HandModel, load_hand_model

MANO_TIPS = {HandSide.RIGHT: (745, 317, 444, 556, 673), HandSide.LEFT: (745, 317, 445, 556, 673)}


def mano_arrays_of(model: HandModel) -> dict[str, Any]:
    """The open hand under MANO's names and in MANO's types, its tips at MANO's vertex numbers."""
    order = np.arange(778)
    for ours, theirs in zip(model.tip_vertices, MANO_TIPS[model.side], strict=True):
        place = int(np.flatnonzero(order == ours)[0])
        order[[place, theirs]] = order[[theirs, place]]
    parents = [2**32 - 1, *JOINT_PARENTS[1:]]
    return {
        "v_template": model.v_template[order].astype(np.float64),
        "shapedirs": model.shapedirs[order].astype(np.float64),
        "posedirs": model.posedirs[order].astype(np.float64),
        "J_regressor": model.joint_regressor[:, order].astype(np.float64),
        "weights": model.weights[order].astype(np.float64),
        "kintree_table": np.array([parents, range(16)], dtype=np.int64),
        "f": np.argsort(order)[model.faces].astype(np.uint32),
        "hands_mean": model.hands_mean.astype(np.float64),
        "hands_components": model.hands_components.astype(np.float64),
    }


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store of this test's own."""
    folder = tmp_path / "store"
    monkeypatch.setenv("HAND_OBJECT_RECON_HAND_MODELS", str(folder))
    return folder


@pytest.fixture
def mano_arrays(right: HandModel) -> dict[str, Any]:
    return mano_arrays_of(right)


@pytest.fixture
def left_mano_arrays(left: HandModel) -> dict[str, Any]:
    """A left hand whose shape directions have the x of the right one, as MANO_LEFT.pkl has."""
    arrays = mano_arrays_of(left)
    arrays["shapedirs"] = arrays["shapedirs"] * np.array([[-1.0], [1.0], [1.0]])
    return arrays


class Python2Pickler(pickle._Pickler):  # the Python one: its dispatch can be changed
    """Writes text and bytes as Python 2's str, and classes where Python 2 had them."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def _save_str(self, value: str | bytes) -> None:
        raw = value.encode("latin1") if isinstance(value, str) else value
        self.write(b"T" + struct.pack("<i", len(raw)) + raw)
        self.memoize(value)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = {
            "builtins": "__builtin__",
            "copyreg": "copy_reg",
            "numpy._core.multiarray": "numpy.core.multiarray",
            "scipy.sparse._csc": "scipy.sparse.csc",
        }.get(obj.__module__, obj.__module__)
        self.write(b"c" + f"{module}\n{name or obj.__qualname__}\n".encode())
        self.memoize(obj)

    dispatch[bytes] = _save_str
    dispatch[str] = _save_str
    dispatch[types.FunctionType] = save_global
    dispatch[types.BuiltinFunctionType] = save_global
    dispatch[type] = save_global


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """chumpy's two classes as far as a pickle sees them: a module, a name, a state."""
    modules = {name: types.ModuleType(name) for name in ("chumpy.ch", "chumpy.reordering")}

    class Ch:
        def __init__(self, **state: Any) -> None:
            self.__dict__.update(state)

    class Select(Ch):
        pass

    for cls, module in ((Ch, "chumpy.ch"), (Select, "chumpy.reordering")):
        cls.__module__, cls.__qualname__ = module, cls.__name__
        setattr(modules[module], cls.__name__, cls)
    with monkeypatch.context() as context:
        for name, module in modules.items():
            context.setitem(sys.modules, name, module)
        yield types.SimpleNamespace(Ch=Ch, Select=Select)


@pytest.fixture
def write_mano_pickle(tmp_path: Path, chumpy: types.SimpleNamespace) -> Callable[..., Path]:
    """Writes arrays as MANO's pickles have them: a sparse regressor, shape directions as the
    first ten of twenty, the rest plain arrays and strings."""

    def write(arrays: dict[str, Any], name: str, protocol: int = 2) -> Path:
        shapedirs = np.asarray(arrays["shapedirs"], dtype=np.float64)
        twenty = np.concatenate([shapedirs, np.full_like(shapedirs, 7.0)], axis=2)
        places = np.arange(twenty.size).reshape(twenty.shape)[:, :, :10].ravel()
        written = dict(arrays)
        written["J_regressor"] = sparse.csc_matrix(arrays["J_regressor"])
        written["kintree_table"] = np.asarray(arrays["kintree_table"]).astype(np.uint32)
        written["shapedirs"] = chumpy.Select(
            a=chumpy.Ch(x=twenty, _dirty_vars={"x"}, _status="new"),
            idxs=places,
            preferred_shape=shapedirs.shape,
            _dirty_vars=set(),
        )
        written["bs_style"] = "lbs"
        path = tmp_path / name
        with path.open("wb") as file:
            Python2Pickler(file, protocol=protocol).dump(written)
        return path

    return write


FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def webxr_name(joint: str) -> str:
    """WebXR's name of a joint that is called as in core.keypoints."""
    finger, _, part = joint.partition("_")
    if finger == "wrist":
        return "wrist"
    thumb = {"cmc": "metacarpal", "mcp": "phalanx-proximal", "ip": "phalanx-distal", "tip": "tip"}
    other = {
        "metacarpal": "metacarpal",
        "mcp": "phalanx-proximal",
        "pip": "phalanx-intermediate",
        "dip": "phalanx-distal",
        "tip": "tip",
    }
    return f"thumb-{thumb[part]}" if finger == "thumb" else f"{finger}-finger-{other[part]}"


class Rig:
    """A rigged hand to be written: the open hand with joints of WebXR's or MANO's names."""

    def __init__(self, model: HandModel, order: str) -> None:
        joints16 = joint_order("mano16").joints
        rest = dict(zip(joints16, model.rest_joints_m.astype(np.float64), strict=True))
        for finger, tip in zip(FINGERS, model.tip_vertices, strict=True):
            rest[f"{finger}_tip"] = model.v_template[tip].astype(np.float64)
            if finger != "thumb":
                rest[f"{finger}_metacarpal"] = 0.3 * rest[f"{finger}_mcp"]
        self.joints = joint_order(order).joints
        self.places = np.array([rest[name] for name in self.joints])
        self.vertices = model.v_template.astype(np.float64)
        self.faces = model.faces.astype(np.int64)
        self.weights = np.zeros((len(self.vertices), len(self.joints)))
        self.weights[:, [self.joints.index(name) for name in joints16]] = model.weights
        self.names = [webxr_name(name) for name in self.joints]
        self.root = np.eye(4)
        self.rng = np.random.default_rng(5)

    def with_seams(self, count: int) -> Rig:
        """Cut the mesh open at some vertices: half of their triangles get a copy."""
        for vertex in self.rng.choice(len(self.vertices), count, replace=False):
            corners = np.argwhere(self.faces == vertex)
            if len(corners) < 2:
                continue
            for face, corner in corners[: len(corners) // 2]:
                self.faces[face, corner] = len(self.vertices)
            self.vertices = np.vstack([self.vertices, self.vertices[vertex]])
            self.weights = np.vstack([self.weights, self.weights[vertex]])
        return self

    def write(
        self, path: Path, *, bytes_for_weights: bool = False, extensions: tuple[str, ...] = ()
    ) -> Path:
        """Write the .glb; joints are turned at random in their bind pose, under one root node."""
        binds = np.tile(np.eye(4), (len(self.joints), 1, 1))
        binds[:, :3, 3] = self.places
        binds[:, :3, :3] = _random_rotations(self.rng, len(self.joints))
        order = np.argsort(-self.weights, axis=1)[:, :8]
        shares = np.take_along_axis(self.weights, order, axis=1)
        if bytes_for_weights:
            shares = np.round(65535 * shares).astype("<u2")
        writer = _GlbWriter()
        attributes = {"POSITION": writer.add(self.vertices.astype("<f4"), "VEC3")}
        for group in range(2):
            columns = slice(4 * group, 4 * group + 4)
            attributes[f"JOINTS_{group}"] = writer.add(order[:, columns].astype("u1"), "VEC4")
            attributes[f"WEIGHTS_{group}"] = writer.add(
                shares[:, columns] if bytes_for_weights else shares[:, columns].astype("<f4"),
                "VEC4",
                normalized=bytes_for_weights,
            )
        indices = writer.add(self.faces.reshape(-1, 1).astype("<u2"), "SCALAR")
        inverse = np.linalg.inv(binds).transpose(0, 2, 1).reshape(-1, 16).astype("<f4")
        count = len(self.joints)
        nodes = [
            {"name": name, "matrix": bind.T.ravel().tolist()}
            for name, bind in zip(self.names, binds, strict=True)
        ]
        nodes.append({"name": "mesh", "mesh": 0, "skin": 0})
        nodes.append(
            {
                "name": "armature",
                "children": list(range(count)),
                "matrix": self.root.T.ravel().tolist(),
            }
        )
        description = {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": [count, count + 1]}],
            "nodes": nodes,
            "meshes": [{"primitives": [{"attributes": attributes, "indices": indices}]}],
            "skins": [
                {"joints": list(range(count)), "inverseBindMatrices": writer.add(inverse, "MAT4")}
            ],
        }
        if extensions:
            description["extensionsRequired"] = list(extensions)
        path.write_bytes(writer.file(description))
        return path


class _GlbWriter:
    def __init__(self) -> None:
        self.data = b""
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(self, array: np.ndarray, kind: str, *, normalized: bool = False) -> int:
        codes = {"int8": 5120, "uint8": 5121, "uint16": 5123, "uint32": 5125, "float32": 5126}
        raw = np.ascontiguousarray(array).tobytes()
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)})
        self.data += raw + b"\0" * (-len(raw) % 4)
        self.accessors.append(
            {
                "bufferView": len(self.views) - 1,
                "componentType": codes[array.dtype.name],
                "count": len(array),
                "type": kind,
                "normalized": normalized,
            }
        )
        return len(self.accessors) - 1

    def file(self, description: dict[str, Any]) -> bytes:
        description |= {
            "bufferViews": self.views,
            "accessors": self.accessors,
            "buffers": [{"byteLength": len(self.data)}],
        }
        text = json.dumps(description).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(self.data), b"BIN\0") + self.data
        return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def _random_rotations(rng: np.random.Generator, count: int) -> np.ndarray:
    rotations, _ = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    return rotations * np.linalg.det(rotations)[:, None, None]


@pytest.fixture
def rig() -> Callable[..., Rig]:
    """Makes a rig of the open hand: side and joint order."""

    def make(side: HandSide = HandSide.RIGHT, order: str = "webxr25") -> Rig:
        return Rig(load_hand_model("open_hand", side), order)

    return make
