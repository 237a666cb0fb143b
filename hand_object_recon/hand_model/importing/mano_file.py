"""Reads MANO's own files: MANO_RIGHT.pkl, MANO_LEFT.pkl, or an npz of the same arrays.

The released pickles are Python 2's: numpy arrays, a scipy.sparse J_regressor, and shapedirs as
a chumpy selection of the first ten of its directions.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.validation import require_array
from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS, SHAPE_COUNT
from hand_object_recon.hand_model.importing.anatomy import (
    anatomical_axes,
    pose_statistics,
)
from hand_object_recon.hand_model.importing.model_checks import require_hand_size
from hand_object_recon.hand_model.importing.pickle_stand_ins import plain_array
from hand_object_recon.hand_model.importing.restricted_unpickler import read_pickled_dict
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.model_conventions import TIP_VERTICES

MANO_LICENCE: Final = (
    "MANO, see https://mano.is.tue.mpg.de/license.html: registration, non-commercial"
)
_VERTICES: Final = 778
_FACES: Final = 1538
_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "v_template": (_VERTICES, 3),
    "shapedirs": (_VERTICES, 3, SHAPE_COUNT),
    "posedirs": (_VERTICES, 3, 9 * (JOINT_COUNT - 1)),
    "J_regressor": (JOINT_COUNT, _VERTICES),
    "weights": (_VERTICES, JOINT_COUNT),
    "hands_mean": (3 * (JOINT_COUNT - 1),),
    "hands_components": (3 * (JOINT_COUNT - 1), 3 * (JOINT_COUNT - 1)),
}
_NUMBERS: Final = ("f", "kintree_table")


def read_mano_file(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a MANO file that a hand model needs, under MANO's names.

    Raises
    ------
    InvalidValueError
        The file does not read, is not safe to read, or lacks an array.
    """
    stored = _read_npz(path) if path.suffix.lower() == ".npz" else read_pickled_dict(path)
    if "f" not in stored and "faces" in stored:
        stored["f"] = stored["faces"]
    missing = [name for name in (*_SHAPES, *_NUMBERS) if name not in stored]
    if missing:
        raise InvalidValueError(
            f"{path} lacks {', '.join(missing)}; a MANO file has them (MANO_RIGHT.pkl of "
            "https://mano.is.tue.mpg.de)"
        )
    return {name: plain_array(stored[name], name) for name in (*_SHAPES, *_NUMBERS)}


def mano_model(
    arrays: dict[str, NDArray[Any]], name: str, side: HandSide, licence: str
) -> HandModel:
    """A hand model of MANO's arrays; axes, limits and pose statistics are derived.

    Raises
    ------
    InvalidValueError
        An array has another shape, type or unit than MANO's, or the joints hang together
        otherwise.
    """
    numbers = {
        key: require_array(key, arrays[key], shape, np.float32, finite=True)
        for key, shape in _SHAPES.items()
    }
    _require_mano_tree(arrays["kintree_table"])
    template = numbers["v_template"]
    require_hand_size(template)
    tips = np.array(TIP_VERTICES["manopth"].of(side), dtype=np.int32)
    joints = (numbers["J_regressor"] @ template).astype(np.float64)
    statistics = pose_statistics()
    return HandModel(
        name=name,
        side=side,
        licence=licence,
        v_template=template,
        faces=_faces(arrays["f"]),
        shapedirs=numbers["shapedirs"],
        posedirs=numbers["posedirs"],
        joint_regressor=numbers["J_regressor"],
        weights=numbers["weights"],
        hands_mean=numbers["hands_mean"],
        hands_components=numbers["hands_components"],
        tip_vertices=tips,
        joint_axes=anatomical_axes(joints, template[tips], side).astype(np.float32),
        joint_limits_rad=statistics.limits_rad.astype(np.float32),
        pose_mean_rad=statistics.mean_rad.astype(np.float32),
        pose_covariance_rad2=statistics.covariance_rad2.astype(np.float32),
    )


def rest_frame_notes(model: HandModel) -> tuple[str, ...]:
    """A note if the fingers do not point where MANO's do, which a mistaken side would explain."""
    fingers = model.rest_joints_m[4] - model.rest_joints_m[0]
    expected = -1.0 if model.side is HandSide.RIGHT else 1.0
    if expected * fingers[0] >= 0.5 * np.linalg.norm(fingers):
        return ()
    x, y, z = (fingers / np.linalg.norm(fingers)).tolist()
    return (
        f"fingers point along ({x:.2f}, {y:.2f}, {z:.2f}); MANO's {model.side} hand points along "
        f"({expected:.0f}, 0, 0): check --side",
    )


def shape_sign_notes(model: HandModel, other: HandModel) -> tuple[str, ...]:
    """A note if both sides' shape directions have the same x, where mirrored hands have opposite
    ones (smplx issue 48)."""
    x, other_x = model.shapedirs[:, 0], other.shapedirs[:, 0]
    if np.linalg.norm(x - other_x) >= 0.5 * np.linalg.norm(x + other_x):
        return ()
    return (
        "shapedirs of left and right have the same sign in x, as published (smplx issue 48): equal "
        "coefficients are not mirrored hands; --left-shapedirs corrected makes them so",
    )


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidValueError(
            f"{path} does not read as an npz of plain arrays: {error}"
        ) from None


def _faces(stored: NDArray[Any]) -> NDArray[np.int32]:
    if stored.dtype.kind not in "iu" or stored.shape != (_FACES, 3):
        raise InvalidValueError(
            f"f has shape {stored.shape} and type {stored.dtype}; MANO has ({_FACES}, 3) integers"
        )
    if stored.max() >= _VERTICES or stored.min() < 0:
        raise InvalidValueError(
            f"f names vertex {stored.max()}, but there are {_VERTICES} vertices"
        )
    return stored.astype(np.int32)


def _require_mano_tree(table: NDArray[Any]) -> None:
    """kintree_table (2, 16): parents, the root's being 2^32 - 1, and the joints' numbers."""
    if table.shape != (2, JOINT_COUNT) or table.dtype.kind not in "iu":
        raise InvalidValueError(
            f"kintree_table has shape {table.shape} and type {table.dtype}; MANO's is (2, 16) "
            "integers"
        )
    parents = tuple(table[0, 1:].tolist())
    if parents != JOINT_PARENTS[1:]:
        raise InvalidValueError(
            f"kintree_table has parents {parents}; MANO's are {JOINT_PARENTS[1:]}"
        )
