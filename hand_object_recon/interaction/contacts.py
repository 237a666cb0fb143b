"""Where the parts of a hand touch an object."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.keypoints import BONES, FINGER_NAMES, KEYPOINT_PARENTS, WRIST
from hand_object_recon.core.objects import HandContact, HandPart
from hand_object_recon.interaction.object_surface import ObjectSurface

FloatArray = NDArray[np.floating[Any]]
Parts = NDArray[np.int64]


def hand_contacts(
    hand: HandEstimate, parts: Parts, surface: ObjectSurface, contact_m: float
) -> list[HandContact]:
    """For each part of the hand that is within ``contact_m`` of the object, where it touches.

    That is at the vertex nearest to the object, or deepest in it. ``parts`` (V,) are the
    vertices' parts.
    """
    gaps, away = surface.gaps(hand.vertices_m)
    contacts = []
    for part in HandPart:
        gaps_of_part = np.where(parts == part, gaps, np.inf)
        nearest = int(gaps_of_part.argmin())
        gap = float(gaps_of_part[nearest])
        if gap <= contact_m:
            normal = away[nearest].astype(np.float32)
            point = hand.vertices_m[nearest] - np.float32(gap) * normal
            contacts.append(HandContact(hand.track_id, part, point, normal, gap))
    return contacts


def parts_by_nearest_bone(hand: HandEstimate) -> Parts:
    """(V,) the part of each vertex of a mesh of which nothing but the joints is known.

    A vertex belongs to the finger of the bone nearest to it; the bones from the wrist to the
    knuckles are the palm's.
    """
    starts, ends = hand.joints_m[np.array(BONES)].transpose(1, 0, 2)
    offsets = hand.vertices_m[:, None] - starts
    along = ends - starts
    share = np.einsum("vbc,bc->vb", offsets, along) / np.maximum((along**2).sum(axis=1), 1e-12)
    feet = starts + np.clip(share, 0.0, 1.0)[..., None] * along
    nearest = np.square(hand.vertices_m[:, None] - feet).sum(axis=2).argmin(axis=1)
    return np.asarray(_PART_OF_BONE[nearest])


def _part_of_bone(end: int) -> HandPart:
    if KEYPOINT_PARENTS[end] == WRIST:
        return HandPart.PALM
    return HandPart((end - 1) * len(FINGER_NAMES) // 20)


_PART_OF_BONE = np.array([_part_of_bone(end) for _, end in BONES], dtype=np.int64)
