"""The format that HO-3D and H2O-3D share: pickles, OpenGL's camera frame, packed depth, masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.datasets.file_reading import (
    ANEW,
    numbers_of_shape,
    pickled_array,
    read_pickle,
)
from hand_object_recon.datasets.image_reading import metric_depth, read_color
from hand_object_recon.hand_model.joint_orders import convert_joints

DEPTH_STEP_M: Final = 0.00012498664727900177
OPENGL_TO_OPTICAL: Final = np.diag([1.0, -1.0, -1.0])


class FrameLabels(NamedTuple):
    """A frame's pickle: values and its file."""

    values: dict[str, Any]
    path: Path

    @classmethod
    def read(cls, path: Path) -> FrameLabels:
        """Read a pickle without running anything of it."""
        return cls(read_pickle(path, "camMat"), path)

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
        """An array of that shape, None where the frame has none."""
        found = pickled_array(self.values, name, self.path)
        return None if found is None else numbers_of_shape(found, shape, name, self.path)

    def needed(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """An array that every frame has."""
        found = self.array(name, shape)
        if found is None:
            raise DatasetError(f"{self.path} lacks {name}; {ANEW}")
        return found

    def text(self, name: str) -> str:
        """A text, empty where the frame has none."""
        found = pickled_array(self.values, name, self.path)
        return "" if found is None else str(found.item())


def read_packed_depth(path: Path) -> NDArray[np.float32]:
    """(H, W) float32 metres of a PNG whose red channel has the low and green the high byte."""
    packed = read_color(path).astype(np.uint16)
    return metric_depth(packed[..., 0] + (packed[..., 1] << 8), DEPTH_STEP_M)


def camera_of(matrix: NDArray[np.float64], shape: tuple[int, ...]) -> CameraIntrinsics:
    """From ``camMat`` (3, 3) and the image's shape."""
    height, width = shape[:2]
    (fx, _, cx), (_, fy, cy), _ = matrix.tolist()
    return CameraIntrinsics(width, height, fx, fy, cx, cy)


def our_joints(joints: NDArray[Any]) -> NDArray[np.float32]:
    """(21, 3) in our order and the camera optical frame."""
    ours = convert_joints(joints, "ho3d21", "openpose21") @ OPENGL_TO_OPTICAL
    return np.asarray(ours, dtype=np.float32)


def mask_channels(path: Path, shape: tuple[int, int] | None) -> NDArray[np.uint8]:
    """(H, W, 3) of a mask, which is half as large as its image; as large without a shape."""
    channels = read_color(path)
    if shape is None or channels.shape[:2] == shape:
        return channels
    resized = cv2.resize(channels, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, dtype=np.uint8)
