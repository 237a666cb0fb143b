"""What may be chosen about the frames that are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.filming.film_set import Viewpoint
from hand_object_recon.synthesis.objects.catalogue import Split

TEST_SPLIT_VERSION: Final = 1
"""Raised whenever the test split's frames change, so that scores are only compared on the same."""

_SMALLEST_PX: Final = 32
_LARGEST_PX: Final = 2048


class SceneChoice(str, Enum):
    """Which takes are made: those of one kind, or any but ``TURNING``, which are long."""

    ANY = "any"
    GRASP = "grasp"
    HAND_OVER = "hand_over"
    FREE = "free"
    TURNING = "turning"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class ObjectFolder:
    """A user's own objects, and the bank of grasps made for them.

    scale
        What the files' lengths are multiplied by to be metres.
    """

    folder: Path
    grasp_bank: Path
    scale: float = 1.0


@dataclass(frozen=True)
class SampleSettings:
    """Everything that decides what frame comes of an index.

    turning_s
        How long a take of scene ``TURNING`` lasts.
    hands
        1 or 2 for takes with that many hands, None for both.
    image_size_px
        Side of square pictures, or None for whole pictures of real cameras' sizes.
    camera
        Taken instead of a drawn one.
    objects
        Taken instead of the split's.
    background_images
        Folder of images that cover walls and tables.
    tracks
        File of tracked motions that are replayed in their order instead of drawn takes.
    sequences
        Names of those that are; all by default.
    """

    split: Split
    seed: int = 0
    scene: SceneChoice = SceneChoice.ANY
    turning_s: float = 10.0
    hands: int | None = None
    image_size_px: int | None = 256
    viewpoint: Viewpoint = Viewpoint.ANY
    camera: CameraIntrinsics | None = None
    objects: ObjectFolder | None = None
    background_images: Path | None = None
    tracks: Path | None = None
    sequences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InvalidValueError(f"seed is {self.seed}; it must be 0 or more")
        if self.hands not in (None, 1, 2):
            raise InvalidValueError(f"hands is {self.hands}; it must be 1 or 2")
        clash = {(SceneChoice.GRASP, 2), (SceneChoice.HAND_OVER, 1)}
        if (self.scene, self.hands) in clash:
            raise InvalidValueError(
                f"scene {self.scene} has no takes of {self.hands} hand(s); "
                "a grasp has one hand, a hand_over two"
            )
        if self.tracks is not None and (self.scene is not SceneChoice.ANY or self.hands == 2):
            raise InvalidValueError(
                f"tracks {self.tracks} show one hand with an object; leave scene and hands out"
            )
        if self.sequences and self.tracks is None:
            raise InvalidValueError(
                f"sequences {', '.join(self.sequences)} are of tracked motions; give tracks"
            )
        size = self.image_size_px
        if size is not None and not _SMALLEST_PX <= size <= _LARGEST_PX:
            raise InvalidValueError(
                f"image size is {size} px; it must be {_SMALLEST_PX} to {_LARGEST_PX}"
            )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as a JSON file holds them."""
        values = asdict(self)
        for name in ("scene", "viewpoint"):
            values[name] = str(values[name])
        if self.objects is not None:
            values["objects"] = {
                "folder": str(self.objects.folder.resolve()),
                "scale": self.objects.scale,
            }
        for name in ("background_images", "tracks"):
            if values[name] is not None:
                values[name] = str(values[name].resolve())
        if not self.sequences:  # as folders say that were written before they could be chosen
            del values["sequences"]
        return values
