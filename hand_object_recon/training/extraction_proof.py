"""Compares gSDF's searched surfaces with dense evaluation, on records of a sample store.

``python -m hand_object_recon.training.extraction_proof WEIGHTS STORE [--frames 200]`` takes the
store a training was validated with, for example. It leaves with status 1 where a surface is off
by more than half a voxel or a part of more than 50 voxels was lost.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np

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
    chosen = parser.parse_args(arguments)
    proof, store = import_module(_PROOF), SampleStore(chosen.store)
    numbers = np.linspace(0, len(store) - 1, min(chosen.frames, len(store))).astype(int).tolist()
    records = (store.record(number) for number in numbers)
    found = []
    for one in proof.compared_records(chosen.weights, records, chosen.device, chosen.cells):
        found.append(one)
        print(one, flush=True)
    if not found:
        print(f"the network sees no surface in {len(numbers)} records of {chosen.store}")
        return 1
    print(proof.summary(found))
    return int(not proof.holds(found))


if __name__ == "__main__":
    sys.exit(main())
