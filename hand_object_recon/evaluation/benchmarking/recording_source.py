"""A recording, or a folder of recordings, as the source of an evaluation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.core.hands import HandSide, HandTopology
from hand_object_recon.evaluation.benchmarking.sequence_truth import (
    SequenceTruth,
    load_sequence_truth,
)
from hand_object_recon.evaluation.hand_truth import HandTruth
from hand_object_recon.evaluation.object_truth import ObjectTruth
from hand_object_recon.evaluation.truth_checks import require_matching_stamps
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.store import built_in_names, imported_names
from hand_object_recon.recordings.frame_selection import FrameSelection
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording

RECORDING_FOLDER: Final = "recording"
TRUTH_FILE: Final = "truth.npz"


@dataclass(frozen=True)
class TakeFiles:
    """A recording and the truth file that belongs to it."""

    recording: Path
    truth: Path


@dataclass(frozen=True)
class RecordingSource:
    """Recordings with truth files, one sequence each.

    takes
        By name of the sequence.
    selection
        Which of a recording's frames are run and scored.
    """

    name: str
    takes: Mapping[str, TakeFiles]
    config: PipelineConfig
    selection: FrameSelection = field(default_factory=FrameSelection)
    is_video: bool = True

    def identity(self) -> Mapping[str, Any]:
        return {
            "source": self.name,
            "recordings": {name: str(take.recording) for name, take in self.takes.items()},
            "start_s": self.selection.start_s,
            "duration_s": self.selection.duration_s,
            "every": self.selection.every,
        }

    def sequences(self) -> tuple[str, ...]:
        return tuple(self.takes)

    def frames(
        self, sequence: str, stamps_ns: Collection[int] | None = None
    ) -> Iterator[RgbdFrame | BadFrame]:
        with self._opened(sequence) as recording:
            positions = self.selection.positions(recording.stamps_ns)
            if stamps_ns is not None:
                wanted = np.isin(recording.stamps_ns[positions], list(stamps_ns))
                positions = positions[wanted]
            yield from recording.frames(positions)

    def truth(self, sequence: str) -> SequenceTruth:
        """The truth of the frames that are run.

        Raises
        ------
        InvalidValueError, RecordingError
            Recording or truth file cannot be used, or do not belong together.
        """
        path = self.takes[sequence].truth
        truth = load_sequence_truth(path)
        with self._opened(sequence) as recording:
            all_stamps_ns = recording.stamps_ns
        try:
            require_matching_stamps(truth.frame_stamps_ns, all_stamps_ns)
        except InvalidValueError as error:
            raise InvalidValueError(f"truth file {path}: {error}") from None
        return _of_frames(truth, all_stamps_ns[self.selection.positions(all_stamps_ns)])

    def topologies(self) -> Mapping[str, HandTopology]:
        return known_topologies()

    def _opened(self, sequence: str) -> RgbdRecording:
        path = self.takes[sequence].recording
        return RgbdRecording(path, self.config.recording, self.config.depth)


def single_recording(
    recording: Path, truth: Path, config: PipelineConfig, selection: FrameSelection | None = None
) -> RecordingSource:
    """One recording and its truth file."""
    take = TakeFiles(recording, truth)
    path = recording.resolve()
    name = path.parent.name if path.name == RECORDING_FOLDER else path.stem
    return RecordingSource(name, {name: take}, config, selection or FrameSelection())


def recording_folder(path: Path, config: PipelineConfig) -> RecordingSource:
    """A folder with ``recording`` and ``truth.npz``, or one of such folders, in order of name.

    Raises
    ------
    RecordingError
        There is no such folder.
    """
    folders = [path, *sorted(file.parent for file in path.glob(f"*/{TRUTH_FILE}"))]
    takes = {
        folder.resolve().name: TakeFiles(folder / RECORDING_FOLDER, folder / TRUTH_FILE)
        for folder in folders
        if (folder / RECORDING_FOLDER).exists() and (folder / TRUTH_FILE).is_file()
    }
    if not takes:
        raise RecordingError(
            f"{path} holds no shard-*.tar and no take, which is a folder with {RECORDING_FOLDER} "
            f"and {TRUTH_FILE} in it"
        )
    return RecordingSource(path.resolve().name, takes, config)


def known_topologies() -> dict[str, HandTopology]:
    """The meshes of all installed hand models."""
    found = {}
    for name in (*built_in_names(), *imported_names()):
        for side in HandSide:
            topology = load_hand_model(name, side).topology
            found[topology.name] = topology
    return found


def _of_frames(truth: SequenceTruth, stamps_ns: NDArray[np.int64]) -> SequenceTruth:
    """The part of the truth that is of frames with these stamps."""
    kept = truth.frame_stamps_ns[np.isin(truth.frame_stamps_ns, stamps_ns)]
    return SequenceTruth(kept, _hands_at(truth.hands, kept), _objects_at(truth.objects, kept))


def _hands_at(hands: HandTruth, stamps_ns: NDArray[np.int64]) -> HandTruth:
    rows = np.flatnonzero(np.isin(hands.stamps_ns, stamps_ns))
    return HandTruth(
        stamps_ns=hands.stamps_ns[rows],
        joints_m=hands.joints_m[rows],
        vertices_m=hands.vertices_m[rows],
        topologies=tuple(hands.topologies[row] for row in rows),
        sides=tuple(hands.sides[row] for row in rows),
        visible_share=None if hands.visible_share is None else hands.visible_share[rows],
        touching=None if hands.touching is None else hands.touching[rows],
    )


def _objects_at(objects: ObjectTruth, stamps_ns: NDArray[np.int64]) -> ObjectTruth:
    return objects.of_rows(np.flatnonzero(np.isin(objects.stamps_ns, stamps_ns)))
