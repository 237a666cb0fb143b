"""From a result of the engine to the messages of a frame, in the frame that is wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.messages.typestore import TRANSFORMS_TYPE, deserialize, serialize
from hand_object_recon.pipeline.live.engine_events import LiveResult
from hand_object_recon.pipeline.live.outputs import RAW_OVERLAY_TOPIC, LiveOutputs
from hand_object_recon.recordings.result_topics import (
    OVERLAY_CAMERA_INFO_TOPIC,
    OVERLAY_TOPIC,
    TRANSFORMS_TOPIC,
)
from hand_object_recon.ros.moved_reconstruction import moved

_OF_THE_IMAGE: Final = frozenset({OVERLAY_TOPIC, RAW_OVERLAY_TOPIC, OVERLAY_CAMERA_INFO_TOPIC})


def messages_in_frame(
    outputs: LiveOutputs,
    live: LiveResult,
    wanted: Collection[str],
    frame_id: str,
    camera_pose: NDArray[np.float64],
) -> dict[str, bytes]:
    """CDR bytes by topic, with the results in ``frame_id``, where the camera has this pose
    (4, 4); what belongs to the image stays with it."""
    reconstruction = moved(live.result.reconstruction, frame_id, camera_pose)
    elsewhere = replace(live, result=replace(live.result, reconstruction=reconstruction))
    return {
        **outputs.messages(elsewhere, [topic for topic in wanted if topic not in _OF_THE_IMAGE]),
        **outputs.messages(live, [topic for topic in wanted if topic in _OF_THE_IMAGE]),
    }


def with_frame_prefix(messages: dict[str, bytes], prefix: str) -> dict[str, bytes]:
    """The same with ``prefix`` before the names of hand and object frames."""
    data = messages.get(TRANSFORMS_TOPIC)
    if not prefix or data is None:
        return messages
    message = deserialize(data, TRANSFORMS_TYPE)
    for transform in message.transforms:
        transform.child_frame_id = prefix + transform.child_frame_id
    return {**messages, TRANSFORMS_TOPIC: bytes(serialize(message))}
