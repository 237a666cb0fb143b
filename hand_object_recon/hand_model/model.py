"""A MANO-shaped hand model as plain arrays, and where it is loaded from."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide, HandTopology
from hand_object_recon.core.validation import require_array, require_faces
from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.model_conventions import ModelConventions, apply_conventions
from hand_object_recon.hand_model.model_record import BUILT_IN, ModelRecord
from hand_object_recon.hand_model.store import ASSETS, model_file

__all__ = [
    "ASSETS",
    "HandModel",
    "load_hand_model",
    "read_hand_model",
    "read_record",
    "write_hand_model",
]

_POSE_FEATURES: Final = 9 * (JOINT_COUNT - 1)
_MIRROR: Final = np.array([-1.0, 1.0, 1.0], dtype=np.float32)
_MIRROR_ROTATION: Final = np.array([1.0, -1.0, -1.0], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class HandModel:
    """One side of a hand model, float32, metres and radians.

    v_template (V, 3), faces (F, 3), shapedirs (V, 3, 10), posedirs (V, 3, 135),
    joint_regressor (16, V), weights (V, 16), hands_mean (45,), hands_components (45, 45):
    as in MANO (Romero et al., 2017, equations 2 to 5); posedirs multiply the rows of the 15
    joint rotation matrices minus identity. MANO and the open hand have V = 778 vertices and
    F = 1538 faces; an imported rig may have others.

    tip_vertices (5,)
        Vertices that are the finger tips, thumb first.
    joint_axes (15, 3, 3)
        For each joint below the wrist its flexion, abduction and twist axes, one a row, in the
        rest frame; positive flexion closes the hand.
    joint_limits_rad (15, 3, 2)
        Least and greatest component of the axis-angle vector along those axes.
    pose_mean_rad (45,), pose_covariance_rad2 (45, 45)
        Mean and covariance of the same components over the model's stated pose set.
    """

    name: str
    side: HandSide
    licence: str
    v_template: NDArray[np.float32]
    faces: NDArray[np.int32]
    shapedirs: NDArray[np.float32]
    posedirs: NDArray[np.float32]
    joint_regressor: NDArray[np.float32]
    weights: NDArray[np.float32]
    hands_mean: NDArray[np.float32]
    hands_components: NDArray[np.float32]
    tip_vertices: NDArray[np.int32]
    joint_axes: NDArray[np.float32]
    joint_limits_rad: NDArray[np.float32]
    pose_mean_rad: NDArray[np.float32]
    pose_covariance_rad2: NDArray[np.float32]

    def __post_init__(self) -> None:
        template = require_array("v_template", self.v_template, (None, 3), np.float32, finite=True)
        vertices, joints = len(template), JOINT_COUNT - 1
        shapes: dict[str, tuple[int, ...]] = {
            "v_template": (vertices, 3),
            "shapedirs": (vertices, 3, SHAPE_COUNT),
            "posedirs": (vertices, 3, _POSE_FEATURES),
            "joint_regressor": (JOINT_COUNT, vertices),
            "weights": (vertices, JOINT_COUNT),
            "hands_mean": (3 * joints,),
            "hands_components": (3 * joints, 3 * joints),
            "joint_axes": (joints, 3, 3),
            "joint_limits_rad": (joints, 3, 2),
            "pose_mean_rad": (3 * joints,),
            "pose_covariance_rad2": (3 * joints, 3 * joints),
        }
        for name, shape in shapes.items():
            array = require_array(name, getattr(self, name), shape, np.float32, finite=True)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "faces", require_faces("faces", self.faces, vertices))
        tips = require_array("tip_vertices", self.tip_vertices, (5,), np.int32)
        object.__setattr__(self, "tip_vertices", tips)

    @cached_property
    def topology(self) -> HandTopology:
        """The mesh's triangles under the name its estimates carry, such as open_hand_right."""
        return HandTopology(f"{self.name}_{self.side}", len(self.v_template), self.faces)

    @cached_property
    def rest_joints_m(self) -> NDArray[np.float32]:
        """(16, 3) joints of the template at zero shape."""
        return np.asarray(self.joint_regressor @ self.v_template)

    @cached_property
    def joint_shapedirs(self) -> NDArray[np.float32]:
        """(16, 3, 10) how the joints move with shape."""
        return np.asarray(np.einsum("jv,vcs->jcs", self.joint_regressor, self.shapedirs))

    def mirrored(self) -> HandModel:
        """The exact mirror image in x: the other hand of the same person.

        An axis-angle vector mirrors by negating its y and z components.
        """
        other = HandSide.LEFT if self.side is HandSide.RIGHT else HandSide.RIGHT
        pose_signs = np.tile(_MIRROR_ROTATION, JOINT_COUNT - 1)
        feature_signs = np.tile(np.outer(_MIRROR, _MIRROR).ravel(), JOINT_COUNT - 1)
        return replace(
            self,
            side=other,
            v_template=self.v_template * _MIRROR,
            faces=np.ascontiguousarray(self.faces[:, ::-1]),
            shapedirs=self.shapedirs * _MIRROR[:, None],
            posedirs=self.posedirs * _MIRROR[:, None] * feature_signs,
            hands_mean=self.hands_mean * pose_signs,
            hands_components=self.hands_components * pose_signs,
            joint_axes=self.joint_axes * _MIRROR_ROTATION,
        )


def load_hand_model(
    name: str, side: HandSide, conventions: ModelConventions | None = None
) -> HandModel:
    """Load a built-in or imported hand model by name and side.

    Where only the other side was imported, the model is its exact mirror image. A model is read
    once for each file, side and choice of conventions; importing it anew is noticed.

    conventions
        Taken instead of those the model was imported with.

    Raises
    ------
    InvalidValueError
        No model of that name is installed (the message lists those that are), its file is
        damaged, or the conventions do not fit it.
    """
    path, side = model_file(name, side), HandSide(side)
    status = path.stat()
    version = (status.st_mtime_ns, status.st_size, status.st_ino)
    return _load(path, version, name, side, conventions)


@lru_cache(maxsize=16)
def _load(
    path: Path,
    version: tuple[int, int, int],
    name: str,
    side: HandSide,
    conventions: ModelConventions | None,
) -> HandModel:
    del version
    stored, record = read_hand_model(path, name), read_record(path)
    chosen = record.conventions if conventions is None else conventions
    model = apply_conventions(stored, chosen, is_mano=record.kind == "mano")
    return model if model.side is side else model.mirrored()


def read_hand_model(path: Path, name: str) -> HandModel:
    """Read one side of a model, as it is stored, from an npz with the fields of ``HandModel``.

    A file that does not name its side holds the right hand.
    """
    stored = _read_npz(path)
    wanted = {field.name for field in fields(HandModel)} - {"name", "side", "licence"}
    missing = sorted((wanted | {"licence"}) - set(stored))
    if missing:
        raise _damaged(path, f"it lacks {', '.join(missing)}")
    return HandModel(
        name=name,
        side=HandSide(str(stored["side"])) if "side" in stored else HandSide.RIGHT,
        licence=str(stored["licence"]),
        **{key: stored[key] for key in wanted},
    )


def read_record(path: Path) -> ModelRecord:
    """Read what was kept beside a model's arrays when it was imported."""
    stored = _read_npz(path)
    return ModelRecord.from_json(str(stored["record"])) if "record" in stored else BUILT_IN


def write_hand_model(model: HandModel, path: Path, record: ModelRecord | None = None) -> None:
    """Write a side of a model so that ``read_hand_model`` reads it back; all of it or nothing.

    record
        Kept with an imported model, which may be of either side. Without it the file is an asset
        of the package, which holds the right hand.
    """
    values = {field.name: getattr(model, field.name) for field in fields(model)}
    arrays: dict[str, Any] = {
        name: value for name, value in values.items() if isinstance(value, np.ndarray)
    }
    arrays["licence"] = np.array(model.licence)
    if record is not None:
        arrays |= {"side": np.array(str(model.side)), "record": np.array(record.to_json())}
    elif model.side is not HandSide.RIGHT:
        raise InvalidValueError("a model file holds the right hand; the left is its mirror image")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, reason: str) -> InvalidValueError:
    return InvalidValueError(
        f"hand model file {path} does not read: {reason}; import the model again with --force"
    )
