"""A hand with its forearm and sleeve as the bodies of a scene."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import MaskLabel
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.forward import PosedHand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.synthesis.arm_mesh import grow_arm, ring_count, wrist_rim
from hand_object_recon.synthesis.rendering.appearance import Appearance
from hand_object_recon.synthesis.rendering.scene import SceneBody
from hand_object_recon.synthesis.rendering.skin import Skin

FloatArray = NDArray[np.floating[Any]]

_RING_SPACING_M: Final = 0.025
_KINDS: Final = {HandSide.LEFT: MaskLabel.LEFT_HAND, HandSide.RIGHT: MaskLabel.RIGHT_HAND}


def arm_bodies(
    model: HandModel,
    posed: PosedHand,
    elbow_m: FloatArray,
    skin: Skin,
    sleeve: Appearance | None,
) -> tuple[SceneBody, ...]:
    """The hand, its forearm, and a sleeve over most of it.

    posed
        In the camera optical frame, as ``elbow_m`` (3,) is.
    skin
        Of either side; the hand gets that of its own.
    sleeve
        Its cloth, or None for a bare arm.
    """
    arm = grow_arm(model, posed, elbow_m)
    own_skin = skin.of(model.side)
    hand_count = len(posed.vertices_m)
    used, forearm_faces = np.unique(arm.skin_faces[len(model.faces) :], return_inverse=True)
    rest = _rest_of_skin(model)
    hand = SceneBody(
        _KINDS[model.side],
        arm.skin_vertices_m[:hand_count].astype(np.float32),
        model.faces,
        model.v_template,
        own_skin,
    )
    forearm = SceneBody(
        MaskLabel.ARM,
        arm.skin_vertices_m[used].astype(np.float32),
        forearm_faces.reshape(-1, 3).astype(np.int32),
        rest[used],
        own_skin,
    )
    if sleeve is None:
        return hand, forearm
    cloth = SceneBody(
        MaskLabel.ARM,
        arm.sleeve_vertices_m.astype(np.float32),
        arm.sleeve_faces,
        rest[len(rest) - len(arm.sleeve_vertices_m) :],
        sleeve,
    )
    return hand, forearm, cloth


@lru_cache(maxsize=8)
def _rest_of_skin(model: HandModel) -> NDArray[np.float32]:
    """Places of hand and forearm at rest, the forearm a straight tube."""
    hand = model.v_template
    rim = list(wrist_rim(model))
    out_of_hand = np.sign(hand[rim, 0].mean() - hand[:, 0].mean())
    steps = out_of_hand * _RING_SPACING_M * np.arange(1, ring_count())
    forearm = hand[rim] + steps[:, None, None] * np.array([1.0, 0.0, 0.0])
    return np.concatenate([hand, forearm.reshape(-1, 3)], dtype=np.float32)
