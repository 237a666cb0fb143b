"""DexYCB: ten people grasp twenty objects before eight RealSense cameras.

Files as in dex-ycb-toolkit (its README and ``dex_ycb_toolkit/dex_ycb.py``): colour JPEGs, aligned
depth PNGs of millimetres and an npz of labels for each frame, in the cameras' own optical frames,
which are this program's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

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
from hand_object_recon.datasets.dexycb_card import DEXYCB_CARD, WHATEVER_IS_THERE
from hand_object_recon.datasets.dexycb_splits import (
    SEQUENCES_PER_SUBJECT,
    SERIALS,
    SETUPS,
    SUBJECTS,
    Setup,
)
from hand_object_recon.datasets.file_reading import (
    ANEW,
    numbers_of_shape,
    read_arrays,
    read_yaml,
)
from hand_object_recon.datasets.frame_index import (
    FrameIndex,
    FramePlace,
    SequenceEntry,
    index_of_counts,
)
from hand_object_recon.datasets.image_reading import read_color, read_depth_mm
from hand_object_recon.datasets.object_models import ObjectModels
from hand_object_recon.datasets.visibility import holders, in_camera_m, with_visibility
from hand_object_recon.hand_model.joint_orders import convert_joints

SIZE: Final = (640, 480)

YCB_NAMES: Final[dict[int, str]] = {
    1: "002_master_chef_can",
    2: "003_cracker_box",
    3: "004_sugar_box",
    4: "005_tomato_soup_can",
    5: "006_mustard_bottle",
    6: "007_tuna_fish_can",
    7: "008_pudding_box",
    8: "009_gelatin_box",
    9: "010_potted_meat_can",
    10: "011_banana",
    11: "019_pitcher_base",
    12: "021_bleach_cleanser",
    13: "024_bowl",
    14: "025_mug",
    15: "035_power_drill",
    16: "036_wood_block",
    17: "037_scissors",
    18: "040_large_marker",
    19: "051_large_clamp",
    20: "052_extra_large_clamp",
    21: "061_foam_brick",
}
"""Objects by the number that masks and meta.yml have for them."""

_HAND_PIXEL: Final = 255
_NO_JOINT: Final = -1.0
_LABELS: Final = ("seg", "pose_y", "pose_m", "joint_3d")
_META: Final = ("num_frames", "ycb_ids", "ycb_grasp_ind", "mano_sides", "mano_calib")


@dataclass(frozen=True)
class _Session:
    """What meta.yml says of a sequence that all cameras filmed."""

    frames: int
    objects: tuple[str, ...]
    grasped: str
    side: HandSide
    calibration: str


class DexYCB(Dataset):
    """A setup's part, or everything that is there."""

    card = DEXYCB_CARD

    def make_index(self) -> FrameIndex:
        setup = SETUPS.get(self.choice.split)
        self._models = ObjectModels(self.choice.models or self.path / "models")
        self._session_of: list[_Session] = []
        entries: list[SequenceEntry] = []
        serials = SERIALS if setup is None else [SERIALS[place] for place in setup.serials]
        for folder in self._session_folders(setup):
            session = _read_session(folder / "meta.yml")
            for serial in serials:
                if setup is None and not (folder / serial).is_dir():
                    continue
                relative = (folder / serial).relative_to(self.path).as_posix()
                entries.append(
                    SequenceEntry(relative.replace("/", "_"), relative, frozenset({session.side}))
                )
                self._session_of.append(session)
        if not entries:
            raise DatasetError(
                f"{self.path} holds no sequence of DexYCB; expected folders like "
                f"{SUBJECTS[0]}/20200709_141754"
            )
        return index_of_counts(tuple(entries), [session.frames for session in self._session_of])

    def files(self, place: FramePlace) -> tuple[Path, ...]:
        folder = self.path / self.sequence(place).folder
        number = f"{place.number:06d}"
        return (
            folder / f"color_{number}.jpg",
            folder / f"aligned_depth_to_color_{number}.png",
            folder / f"labels_{number}.npz",
        )

    def notes(self) -> tuple[str, ...]:
        names = {name for session in self._session_of for name in session.objects}
        return (*super().notes(), *self._models.notes(tuple(sorted(names))))

    def read_frame(self, place: FramePlace) -> AnnotatedFrame:
        color_file, depth_file, label_file = self.files(place)
        session, entry = self._session_of[place.sequence], self.sequence(place)
        camera = read_intrinsics(self.path, entry.folder.rpartition("/")[2])
        stamp_ns = self.stamp_ns(place)
        frame = RgbdFrame(
            read_color(color_file), read_depth_mm(depth_file), camera, stamp_ns, CAMERA_FRAME
        )
        labels = read_arrays(label_file, *_LABELS)
        mask = _mask(labels["seg"], session.side, label_file)
        objects = self._objects(labels["pose_y"], session, label_file)
        hands = self._hands(labels, session, label_file)
        if hands:
            objects = tuple(_with_holder(thing, hands, session.grasped) for thing in objects)
            model = self.mano.model(session.side)
            hands = with_visibility(
                [(hands[0], model)], objects, mask, camera, self.choice.finger_rule
            )
        truth = FrameAnnotation(stamp_ns, hands, objects, mask)
        return AnnotatedFrame(frame, truth, entry.name)

    def _session_folders(self, setup: Setup | None) -> list[Path]:
        """The sequences' folders, in the order in which the toolkit numbers them."""
        if setup is None:
            there = [self.path / name for name in SUBJECTS if (self.path / name).is_dir()]
            return [folder for subject in there for folder in _sessions(subject)]
        folders = []
        for place in setup.subjects:
            subject = self.path / SUBJECTS[place]
            sessions = _sessions(subject) if subject.is_dir() else []
            if len(sessions) != SEQUENCES_PER_SUBJECT:
                raise DatasetError(
                    f"{subject} has {len(sessions)} of {SEQUENCES_PER_SUBJECT} sequences, by whose "
                    f"rank the split {self.choice.split} is made; unpack all of the subject, or "
                    f"take split {WHATEVER_IS_THERE!r}"
                )
            folders += [sessions[rank] for rank in setup.sequences]
        return folders

    def _hands(
        self, labels: dict[str, NDArray[Any]], session: _Session, path: Path
    ) -> tuple[HandAnnotation, ...]:
        joints = numbers_of_shape(labels["joint_3d"], (21, 3), "joint_3d", path)
        coefficients = numbers_of_shape(labels["pose_m"], (51,), "pose_m", path)
        if (joints == _NO_JOINT).all():
            return ()
        side, shape = session.side, read_shape(self.path, session.calibration)
        pose = self.mano.full_pose(side, coefficients[:48])
        translation = coefficients[48:].astype(np.float32)
        mesh = None
        if pose is not None and coefficients.any():
            mesh = self.mano.mesh(side, pose, shape, translation)
        return (
            HandAnnotation(
                side=side,
                joints_m=convert_joints(joints, "dexycb21", "openpose21").astype(np.float32),
                vertices_m=None if mesh is None else mesh.vertices_m,
                topology=self.mano.topology(side),
                pose_rad=None if mesh is None else mesh.pose_rad,
                shape=shape.astype(np.float32),
                translation_m=translation if coefficients.any() else None,
            ),
        )

    def _objects(
        self, poses: NDArray[Any], session: _Session, path: Path
    ) -> tuple[ObjectAnnotation, ...]:
        stored = numbers_of_shape(poses, (len(session.objects), 3, 4), "pose_y", path)
        found = []
        for name, pose in zip(session.objects, stored, strict=True):
            mesh = self._models.mesh(name)
            if mesh is not None and pose.any():
                whole = np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])
                found.append(ObjectAnnotation(name, whole, mesh.vertices_m, mesh.faces))
        return tuple(found)


def _with_holder(
    thing: ObjectAnnotation, hands: tuple[HandAnnotation, ...], grasped: str
) -> ObjectAnnotation:
    """Only one object of a sequence is ever grasped; when it is, the hand's mesh tells."""
    if thing.name != grasped:
        return replace(thing, held_by=frozenset())
    return replace(thing, held_by=holders(hands, in_camera_m(thing)))


def _sessions(subject: Path) -> list[Path]:
    return sorted(folder for folder in subject.iterdir() if folder.is_dir())


def _mask(labels: NDArray[Any], side: HandSide, path: Path) -> NDArray[np.uint8]:
    width, height = SIZE
    if labels.shape != (height, width):
        raise DatasetError(
            f"{path}: seg has shape {labels.shape}; it must be {(height, width)}; {ANEW}"
        )
    mask = np.full(labels.shape, MaskLabel.BACKGROUND, dtype=np.uint8)
    mask[(labels >= min(YCB_NAMES)) & (labels <= max(YCB_NAMES))] = MaskLabel.OBJECT
    is_right = side is HandSide.RIGHT
    mask[labels == _HAND_PIXEL] = MaskLabel.RIGHT_HAND if is_right else MaskLabel.LEFT_HAND
    return mask


def _read_session(path: Path) -> _Session:
    meta = read_yaml(path, *_META)
    try:
        objects = tuple(YCB_NAMES[int(number)] for number in meta["ycb_ids"])
        return _Session(
            frames=int(meta["num_frames"]),
            objects=objects,
            grasped=objects[int(meta["ycb_grasp_ind"])],
            side=HandSide(meta["mano_sides"][0]),
            calibration=str(meta["mano_calib"][0]),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} has a value that cannot be ({error}); {ANEW}") from None


@lru_cache(maxsize=32)
def read_intrinsics(root: Path, serial: str) -> CameraIntrinsics:
    """Of a camera's colour images, to which depth is aligned."""
    width, height = SIZE
    path = root / "calibration" / "intrinsics" / f"{serial}_{width}x{height}.yml"
    color = read_yaml(path, "color")["color"]
    try:
        focal_x, focal_y, x, y = (float(color[name]) for name in ("fx", "fy", "ppx", "ppy"))
    except (KeyError, TypeError, ValueError):
        raise DatasetError(f"{path}: color lacks fx, fy, ppx or ppy; {ANEW}") from None
    return CameraIntrinsics(width, height, focal_x, focal_y, x, y)


@lru_cache(maxsize=64)
def read_shape(root: Path, calibration: str) -> NDArray[np.float64]:
    """(10,) MANO's shape coefficients of a person's hand."""
    path = root / "calibration" / f"mano_{calibration}" / "mano.yml"
    return numbers_of_shape(read_yaml(path, "betas")["betas"], (10,), "betas", path)
