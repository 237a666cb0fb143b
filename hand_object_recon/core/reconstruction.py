"""The result of one frame: every hand and object in it, and how long each stage took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.validation import require_text


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Hands and objects of one frame, in the camera optical frame, with the image's stamp.

    stage_ms
        Milliseconds each stage took, in the order the stages ran.
    """

    stamp_ns: int
    frame_id: str
    method: str
    hands: tuple[HandEstimate, ...] = ()
    objects: tuple[ObjectEstimate, ...] = ()
    stage_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_text("frame_id", self.frame_id)
        require_text("method", self.method)
        track_ids = [hand.track_id for hand in self.hands]
        if len(set(track_ids)) != len(track_ids):
            raise InvalidValueError(f"track ids {track_ids} of one frame must be different")
