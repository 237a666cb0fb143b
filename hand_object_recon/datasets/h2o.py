"""H2O: two hands and an object, filmed by a camera on the head and four fixed ones.

Files as in the authors' repositories h2odataset (README) and h2oplayer (``h2oplayer.py``): text
files of numbers in metres in the cameras' own optical frames, which are this program's, and depth
PNGs of millimetres aligned to colour. Left hands come first. There are no masks: they are drawn
from the meshes, as PDFNet's authors do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.datasets.base import CAMERA_FRAME, Dataset
from hand_object_recon.datasets.file_reading import ANEW, read_lines, read_numbers
from hand_object_recon.datasets.frame_index import (
    BOTH_SIDES,
    FrameIndex,
    FramePlace,
    SequenceEntry,
)
from hand_object_recon.datasets.h2o_card import (
    ALL_VIEWS,
    H2O_CARD,
    H2O_OBJECTS,
    H2O_SCENES,
    POSE_LISTS,
)
from hand_object_recon.datasets.image_reading import read_color, read_depth_mm
from hand_object_recon.datasets.object_models import ObjectModels
from hand_object_recon.datasets.visibility import holders, in_camera_m, with_drawn_mask
from hand_object_recon.geometry.alignment import nearest_rotation
from hand_object_recon.hand_model.joint_orders import convert_joints

FloatArray = NDArray[np.float64]

_SIDES: Final = (HandSide.LEFT, HandSide.RIGHT)
_JOINT_NUMBERS: Final = 1 + 3 * KEYPOINT_COUNT
_MANO_NUMBERS: Final = 1 + 3 + 48 + 10  # the README says 59, h2oplayer reads 62
_OBJECT_NUMBERS: Final = 1 + 16
_LIST_FOLDERS: Final = ("pose_lists", "label_split", ".")
_MODEL_FOLDERS: Final = ("object", "objects")
_MODEL_FILES: Final = ("{name}/{name}.obj", "{name}/{name}.ply")
_MODEL_SOURCE: Final = f"get the objects from {H2O_CARD.page} and give their folder as models"
_ROUNDED_BY: Final = 1e-3


class H2O(Dataset):
    """Frames that the pose lists name, in their order, or all frames of all five cameras."""

    card = H2O_CARD
    has_flat_mean = True

    def make_index(self) -> FrameIndex:
        self._models = ObjectModels(
            self.choice.models or _first_folder(self.path, _MODEL_FOLDERS),
            _MODEL_FILES,
            _MODEL_SOURCE,
        )
        split = self.choice.split
        if split.endswith(ALL_VIEWS):
            return _index_of(self._frames_there(H2O_SCENES[split.removesuffix(ALL_VIEWS)]))
        return _index_of(
            frame for part in POSE_LISTS[split] for frame in _listed_frames(self._pose_list(part))
        )

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        folder, number = self._folder(place), f"{place.number:06d}"
        return (
            folder / "rgb" / f"{number}.png",
            folder / "depth" / f"{number}.png",
            folder / "hand_pose" / f"{number}.txt",
        )

    def notes(self) -> tuple[str, ...]:
        notes = [*super().notes(), *self._models.notes(tuple(H2O_OBJECTS.values()))]
        places = [self.place(index) for index in range(len(self))]
        folders = {self._folder(place) for place in places}
        for name, lacking in (("hand_pose_mano", "no pose or mesh"), ("obj_pose_rt", "no object")):
            without = sorted(folder for folder in folders if not (folder / name).is_dir())
            if without:
                notes.append(
                    f"{len(without)} of {len(folders)} sequences have no {name} "
                    f"({without[0] / name} …): their frames have {lacking}"
                )
        return tuple(notes)

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        color_file, depth_file, pose_file = self.files(place)
        stamp_ns = self.stamp_ns(place)
        camera = read_intrinsics(self._folder(place) / "cam_intrinsics.txt")
        frame = RgbdFrame(
            read_color(color_file), read_depth_mm(depth_file), camera, stamp_ns, CAMERA_FRAME
        )
        labels = self._numbers("hand_pose_mano", place, len(_SIDES) * _MANO_NUMBERS)
        hands = self._hands(read_numbers(pose_file, len(_SIDES) * _JOINT_NUMBERS), labels)
        objects = self._objects(place, hands)
        with_models = [(hand, self.mano.model(hand.side)) for hand in hands]
        hands, mask = with_drawn_mask(with_models, objects, camera, self.choice.finger_rule)
        truth = FrameAnnotation(stamp_ns, hands, objects, mask)
        return AnnotatedFrame(frame, truth, self.sequence(place).name)

    def _folder(self, place: FramePlace) -> Path:
        return self.path / self.sequence(place).folder

    def _pose_list(self, part: str) -> Path:
        name = f"pose_{part}.txt"
        paths = [self.path / folder / name for folder in _LIST_FOLDERS]
        found = next((path for path in paths if path.is_file()), None)
        if found is None:
            raise DatasetError(
                f"{paths[0]} is missing, which says what frames are of {self.choice.split}; get it "
                "from pose_lists of https://github.com/taeinkwon/h2odataset, or take split "
                f"{part}{ALL_VIEWS}"
            )
        return found

    def _frames_there(self, scenes: tuple[str, ...]) -> list[tuple[str, int]]:
        frames = []
        for scene in scenes:
            for folder in sorted((self.path / scene).glob("*/cam[0-4]/rgb")):
                name = folder.parent.relative_to(self.path).as_posix()
                numbers = sorted(int(file.stem) for file in folder.glob("[0-9]*.png"))
                frames += [(name, number) for number in numbers]
        if not frames:
            raise DatasetError(
                f"{self.path} holds no frame of {self.choice.split}; expected files like "
                f"{scenes[0]}/0/cam4/rgb/000000.png"
            )
        return frames

    def _numbers(self, kind: str, place: FramePlace, count: int) -> FloatArray | None:
        """Of a frame's file; None where the sequence has no such files at all."""
        folder = self._folder(place) / kind
        if not folder.is_dir():
            return None
        return read_numbers(folder / f"{place.number:06d}.txt", count)

    def _hands(self, poses: FloatArray, labels: FloatArray | None) -> tuple[HandAnnotation, ...]:
        rows = poses.reshape(len(_SIDES), _JOINT_NUMBERS)
        parameters = None if labels is None else labels.reshape(len(_SIDES), _MANO_NUMBERS)
        return tuple(
            self._hand(side, rows[number, 1:], None if parameters is None else parameters[number])
            for number, side in enumerate(_SIDES)
            if rows[number, 0] > 0
        )

    def _hand(
        self, side: HandSide, joints: FloatArray, parameters: FloatArray | None
    ) -> HandAnnotation:
        ours = convert_joints(joints.reshape(KEYPOINT_COUNT, 3), "h2o21", "openpose21")
        joints_m = ours.astype(np.float32)
        if parameters is None or not parameters[0] > 0:
            return HandAnnotation(side=side, joints_m=joints_m, topology=self.mano.topology(side))
        translation, pose, shape = np.split(parameters[1:], (3, 51))
        mesh = self.mano.mesh(side, pose, shape, translation)
        return HandAnnotation(
            side=side,
            joints_m=joints_m,
            vertices_m=None if mesh is None else mesh.vertices_m,
            topology=self.mano.topology(side),
            pose_rad=pose.astype(np.float32),
            shape=shape.astype(np.float32),
            translation_m=translation.astype(np.float32),
        )

    def _objects(
        self, place: FramePlace, hands: tuple[HandAnnotation, ...]
    ) -> tuple[ObjectAnnotation, ...]:
        numbers = self._numbers("obj_pose_rt", place, _OBJECT_NUMBERS)
        if numbers is None or numbers[0] == 0:
            return ()
        name = H2O_OBJECTS.get(int(numbers[0]))
        path = self._folder(place) / "obj_pose_rt" / f"{place.number:06d}.txt"
        if name is None:
            raise DatasetError(f"{path} says object class {numbers[0]:g}, not 0 to 8; {ANEW}")
        mesh = self._models.mesh(name)
        if mesh is None:
            return ()
        pose = _rigid(numbers[1:], path)
        thing = ObjectAnnotation(name, pose, mesh.vertices_m, mesh.faces)
        are_both_told = len(hands) == len(_SIDES)
        held_by = holders(hands, in_camera_m(thing)) if are_both_told else None
        return (replace(thing, held_by=held_by),)


@lru_cache(maxsize=1024)
def read_intrinsics(path: Path) -> CameraIntrinsics:
    """Of a camera's colour images: fx, fy, cx, cy, width and height in pixels."""
    fx, fy, cx, cy, width, height = read_numbers(path, 6).tolist()
    return CameraIntrinsics(int(width), int(height), fx, fy, cx, cy)


def _index_of(frames: Iterable[tuple[str, int]]) -> FrameIndex:
    """Of cameras' folders and frame numbers, in their order."""
    listed = list(frames)
    folders = list(dict.fromkeys(folder for folder, _ in listed))
    places = {folder: place for place, folder in enumerate(folders)}
    return FrameIndex(
        tuple(SequenceEntry(folder.replace("/", "_"), folder, BOTH_SIDES) for folder in folders),
        np.array([places[folder] for folder, _ in listed], dtype=np.int32),
        np.array([number for _, number in listed], dtype=np.int32),
    )


def _listed_frames(path: Path) -> Iterator[tuple[str, int]]:
    for line in read_lines(path):
        folder, _, file = line.partition("/rgb/")
        number = file.removesuffix(".png")
        if not folder or not number.isdecimal():
            raise DatasetError(
                f"{path} has the line {line!r}, not one like "
                f"'subject1/h1/0/cam4/rgb/000000.png'; {ANEW}"
            )
        yield folder, int(number)


def _first_folder(root: Path, names: tuple[str, ...]) -> Path:
    """The first that is there, or the first of all."""
    paths = [root / name for name in names]
    return next((path for path in paths if path.is_dir()), paths[0])


def _rigid(numbers: FloatArray, path: Path) -> FloatArray:
    """(4, 4) whose rotation is made exact, which the file rounds."""
    pose = numbers.reshape(4, 4).copy()
    rotation = nearest_rotation(pose[:3, :3])
    if np.abs(rotation - pose[:3, :3]).max() > _ROUNDED_BY:
        raise DatasetError(f"{path} holds no rigid pose of the object; {ANEW}")
    pose[:3, :3] = rotation
    return pose
