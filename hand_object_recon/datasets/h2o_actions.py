"""H2O's actions of the test split, by which its hand pose challenge names frames."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from hand_object_recon.core.errors import DatasetError
from hand_object_recon.datasets.file_reading import ANEW, read_lines

ACTION_LIST: Final = "action_test.txt"

_FOLDERS: Final = ("action_labels", "label_split", ".")
_HEADER: Final = "id path"


class Action(NamedTuple):
    """An action: its number, the take it is in (``subject4/h1/0``), its first and last frame."""

    number: str
    take: str
    first: int
    last: int

    @property
    def frames(self) -> range:
        """Their numbers."""
        return range(self.first, self.last + 1)

    def files(self) -> tuple[str, ...]:
        """Names of the frames' label files."""
        return tuple(f"{number:06d}.txt" for number in self.frames)


def read_test_actions(root: Path) -> tuple[Action, ...]:
    """The 242 actions, whose frames together are those of the test split's pose list.

    Raises
    ------
    DatasetError
        The list is missing or has another form.
    """
    paths = [root / folder / ACTION_LIST for folder in _FOLDERS]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise DatasetError(
            f"{paths[0]} is missing, which says what action a frame is of; get it from "
            "action_labels of https://github.com/taeinkwon/h2odataset"
        )
    lines = [line for line in read_lines(path) if not line.startswith(_HEADER)]
    return tuple(_action(line, path) for line in lines)


def _action(line: str, path: Path) -> Action:
    try:
        number, take, first, last, _, _ = line.split()
        return Action(number, take, int(first), int(last))
    except ValueError:
        raise DatasetError(
            f"{path} has the line {line!r}, not one like '1 subject4/h1/0 0 80 0 500'; {ANEW}"
        ) from None
