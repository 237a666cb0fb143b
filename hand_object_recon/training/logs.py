"""What a training writes down while it runs: a CSV file, and TensorBoard's where installed."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LOG_FILE: Final = "log.csv"
_COLUMNS: Final = ("stage", "step", "name", "value")


class TrainingLog:
    """One row for each value; a resumed training goes on in the same files."""

    def __init__(self, folder: Path) -> None:
        path = folder / LOG_FILE
        is_new = not path.exists()
        self._file = path.open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        if is_new:
            self._rows.writerow(_COLUMNS)
        self._board: Any = _tensorboard(folder)

    def add(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Write numbers down by name."""
        for name, value in values.items():
            self._rows.writerow((stage, step, name, f"{value:.8g}"))
            if self._board is not None:
                self._board.add_scalar(f"{stage}/{name}", value, step)
        self._file.flush()

    def add_picture(self, stage: str, step: int, picture: NDArray[np.uint8]) -> None:
        """Show a (H, W, 3) picture in TensorBoard."""
        if self._board is not None:
            self._board.add_image(f"{stage}/predictions", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is still to be written."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def _tensorboard(folder: Path) -> Any:
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))
