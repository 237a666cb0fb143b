"""RHD, the Rendered Handpose Dataset: animated people's hands, with depth and masks of 33 parts.

Files as in the authors' repository hand3d (README, ``create_binary_db.py``) and in the data set's
own script: one pickle of all labels of a split, in metres in the camera optical frame; of each
finger the tip first. There are joints and no meshes, so MANO has no part in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

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
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.datasets.base import CAMERA_FRAME, Dataset
from hand_object_recon.datasets.card import DatasetCard, SplitCard
from hand_object_recon.datasets.file_reading import (
    ANEW,
    numbers_of_shape,
    pickled_array,
    read_pickle,
)
from hand_object_recon.datasets.frame_index import (
    BOTH_SIDES,
    FrameIndex,
    FramePlace,
    SequenceEntry,
)
from hand_object_recon.datasets.ho3d_format import camera_of
from hand_object_recon.datasets.image_reading import read_color
from hand_object_recon.hand_model.joint_orders import convert_joints, permutation

FARTHEST_M: Final = 5.0
"""What the largest depth stands for; behind the people are pictures, which have none."""

_SIDES: Final = (HandSide.LEFT, HandSide.RIGHT)
_PARTS: Final = ((2, 17), (18, 33))
"""First and last class of the left and the right hand: of each finger thumb to pinky the parts
from the tip on, and the palm last. 0 is background, 1 the rest of the person."""

_HAND_LABELS: Final = (MaskLabel.LEFT_HAND, MaskLabel.RIGHT_HAND)
_FARTHEST: Final = (1 << 16) - 1
_FRAMES_PER_SEQUENCE: Final = 1000


class RHD(Dataset):
    """Images in the order of their numbers."""

    card = DatasetCard(
        name="rhd",
        title="RHD",
        summary="rendered people's hands of 320 by 320 pixels; joints, but no meshes",
        licence="for research only, not for commercial use",
        page="https://lmb.informatik.uni-freiburg.de/resources/datasets/"
        "RenderedHandposeDataset.en.html",
        paper="Zimmermann and Brox, Learning to Estimate 3D Hand Pose from Single RGB Images, "
        "ICCV 2017",
        format_source="https://github.com/lmb-freiburg/hand3d (README, create_binary_db.py)",
        layout="""\
training/, evaluation/
    anno_training.pickle, anno_evaluation.pickle
    color/00000.png
    depth/00000.png
    mask/00000.png""",
        sides=BOTH_SIDES,
        has_depth=True,
        has_objects=False,
        has_masks=True,
        is_video=False,
        without_mano="nothing: it has no meshes or poses",
        splits={
            "training": SplitCard("16 people in 31 actions", (41_258,)),
            "evaluation": SplitCard("4 other people in 8 other actions", (2_728,)),
        },
        cuts_hands=True,
    )

    def make_index(self) -> FrameIndex:
        self._labels = read_pickle(self._folder / f"anno_{self.choice.split}.pickle")
        unknown = [name for name in self._labels if not name.isdecimal()]
        if unknown or not self._labels:
            raise DatasetError(
                f"{self._label_file} holds {unknown[:1] or 'nothing'} where numbers of images are "
                f"expected; {ANEW}"
            )
        numbers = np.array(sorted(map(int, self._labels)), dtype=np.int32)
        count = int(numbers[-1]) // _FRAMES_PER_SEQUENCE + 1
        entries = tuple(
            SequenceEntry(
                f"{self.choice.split}_{start * _FRAMES_PER_SEQUENCE:05d}",
                self.choice.split,
                BOTH_SIDES,
            )
            for start in range(count)
        )
        return FrameIndex(entries, numbers // _FRAMES_PER_SEQUENCE, numbers)

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        name = f"{place.number:05d}.png"
        return tuple(self._folder / kind / name for kind in ("color", "depth", "mask"))

    def notes(self) -> tuple[str, ...]:
        return ()

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        color_file, depth_file, mask_file = self.files(place)
        rgb = read_color(color_file)
        parts = _of_size(read_color(mask_file)[..., 0], rgb.shape, mask_file)
        depth_m = _of_size(read_two_channel_depth(depth_file), rgb.shape, depth_file)
        camera = camera_of(self._label(place, "K", (3, 3)), rgb.shape)
        stamp_ns = self.stamp_ns(place)
        frame = RgbdFrame(rgb, depth_m, camera, stamp_ns, CAMERA_FRAME)
        truth = FrameAnnotation(stamp_ns, self._hands(place, parts), (), _mask(parts))
        return AnnotatedFrame(frame, truth, self.sequence(place).name)

    @property
    def _folder(self) -> Path:
        return self.path / self.choice.split

    @property
    def _label_file(self) -> Path:
        return self._folder / f"anno_{self.choice.split}.pickle"

    def _hands(self, place: FramePlace, parts: NDArray[np.uint8]) -> tuple[HandAnnotation, ...]:
        """Those that the mask shows; the other hand's joints are told of every person, too."""
        shape = (len(_SIDES), KEYPOINT_COUNT, 3)
        joints = convert_joints(self._label(place, "xyz", shape), "rhd21", "openpose21")
        is_seen = self._label(place, "uv_vis", shape)[:, _TO_OURS, 2] == 1.0
        return tuple(
            HandAnnotation(
                side=side,
                joints_m=joints[number].astype(np.float32),
                joint_visible=is_seen[number],
            )
            for number, side in enumerate(_SIDES)
            if _shows(parts, number).any()
        )

    def _label(self, place: FramePlace, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        labels = self._labels[str(place.number)]
        found = pickled_array(labels, name, self._label_file) if isinstance(labels, dict) else None
        if found is None:
            raise DatasetError(f"{self._label_file}: image {place.number} lacks {name}; {ANEW}")
        described = f"{name} of image {place.number}"
        return numbers_of_shape(found, shape, described, self._label_file)


_TO_OURS: Final = permutation("rhd21", "openpose21")


def read_two_channel_depth(path: Path) -> NDArray[np.float32]:
    """(H, W) float32 metres of a PNG whose red channel has the high and green the low byte, NaN
    where there is nothing or it is as far as the format reaches."""
    packed = read_color(path).astype(np.uint16)
    steps = (packed[..., 0] << 8) + packed[..., 1]
    depth_m = steps.astype(np.float32) * np.float32(FARTHEST_M / _FARTHEST)
    depth_m[(steps == 0) | (steps == _FARTHEST)] = np.nan
    return depth_m


def _mask(parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    mask = np.full(parts.shape, MaskLabel.BACKGROUND, dtype=np.uint8)
    for number, label in enumerate(_HAND_LABELS):
        mask[_shows(parts, number)] = label
    return mask


def _shows(parts: NDArray[np.uint8], number: int) -> NDArray[np.bool_]:
    first, last = _PARTS[number]
    return np.asarray((parts >= first) & (parts <= last))


def _of_size(image: NDArray[Any], shape: tuple[int, ...], path: Path) -> NDArray[Any]:
    if image.shape != shape[:2]:
        raise DatasetError(f"{path} is of size {image.shape}, its image {shape[:2]}; {ANEW}")
    return image
