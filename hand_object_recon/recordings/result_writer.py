"""Reconstructions as a rosbag2 recording that RViz and Foxglove play."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import camera_info_message
from hand_object_recon.messages.marker_array import MarkerKey
from hand_object_recon.messages.markers import serialized_markers
from hand_object_recon.messages.reconstruction import reconstruction_message, topology_message
from hand_object_recon.messages.transforms import transforms_message
from hand_object_recon.messages.typestore import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    MARKERS_TYPE,
    RECONSTRUCTION_TYPE,
    TOPOLOGY_TYPE,
    TRANSFORMS_TYPE,
)
from hand_object_recon.recordings.bag_writer import BagWriter, reliable_qos
from hand_object_recon.recordings.image_encoding import color_message
from hand_object_recon.recordings.input_copy import InputCopy, RecordedInput
from hand_object_recon.recordings.result_topics import (
    MARKERS_TOPIC,
    OVERLAY_CAMERA_INFO_TOPIC,
    OVERLAY_TOPIC,
    RECONSTRUCTION_TOPIC,
    TOPOLOGY_TOPIC,
    TRANSFORMS_TOPIC,
)

_OVERLAY_JPEG_QUALITY: Final = 85


class ReconstructionWriter:
    """Writes reconstructions, their markers, transforms and overlays; a context manager.

    The log time of every message is the image's stamp. The topologies are written once, at the
    stamp of the first reconstruction.

    topologies
        Those of every mesh that will be written.
    recorded_input
        The recording the frames come from, to have its messages copied beside the results.

    Raises
    ------
    RecordingError
        The folder exists already, or cannot be written.
    """

    def __init__(
        self,
        directory: Path | str,
        topologies: Iterable[HandTopology] = (),
        recorded_input: RecordedInput | None = None,
    ) -> None:
        self._topologies = {topology.name: topology for topology in topologies}
        self._are_topologies_written = False
        self._shown: frozenset[MarkerKey] = frozenset()
        self._bag = BagWriter(directory)
        latched = reliable_qos(max(len(self._topologies), 1), keep_for_late_joiners=True)
        self._bag.add_topic(TOPOLOGY_TOPIC, TOPOLOGY_TYPE, latched)
        self._bag.add_topic(RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE, reliable_qos(10))
        self._bag.add_topic(MARKERS_TOPIC, MARKERS_TYPE, reliable_qos(10))
        self._bag.add_topic(TRANSFORMS_TOPIC, TRANSFORMS_TYPE, reliable_qos(100))
        self._bag.add_topic(OVERLAY_TOPIC, COMPRESSED_IMAGE_TYPE, reliable_qos(5))
        self._bag.add_topic(OVERLAY_CAMERA_INFO_TOPIC, CAMERA_INFO_TYPE, reliable_qos(5))
        self._input = self._open_input(recorded_input)
        self._last_stamp_ns: int | None = None

    def write(self, reconstruction: Reconstruction) -> None:
        """Add one frame, with or without hands in it.

        Raises
        ------
        InvalidValueError
            A hand's mesh has a topology that was not given; nothing of the frame is written.
        RecordingError
            The disk is full or the folder is gone.
        """
        stamp_ns = reconstruction.stamp_ns
        markers, shown = serialized_markers(reconstruction, self._topologies, self._shown)
        self._write_topologies_once(stamp_ns)
        self._bag.write(RECONSTRUCTION_TOPIC, reconstruction_message(reconstruction), stamp_ns)
        self._bag.write_serialized(MARKERS_TOPIC, markers, stamp_ns)
        self._bag.write(TRANSFORMS_TOPIC, transforms_message(reconstruction), stamp_ns)
        self._shown = shown
        self._last_stamp_ns = stamp_ns
        if self._input is not None:
            self._input.copy_until(stamp_ns)

    def write_overlay(self, overlay: RgbdFrame) -> None:
        """Add a frame whose colour image has its reconstruction drawn in, and its CameraInfo.

        Raises
        ------
        RecordingError
            The disk is full or the folder is gone.
        """
        stamp_ns = overlay.stamp_ns
        image = color_message(overlay, "jpeg", jpeg_quality=_OVERLAY_JPEG_QUALITY)
        info = camera_info_message(header_message(stamp_ns, overlay.frame_id), overlay.camera)
        self._bag.write(OVERLAY_CAMERA_INFO_TOPIC, info, stamp_ns)
        self._bag.write(OVERLAY_TOPIC, image, stamp_ns)

    def close(self) -> None:
        """Finish the recording; without it other tools cannot open it."""
        self.__exit__(None, None, None)

    def __enter__(self) -> ReconstructionWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._close_input(is_to_be_finished=error is None)
        finally:
            self._bag.__exit__(kind, error, traceback)

    def _open_input(self, recorded_input: RecordedInput | None) -> InputCopy | None:
        try:
            return InputCopy(recorded_input, self._bag) if recorded_input else None
        except RecordingError:
            self._bag.close()
            raise

    def _close_input(self, *, is_to_be_finished: bool) -> None:
        if self._input is None:
            return
        try:
            if is_to_be_finished and self._last_stamp_ns is not None:
                self._input.finish(self._last_stamp_ns)
        finally:
            self._input.close()

    def _write_topologies_once(self, stamp_ns: int) -> None:
        if self._are_topologies_written:
            return
        for topology in self._topologies.values():
            self._bag.write(TOPOLOGY_TOPIC, topology_message(topology), stamp_ns)
        self._are_topologies_written = True
