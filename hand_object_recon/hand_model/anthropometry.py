"""What a tape and a calliper would read off a hand model at rest, in metres.

Breadths and depths are those of the section across a bone at a joint, as hands are measured:
breadth from thumb to little finger side, depth from palm to back.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import SHAPE_COUNT, finger_joints
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]

_FINGERS: Final = ("thumb", "index", "middle", "ring", "pinky")
_LONG_FINGERS: Final = _FINGERS[1:]
_HARDLY_ANY: Final = 0.2  # of a vertex's skin weight
_BEHIND_KNUCKLES: Final = 0.09  # of the way from wrist to knuckles
_MIDDLE_RAY: Final = 0.11
_MEASURED_JOINTS: Final = {"thumb": {"ip": 2}}
_MEASURED_JOINTS_OF_LONG_FINGERS: Final = {"pip": 1, "dip": 2}


def measure_hand(model: HandModel, shape: FloatArray | None = None) -> dict[str, float]:
    """Lengths, breadths and depths of a hand of ``shape`` (10,), metres, by name.

    hand_length: wrist joint to middle finger tip. hand_breadth and hand_thickness: extent of the
    section across the palm just behind the knuckles, without the thumb. ``<finger>_length``:
    first joint (thumb: carpometacarpal) to tip, along the bones. ``<finger>_<joint>_breadth`` and
    ``_depth``.
    """
    coefficients = np.zeros(SHAPE_COUNT) if shape is None else np.asarray(shape, dtype=np.float64)
    vertices = model.v_template + model.shapedirs @ coefficients
    joints = model.rest_joints_m + model.joint_shapedirs @ coefficients
    tips = dict(zip(_FINGERS, vertices[model.tip_vertices], strict=True))
    measures = {"hand_length": float(np.linalg.norm(tips["middle"] - joints[0]))}
    measures |= _across_the_palm(model, vertices, joints)
    for finger in _FINGERS:
        chain = np.vstack([joints[list(finger_joints(finger))], tips[finger]])
        measures[f"{finger}_length"] = float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())
        measures |= _across_the_finger(model, vertices, finger, chain)
    return measures


def _across_the_palm(
    model: HandModel, vertices_m: FloatArray, joints_m: FloatArray
) -> dict[str, float]:
    knuckles = joints_m[[finger_joints(finger)[0] for finger in _LONG_FINGERS]]
    palm = knuckles.mean(axis=0) - joints_m[0]
    palm_length = float(np.linalg.norm(palm))
    forward = _unit(palm)
    sideways = _unit(knuckles[0] - knuckles[-1])
    upwards = np.cross(forward, sideways)
    sideways = np.cross(upwards, forward)
    of_thumb = model.weights[:, list(finger_joints("thumb"))].sum(axis=1)
    corners = model.faces[of_thumb[model.faces].max(axis=1) < _HARDLY_ANY]
    behind = knuckles.mean(axis=0) - _BEHIND_KNUCKLES * palm
    section = _section(vertices_m, corners, behind, forward)
    middle = joints_m[finger_joints("middle")[0]]
    along_middle = section[np.abs((section - middle) @ sideways) < _MIDDLE_RAY * palm_length]
    return {
        "hand_breadth": _extent(section, sideways),
        "hand_thickness": _extent(along_middle, upwards),
    }


def _across_the_finger(
    model: HandModel, vertices_m: FloatArray, finger: str, chain_m: FloatArray
) -> dict[str, float]:
    of_finger = model.weights[:, list(finger_joints(finger))].sum(axis=1)
    faces = model.faces[of_finger[model.faces].min(axis=1) > _HARDLY_ANY]
    measures = {}
    for name, level in _MEASURED_JOINTS.get(finger, _MEASURED_JOINTS_OF_LONG_FINGERS).items():
        joint = finger_joints(finger)[level]
        bone = _unit(chain_m[level + 1] - chain_m[level - 1])
        sideways = model.joint_axes[joint - 1, 0].astype(np.float64)
        sideways = _unit(sideways - (sideways @ bone) * bone)
        section = _section(vertices_m, faces, chain_m[level], bone)
        measures[f"{finger}_{name}_breadth"] = _extent(section, sideways)
        measures[f"{finger}_{name}_depth"] = _extent(section, np.cross(bone, sideways))
    return measures


def _section(
    vertices_m: FloatArray, faces: NDArray[np.int32], point_m: FloatArray, normal: FloatArray
) -> FloatArray:
    """(N, 3) where the edges of the faces cross a plane."""
    height = (vertices_m - point_m) @ normal
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    start, end = edges[np.sign(height[edges[:, 0]]) != np.sign(height[edges[:, 1]])].T
    share = (height[start] / (height[start] - height[end]))[:, None]
    return np.asarray(vertices_m[start] + share * (vertices_m[end] - vertices_m[start]))


def _extent(points_m: FloatArray, direction: FloatArray) -> float:
    return float(np.ptp(points_m @ direction))


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)
