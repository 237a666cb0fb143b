"""The first images of a topic, looked at before any frame is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from rosbags.serde import SerdeError

from hand_object_recon.core.errors import FrameError
from hand_object_recon.core.stream_settings import DepthSettings
from hand_object_recon.messages.typestore import IMAGE_TYPE, deserialize
from hand_object_recon.recordings.bag import Bag, BagTopic
from hand_object_recon.recordings.image_decoding import decode_color, decode_depth

_IMAGES_TRIED: Final = 5
_FARTHEST_M: Final = 1e6

_Found = TypeVar("_Found")


class ImageSize(NamedTuple):
    """Pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class DepthSample(NamedTuple):
    """A depth image: its encoding, and the median of its readings in metres, NaN without any."""

    size: ImageSize
    encoding: str
    median_m: float


def sample_color_size(bag: Bag, topic: BagTopic) -> ImageSize | None:
    """Size of the first readable image of a colour topic."""

    def size(message: Any) -> ImageSize:
        height, width = decode_color(message, topic.name).shape[:2]
        return ImageSize(width, height)

    return next(_readable(bag, topic, size), None)


def sample_depth(bag: Bag, topic: BagTopic, unit_mm: float) -> DepthSample | None:
    """The first of a few depth images with a reading at any distance, or the last without.

    ``unit_mm`` is ``depth.unit_mm``.
    """
    limits = DepthSettings.model_construct(min_m=0.0, max_m=_FARTHEST_M, unit_mm=unit_mm)

    def sample(message: Any) -> DepthSample:
        depth_m = decode_depth(message, topic.name, limits)
        readings_m = depth_m[np.isfinite(depth_m)]
        height, width = depth_m.shape
        encoding = message.encoding if topic.message_type == IMAGE_TYPE else message.format
        median_m = float(np.median(readings_m)) if len(readings_m) else float("nan")
        return DepthSample(ImageSize(width, height), encoding.partition(";")[0], median_m)

    found = None
    for found in _readable(bag, topic, sample):
        if np.isfinite(found.median_m):
            return found
    return found


def _readable(bag: Bag, topic: BagTopic, read: Callable[[Any], _Found]) -> Iterator[_Found]:
    for message in islice(bag.messages((topic.name,)), _IMAGES_TRIED):
        try:
            yield read(deserialize(message.data, topic.message_type))
        except (SerdeError, FrameError):
            continue  # it is a bad frame when its turn comes
