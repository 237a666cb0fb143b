"""Makes the grasp banks that come with the package.

``python -m hand_object_recon.synthesis.grasp_bank.builder --split train --count 600 --seed 1``
writes ``synthesis/assets/grasps_train.npz``, or the file named with ``--out``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

import numpy as np

from hand_object_recon.core.errors import HandObjectReconError
from hand_object_recon.synthesis.grasp_bank.bank_file import (
    rebuild_command,
    save_grasp_bank,
    shipped_name,
)
from hand_object_recon.synthesis.grasp_bank.making import BankPlan, make_split_bank
from hand_object_recon.synthesis.objects.catalogue import Split

_COUNTS: Final = {"train": 600, "val": 100, "test": 200}
_SYNTHESIS: Final = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Make one bank."""
    options = _options(arguments)
    out: Path = options.out or _SYNTHESIS / shipped_name(options.split)
    count: int = options.count or _COUNTS[options.split]
    command = rebuild_command(options.split)

    def show(done: int) -> None:
        print(f"\r{done} of {count} grasps", end="", file=sys.stderr, flush=True)

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        plan = BankPlan(out.name, count, options.seed, command)
        bank = make_split_bank(options.split, plan, show)
        save_grasp_bank(bank, out)
    except HandObjectReconError as error:
        raise SystemExit(f"\nerror: {error}") from None
    print(
        f"\n{out}: {len(bank.grasps)} grasps of {len(bank.fingerprints)} objects, "
        f"{len(bank.pairs)} pairs of hands, {out.stat().st_size / 1e3:.0f} kB; deepest "
        f"{1e3 * np.max([grasp.penetration_m for grasp in bank.grasps]):.1f} mm"
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=get_args(Split), required=True)
    parser.add_argument("--count", type=int, help="Grasps; 600, 100 or 200 if left out.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
