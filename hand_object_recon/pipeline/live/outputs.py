"""What a live host publishes, as bytes: only what somebody listens to is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.core.stream_settings import LiveSettings
from hand_object_recon.messages.detections import detections_message
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import camera_info_message
from hand_object_recon.messages.marker_array import MarkerKey
from hand_object_recon.messages.markers import serialized_markers
from hand_object_recon.messages.meshes import serialized_mesh
from hand_object_recon.messages.point_clouds import point_cloud_message
from hand_object_recon.messages.reconstruction import reconstruction_message, topology_message
from hand_object_recon.messages.transforms import transforms_message
from hand_object_recon.messages.typestore import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    DETECTIONS_TYPE,
    IMAGE_TYPE,
    MARKERS_TYPE,
    MESH_TYPE,
    POINT_CLOUD_TYPE,
    RECONSTRUCTION_TYPE,
    TOPOLOGY_TYPE,
    TRANSFORMS_TYPE,
    Message,
    serialize,
)
from hand_object_recon.pipeline.live.engine_events import LiveResult
from hand_object_recon.recordings.image_encoding import color_message
from hand_object_recon.recordings.result_topics import (
    MARKERS_TOPIC,
    OVERLAY_CAMERA_INFO_TOPIC,
    OVERLAY_TOPIC,
    RECONSTRUCTION_TOPIC,
    TOPOLOGY_TOPIC,
    TRANSFORMS_TOPIC,
)
from hand_object_recon.visualization.overlay import draw_overlay

RAW_OVERLAY_TOPIC: Final = "/hand_object_recon/overlay"
POINTS_TOPIC: Final = "/hand_object_recon/points"
DETECTIONS_TOPIC: Final = "/hand_object_recon/detections"
OBJECT_MESH_TOPIC: Final = "/hand_object_recon/object_mesh"


@dataclass(frozen=True)
class OutputTopic:
    """A topic to publish, reliable, the last ``depth`` messages kept."""

    topic: str
    message_type: str
    depth: int


RESULT_TOPICS: Final = (
    OutputTopic(RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE, 10),
    OutputTopic(TRANSFORMS_TOPIC, TRANSFORMS_TYPE, 100),
    OutputTopic(MARKERS_TOPIC, MARKERS_TYPE, 5),
    OutputTopic(DETECTIONS_TOPIC, DETECTIONS_TYPE, 10),
    OutputTopic(POINTS_TOPIC, POINT_CLOUD_TYPE, 5),
    OutputTopic(OBJECT_MESH_TOPIC, MESH_TYPE, 5),
    OutputTopic(OVERLAY_TOPIC, COMPRESSED_IMAGE_TYPE, 2),
    OutputTopic(RAW_OVERLAY_TOPIC, IMAGE_TYPE, 2),
    OutputTopic(OVERLAY_CAMERA_INFO_TOPIC, CAMERA_INFO_TYPE, 2),
)
"""Published with every frame to those who subscribe."""

TOPOLOGIES_TOPIC: Final = OutputTopic(TOPOLOGY_TOPIC, TOPOLOGY_TYPE, 8)
"""Published after configuring and after another reconstructor came, kept for late joiners."""


def serialized_topologies(topologies: Iterable[HandTopology]) -> list[bytes]:
    """Messages for ``TOPOLOGIES_TOPIC``."""
    return [_bytes(topology_message(topology)) for topology in topologies]


class LiveOutputs:
    """Turns results into messages; it remembers which markers are to be deleted.

    The object mesh is that of the object whose frame is ``object``, the first by track id.
    """

    def __init__(self, settings: LiveSettings) -> None:
        self.settings = settings
        self._shown: frozenset[MarkerKey] = frozenset()
        self._builders: dict[str, Callable[[LiveResult], bytes | None]] = {
            RECONSTRUCTION_TOPIC: lambda live: _bytes(
                reconstruction_message(live.result.reconstruction)
            ),
            TRANSFORMS_TOPIC: self._transforms,
            MARKERS_TOPIC: self._markers,
            DETECTIONS_TOPIC: lambda live: _bytes(detections_message(live.result.reconstruction)),
            POINTS_TOPIC: lambda live: _bytes(point_cloud_message(live.result.reconstruction)),
            OBJECT_MESH_TOPIC: _object_mesh,
            OVERLAY_CAMERA_INFO_TOPIC: _camera_info,
        }

    def messages(self, live: LiveResult, wanted: Collection[str]) -> dict[str, bytes]:
        """CDR bytes by topic, of those of the ``wanted`` topics that have something to say."""
        built = {
            topic: data
            for topic, build in self._builders.items()
            if topic in wanted and (data := build(live)) is not None
        }
        if OVERLAY_TOPIC in wanted or RAW_OVERLAY_TOPIC in wanted:
            built.update(self._overlays(_overlay(live), wanted))
        return built

    def _transforms(self, live: LiveResult) -> bytes | None:
        reconstruction = live.result.reconstruction
        if not (reconstruction.hands or reconstruction.objects):
            return None
        all_joints = self.settings.all_joint_frames
        return _bytes(transforms_message(reconstruction, all_joints=all_joints))

    def _markers(self, live: LiveResult) -> bytes:
        data, self._shown = serialized_markers(
            live.result.reconstruction, live.topologies, self._shown
        )
        return data

    def _overlays(self, overlay: RgbdFrame, wanted: Collection[str]) -> dict[str, bytes]:
        built = {}
        if OVERLAY_TOPIC in wanted:
            quality = self.settings.overlay_jpeg_quality
            built[OVERLAY_TOPIC] = _bytes(color_message(overlay, "jpeg", jpeg_quality=quality))
        if RAW_OVERLAY_TOPIC in wanted:
            built[RAW_OVERLAY_TOPIC] = _bytes(color_message(overlay, "rgb8"))
        return built


def _overlay(live: LiveResult) -> RgbdFrame:
    """The frame with everything known of it drawn in."""
    detections = [hand.detection for hand in live.result.tracked]
    rgb = draw_overlay(live.frame, live.result.reconstruction, live.topologies, detections)
    return replace(live.frame, rgb=rgb)


def _object_mesh(live: LiveResult) -> bytes | None:
    objects = live.result.reconstruction.objects
    return serialized_mesh(min(objects, key=lambda item: item.track_id)) if objects else None


def _camera_info(live: LiveResult) -> bytes:
    header = header_message(live.frame.stamp_ns, live.frame.frame_id)
    return _bytes(camera_info_message(header, live.frame.camera))


def _bytes(message: Message) -> bytes:
    return bytes(serialize(message))
