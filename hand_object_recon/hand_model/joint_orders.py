"""The orders in which programs and data sets list a hand's joints, and a converter between them.

Joints have the names of ``core.keypoints``. Two orders that share a name mean the same place on
the hand as nearly as their makers agree; the card of an order says where they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import FINGER_NAMES, KEYPOINT_NAMES
from hand_object_recon.hand_model.conventions import FINGERS_IN_JOINT_ORDER


@dataclass(frozen=True)
class JointOrder:
    """Joint names in the order's sequence, who uses it, where that was read, and a trap."""

    name: str
    joints: tuple[str, ...]
    users: str
    source: str
    trap: str = ""


def _finger(finger: str) -> tuple[str, str, str, str]:
    """Names of a finger's joints from the palm to the tip."""
    first = 1 + 4 * FINGER_NAMES.index(finger)
    one, two, three, tip = KEYPOINT_NAMES[first : first + 4]
    return one, two, three, tip


def _tip(finger: str) -> str:
    return _finger(finger)[3]


def _joints_then_tips(tips: Sequence[str]) -> tuple[str, ...]:
    joints = (name for finger in FINGERS_IN_JOINT_ORDER for name in _finger(finger)[:3])
    return ("wrist", *joints, *(_tip(finger) for finger in tips))


def _webxr() -> tuple[str, ...]:
    fingers = (
        (f"{finger}_metacarpal", *_finger(finger)) for finger in FINGER_NAMES if finger != "thumb"
    )
    return ("wrist", *_finger("thumb"), *(name for finger in fingers for name in finger))


_FHB: Final = (
    "wrist",
    *(_finger(finger)[0] for finger in FINGER_NAMES),
    *(name for finger in FINGER_NAMES for name in _finger(finger)[1:]),
)
_INTERHAND: Final = (
    *(name for finger in FINGER_NAMES for name in reversed(_finger(finger))),
    "wrist",
)
_RHD: Final = (
    "wrist",
    *(name for finger in FINGER_NAMES for name in reversed(_finger(finger))),
)
_THUMB_NAMES: Final = "its names mcp, pip, dip of the thumb are thumb_cmc, thumb_mcp, thumb_ip here"

JOINT_ORDERS: Final[dict[str, JointOrder]] = {
    order.name: order
    for order in (
        JointOrder(
            "mano16",
            _joints_then_tips(()),
            "MANO's joint regressor, kinematic tree and pose vector",
            "MANO_RIGHT.pkl's kintree_table; mmhuman3d, conventions/keypoints_mapping/mano.py",
            "pinky comes before ring, and the thumb comes last",
        ),
        JointOrder(
            "mano21",
            _joints_then_tips(FINGER_NAMES),
            "MANO's joints with five tip vertices appended, thumb first (manopth, smplx)",
            "manopth, manolayer.py before its permutation; mmhuman3d as for mano16",
            "Minimal-IK and others append the tips as index, middle, pinky, ring, thumb instead",
        ),
        JointOrder(
            "openpose21",
            KEYPOINT_NAMES,
            "this program, OpenPose, FreiHAND, manopth's output",
            "OpenPose, hand output format; freihand, utils/mano_utils.py",
        ),
        JointOrder(
            "mediapipe21",
            KEYPOINT_NAMES,
            "MediaPipe Hands",
            "MediaPipe, hand landmark model: WRIST, THUMB_CMC ... PINKY_TIP",
            "same order, other places: its knuckles lie nearer to the skin than MANO's joints",
        ),
        JointOrder(
            "dexycb21",
            KEYPOINT_NAMES,
            "DexYCB",
            "dex-ycb-toolkit, dex_ycb.py, _MANO_JOINTS",
            f"{_THUMB_NAMES}; pinky is called little",
        ),
        JointOrder(
            "h2o21",
            KEYPOINT_NAMES,
            "H2O (two hands, hand_pose files)",
            "h2oplayer, its lines 0-1, 0-5, 0-9, 0-13, 0-17 and its use of manopth",
            "a line holds the left hand first: 1 flag and 63 numbers, then the same for the right",
        ),
        JointOrder(
            "ho3d21",
            _joints_then_tips(FINGER_NAMES),
            "HO-3D and H2O-3D",
            "public HO-3D loaders, whose reorder_idx to openpose21 is 0, 13, 14, 15, 16, 1 …",
            "its camera frame is OpenGL's: y and z are negative of this program's",
        ),
        JointOrder(
            "fhb21",
            _FHB,
            "First-Person Hand Action benchmark (FPHA, FHB)",
            "its README (Wrist, TMCP, IMCP …); loaders, reorder_idx 0, 1, 6, 7, 8, 2 …",
            "level by level and not finger by finger; millimetres",
        ),
        JointOrder(
            "rhd21",
            _RHD,
            "RHD, the Rendered Handpose Dataset (left 0 to 20, right 21 to 41)",
            "public RHD loaders: 0, then thumb 1 to 4, index 5 to 8 … with the tip first",
            "tips first in every finger, as interhand21, but the wrist is first, too",
        ),
        JointOrder(
            "webxr25",
            _webxr(),
            "WebXR; OpenXR has the same with a palm in front",
            "W3C WebXR Hand Input Module Level 1, enum XRHandJoint",
            "has finger metacarpals; thumb-metacarpal is thumb_cmc; tips lie inside the finger",
        ),
        JointOrder(
            "interhand21",
            _INTERHAND,
            "InterHand2.6M, one hand (right 0 to 20, left 21 to 41), AssemblyHands",
            "mmpose, _base_/datasets/interhand3d.py; InterHand2.6M dataset.py, root joint 20",
            "tips first in every finger, wrist last",
        ),
    )
}


def joint_order(name: str) -> JointOrder:
    """The order of that name; an unknown one is refused with the names there are."""
    order = JOINT_ORDERS.get(name)
    if order is None:
        raise InvalidValueError(
            f"joint order {name!r} is not known; known are {', '.join(JOINT_ORDERS)}"
        )
    return order


def permutation(source: str, target: str) -> NDArray[np.intp]:
    """For each joint of ``target`` its place in ``source``, -1 where ``source`` lacks it."""
    places = {name: place for place, name in enumerate(joint_order(source).joints)}
    return np.array([places.get(name, -1) for name in joint_order(target).joints], dtype=np.intp)


def convert_joints(
    joints: NDArray[np.floating[Any]],
    source: str,
    target: str,
    *,
    allow_missing: bool = False,
) -> NDArray[np.floating[Any]]:
    """Joints (..., J, C) of one order in another, (..., K, C); joints not in it are dropped.

    allow_missing
        Joints the source lacks become NaN instead of being refused.

    Raises
    ------
    InvalidValueError
        An order is not known, J is not the source's number of joints, or the source lacks
        joints of the target; the message names them.
    """
    places = permutation(source, target)
    values = np.asarray(joints)
    expected = len(joint_order(source).joints)
    if values.ndim < 2 or values.shape[-2] != expected:
        raise InvalidValueError(
            f"joints have shape {values.shape}; joint order {source!r} is (..., {expected}, 3)"
        )
    missing = places < 0
    if not missing.any():
        return values[..., places, :]
    if not allow_missing:
        names = ", ".join(np.array(joint_order(target).joints)[missing])
        raise InvalidValueError(
            f"joint order {source!r} lacks {names} of {target!r}; allow_missing=True makes them NaN"
        )
    dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    converted = values[..., np.maximum(places, 0), :].astype(dtype)
    converted[..., missing, :] = np.nan
    return converted
