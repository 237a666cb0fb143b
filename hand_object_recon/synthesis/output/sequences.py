"""Takes as recordings of their own: one folder a sequence, each with its truth."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.filming.film import FRAME_RATE_HZ
from hand_object_recon.synthesis.output.metadata import begin_output, metadata
from hand_object_recon.synthesis.output.recording import (
    TRUTH_FILE,
    OnFrames,
    filmed_by_one_camera,
    frame_count,
    shots_of_take,
    write_shots,
)
from hand_object_recon.synthesis.output.settings import SampleSettings
from hand_object_recon.synthesis.output.stage import Stage
from hand_object_recon.synthesis.takes.turning_take import SHORTEST_S

_FOLDER: Final = "sequence_{:02d}"


def write_sequences(
    folder: Path,
    settings: SampleSettings,
    sequences: int,
    frames: int,
    workers: int = 0,
    on_frames: OnFrames = lambda done: None,
) -> None:
    """Write ``sequence_00`` and so on into a folder, each with ``recording`` and ``truth.npz``.

    A sequence is the beginning of one take, ``frames`` frames of it at most; takes of scene
    ``TURNING`` last as long as that. Sequences that were finished are left alone.

    Raises
    ------
    InvalidValueError
        The folder holds something else or cannot be written, or a setting is wrong.
    RecordingError
        The disk is full.
    """
    for name, value in (("sequences", sequences), ("frames", frames)):
        if value < 1:
            raise InvalidValueError(f"{name} is {value}; it must be 1 or more")
    settings = replace(settings, turning_s=max(SHORTEST_S, frames / FRAME_RATE_HZ))
    begin_output(folder, metadata(settings, frames, "recording", sequences))
    stage, filmed = Stage(settings), filmed_by_one_camera(settings)
    done = 0
    for number in range(sequences):
        count = min(frame_count(stage.take(number)), frames)
        into = folder / _FOLDER.format(number)
        if not (into / TRUTH_FILE).exists():
            shots = shots_of_take(filmed, number, count)
            write_shots(into, shots, workers, partial(_add, done, on_frames))
        done += count
        on_frames(done)


def _add(before: int, on_frames: OnFrames, more: int) -> None:
    on_frames(before + more)
