"""The demo scene as a recording on disk, with its truth beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter
from hand_object_recon.synthesis.demo_scene import DemoScene, SyntheticFrame


def write_demo_recording(
    scene: DemoScene,
    recording: Path,
    truth: Path,
    on_frame: Callable[[SyntheticFrame], None] | None = None,
) -> None:
    """Render ``scene`` into a rosbag2 folder and an npz of what is true in it.

    recording
        Folder of the rosbag2 recording to write.
    truth
        An npz in the format of ``evaluation.hand_truth``: one row for each hand that is wholly
        in the image, with its stamp, joints, vertices, topology and side.
    on_frame
        Called after each frame, for a progress display.
    """
    rows = _TruthRows()
    with RgbdRecordingWriter(recording) as writer:
        for synthetic in scene.frames():
            writer.write(synthetic.frame)
            rows.add(synthetic)
            if on_frame is not None:
                on_frame(synthetic)
    rows.save(truth)


class _TruthRows:
    """One row for each hand of each frame."""

    def __init__(self) -> None:
        self._stamps_ns: list[int] = []
        self._joints: list[NDArray[Any]] = []
        self._vertices: list[NDArray[Any]] = []
        self._topologies: list[str] = []
        self._sides: list[str] = []

    def add(self, synthetic: SyntheticFrame) -> None:
        for hand in synthetic.hands:
            self._stamps_ns.append(synthetic.frame.stamp_ns)
            self._joints.append(hand.posed.joints_m)
            self._vertices.append(hand.posed.vertices_m)
            self._topologies.append(hand.model.topology.name)
            self._sides.append(str(hand.model.side))

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            stamps_ns=np.array(self._stamps_ns, dtype=np.int64),
            joints=np.array(self._joints, dtype=np.float32).reshape(-1, 21, 3),
            vertices=np.array(self._vertices, dtype=np.float32).reshape(len(self._vertices), -1, 3),
            topology=np.array(self._topologies, dtype=np.str_),
            side=np.array(self._sides, dtype=np.str_),
        )
