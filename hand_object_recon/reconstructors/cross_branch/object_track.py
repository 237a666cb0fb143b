"""What each hand holds from frame to frame: an identity, and axes that go with the hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate, TrackedHand
from hand_object_recon.core.objects import GraspState, ObjectEstimate
from hand_object_recon.geometry.alignment import nearest_rotation
from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.networks.track_memory import TrackMemory

FloatArray = NDArray[np.floating[Any]]


@dataclass(eq=False)
class ObjectTrack:
    """An object in a hand.

    The network gives a mesh of its own for each frame. Its frame begins in the middle of that mesh;
    it has the camera's axes when it is first seen, and is turned with the wrist from then on.

    track_id
        Its identity.
    pose
        (4, 4) camera from object.
    score
        How sure the detector is of the hand: the network says nothing of the object.
    """

    track_id: int
    axes_in_wrist: FloatArray
    body: Body
    pose: NDArray[np.float64]
    score: float

    @classmethod
    def begun(cls, track_id: int, body: Body, hand: HandEstimate) -> ObjectTrack:
        """As a hand is first seen with it; the body is in the camera's frame."""
        track = cls(track_id, hand.wrist_pose[:3, :3].T, body, np.eye(4), hand.score)
        track.follow(body, hand)
        return track

    def follow(self, body: Body, hand: HandEstimate) -> None:
        """Take the mesh that the next frame shows in the hand."""
        self.body, self.score = body, hand.score
        self.pose = np.eye(4)
        self.pose[:3, :3] = nearest_rotation(hand.wrist_pose[:3, :3] @ self.axes_in_wrist)
        self.pose[:3, 3] = body.center_m

    @property
    def radius_m(self) -> float:
        """From the middle of its own frame to the farthest of its surface."""
        return float(np.linalg.norm(self.body.vertices_m - self.pose[:3, 3], axis=1).max())

    def estimate(self, held_by: int) -> ObjectEstimate:
        """The object in the hand of a track."""
        own = (self.body.vertices_m - self.pose[:3, 3]) @ self.pose[:3, :3]
        return ObjectEstimate(
            track_id=self.track_id,
            score=self.score,
            pose=self.pose,
            vertices_m=own.astype(np.float32),
            faces=self.body.faces,
            held_by=held_by,
            state=GraspState.HELD,
        )


@dataclass(eq=False)
class _Held:
    """What a hand holds, once it was seen."""

    track: ObjectTrack | None = None


class ObjectTracks:
    """Objects of all tracked hands; a hand that begins anew holds another object."""

    def __init__(self) -> None:
        self._held = TrackMemory(_Held)
        self._of_frame: dict[int, _Held] = {}
        self._next_id = 0

    def begin_frame(self, hands: Sequence[TrackedHand], stamp_ns: int) -> None:
        """Tell the hands of a frame, those that begin anew among them."""
        self._of_frame = {hand.track_id: self._held.of_hand(hand, stamp_ns) for hand in hands}

    def update(self, hand: TrackedHand, estimate: HandEstimate, body: Body) -> ObjectTrack:
        """What a hand of the frame holds that shows a body in it, in the camera's frame."""
        held = self._of_frame[hand.track_id]
        if held.track is None:
            held.track = ObjectTrack.begun(self._next_id, body, estimate)
            self._next_id += 1
        else:
            held.track.follow(body, estimate)
        return held.track

    def forget(self, track_id: int) -> None:
        """Drop a hand's object."""
        self._held.forget(track_id)

    def reset(self) -> None:
        """Drop all."""
        self._held.reset()
