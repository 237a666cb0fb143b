"""The format that HO-3D and H2O-3D share: lists, pickles, OpenGL's camera frame, packed depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import HandAnnotation, ObjectAnnotation
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.file_reading import (
    ANEW,
    numbers_of_shape,
    pickled_array,
    read_pickle,
)
from hand_object_recon.datasets.frame_index import FrameIndex, SequenceEntry
from hand_object_recon.datasets.image_reading import metric_depth, read_color
from hand_object_recon.datasets.mano_hands import ManoHands, turned_pose
from hand_object_recon.datasets.object_models import ObjectModels
from hand_object_recon.datasets.visibility import holders, in_camera_m
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.joint_orders import convert_joints

DEPTH_STEP_M: Final = 0.00012498664727900177
OPENGL_TO_OPTICAL: Final = np.diag([1.0, -1.0, -1.0])
SEEN_LEVEL: Final = 127
"""Of a mask's channel: some are JPEGs, with grey rims."""


class FrameFiles(NamedTuple):
    """A frame's files; those of colour and mask with the ending that is there."""

    color: Path
    depth: Path
    meta: Path
    mask: Path

    @classmethod
    def of(cls, folder: Path, number: int, mask_folder: str) -> FrameFiles:
        """Of a sequence's folder and a frame's number."""
        name = f"{number:04d}"
        png, mask = folder / "rgb" / f"{name}.png", folder / mask_folder / f"{name}.png"
        return cls(
            png if png.is_file() else png.with_suffix(".jpg"),
            folder / "depth" / f"{name}.png",
            folder / "meta" / f"{name}.pkl",
            mask if mask.is_file() else mask.with_suffix(".jpg"),
        )


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


def listed_index(
    lines: Iterable[str], path: Path, folder: str, sides: frozenset[HandSide]
) -> FrameIndex:
    """Of the lines of a list of frames such as ``train.txt``, in their order.

    folder
        Where the sequences' folders are.
    """
    frames = [sequence_and_number(line, path) for line in lines]
    names = sorted({name for name, _ in frames})
    places = {name: place for place, name in enumerate(names)}
    return FrameIndex(
        tuple(SequenceEntry(name, f"{folder}/{name}", sides) for name in names),
        np.array([places[name] for name, _ in frames], dtype=np.int32),
        np.array([number for _, number in frames], dtype=np.int32),
    )


def sequence_and_number(line: str, path: Path) -> tuple[str, int]:
    """Of a line of a list of frames."""
    name, _, number = line.partition("/")
    if not name or not number.isdecimal():
        raise DatasetError(f"{path} has the line {line!r}, not one like 'ABF10/0000'; {ANEW}")
    return name, int(number)


def labelled_hand(
    side: HandSide, labels: FrameLabels, prefix: str, mano: ManoHands
) -> HandAnnotation | None:
    """A hand with its mesh where MANO is there; None where the frame has no joints of it.

    prefix
        Of the names of its joints, pose and translation; the shape is ``handBeta``.
    """
    joints = labels.array(f"{prefix}Joints3D", (21, 3))
    if joints is None:
        return None
    hand = HandAnnotation(side=side, joints_m=our_joints(joints), topology=mano.topology(side))
    pose = labels.array(f"{prefix}Pose", (48,))
    shape = labels.array("handBeta", (10,))
    translation = labels.array(f"{prefix}Trans", (3,))
    if pose is None or shape is None or translation is None:
        return hand
    hand = replace(
        hand,
        pose_rad=turned_pose(OPENGL_TO_OPTICAL, pose).astype(np.float32),
        shape=shape.astype(np.float32),
    )
    mesh = mano.turned_mesh(side, OPENGL_TO_OPTICAL, pose, shape, translation)
    if mesh is None:
        return hand
    return replace(hand, vertices_m=mesh.vertices_m, translation_m=mesh.translation_m)


def labelled_objects(
    labels: FrameLabels, models: ObjectModels, hands: tuple[HandAnnotation, ...]
) -> tuple[ObjectAnnotation, ...]:
    """The frame's one object, if its mesh is there, with the hands that hold it."""
    turn, shift = labels.array("objRot", (3,)), labels.array("objTrans", (3,))
    name = labels.text("objName")
    if turn is None or shift is None or not name:
        return ()
    mesh = models.mesh(name)
    if mesh is None:
        return ()
    pose = np.eye(4)
    pose[:3, :3] = OPENGL_TO_OPTICAL @ axis_angle_to_matrix(turn)
    pose[:3, 3] = OPENGL_TO_OPTICAL @ shift
    thing = ObjectAnnotation(name, pose, mesh.vertices_m, mesh.faces)
    held_by = holders(hands, in_camera_m(thing)) if hands else None
    return (replace(thing, held_by=held_by),)


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
