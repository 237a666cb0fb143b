"""ObMan: rendered hands that grasp ShapeNet objects, one image each.

Files as in the authors' repository (README, ``obman/obman.py``) and as their renderer writes them
(``obman_render``). Joints and meshes are metres in OpenGL's camera frame: y and z are turned.
Depth and masks are the blue channel of PNGs; the others show hand and object alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    MaskLabel,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import DatasetError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.base import CAMERA_FRAME, Dataset
from hand_object_recon.datasets.file_reading import ANEW, read_pickle
from hand_object_recon.datasets.frame_index import FrameIndex, FramePlace, SequenceEntry
from hand_object_recon.datasets.ho3d_format import OPENGL_TO_OPTICAL, FrameLabels
from hand_object_recon.datasets.image_reading import read_color
from hand_object_recon.datasets.object_models import ObjectModels
from hand_object_recon.datasets.obman_card import OBMAN_CARD
from hand_object_recon.datasets.visibility import with_visibility
from hand_object_recon.geometry.alignment import nearest_rotation

CAMERA: Final = CameraIntrinsics(256, 256, 480.0, 480.0, 128.0, 128.0)

CATEGORIES: Final[dict[str, str]] = {
    "02876657": "bottle",
    "02880940": "bowl",
    "02942699": "camera",
    "02946921": "can",
    "02992529": "cellular telephone",
    "03593526": "jar",
    "03624134": "knife",
    "03797390": "mug",
    "04074963": "remote control",
}
"""ShapeNet's numbers of the kinds of objects that are grasped."""

_LABELS: Final = ("coords_3d", "verts_3d", "side", "depth_min", "depth_max")
_MANO_VERTICES: Final = 778
_IMAGES_PER_SEQUENCE: Final = 1000
_BLUE: Final = 2
_STEPS: Final = 254.0  # depth is kept as 1 to 255, nothing as 0
_RIGID_WITHIN: Final = 1e-3
_OBJECT_PIXEL: Final = 100
_BODY_PIXELS: Final = range(1, 21)
_HAND_PIXELS: Final = {MaskLabel.LEFT_HAND: (21, 23), MaskLabel.RIGHT_HAND: (22, 24)}


class _Files(NamedTuple):
    color: Path
    depth: Path
    mask: Path
    meta: Path


class ObMan(Dataset):
    """The images of a split whose label is there, in order of their numbers."""

    card = OBMAN_CARD

    def make_index(self) -> FrameIndex:
        models = self.choice.models or self.path / "ShapeNetCore.v2"
        self._models = ObjectModels(models, ("{name}/models/model_normalized.obj",))
        folder = self.path / self.choice.split / "meta"
        numbers = np.array(sorted(map(_number, _label_files(folder))), dtype=np.int32)
        groups, place = np.unique(numbers // _IMAGES_PER_SEQUENCE, return_inverse=True)
        entries = tuple(
            SequenceEntry(
                f"{self.choice.split}_{_IMAGES_PER_SEQUENCE * group:08d}",
                self.choice.split,
                self.card.sides,
            )
            for group in groups.tolist()
        )
        return FrameIndex(entries, place.astype(np.int32), numbers)

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        return self._files(place)

    def notes(self) -> tuple[str, ...]:
        if self._models.folder.is_dir():
            return super().notes()
        return (
            *super().notes(),
            f"{self._models.folder} is missing: objects are left out of the truth; get "
            "ShapeNetCore.v2 from https://shapenet.org and give its folder as models",
        )

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        paths = self._files(place)
        labels = FrameLabels(read_pickle(paths.meta, *_LABELS), paths.meta)
        stamp_ns = self.stamp_ns(place)
        depth_m = _depth(_blue(paths.depth), labels)
        frame = RgbdFrame(read_color(paths.color), depth_m, CAMERA, stamp_ns, CAMERA_FRAME)
        side = _side(labels)
        mask = _mask(_blue(paths.mask))
        objects = self._objects(labels, side)
        hand = (self._hand(labels, side), self.mano.model(side))
        hands = with_visibility([hand], objects, mask, CAMERA, self.choice.finger_rule)
        truth = FrameAnnotation(stamp_ns, hands, objects, mask, clean_depth_m=depth_m)
        return AnnotatedFrame(frame, truth, self.sequence(place).name)

    def _files(self, place: FramePlace) -> _Files:
        folder, name = self.path / self.choice.split, f"{place.number:08d}"
        return _Files(
            folder / "rgb" / f"{name}.jpg",
            folder / "depth" / f"{name}.png",
            folder / "segm" / f"{name}.png",
            folder / "meta" / f"{name}.pkl",
        )

    def _hand(self, labels: FrameLabels, side: HandSide) -> HandAnnotation:
        """Without parameters: the hand is a body's, whose shape is not MANO's."""
        return HandAnnotation(
            side=side,
            joints_m=_optical(labels.needed("coords_3d", (21, 3))),
            vertices_m=_optical(labels.needed("verts_3d", (_MANO_VERTICES, 3))),
            topology=self.mano.topology(side),
        )

    def _objects(self, labels: FrameLabels, side: HandSide) -> tuple[ObjectAnnotation, ...]:
        """The object, which the hand holds: every image is one of a grasp."""
        kind, number = labels.text("class_id"), labels.text("sample_id")
        mesh = self._models.mesh(f"{kind}/{number}") if kind and number else None
        if mesh is None:
            return ()
        pose, scale = _pose_and_scale(labels)
        return (
            ObjectAnnotation(
                name=f"{kind}/{number}",
                pose=pose,
                vertices_m=mesh.vertices_m * np.float32(scale),
                faces=mesh.faces,
                category=CATEGORIES.get(kind, kind),
                held_by=frozenset({side}),
            ),
        )


def _label_files(folder: Path) -> list[Path]:
    found = list(folder.glob("*.pkl"))
    if not found:
        raise DatasetError(f"{folder} holds no label (00000000.pkl …); {ANEW}")
    return found


def _number(path: Path) -> int:
    if not path.stem.isdecimal():
        raise DatasetError(f"{path} is not named by a number like 00000000.pkl; remove it")
    return int(path.stem)


def _side(labels: FrameLabels) -> HandSide:
    side = labels.text("side")
    if side not in set(HandSide):
        raise DatasetError(f"{labels.path}: side is {side!r}, neither right nor left; {ANEW}")
    return HandSide(side)


def _optical(points: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(points @ OPENGL_TO_OPTICAL, dtype=np.float32)


def _blue(path: Path) -> NDArray[np.uint8]:
    """(256, 256) the channel that shows everything."""
    channel = read_color(path)[..., _BLUE]
    if channel.shape != (CAMERA.height, CAMERA.width):
        raise DatasetError(f"{path} is of size {channel.shape}, not (256, 256); {ANEW}")
    return channel


def _depth(steps: NDArray[np.uint8], labels: FrameLabels) -> NDArray[np.float32]:
    """(256, 256) metres, NaN before the background, which has none.

    1 stands for ``depth_max`` and 255 for ``depth_min``, whose names the renderer confused: the
    former is the nearest.
    """
    first, last = (float(labels.needed(name, (1,))[0]) for name in ("depth_max", "depth_min"))
    if not (np.isfinite([first, last]).all() and min(first, last) > 0.0):
        raise DatasetError(
            f"{labels.path}: depth_max is {first} and depth_min {last}; both must be finite and "
            f"positive; {ANEW}"
        )
    depth_m = (steps.astype(np.float32) - 1.0) * np.float32((last - first) / _STEPS) + first
    return np.where(steps == 0, np.nan, depth_m).astype(np.float32)


def _mask(parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Hands are the body model's wrist and hand of a side; the rest of the body is ARM."""
    mask = np.full(parts.shape, MaskLabel.BACKGROUND, dtype=np.uint8)
    mask[np.isin(parts, _BODY_PIXELS)] = MaskLabel.ARM
    mask[parts == _OBJECT_PIXEL] = MaskLabel.OBJECT
    for label, values in _HAND_PIXELS.items():
        mask[np.isin(parts, values)] = label
    return mask


def _pose_and_scale(labels: FrameLabels) -> tuple[NDArray[np.float64], float]:
    """(4, 4) pose, and what the model is scaled by: the transform's own scale, or ``obj_scale``
    where that has none."""
    transform = labels.needed("affine_transform", (4, 4))
    linear = transform[:3, :3]
    scale = float(np.cbrt(np.linalg.det(linear)))
    if not scale > 0.0 or not np.allclose(linear.T @ linear / scale**2, np.eye(3), atol=1e-3):
        raise DatasetError(
            f"{labels.path}: affine_transform is no rotation with one scale:\n{transform}\n{ANEW}"
        )
    pose = np.eye(4)
    pose[:3, :3] = OPENGL_TO_OPTICAL @ nearest_rotation(linear)
    pose[:3, 3] = OPENGL_TO_OPTICAL @ transform[:3, 3]
    if abs(scale - 1.0) < _RIGID_WITHIN:
        scale = float(labels.needed("obj_scale", (1,))[0])
    return pose, scale
