"""Reconstructions as a rosbag2 recording that ROS 2 tools and Foxglove play."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from hand_object_recon.core.hands import HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.markers import MarkerKey, markers_message
from hand_object_recon.messages.reconstruction import reconstruction_message, topology_message
from hand_object_recon.messages.transforms import transforms_message
from hand_object_recon.messages.typestore import (
    MARKERS_TYPE,
    RECONSTRUCTION_TYPE,
    TOPOLOGY_TYPE,
    TRANSFORMS_TYPE,
)
from hand_object_recon.recordings.bag_writer import BagWriter, reliable_qos
from hand_object_recon.recordings.result_topics import (
    MARKERS_TOPIC,
    RECONSTRUCTION_TOPIC,
    TOPOLOGY_TOPIC,
    TRANSFORMS_TOPIC,
)


class ReconstructionWriter:
    """Writes reconstructions, their markers and transforms; used as a context manager.

    The log time of every message is the image's stamp. The topologies are written once, at the
    stamp of the first reconstruction.

    topologies
        Those of every mesh that will be written.

    Raises
    ------
    RecordingError
        The folder exists already, or cannot be written.
    """

    def __init__(self, directory: Path | str, topologies: Iterable[HandTopology] = ()) -> None:
        self._topologies = {topology.name: topology for topology in topologies}
        self._are_topologies_written = False
        self._shown: frozenset[MarkerKey] = frozenset()
        self._bag = BagWriter(directory)
        latched = reliable_qos(max(len(self._topologies), 1), keep_for_late_joiners=True)
        self._bag.add_topic(TOPOLOGY_TOPIC, TOPOLOGY_TYPE, latched)
        self._bag.add_topic(RECONSTRUCTION_TOPIC, RECONSTRUCTION_TYPE, reliable_qos(10))
        self._bag.add_topic(MARKERS_TOPIC, MARKERS_TYPE, reliable_qos(10))
        self._bag.add_topic(TRANSFORMS_TOPIC, TRANSFORMS_TYPE, reliable_qos(100))

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
        markers, shown = markers_message(reconstruction, self._topologies, self._shown)
        self._write_topologies_once(stamp_ns)
        self._bag.write(RECONSTRUCTION_TOPIC, reconstruction_message(reconstruction), stamp_ns)
        self._bag.write(MARKERS_TOPIC, markers, stamp_ns)
        self._bag.write(TRANSFORMS_TOPIC, transforms_message(reconstruction), stamp_ns)
        self._shown = shown

    def close(self) -> None:
        """Finish the recording; without it other tools cannot open it."""
        self._bag.close()

    def __enter__(self) -> ReconstructionWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bag.__exit__(kind, error, traceback)

    def _write_topologies_once(self, stamp_ns: int) -> None:
        if self._are_topologies_written:
            return
        for topology in self._topologies.values():
            self._bag.write(TOPOLOGY_TOPIC, topology_message(topology), stamp_ns)
        self._are_topologies_written = True
