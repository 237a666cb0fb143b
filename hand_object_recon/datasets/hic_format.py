"""Files of Hands in Action: fits of MANO, tracked objects, depth.

Tracked motions are read as the authors' motion viewer does (``src/animation_*.cpp``,
``src/videoSequence.cpp``, ``Configs/*/INDEX_BOUNDS.txt``): millimetres in the camera's optical
frame; the first line of a bone is its place at rest, the next one that of image 0.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.datasets.file_reading import (
    ANEW,
    near_rotation,
    read_lines,
    read_pickle,
    require_file,
)
from hand_object_recon.datasets.ho3d_format import FrameLabels
from hand_object_recon.datasets.image_reading import MM_PER_M, metric_depth
from hand_object_recon.hand_model.conventions import FINGERS_IN_JOINT_ORDER
from hand_object_recon.hand_model.joint_orders import convert_joints

CAMERA: Final = CameraIntrinsics(640, 480, 525.0, 525.0, 319.5, 239.5)
FITS_FOLDER: Final = "IJCV16___Results_MANO___parms_for___joints21"

_LETTERS: Final = {HandSide.LEFT: "L", HandSide.RIGHT: "R"}
_SAME_JOINT_M: Final = 1e-3
_MANO_VERTICES: Final = 778


class Fit(NamedTuple):
    """A hand's fit: joints_m (21, 3) in our order, vertices_m (778, 3), and pose (48,), shape
    (10,), translation_m (3,) as they are written."""

    joints_m: NDArray[np.float32]
    vertices_m: NDArray[np.float32]
    pose: NDArray[np.float64]
    shape: NDArray[np.float64]
    translation_m: NDArray[np.float64]


def fits_folder(root: Path, sequence: str, side: HandSide) -> Path:
    """Where a hand's fits of a sequence such as ``15`` are."""
    name = f"IJCV16___fakeGT___IJCV___{sequence}___Model_Hand_{_LETTERS[side]}___ncomps45"
    return root / FITS_FOLDER / name


def read_fit(path: Path) -> Fit:
    """A hand's fit in an image; nothing of the pickle is run."""
    wanted = ("v", "J_transformed", "J_transformed___j21", "pose", "betas", "trans")
    labels = FrameLabels(read_pickle(path, *wanted), path)
    joints = labels.needed("J_transformed", (16, 3))
    tips = _tips(joints, labels.needed("J_transformed___j21", (21, 3)), path)
    ours = convert_joints(np.concatenate([joints, tips]), "mano21", "openpose21")
    return Fit(
        joints_m=ours.astype(np.float32),
        vertices_m=labels.needed("v", (_MANO_VERTICES, 3)).astype(np.float32),
        pose=labels.needed("pose", (48,)),
        shape=labels.needed("betas", (10,)),
        translation_m=labels.needed("trans", (3,)),
    )


@lru_cache(maxsize=64)
def read_rigid_motion(path: Path) -> NDArray[np.float64] | None:
    """(N, 4, 4) metres: from the mesh's frame to the camera's, one for each image; None of a body
    of several bones, which bends."""
    bones: list[list[list[float]]] = []
    for line in read_lines(path):
        numbers = _numbers(line)
        if numbers is None:
            bones.append([])
        elif not bones or len(numbers) != 12:
            raise DatasetError(
                f"{path} has the line {line!r}, neither a bone's name nor its 12 numbers; {ANEW}"
            )
        else:
            bones[-1].append(numbers)
    if len(bones) != 1:
        return None
    poses = np.tile(np.eye(4), (len(bones[0]), 1, 1))
    rows = np.array(bones[0])
    poses[:, :3, :3] = [near_rotation(matrix, path) for matrix in rows[:, :9].reshape(-1, 3, 3)]
    poses[:, :3, 3] = rows[:, 9:] / MM_PER_M
    motion: NDArray[np.float64] = poses[1:] @ np.linalg.inv(poses[0])
    return motion


def read_depth_yml(path: Path) -> NDArray[np.float32]:
    """(480, 640) float32 metres of a matrix of millimetres that OpenCV wrote, NaN where it is 0."""
    require_file(path)
    try:
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
        node = storage.getNode("depth")
        matrix = node.at(0).mat() if node.isSeq() else node.mat()
        storage.release()
    except (cv2.error, SystemError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path} is damaged ({reason}); {ANEW}") from None
    if matrix is None or matrix.shape != (CAMERA.height, CAMERA.width):
        found = None if matrix is None else matrix.shape
        raise DatasetError(
            f"{path}: depth is of shape {found}, not {(CAMERA.height, CAMERA.width)}; {ANEW}"
        )
    return metric_depth(np.nan_to_num(matrix), 1.0 / MM_PER_M)


def _tips(
    joints: NDArray[np.float64], all_joints: NDArray[np.float64], path: Path
) -> NDArray[np.float64]:
    """(5, 3) tips from the thumb on: those of the 21 points that are none of MANO's 16 joints.

    Their order is written nowhere, so each goes to the finger whose last bone points at it.
    """
    tips = all_joints[cdist(all_joints, joints).min(axis=1) > _SAME_JOINT_M]
    if len(tips) != len(FINGER_NAMES):
        raise DatasetError(
            f"{path}: {len(tips)} of J_transformed___j21 are no joints of J_transformed; they must "
            f"be the {len(FINGER_NAMES)} tips; {ANEW}"
        )
    chains = joints[1:].reshape(len(FINGER_NAMES), 3, 3)
    expected = 2.0 * chains[:, 2] - chains[:, 1]
    fingers = [FINGERS_IN_JOINT_ORDER.index(name) for name in FINGER_NAMES]
    _, chosen = linear_sum_assignment(cdist(expected[fingers], tips))
    return np.asarray(tips[chosen])


def _numbers(line: str) -> list[float] | None:
    """None of a line that is a name."""
    try:
        return [float(word) for word in line.split()]
    except ValueError:
        return None
