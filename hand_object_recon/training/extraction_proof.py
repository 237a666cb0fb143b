"""Compares gSDF's searched surfaces with dense evaluation, on records of a sample store.

``python -m hand_object_recon.training.extraction_proof WEIGHTS STORE [--frames 200]`` takes the
store a training was validated with, for example. It leaves with status 1 where a surface is off
by more than half a voxel or a part of more than 50 voxels was lost. With ``--out FILE`` comparisons
are kept there, and the same command goes on where it was stopped; another version of the search
needs another file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.training.sample_store import SampleStore

_PROOF: Final = "hand_object_recon.reconstructors.gsdf.extraction_proof"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each record's comparison, then the worst; 0 where the proof holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--cells", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="file that comparisons are kept in, a line each")
    chosen = parser.parse_args(arguments)
    proof, store = import_module(_PROOF), SampleStore(chosen.store)
    numbers = np.linspace(0, len(store) - 1, min(chosen.frames, len(store))).astype(int).tolist()
    compared = {"weights": _sha256(chosen.weights), "cells": chosen.cells, **store.meta["identity"]}
    kept = _Kept(chosen.out, compared)
    compare = proof.RecordProof(chosen.weights, chosen.device, chosen.cells)
    for number in numbers:
        if number not in kept.by_record:
            kept.add(number, compare(store.record(number)))
            print(kept.by_record[number], flush=True)
    values = [kept.by_record[number] for number in numbers]
    found = [proof.RecordComparison.of_json(one) for one in values if one is not None]
    if not found:
        print(f"the network sees no surface in {len(numbers)} records of {chosen.store}")
        return 1
    print(proof.summary(found))
    return int(not proof.holds(found))


class _Kept:
    """Comparisons by the number of their record, None where the network saw nothing.

    The file's first line says what is compared, each other one holds a record.
    """

    def __init__(self, file: Path | None, identity: dict[str, Any]) -> None:
        self.by_record: dict[int, dict[str, Any] | None] = {}
        self._file = file
        if file is None:
            return
        if not file.exists():
            file.write_text(json.dumps(identity) + "\n", encoding="utf-8")
        first, *lines = file.read_text("utf-8").splitlines()
        if json.loads(first) != identity:
            raise ConfigError(f"{file} holds comparisons of {first}, not of {json.dumps(identity)}")
        self.by_record = dict(map(json.loads, lines))

    def add(self, number: int, comparison: Any) -> None:
        values = None if comparison is None else asdict(comparison)
        self.by_record[number] = values
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps([number, values]) + "\n")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
