"""The folder of an evaluation: what lies where, and whether it may be continued."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.evaluation.begun_work import differences
from hand_object_recon.evaluation.benchmarking.array_files import (
    read_arrays,
    write_arrays,
    write_text,
)

RUN_FILE: Final = "run.json"
FORMAT: Final = "hand_object_recon evaluation 2"

Latencies = Mapping[str, list[float]]


@dataclass(frozen=True)
class EvaluationFolder:
    """Files of an evaluation under ``path``.

    ``run.json`` says what is evaluated; ``truth/SEQUENCE.npz``; for each reconstructor
    ``results/NAME/SEQUENCE.npz`` with its meshes' triangles in ``topologies.npz`` beside, and
    ``latency/NAME/SEQUENCE.json``.
    """

    path: Path

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Note what is evaluated here, or see that it is what was begun.

        Raises
        ------
        RecordingError
            The folder holds another evaluation, or cannot be written.
        """
        wanted = json.loads(json.dumps({"format": FORMAT, **identity}))
        if (self.path / RUN_FILE).is_file():
            _require_same(self.read_identity(), wanted, self.path)
            return
        try:
            write_text(self.path / RUN_FILE, json.dumps(wanted, indent=2) + "\n")
        except OSError as error:
            raise RecordingError(f"folder {self.path} cannot be used: {error.strerror}") from None

    def read_identity(self) -> dict[str, Any]:
        """What was evaluated here.

        Raises
        ------
        RecordingError
            The folder holds no evaluation, or not one of this version.
        """
        try:
            content = json.loads((self.path / RUN_FILE).read_text(encoding="utf-8"))
        except OSError as error:
            raise RecordingError(
                f"{self.path} holds no evaluation: {RUN_FILE} cannot be read ({error.strerror})"
            ) from None
        except ValueError:
            raise RecordingError(f"{self.path / RUN_FILE} is damaged; evaluate again") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise RecordingError(f"{self.path / RUN_FILE} is not of format {FORMAT!r}")
        return content

    def truth_file(self, sequence: str) -> Path:
        return self.path / "truth" / f"{sequence}.npz"

    def result_file(self, reconstructor: str, sequence: str) -> Path:
        return self.path / "results" / folder_name(reconstructor) / f"{sequence}.npz"

    def latency_file(self, reconstructor: str, sequence: str) -> Path:
        return self.path / "latency" / folder_name(reconstructor) / f"{sequence}.json"

    def is_done(self, reconstructor: str, sequence: str) -> bool:
        """Whether the sequence's results are whole; they are written last."""
        return self.result_file(reconstructor, sequence).is_file()

    def save_latencies(self, reconstructor: str, sequence: str, stage_ms: Latencies) -> None:
        rounded = {name: [round(value, 3) for value in times] for name, times in stage_ms.items()}
        write_text(self.latency_file(reconstructor, sequence), json.dumps(rounded) + "\n")

    def read_latencies(self, reconstructor: str, sequence: str) -> Latencies:
        """Milliseconds of each frame by stage; nothing where they were not kept."""
        path = self.latency_file(reconstructor, sequence)
        if not path.is_file():
            return {}
        content: dict[str, list[float]] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def save_topologies(self, reconstructor: str, topologies: Mapping[str, HandTopology]) -> None:
        """Keep the triangles of a reconstructor's meshes."""
        arrays: dict[str, Any] = {}
        for name, topology in sorted(topologies.items()):
            arrays[f"faces_{name}"] = topology.faces
            arrays[f"vertex_count_{name}"] = np.array(topology.vertex_count)
        write_arrays(self._topology_file(reconstructor), arrays)

    def read_topologies(self, reconstructor: str) -> dict[str, HandTopology]:
        """The triangles of a reconstructor's meshes by topology name."""
        arrays = read_arrays(self._topology_file(reconstructor))
        names = [key.removeprefix("faces_") for key in arrays if key.startswith("faces_")]
        return {
            name: HandTopology(name, int(arrays[f"vertex_count_{name}"]), arrays[f"faces_{name}"])
            for name in names
        }

    def _topology_file(self, reconstructor: str) -> Path:
        return self.path / "results" / folder_name(reconstructor) / "topologies" / "meshes.npz"


def folder_name(reconstructor: str) -> str:
    """A reconstructor's name or symbol path as the name of a folder."""
    return re.sub(r"[^\w.-]+", "_", reconstructor)


def _require_same(before: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    changes = differences(before, now)
    if changes:
        raise RecordingError(
            f"{path} holds another evaluation: {changes}; give another --out, or what it was "
            "begun with to continue it"
        )
