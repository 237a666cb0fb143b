"""First-Person Hand Action benchmark: joints of a right hand, and poses of four objects.

Colour and depth come from two cameras. Frames are the colour camera's; joints and objects are
brought there with the published calibration, and depth is drawn anew in its pixels with it
(``recordings/registration.py``). Hands have no mesh.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import CAMERA_FRAME, Dataset
from hand_object_recon.datasets.fhb_card import FHB_CARD
from hand_object_recon.datasets.fhb_format import (
    COLOR_CAMERA,
    DEPTH_CAMERA,
    DEPTH_TO_COLOR,
    OBJECTS,
    listed_sequences,
    object_of_action,
    read_joints,
    read_object_poses,
)
from hand_object_recon.datasets.file_reading import ANEW
from hand_object_recon.datasets.frame_index import (
    FrameIndex,
    FramePlace,
    SequenceEntry,
    index_of_numbers,
)
from hand_object_recon.datasets.image_reading import read_color, read_depth_mm
from hand_object_recon.datasets.object_models import ObjectModels
from hand_object_recon.hand_model.joint_orders import convert_joints
from hand_object_recon.recordings.registration import register_depth

HELD_WITHIN_M: Final = 0.01
"""Distance of joints to an object's vertices up to which FHBc takes a frame."""

_SUBJECTS: Final = {
    "train": ("Subject_1", "Subject_3", "Subject_4"),
    "test": ("Subject_2", "Subject_5", "Subject_6"),
}
_WITH_A_HOLE: Final = ("milk",)
_LIST: Final = "data_split_action_recognition.txt"
_JOINTS: Final = "Hand_pose_annotation_v1"
_POSES: Final = "Object_6D_pose_annotation_v1"


class FHB(Dataset):
    """The sequences of the benchmark's list in its order, in FHBc the frames of a grasp alone."""

    card = FHB_CARD

    def make_index(self) -> FrameIndex:
        self._models = ObjectModels(
            self.choice.models or self.path / "Object_models",
            ("{name}_model/{name}_model.ply",),
            "they come with the data set: give their folder as models",
        )
        self._joints_folder = _newest(self.path, _JOINTS)
        self._poses_folder = _newest(self.path, _POSES)
        listed = self._listed_folders()
        folders = [folder for folder in listed if _has_content(self._joints_file(folder))]
        self._without_joints = len(listed) - len(folders)
        if not folders:
            raise DatasetError(
                f"{self._joints_folder} has no skeleton.txt of a sequence in {_LIST}; {ANEW}"
            )
        entries = tuple(
            SequenceEntry(folder.replace("/", "_"), folder, self.card.sides) for folder in folders
        )
        return index_of_numbers(entries, [self._frames(folder) for folder in folders])

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        folder, number = self.path / "Video_files" / self.sequence(place).folder, place.number
        return (
            folder / "color" / f"color_{number:04d}.jpeg",
            folder / "depth" / f"depth_{number:04d}.png",
        )

    def notes(self) -> tuple[str, ...]:
        notes = ["hands have joints alone: no mesh, pose or visibility; masks are not published"]
        if self._without_joints:
            notes.append(
                f"{self._without_joints} of the sequences of {_LIST} have no skeleton.txt in "
                f"{self._joints_folder}: they are left out"
            )
        return (*notes, *self._models.notes(OBJECTS))

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        color_file, depth_file = self.files(place)
        entry, stamp_ns = self.sequence(place), self.stamp_ns(place)
        rgb, depth = read_color(color_file), read_depth_mm(depth_file)
        _require_size(rgb.shape, COLOR_CAMERA, color_file)
        _require_size(depth.shape, DEPTH_CAMERA, depth_file)
        depth_m = register_depth(depth, DEPTH_CAMERA, DEPTH_TO_COLOR, COLOR_CAMERA)
        frame = RgbdFrame(rgb, depth_m, COLOR_CAMERA, stamp_ns, CAMERA_FRAME)
        joints_m = self._joints(entry.folder)[place.number]
        hand = HandAnnotation(
            side=HandSide.RIGHT,
            joints_m=convert_joints(joints_m, "fhb21", "openpose21").astype(np.float32),
        )
        objects = self._objects(entry.folder, place.number, joints_m)
        return AnnotatedFrame(
            frame, FrameAnnotation(stamp_ns, (hand,), objects, mask=None), entry.name
        )

    def _listed_folders(self) -> list[str]:
        """In the list's order, those to learn from before those to recognise."""
        parts = listed_sequences(self.path / _LIST)
        split = self.choice.split
        if split in parts:
            return parts[split]
        subjects = _SUBJECTS[split.rpartition("_")[2]]
        everything = parts["action_train"] + parts["action_test"]
        return [folder for folder in everything if folder.partition("/")[0] in subjects]

    def _frames(self, folder: str) -> NDArray[np.integer]:
        """Numbers of a sequence's frames that the split takes."""
        split, name = self.choice.split, object_of_action(folder)
        if not split.startswith("fhbc"):
            return np.arange(len(self._joints(folder)))
        path = self._poses_file(folder)
        is_left_out = split.startswith("fhbc_round") and name in _WITH_A_HOLE
        if name not in OBJECTS or is_left_out or not path.is_file():
            return np.zeros(0, dtype=np.int64)
        poses, joints_m = read_object_poses(path), self._joints(folder)
        has_both = poses.number < len(joints_m)
        number, pose = poses.number[has_both], poses.pose[has_both]
        in_object_m = (joints_m[number] - pose[:, None, :3, 3]) @ pose[:, :3, :3]
        distance_m, _ = cKDTree(self._needed_vertices_m(name)).query(in_object_m)
        return np.sort(number[distance_m.min(axis=1) <= HELD_WITHIN_M])

    def _needed_vertices_m(self, name: str) -> NDArray[np.float32]:
        mesh = self._models.mesh(name)
        if mesh is None:
            raise DatasetError(
                f"split {self.choice.split} goes by how near joints are to objects; "
                f"{self._models.notes((name,))[0]}"
            )
        return mesh.vertices_m

    def _objects(
        self, folder: str, number: int, joints_m: NDArray[np.float64]
    ) -> tuple[ObjectAnnotation, ...]:
        name, path = object_of_action(folder), self._poses_file(folder)
        mesh = self._models.mesh(name) if name in OBJECTS and path.is_file() else None
        pose = None if mesh is None else read_object_poses(path).of(number)
        if mesh is None or pose is None:
            return ()
        in_object_m = (joints_m - pose[:3, 3]) @ pose[:3, :3]
        is_held = cKDTree(mesh.vertices_m).query(in_object_m)[0].min() <= HELD_WITHIN_M
        held_by = frozenset({HandSide.RIGHT} if is_held else ())
        return (ObjectAnnotation(name, pose, mesh.vertices_m, mesh.faces, held_by=held_by),)

    def _joints(self, folder: str) -> NDArray[np.float64]:
        return read_joints(self._joints_file(folder))

    def _joints_file(self, folder: str) -> Path:
        return self._joints_folder / folder / "skeleton.txt"

    def _poses_file(self, folder: str) -> Path:
        return self._poses_folder / folder / "object_pose.txt"


def _newest(root: Path, name: str) -> Path:
    """A folder's corrected edition, where it is there."""
    corrected = root / f"{name}_1"
    return corrected if corrected.is_dir() else root / name


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _require_size(shape: tuple[int, ...], camera: CameraIntrinsics, path: Path) -> None:
    """Refuse an image that is not its camera's: the calibration would not hold."""
    height, width = shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise DatasetError(
            f"{path} is of size {width}x{height}; the published calibration is for "
            f"{camera.width}x{camera.height}: take the original images"
        )
