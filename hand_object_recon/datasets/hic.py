"""Hands in Action: hands with each other and with objects before one RGB-D camera.

Hands are the authors' later fits of MANO, objects the tracked ones of their motion viewer; colour
has the depth camera's intrinsics.
"""

from __future__ import annotations

from dataclasses import replace
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
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import CAMERA_FRAME, Dataset
from hand_object_recon.datasets.file_reading import ANEW
from hand_object_recon.datasets.frame_index import (
    FrameIndex,
    FramePlace,
    SequenceEntry,
    index_of_numbers,
)
from hand_object_recon.datasets.hic_card import HIC_CARD
from hand_object_recon.datasets.hic_format import (
    CAMERA,
    FITS_FOLDER,
    Fit,
    fits_folder,
    read_depth_yml,
    read_fit,
    read_rigid_motion,
)
from hand_object_recon.datasets.image_reading import MM_PER_M, no_depth, read_color
from hand_object_recon.datasets.mano_hands import LabelledMesh
from hand_object_recon.datasets.object_models import ObjectModels
from hand_object_recon.datasets.visibility import holders, in_camera_m, with_visibility

_GRASPS_OF: Final = {"train": ("15", "20"), "test": ("19", "21")}
_SEQUENCES: Final = tuple(f"{number:02d}" for number in range(1, 22))
_SAME_MESH_M: Final = 2e-3
_VIEWER: Final = "https://github.com/dimtzionas/HandObjectInteractionIJCV16_HandMotionViewer"


class HIC(Dataset):
    """Frames that have a fit; of ``train`` and ``test`` those of a grasp alone."""

    card = HIC_CARD

    def make_index(self) -> FrameIndex:
        models = self.choice.models or self.path / "Models"
        self._models = ObjectModels(models, ("{name}.OFF",))
        split = self.choice.split
        names = [name for name in _SEQUENCES if self._sides(name)]
        if split in _GRASPS_OF:
            self._require(_GRASPS_OF[split], names)
            names = list(_GRASPS_OF[split])
        if not names:
            raise DatasetError(f"{self.path / FITS_FOLDER} holds no fits of MANO; {ANEW}")
        entries = tuple(
            SequenceEntry(name, f"{name}/1", frozenset(self._sides(name))) for name in names
        )
        return index_of_numbers(entries, [self._numbers(name) for name in names])

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        name = self.sequence(place).name
        fits = (self._fit_file(name, side, place.number) for side in self._sides(name))
        return (self._image(place), *(path for path in fits if path.is_file()))

    def notes(self) -> tuple[str, ...]:
        notes = [*super().notes()]
        if not self._models.folder.is_dir():
            notes.append(
                f"{self._models.folder} is missing: objects are left out of the truth; they are "
                f"in the authors' {_VIEWER}: give its folder Models as models"
            )
        if len(self) and not self._depth_file(self.place(0)).is_file():
            notes.append(
                f"{self._depth_file(self.place(0))} is missing: frames have no depth; folder pcl, "
                "whose format is not described, is not read"
            )
        return tuple(notes)

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        entry, stamp_ns = self.sequence(place), self.stamp_ns(place)
        rgb = read_color(self._image(place))
        depth_file = self._depth_file(place)
        depth_m = read_depth_yml(depth_file) if depth_file.is_file() else no_depth(rgb.shape)
        hands = self._hands(entry.name, place.number)
        objects = self._objects(entry.name, place.number, hands)
        seen = with_visibility(
            [(hand, self.mano.model(hand.side)) for hand in hands],
            objects,
            None,
            CAMERA,
            self.choice.finger_rule,
        )
        frame = RgbdFrame(rgb, depth_m, CAMERA, stamp_ns, CAMERA_FRAME)
        return AnnotatedFrame(
            frame, FrameAnnotation(stamp_ns, seen, objects, mask=None), entry.name
        )

    def _require(self, wanted: tuple[str, ...], there: list[str]) -> None:
        for name in wanted:
            if name not in there:
                raise DatasetError(
                    f"split {self.choice.split} is made of sequences {' and '.join(wanted)}, and "
                    f"{fits_folder(self.path, name, HandSide.RIGHT)} is missing; {ANEW}, or take "
                    "split 'all'"
                )

    def _sides(self, name: str) -> list[HandSide]:
        return [side for side in HandSide if fits_folder(self.path, name, side).is_dir()]

    def _numbers(self, name: str) -> list[int]:
        """Of the frames with a fit; in train and test of those in which it holds the object."""
        folders = [fits_folder(self.path, name, side) for side in self._sides(name)]
        files = [file for folder in folders for file in folder.glob("*.pkl")]
        found = sorted({int(file.stem) for file in files if file.stem.isdecimal()})
        if self.choice.split not in _GRASPS_OF:
            return found
        if self._object_file(name) is None:
            raise DatasetError(
                f"split {self.choice.split} goes by how near hand and object are, and there is no "
                f"{self._models.folder / name}/Model_Object_*.OFF; get it from {_VIEWER} and give "
                "its folder Models as models"
            )
        return [number for number in found if self._is_grasp(name, number)]

    def _is_grasp(self, name: str, number: int) -> bool:
        objects = self._objects(name, number, self._hands(name, number))
        return any(thing.held_by for thing in objects)

    def _hands(self, name: str, number: int) -> tuple[HandAnnotation, ...]:
        files = [(side, self._fit_file(name, side, number)) for side in self._sides(name)]
        return tuple(self._hand(side, read_fit(file)) for side, file in files if file.is_file())

    def _hand(self, side: HandSide, fit: Fit) -> HandAnnotation:
        hand = HandAnnotation(
            side=side,
            joints_m=fit.joints_m,
            vertices_m=fit.vertices_m,
            topology=self.mano.topology(side),
        )
        mesh = self._posed(side, fit)
        if mesh is None:
            return hand
        return replace(
            hand,
            pose_rad=mesh.pose_rad.astype(np.float32),
            shape=mesh.shape.astype(np.float32),
            translation_m=mesh.translation_m.astype(np.float32),
        )

    def _posed(self, side: HandSide, fit: Fit) -> LabelledMesh | None:
        """What the pose's numbers mean is written nowhere: components, or angles with the mean
        pose or without. It is what gives the fit's own mesh, and None where nothing does."""
        readings = (
            self.mano.full_pose(side, fit.pose),
            self.mano.with_mean(side, fit.pose),
            fit.pose,
        )
        for pose_rad in readings:
            if pose_rad is None:
                continue
            mesh = self.mano.mesh(side, pose_rad, fit.shape, fit.translation_m)
            if mesh is None:
                continue
            apart_m = np.linalg.norm(mesh.vertices_m - fit.vertices_m, axis=1).max()
            if apart_m < _SAME_MESH_M:
                return mesh
        return None

    def _objects(
        self, name: str, number: int, hands: tuple[HandAnnotation, ...]
    ) -> tuple[ObjectAnnotation, ...]:
        file = self._object_file(name)
        mesh = None if file is None else self._models.mesh(f"{name}/{file.stem}")
        poses = None if file is None else read_rigid_motion(file.with_suffix(".MOTION"))
        if file is None or mesh is None or poses is None or number >= len(poses):
            return ()
        kind = file.stem.removeprefix("Model_Object_").lower()
        vertices_m: NDArray[np.float32] = mesh.vertices_m / np.float32(MM_PER_M)
        thing = ObjectAnnotation(kind, poses[number], vertices_m, mesh.faces, category=kind)
        held_by = holders(hands, in_camera_m(thing)) if hands else None
        return (replace(thing, held_by=held_by),)

    def _object_file(self, name: str) -> Path | None:
        return next(iter(sorted((self._models.folder / name).glob("Model_Object_*.OFF"))), None)

    def _fit_file(self, name: str, side: HandSide, number: int) -> Path:
        return fits_folder(self.path, name, side) / f"{number:03d}.pkl"

    def _image(self, place: FramePlace) -> Path:
        return self.path / self.sequence(place).folder / "rgb" / f"{place.number:03d}.png"

    def _depth_file(self, place: FramePlace) -> Path:
        return self.path / self.sequence(place).folder / "depth" / f"{place.number:03d}.yml"
