"""Finding a camera among the topics of a live graph."""

from __future__ import annotations

import time
from typing import Final

from hand_object_recon.core.errors import RecordingError, TransportError
from hand_object_recon.core.stream_settings import RecordingSettings
from hand_object_recon.dds.transport import Transport
from hand_object_recon.recordings.bag import BagTopic
from hand_object_recon.recordings.topics import TopicChoice, choose_topics

_LOOK_AGAIN_S: Final = 0.1
_TIME_FOR_OTHERS_S: Final = 1.0
"""After the first camera: the aligned depth may be announced after the depth itself."""


def camera_found(transport: Transport, timeout_s: float) -> list[str]:
    """``live.<topic>=name`` of the camera that the graph has, chosen as in a recording.

    Raises
    ------
    TransportError
        There is no colour image, depth image and CameraInfo in the graph within that time.
    """
    end_s = time.monotonic() + timeout_s
    while True:
        try:
            _choose(transport)
        except RecordingError as error:
            if time.monotonic() >= end_s:
                raise TransportError(_nothing_found(transport, timeout_s)) from error
            time.sleep(_LOOK_AGAIN_S)
        else:
            time.sleep(_TIME_FOR_OTHERS_S)
            color, depth, camera_info = _choose(transport).names
            return [
                f"live.color_topic={color}",
                f"live.depth_topic={depth}",
                f"live.camera_info_topic={camera_info}",
            ]


def _choose(transport: Transport) -> TopicChoice:
    available = [BagTopic(*topic, message_count=1) for topic in transport.topics()]
    return choose_topics(available, RecordingSettings())


def _nothing_found(transport: Transport, timeout_s: float) -> str:
    names = ", ".join(topic.name for topic in transport.topics())
    fix = (
        f"there are {names}; name live.color_topic, live.depth_topic and live.camera_info_topic"
        if names
        else "nobody publishes anything; is the driver started, and do ROS_DOMAIN_ID and "
        "ROS_AUTOMATIC_DISCOVERY_RANGE agree with its?"
    )
    return f"no camera with colour and depth was found in {timeout_s:g} s: {fix}"
