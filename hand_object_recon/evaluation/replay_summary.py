"""What a replay did, counted and timed: the content of ``summary.json``."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.evaluation.hand_accuracy import HandAccuracy
from hand_object_recon.evaluation.machine import machine_description, version_table
from hand_object_recon.pipeline.pipeline import FrameResult
from hand_object_recon.pipeline.stage_clock import StageClock
from hand_object_recon.recordings.result_parts import ResultPart

_PERCENTILES: Final = (50, 95, 99)
READ_STAGE: Final = "read"
_REASON_NOT_KEPT: Final = "before the replay was resumed; the reason was not kept"


@dataclass
class ReplayTally:
    """Counts and times of a replay while it runs.

    Times and notes are those of this run; frames and bad frames include the ones of earlier runs
    that it continues.

    cpu_s, writing_cpu_s
        Processor time of this process with all its threads while it reconstructed, and of the
        one that writes the results.
    """

    frames: int
    unpaired_color: int
    unpaired_depth: int
    frames_done: int = 0
    frames_done_before: int = 0
    frames_with_hand: int = 0
    selection: dict[str, Any] = field(default_factory=dict)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    writing_cpu_s: float = 0.0
    method: str = ""
    first_problem: str = "it holds no frame"
    warnings: tuple[str, ...] = ()
    bad_frames: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    stage_ms: dict[str, array[float]] = field(default_factory=dict)
    stage_cpu_ms: dict[str, array[float]] = field(default_factory=dict)

    def add(self, result: FrameResult, reading: StageClock) -> None:
        """Count a reconstructed frame."""
        reconstruction = result.reconstruction
        self.frames_done += 1
        self.frames_with_hand += bool(reconstruction.hands)
        self.method = reconstruction.method
        self.notes.update(result.notes)
        _append(self.stage_ms, {**reading.stage_ms, **reconstruction.stage_ms})
        _append(self.stage_cpu_ms, {**reading.stage_cpu_ms, **result.stage_cpu_ms})

    def add_earlier(self, parts: Sequence[ResultPart], frames: int) -> None:
        """Count what earlier runs left of the first ``frames`` frames."""
        self.method = parts[0].method
        self.frames_done_before = sum(part.frames for part in parts)
        self.frames_with_hand += sum(part.frames_with_hand for part in parts)
        if bad := frames - self.frames_done_before:
            self.bad_frames[_REASON_NOT_KEPT] = bad

    @property
    def frames_done_overall(self) -> int:
        return self.frames_done_before + self.frames_done

    def add_bad_frame(self, reason: str) -> None:
        """Count a frame that could not be used."""
        if not self.bad_frames:
            self.first_problem = reason
        self.bad_frames[reason] += 1

    def as_dict(self) -> dict[str, object]:
        """The counts and times as ``summary.json`` names them."""
        return {
            "frames": self.frames,
            "frames_of_earlier_runs": self.frames_done_before,
            "selection": self.selection,
            "frames_with_hand": self.frames_with_hand,
            "unpaired": self.unpaired_color + self.unpaired_depth,
            "unpaired_color": self.unpaired_color,
            "unpaired_depth": self.unpaired_depth,
            "bad_frames": sum(self.bad_frames.values()),
            "bad_frame_reasons": dict(self.bad_frames),
            "notes": dict(self.notes),
            "warnings": list(self.warnings),
            "method": self.method,
            "throughput_hz": round(self.frames_done / self.wall_s, 2) if self.wall_s else None,
            "latency_ms": {name: _percentiles(times) for name, times in self.stage_ms.items()},
            "cpu_ms": {name: _percentiles(times) for name, times in self.stage_cpu_ms.items()},
            "cpu_ms_per_frame": {
                "reconstructing": self._milliseconds_per_frame(self.cpu_s),
                "writing": self._milliseconds_per_frame(self.writing_cpu_s),
            },
        }

    def _milliseconds_per_frame(self, seconds: float) -> float | None:
        return round(1e3 * seconds / self.frames_done, 2) if self.frames_done else None


def write_summary(
    path: Path, tally: ReplayTally, accuracy: HandAccuracy | None, config: PipelineConfig
) -> dict[str, object]:
    """Write and return the summary of a replay."""
    summary = {
        **tally.as_dict(),
        "accuracy": _rounded(accuracy.as_dict()) if accuracy is not None else None,
        "config": config.model_dump(mode="json"),
        "versions": version_table(),
        "hardware": machine_description(),
    }
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _append(times: dict[str, array[float]], stages: Mapping[str, float]) -> None:
    for name, milliseconds in {**stages, "total": sum(stages.values())}.items():
        times.setdefault(name, array("d")).append(milliseconds)


def _rounded(value: Any) -> Any:
    """The same with micrometres cut off: they are noise, and the file is to be read."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value


def _percentiles(milliseconds: array[float]) -> dict[str, float]:
    values = np.percentile(milliseconds, _PERCENTILES)
    return {
        f"p{percent}": round(float(value), 2)
        for percent, value in zip(_PERCENTILES, values, strict=True)
    }
