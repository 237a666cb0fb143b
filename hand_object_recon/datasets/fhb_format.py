"""The First-Person Hand Action benchmark's cameras and text files.

README, ``load_example.py`` and ``load_example.m`` of the authors' repository. Joints and objects
are in millimetres in the depth camera's optical frame; colour comes from a camera beside it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.datasets.file_reading import ANEW, near_rotation, read_bytes, read_lines
from hand_object_recon.datasets.image_reading import MM_PER_M

DEPTH_CAMERA: Final = CameraIntrinsics(640, 480, 475.065948, 475.065857, 315.944855, 245.287079)
COLOR_CAMERA: Final = CameraIntrinsics(1920, 1080, 1395.749023, 1395.749268, 935.732544, 540.681030)
DEPTH_TO_COLOR: Final = np.array(
    [
        [0.999988496304, -0.00468848412856, 0.000982563360594, 0.0257],
        [0.00469115935266, 0.999985218048, -0.00273845880292, 0.00122],
        [-0.000969709653873, 0.00274303671904, 0.99999576807, 0.003902],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
"""(4, 4) from the depth to the colour camera's optical frame, in metres."""

OBJECTS: Final = ("juice_bottle", "liquid_soap", "milk", "salt")

_JOINT_NUMBERS: Final = 1 + 21 * 3
_POSE_NUMBERS: Final = 1 + 4 * 4


class ObjectPoses(NamedTuple):
    """number (N,) int of the frames that have a pose, and pose (N, 4, 4) in metres, from the
    object's to the colour camera's frame."""

    number: NDArray[np.int64]
    pose: NDArray[np.float64]

    def of(self, number: int) -> NDArray[np.float64] | None:
        """(4, 4) of a frame, None where it has none."""
        rows = np.flatnonzero(self.number == number)
        return self.pose[rows[0]] if len(rows) else None


def listed_sequences(path: Path) -> dict[str, list[str]]:
    """Folders such as ``Subject_1/put_salt/1`` by part, ``action_train`` and ``action_test``, each
    once: a list may name one twice."""
    parts: dict[str, list[str]] = {"action_train": [], "action_test": []}
    part = "action_train"
    for line in read_lines(path):
        folder = line.split()[0]
        if folder.startswith(("Train", "Test")):
            part = "action_test" if folder.startswith("Test") else "action_train"
            continue
        if folder.count("/") != 2:
            raise DatasetError(
                f"{path} has the line {line!r}, not one like 'Subject_1/put_salt/1 24'; {ANEW}"
            )
        parts[part].append(folder)
    return {part: list(dict.fromkeys(folders)) for part, folders in parts.items()}


@lru_cache(maxsize=256)
def read_joints(path: Path) -> NDArray[np.float64]:
    """(N, 21, 3) metres in the colour camera's frame and the file's order, a row a frame."""
    joints_m = _rows(path, _JOINT_NUMBERS)[:, 1:].reshape(-1, 21, 3) / MM_PER_M
    moved: NDArray[np.float64] = joints_m @ DEPTH_TO_COLOR[:3, :3].T + DEPTH_TO_COLOR[:3, 3]
    return moved


@lru_cache(maxsize=256)
def read_object_poses(path: Path) -> ObjectPoses:
    """Of an action's object; matrices are written column by column, their shift in millimetres."""
    rows = _rows(path, _POSE_NUMBERS)
    pose = rows[:, 1:].reshape(-1, 4, 4).transpose(0, 2, 1).copy()
    pose[:, :3, 3] /= MM_PER_M
    pose[:, :3, :3] = [near_rotation(matrix, path) for matrix in pose[:, :3, :3]]
    pose[:, 3] = (0.0, 0.0, 0.0, 1.0)
    return ObjectPoses(rows[:, 0].astype(np.int64), DEPTH_TO_COLOR @ pose)


def object_of_action(folder: str) -> str:
    """Name of what an action is done to: ``milk`` of ``Subject_1/pour_milk/2``."""
    return folder.split("/")[1].partition("_")[2]


def _rows(path: Path, columns: int) -> NDArray[np.float64]:
    try:
        values = np.array(read_bytes(path).split(), dtype=np.float64)
    except ValueError:
        raise DatasetError(f"{path} holds something that is no number; {ANEW}") from None
    if len(values) % columns or not np.isfinite(values).all():
        raise DatasetError(
            f"{path} holds {len(values)} numbers, which are not whole lines of {columns} finite "
            f"ones; {ANEW}"
        )
    return values.reshape(-1, columns)
