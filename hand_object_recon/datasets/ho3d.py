"""HO-3D, versions 2 and 3: right hands that move YCB objects, filmed by RealSense cameras.

Files as in the authors' repository (README, ``utils/vis_utils.py``, ``eval.py``). Everything is in
OpenGL's camera frame: y and z are turned. Depth is packed into the red and green channel of a PNG.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    MaskLabel,
)
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import CAMERA_FRAME, Dataset
from hand_object_recon.datasets.file_reading import read_lines
from hand_object_recon.datasets.frame_index import FrameIndex, FramePlace
from hand_object_recon.datasets.ho3d_card import HELD_OUT_EVERY, ho3d_card
from hand_object_recon.datasets.ho3d_format import (
    OPENGL_TO_OPTICAL,
    SEEN_LEVEL,
    FrameFiles,
    FrameLabels,
    camera_of,
    labelled_hand,
    labelled_objects,
    listed_index,
    mask_channels,
    our_joints,
    read_packed_depth,
    sequence_and_number,
)
from hand_object_recon.datasets.image_reading import read_color
from hand_object_recon.datasets.json_arrays import json_array
from hand_object_recon.datasets.object_models import ObjectModels
from hand_object_recon.datasets.visibility import with_visibility
from hand_object_recon.geometry.projection import project

_SIDE: Final = HandSide.RIGHT
_MANO_VERTICES: Final = 778
_VOTES: Final = 16
_LIST_OF: Final = {"train_kept": "train", "train_held_out": "train"}


class HO3D(Dataset):
    """Frames that ``train.txt`` or ``evaluation.txt`` names, in its order."""

    has_flat_mean = True

    def make_index(self) -> FrameIndex:
        self._models = ObjectModels(self.choice.models or self.path / "models")
        path = self.path / f"{self._folder}.txt"
        lines = _chosen_lines(read_lines(path), self.choice.split)
        return listed_index(lines, path, self._folder, frozenset({_SIDE}))

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        found = self._files(place)
        return (found.color, found.depth, found.meta)

    def notes(self) -> tuple[str, ...]:
        notes = [*super().notes()]
        if self._is_evaluation and self._evaluation_joints is None:
            notes.append(
                "evaluation_xyz.json and evaluation_verts.json are not in "
                f"{self.path}: the evaluation's frames have no true hands; the authors give them "
                "since November 2024, see https://github.com/shreyashampali/ho3d"
            )
        if not self._models.folder.is_dir():
            notes.append(
                f"{self._models.folder} is missing: objects are left out of the truth; get the "
                "YCB-Video 3D models from https://rse-lab.cs.washington.edu/projects/posecnn/ and "
                "give their folder as models"
            )
        return tuple(notes)

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        paths = self._files(place)
        labels = FrameLabels.read(paths.meta)
        rgb = read_color(paths.color)
        camera = camera_of(labels.needed("camMat", (3, 3)), rgb.shape)
        stamp_ns = self.stamp_ns(place)
        frame = RgbdFrame(rgb, read_packed_depth(paths.depth), camera, stamp_ns, CAMERA_FRAME)
        hands = self._hands(labels, place)
        objects = labelled_objects(labels, self._models, hands)
        mask = self._mask(paths.mask, (camera.height, camera.width))
        if hands:
            hands = with_visibility(
                [(hands[0], self.mano.model(_SIDE))], objects, mask, camera, self.choice.finger_rule
            )
        truth = FrameAnnotation(stamp_ns, hands, objects, mask)
        return AnnotatedFrame(frame, truth, self.sequence(place).name)

    @property
    def _folder(self) -> str:
        return _LIST_OF.get(self.choice.split, self.choice.split)

    @property
    def _is_evaluation(self) -> bool:
        return self._folder == "evaluation"

    def _files(self, place: FramePlace) -> FrameFiles:
        return FrameFiles.of(self.path / self.sequence(place).folder, place.number, "seg")

    def _hands(self, labels: FrameLabels, place: FramePlace) -> tuple[HandAnnotation, ...]:
        if self._is_evaluation:
            return self._evaluation_hands(place)
        hand = labelled_hand(_SIDE, labels, "hand", self.mano)
        return () if hand is None else (_with_contact(hand, labels),)

    def _evaluation_hands(self, place: FramePlace) -> tuple[HandAnnotation, ...]:
        """From the lists that were published later, which have the order of evaluation.txt."""
        if self._evaluation_joints is None:
            return ()
        row = self._row_in_list[self.sequence(place).name, place.number]
        vertices = self._evaluation_vertices
        return (
            HandAnnotation(
                side=_SIDE,
                joints_m=our_joints(self._evaluation_joints[row]),
                vertices_m=None if vertices is None else vertices[row] @ OPENGL_TO_OPTICAL,
                topology=self.mano.topology(_SIDE),
            ),
        )

    @cached_property
    def _row_in_list(self) -> dict[tuple[str, int], int]:
        path = self.path / "evaluation.txt"
        return {sequence_and_number(line, path): row for row, line in enumerate(read_lines(path))}

    @cached_property
    def _evaluation_joints(self) -> NDArray[np.float32] | None:
        return self._evaluation_array("evaluation_xyz.json", (21, 3))

    @cached_property
    def _evaluation_vertices(self) -> NDArray[np.float32] | None:
        return self._evaluation_array("evaluation_verts.json", (_MANO_VERTICES, 3))

    def _evaluation_array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
        path = self.path / name
        if not path.is_file():
            return None
        rows = json_array(path, shape)
        if len(rows) != len(self._row_in_list):
            raise DatasetError(
                f"{path} has {len(rows)} frames and evaluation.txt {len(self._row_in_list)}; take "
                "both of the same version of HO-3D"
            )
        return rows

    def _mask(self, path: Path, shape: tuple[int, int]) -> NDArray[np.uint8] | None:
        if not path.is_file():
            return None
        labels = mask_channels(path, shape)
        mask = np.full(shape, MaskLabel.BACKGROUND, dtype=np.uint8)
        mask[labels[..., 2 - self._hand_channel] > SEEN_LEVEL] = MaskLabel.OBJECT
        mask[labels[..., self._hand_channel] > SEEN_LEVEL] = MaskLabel.RIGHT_HAND
        return mask

    @cached_property
    def _hand_channel(self) -> int:
        """0 or 2: whether red or blue shows the hand in masks.

        The versions differ and neither says so: it is the one in which more of the true joints
        are, over some frames.
        """
        votes = np.zeros(3)
        for index in np.linspace(0, len(self) - 1, min(_VOTES, len(self))).astype(int).tolist():
            paths = self._files(self.place(index))
            labels = FrameLabels.read(paths.meta)
            joints = labels.array("handJoints3D", (21, 3)) if paths.mask.is_file() else None
            if joints is None:
                continue
            channels = mask_channels(paths.mask, None)
            height, width = channels.shape[:2]
            camera = camera_of(labels.needed("camMat", (3, 3)), (480, 640))
            places = project(our_joints(joints), camera) * (width / camera.width)
            inside = places[((places >= 0) & (places < (width, height))).all(axis=1)].astype(int)
            votes += (channels[inside[:, 1], inside[:, 0]] > SEEN_LEVEL).sum(axis=0)
        return 0 if votes[0] >= votes[2] else 2


def _chosen_lines(lines: list[str], split: str) -> list[str]:
    """H2ONet's code holds every twentieth of the sorted training frames out."""
    if split == "train_held_out":
        return sorted(lines)[::HELD_OUT_EVERY]
    if split == "train_kept":
        return [line for row, line in enumerate(sorted(lines)) if row % HELD_OUT_EVERY]
    return lines


def _with_contact(hand: HandAnnotation, labels: FrameLabels) -> HandAnnotation:
    if hand.vertices_m is None:
        return hand
    contact = labels.array("handVertContact", (len(hand.vertices_m),))
    return replace(hand, contact_vertices=None if contact is None else contact > 0)


class HO3DVersion2(HO3D):
    """77 558 frames; images are PNGs."""

    card = ho3d_card(2, (66_034,), 11_524, "png")


class HO3DVersion3(HO3D):
    """103 462 frames with better poses; images are JPEGs. The README's total leaves 83 325 frames
    for training, the tool's own constant says 78 297."""

    card = ho3d_card(3, (83_325, 78_297), 20_137, "jpg")
