"""H2O-3D: two hands that move YCB objects, in the format of HO-3D.

Files as in the authors' repository (README, ``vis_H2O3D.py``) and their Keypoint Transformer:
labels of both hands in OpenGL's camera frame, one shape for both, depth packed into red and green.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    MaskLabel,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.datasets.base import CAMERA_FRAME, Dataset
from hand_object_recon.datasets.card import DatasetCard, SplitCard
from hand_object_recon.datasets.file_reading import read_lines
from hand_object_recon.datasets.frame_index import BOTH_SIDES, FrameIndex, FramePlace
from hand_object_recon.datasets.ho3d_format import (
    SEEN_LEVEL,
    FrameFiles,
    FrameLabels,
    camera_of,
    labelled_hand,
    labelled_objects,
    listed_index,
    mask_channels,
    read_packed_depth,
)
from hand_object_recon.datasets.image_reading import read_color
from hand_object_recon.datasets.object_models import YCB_SOURCE, ObjectModels
from hand_object_recon.datasets.visibility import with_visibility
from hand_object_recon.geometry.projection import project

_SIDES: Final = (HandSide.LEFT, HandSide.RIGHT)
_HAND_LABELS: Final = (MaskLabel.LEFT_HAND, MaskLabel.RIGHT_HAND)
_OBJECT_CHANNEL: Final = 1
_HAND_CHANNELS: Final = (0, 2)
_VOTES: Final = 16


class H2O3D(Dataset):
    """Frames that ``train.txt`` or ``evaluation.txt`` names, in its order."""

    card = DatasetCard(
        name="h2o3d",
        title="H2O-3D",
        summary="two hands move one of 10 YCB objects; 76 340 frames by several cameras",
        licence="for academic research only, not for commercial use, no redistribution",
        page="https://www.tugraz.at/index.php?id=40231",
        paper="Hampali et al., Keypoint Transformer: Solving Joint Identification in Challenging "
        "Hands and Object Interactions for Accurate 3D Pose Estimation, CVPR 2022",
        format_source="https://github.com/shreyashampali/ho3d (README, vis_H2O3D.py)",
        layout="""\
train.txt, evaluation.txt               lines like SEQUENCE/0000
train/…, evaluation/…                   a folder each sequence and camera
    rgb/0000.jpg
    depth/0000.png
    meta/0000.pkl
    segr/0000.png                       optional; object green, hands red and blue
models/003_cracker_box/textured_simple.obj      or the folder given as models""",
        sides=BOTH_SIDES,
        has_depth=True,
        has_objects=True,
        has_masks=True,
        is_video=True,
        without_mano="frames have joints and poses, but no mesh, translation or visibility",
        splits={
            "train": SplitCard("all training frames", (60_998,), 69),
            "evaluation": SplitCard("frames that the server scores; no true hands", (15_342,), 16),
        },
    )
    has_flat_mean = True

    def make_index(self) -> FrameIndex:
        self._models = ObjectModels(self.choice.models or self.path / "models")
        path = self.path / f"{self.choice.split}.txt"
        return listed_index(read_lines(path), path, self.choice.split, BOTH_SIDES)

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        found = self._files(place)
        return (found.color, found.depth, found.meta)

    def notes(self) -> tuple[str, ...]:
        notes = [*super().notes()]
        if self._is_evaluation:
            notes.append(
                "the evaluation's labels hold wrists alone, so its frames have no true hands; a "
                "server scores them (https://codalab.lisn.upsaclay.fr/competitions/4897)"
            )
        if len(self) and not self._files(self.place(0)).mask.is_file():
            notes.append(f"{self._files(self.place(0)).mask} is missing: frames have no masks")
        if not self._models.folder.is_dir():
            notes.append(
                f"{self._models.folder} is missing: objects are left out of the truth; {YCB_SOURCE}"
            )
        return tuple(notes)

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        paths = self._files(place)
        labels = FrameLabels.read(paths.meta)
        rgb = read_color(paths.color)
        camera = camera_of(labels.needed("camMat", (3, 3)), rgb.shape)
        stamp_ns = self.stamp_ns(place)
        frame = RgbdFrame(rgb, read_packed_depth(paths.depth), camera, stamp_ns, CAMERA_FRAME)
        hands = () if self._is_evaluation else self._hands(labels)
        objects = labelled_objects(labels, self._models, hands)
        mask = self._mask(paths.mask, hands, camera)
        with_models = [(hand, self.mano.model(hand.side)) for hand in hands]
        hands = with_visibility(with_models, objects, mask, camera, self.choice.finger_rule)
        truth = FrameAnnotation(stamp_ns, hands, objects, mask)
        return AnnotatedFrame(frame, truth, self.sequence(place).name)

    @property
    def _is_evaluation(self) -> bool:
        return self.choice.split == "evaluation"

    def _files(self, place: FramePlace) -> FrameFiles:
        return FrameFiles.of(self.path / self.sequence(place).folder, place.number, "segr")

    def _hands(self, labels: FrameLabels) -> tuple[HandAnnotation, ...]:
        """Those whose joints all are valid; of others only a part was annotated."""
        hands = []
        for side in _SIDES:
            valid = labels.array(f"jointValid{side.capitalize()}", (KEYPOINT_COUNT,))
            if valid is None or (valid > 0).all():
                hands.append(labelled_hand(side, labels, f"{side}Hand", self.mano))
        return tuple(hand for hand in hands if hand is not None)

    def _mask(
        self, path: Path, hands: tuple[HandAnnotation, ...], camera: CameraIntrinsics
    ) -> NDArray[np.uint8] | None:
        """None without true hands, too, by which the mask's colours are told apart."""
        if not hands or not path.is_file():
            return None
        shape = (camera.height, camera.width)
        channels = mask_channels(path, shape) > SEEN_LEVEL
        mask = np.full(shape, MaskLabel.BACKGROUND, dtype=np.uint8)
        mask[channels[..., _OBJECT_CHANNEL]] = MaskLabel.OBJECT
        if self._hand_channels is None:
            is_hand = channels[..., _HAND_CHANNELS].any(axis=2)
            mask[is_hand] = _labels_of_nearest(hands, np.argwhere(is_hand), camera)
        else:
            for label, channel in zip(_HAND_LABELS, self._hand_channels, strict=True):
                mask[channels[..., channel]] = label
        return mask

    @cached_property
    def _hand_channels(self) -> tuple[int, int] | None:
        """Whether red or blue shows the left hand, and the right one; None where both are in one.

        Nothing says so: it is the channel in which more of the true joints are, over some frames.
        """
        votes = np.zeros((len(_SIDES), 3))
        for index in np.linspace(0, len(self) - 1, min(_VOTES, len(self))).astype(int).tolist():
            paths = self._files(self.place(index))
            if not paths.mask.is_file():
                continue
            labels = FrameLabels.read(paths.meta)
            camera = camera_of(labels.needed("camMat", (3, 3)), (480, 640))
            channels = mask_channels(paths.mask, (camera.height, camera.width)) > SEEN_LEVEL
            for hand in self._hands(labels):
                votes[_SIDES.index(hand.side)] += _joints_on(channels, hand, camera)
        left, right = (_HAND_CHANNELS[int(row[2] > row[0])] for row in votes)
        return None if left == right else (left, right)


def _joints_on(
    channels: NDArray[np.bool_], hand: HandAnnotation, camera: CameraIntrinsics
) -> NDArray[np.intp]:
    """(3,) how many of a hand's joints lie on each channel."""
    places = project(hand.joints_m, camera)
    is_inside = ((places >= 0) & (places < (camera.width, camera.height))).all(axis=1)
    columns, rows = places[is_inside].astype(np.intp).T
    return np.asarray(channels[rows, columns].sum(axis=0))


def _labels_of_nearest(
    hands: tuple[HandAnnotation, ...], pixels: NDArray[np.intp], camera: CameraIntrinsics
) -> NDArray[np.uint8]:
    """(N,) label of the hand whose joint is nearest to each pixel (N, 2) of row and column."""
    joints = np.concatenate([project(hand.joints_m, camera) for hand in hands])
    labels = np.repeat([_HAND_LABELS[_SIDES.index(hand.side)] for hand in hands], KEYPOINT_COUNT)
    is_before = np.isfinite(joints).all(axis=1)
    nearest = cKDTree(joints[is_before]).query(pixels[:, ::-1])[1]
    return np.asarray(labels[is_before][nearest], dtype=np.uint8)
