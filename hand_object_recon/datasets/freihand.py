"""FreiHAND: right hands on photographs of 224 by 224 pixels, before four kinds of background.

Files as in the authors' repository (README, ``utils/fh_utils.py``, ``utils/model.py``): one JSON
list for each kind of annotation. Metres in the camera optical frame, joints in our order.
"""

from __future__ import annotations

from functools import cached_property
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
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import CAMERA_FRAME, Dataset
from hand_object_recon.datasets.card import DatasetCard, SplitCard
from hand_object_recon.datasets.file_reading import ANEW
from hand_object_recon.datasets.frame_index import FrameIndex, FramePlace, SequenceEntry
from hand_object_recon.datasets.image_reading import no_depth, read_color
from hand_object_recon.datasets.json_arrays import json_array
from hand_object_recon.datasets.visibility import with_visibility

VERSIONS: Final = 4
"""Each training image comes again with three other backgrounds, numbered on."""

_SIDE: Final = HandSide.RIGHT
_FRAMES_PER_SEQUENCE: Final = 1000
_MASK_LEVEL: Final = 127
_FOLDER_OF: Final = {"training_gs": "training"}
_MANO_NUMBERS: Final = 61  # 48 pose, 10 shape, 2 pixels and 1 scale of the root


class FreiHAND(Dataset):
    """All versions of the training images, those before the green screen, or the evaluation."""

    card = DatasetCard(
        name="freihand",
        title="FreiHAND",
        summary="single photographs of right hands, some with objects; colour only",
        licence="for research only, not for commercial use",
        page="https://lmb.informatik.uni-freiburg.de/projects/freihand/",
        paper="Zimmermann et al., FreiHAND: A Dataset for Markerless Capture of Hand Pose and "
        "Shape from Single RGB Images, ICCV 2019",
        format_source="https://github.com/lmb-freiburg/freihand (README, utils/fh_utils.py)",
        layout="""\
training_K.json, training_xyz.json, training_verts.json, training_mano.json
training/rgb/00000000.jpg … 00130239.jpg
training/mask/00000000.jpg … 00032559.jpg
evaluation_K.json, evaluation_xyz.json, evaluation_verts.json   the last two published later
evaluation/rgb/00000000.jpg … 00003959.jpg""",
        sides=frozenset({_SIDE}),
        has_depth=False,
        has_objects=False,
        has_masks=True,
        is_video=False,
        without_mano="frames have joints and meshes, but no pose or visibility",
        splits={
            "training": SplitCard("training images before all four backgrounds", (130_240,)),
            "training_gs": SplitCard("training images before the green screen", (32_560,)),
            "evaluation": SplitCard("evaluation images, in- and outdoors", (3_960,)),
        },
    )

    def make_index(self) -> FrameIndex:
        versions = VERSIONS if self.choice.split == "training" else 1
        count = versions * len(self._cameras)
        starts = range(0, count, _FRAMES_PER_SEQUENCE)
        entries = tuple(
            SequenceEntry(f"{self._folder}_{start:06d}", self._folder, frozenset({_SIDE}))
            for start in starts
        )
        number = np.arange(count, dtype=np.int32)
        return FrameIndex(entries, number // _FRAMES_PER_SEQUENCE, number)

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        color = self._folder_path / "rgb" / f"{place.number:08d}.jpg"
        return (color,) if self._is_evaluation else (color, self._mask_file(place))

    def notes(self) -> tuple[str, ...]:
        notes = [*super().notes()]
        if self._joints is None:
            notes.append(
                f"{self.path / 'evaluation_xyz.json'} is missing: frames have no true hands; the "
                f"authors give it since the server was closed, see {self.card.page}"
            )
        return tuple(notes)

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        rgb = read_color(self._folder_path / "rgb" / f"{place.number:08d}.jpg")
        row = place.number % len(self._cameras)
        camera = _camera(self._cameras[row], rgb.shape)
        stamp_ns = self.stamp_ns(place)
        mask = None if self._is_evaluation else self._mask(place, rgb.shape[:2])
        hands = self._hands(row)
        if hands:
            hands = with_visibility(
                [(hands[0], self.mano.model(_SIDE))], (), mask, camera, self.choice.finger_rule
            )
        frame = RgbdFrame(rgb, no_depth(rgb.shape), camera, stamp_ns, CAMERA_FRAME)
        truth = FrameAnnotation(stamp_ns, hands, (), mask)
        return AnnotatedFrame(frame, truth, self.sequence(place).name)

    @property
    def _folder(self) -> str:
        return _FOLDER_OF.get(self.choice.split, self.choice.split)

    @property
    def _folder_path(self) -> Path:
        return self.path / self._folder

    @property
    def _is_evaluation(self) -> bool:
        return self._folder == "evaluation"

    def _mask_file(self, place: FramePlace) -> Path:
        return self._folder_path / "mask" / f"{place.number % len(self._cameras):08d}.jpg"

    def _mask(self, place: FramePlace, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        path = self._mask_file(place)
        levels = read_color(path)[..., 0]
        if levels.shape != shape:
            raise DatasetError(f"{path} is of size {levels.shape}, its image {shape}; {ANEW}")
        is_hand = levels > _MASK_LEVEL
        return np.where(is_hand, MaskLabel.RIGHT_HAND, MaskLabel.BACKGROUND).astype(np.uint8)

    def _hands(self, row: int) -> tuple[HandAnnotation, ...]:
        if self._joints is None:
            return ()
        vertices = None if self._vertices is None else self._vertices[row]
        pose, shape, translation = self._parameters(row, vertices)
        return (
            HandAnnotation(
                side=_SIDE,
                joints_m=self._joints[row],
                vertices_m=vertices,
                topology=self.mano.topology(_SIDE),
                pose_rad=pose,
                shape=shape,
                translation_m=translation,
            ),
        )

    def _parameters(
        self, row: int, vertices_m: NDArray[np.float32] | None
    ) -> tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None]:
        """Pose, shape and translation; the root's place is given in pixels and scale, so the
        translation is read off the vertices."""
        if self._mano_labels is None:
            return None, None, None
        labels = self._mano_labels[row].astype(np.float64)
        pose, shape = self.mano.with_mean(_SIDE, labels[:48]), labels[48:58]
        mesh = None
        if pose is not None and vertices_m is not None:
            mesh = self.mano.mesh(_SIDE, pose, shape, np.zeros(3))
        if mesh is None or vertices_m is None:
            return pose, shape, None
        return pose, shape, (vertices_m - mesh.vertices_m).mean(axis=0)

    @cached_property
    def _cameras(self) -> NDArray[np.float32]:
        return json_array(self.path / f"{self._folder}_K.json", (3, 3))

    @cached_property
    def _joints(self) -> NDArray[np.float32] | None:
        return self._rows("xyz", (21, 3))

    @cached_property
    def _vertices(self) -> NDArray[np.float32] | None:
        return self._rows("verts", (778, 3))

    @cached_property
    def _mano_labels(self) -> NDArray[np.float32] | None:
        return self._rows("mano", (_MANO_NUMBERS,))

    def _rows(self, kind: str, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
        """None where the evaluation's are missing, which were published later."""
        path = self.path / f"{self._folder}_{kind}.json"
        if self._is_evaluation and not path.is_file():
            return None
        rows = json_array(path, shape)
        if len(rows) != len(self._cameras):
            raise DatasetError(
                f"{path} has {len(rows)} rows and {self._folder}_K.json {len(self._cameras)}; "
                "take both of one version of FreiHAND"
            )
        return rows


def _camera(matrix: NDArray[np.float32], shape: tuple[int, ...]) -> CameraIntrinsics:
    height, width = shape[:2]
    (fx, _, cx), (_, fy, cy), _ = matrix.tolist()
    return CameraIntrinsics(width, height, fx, fy, cx, cy)
