"""The base mesh of the open hand, turned into the hand model's rest frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.topology.adjacency import boundary_edges

FloatArray = NDArray[np.floating[Any]]

# Base axes: fingers -y, palm -x, thumb -z. Rest frame: fingers -x, palm -y, thumb +z.
_BASE_TO_REST: Final = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])

# The rig's wrist lies in the forearm; the key-point convention puts it at the crease.
_WRIST_FROM_RIG_M: Final = np.array([-0.020, -0.0085, -0.0025])

# Wrist crease to middle finger tip, the mean of men (193 mm) and women (181 mm) in the
# anthropometric survey ANSUR II (Gordon et al., 2014), less the few millimetres between the
# crease and the wrist joint.
MEAN_HAND_LENGTH_M: Final = 0.185

_WEBXR_FINGERS: Final = {
    "index": "index-finger",
    "middle": "middle-finger",
    "ring": "ring-finger",
    "pinky": "pinky-finger",
}


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """The right base hand in metres, wrist at the origin of the rest frame.

    vertices_m (778, 3), faces (1538, 3); chains_m: for each finger its rig joints from the palm
    outwards (three and the rig's tip); flexion_axes: for each finger, one unit axis for each of
    those three joints; weights: for each rig joint name, (778,) skin weights.
    """

    vertices_m: FloatArray
    faces: NDArray[np.int32]
    chains_m: dict[str, FloatArray]
    flexion_axes: dict[str, FloatArray]
    weights: dict[str, FloatArray]


def chain_names(finger: str) -> tuple[str, ...]:
    """Rig joint names of a finger: three joints, then the tip."""
    if finger == "thumb":
        return "thumb-metacarpal", "thumb-phalanx-proximal", "thumb-phalanx-distal", "thumb-tip"
    prefix = _WEBXR_FINGERS[finger]
    parts = ("phalanx-proximal", "phalanx-intermediate", "phalanx-distal", "tip")
    return tuple(f"{prefix}-{part}" for part in parts)


def metacarpal_name(finger: str) -> str:
    """Rig joint name of a finger's metacarpal (not the thumb's)."""
    return f"{_WEBXR_FINGERS[finger]}-metacarpal"


def read_base_mesh(path: Path) -> BaseMesh:
    """Read the base mesh's npz (vertices, faces, weights, joint_names, bind, joints)."""
    with np.load(path, allow_pickle=False) as stored:
        names = [str(name) for name in stored["joint_names"]]
        vertices = stored["vertices"].astype(np.float64) @ _BASE_TO_REST.T
        joints = stored["joints"].astype(np.float64) @ _BASE_TO_REST.T
        flexion = -(stored["bind"][:, :3, 0].astype(np.float64) @ _BASE_TO_REST.T)
        weights = stored["weights"].astype(np.float64)
        faces = stored["faces"].astype(np.int32)
    origin = joints[names.index("wrist")] + _WRIST_FROM_RIG_M
    vertices, joints = vertices - origin, joints - origin
    rim = boundary_edges(faces)[:, 0]
    vertices[rim, 0] = vertices[:, 0].max()  # a straight cut through the forearm
    scale = MEAN_HAND_LENGTH_M / -vertices[:, 0].min()
    fingers = ("thumb", *_WEBXR_FINGERS)
    index = {finger: [names.index(name) for name in chain_names(finger)] for finger in fingers}
    return BaseMesh(
        vertices_m=scale * vertices,
        faces=faces,
        chains_m={finger: scale * joints[index[finger]] for finger in fingers},
        flexion_axes={finger: flexion[index[finger][:3]] for finger in fingers},
        weights={name: weights[:, column] for column, name in enumerate(names)},
    )
