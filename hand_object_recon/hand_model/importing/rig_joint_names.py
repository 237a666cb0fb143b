"""Tells a hand rig's joints by their names: WebXR's 25, MANO's 16, and how exporters write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import FINGER_NAMES, KEYPOINT_NAMES
from hand_object_recon.hand_model.joint_orders import joint_order

_SIDES: Final = {
    "l": HandSide.LEFT,
    "left": HandSide.LEFT,
    "r": HandSide.RIGHT,
    "right": HandSide.RIGHT,
}
_FINGERS: Final = {name: name for name in FINGER_NAMES} | {"little": "pinky", "small": "pinky"}
_PARTS: Final = {"metacarpal": 0, "proximal": 1, "intermediate": 2, "distal": 3, "tip": 4}
_THUMB_PARTS: Final = {"metacarpal": 1, "proximal": 2, "distal": 3, "tip": 4}
_NOISE: Final = {"hand", "finger", "phalanx", "joint", "bone", "b", "mixamorig", "ext", "jnt"}
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_GLUED_SIDE: Final = re.compile(r"([lr])(wrist|thumb|index|middle|ring|pinky)")


@dataclass(frozen=True)
class RigJoint:
    """What a name says: side (None where it says nothing) and joint, by the names of
    ``joint_orders``' webxr25."""

    side: HandSide | None
    name: str


@dataclass(frozen=True)
class _Words:
    side: HandSide | None
    finger: str | None
    part: str | None
    number: int | None
    is_wrist: bool


def read_rig_joints(names: Sequence[str]) -> list[RigJoint | None]:
    """What each of a rig's joint names says; None for names of no hand joint."""
    words = [_words(name) for name in names]
    counted_from_zero = any(_is_zeroth_joint(word) for word in words) and not any(
        word is not None and word.number == 3 for word in words
    )
    return [None if word is None else _joint(word, counted_from_zero) for word in words]


def joints_of_side(joints: Sequence[RigJoint | None], side: HandSide) -> dict[str, int]:
    """Place of each joint of one hand among a rig's joints.

    Raises
    ------
    InvalidValueError
        One of the sixteen joints is missing, or a name comes twice.
    """
    places: dict[str, int] = {}
    for place, joint in enumerate(joints):
        if joint is None or joint.side not in (side, None):
            continue
        if joint.name in places:
            raise InvalidValueError(
                f"the rig has two joints {joint.name} for the {side} hand; keep one hand a skin"
            )
        places[joint.name] = place
    missing = [name for name in joint_order("mano16").joints if name not in places]
    if missing:
        raise InvalidValueError(
            f"the rig lacks {', '.join(missing)} of the {side} hand; name its joints as WebXR does "
            "(wrist, index-finger-phalanx-proximal ...) or as MANO (wrist, index1 ...)"
        )
    return places


def side_of(joints: Sequence[RigJoint | None]) -> HandSide | None:
    """The side the names tell, None where they tell none or both."""
    sides = {joint.side for joint in joints if joint is not None and joint.side is not None}
    return next(iter(sides)) if len(sides) == 1 else None


def _words(name: str) -> _Words | None:
    words = [word.lower() for word in _WORD.findall(_GLUED_SIDE.sub(r"\1_\2", name))]
    sides = [_SIDES[word] for word in words if word in _SIDES]
    fingers = [_FINGERS[word] for word in words if word in _FINGERS]
    parts = [word for word in words if word in _PARTS]
    numbers = [int(word) for word in words if word.isdigit()]
    known = _SIDES.keys() | _FINGERS.keys() | _PARTS.keys() | _NOISE | {"wrist"}
    if any(word not in known and not word.isdigit() for word in words):
        return None
    if max(len(sides), len(fingers), len(parts), len(numbers)) > 1:
        return None
    return _Words(
        side=sides[0] if sides else None,
        finger=fingers[0] if fingers else None,
        part=parts[0] if parts else None,
        number=numbers[0] if numbers else None,
        is_wrist=not fingers and not parts and not numbers and bool({"wrist", "hand"} & {*words}),
    )


def _is_zeroth_joint(word: _Words | None) -> bool:
    return word is not None and word.finger is not None and word.part is None and word.number == 0


def _joint(word: _Words, counted_from_zero: bool) -> RigJoint | None:
    if word.is_wrist:
        return RigJoint(word.side, "wrist")
    if word.finger is None or (word.part is None) == (word.number is None):
        return None
    if word.part is None:
        level = (word.number or 0) + (1 if counted_from_zero else 0)
    else:
        level = (_THUMB_PARTS if word.finger == "thumb" else _PARTS).get(word.part, -1)
    if level == 0:
        return None if word.finger == "thumb" else RigJoint(word.side, f"{word.finger}_metacarpal")
    if not 1 <= level <= 4:
        return None
    return RigJoint(word.side, KEYPOINT_NAMES[4 * FINGER_NAMES.index(word.finger) + level])
