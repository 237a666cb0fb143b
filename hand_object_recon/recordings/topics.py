"""Which topics of a recording are colour, depth and the cameras' calibration."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.stream_settings import RecordingSettings
from hand_object_recon.messages.typestore import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
    TRANSFORMS_TYPE,
)
from hand_object_recon.recordings.bag import BagTopic

_IMAGE_TYPES = (IMAGE_TYPE, COMPRESSED_IMAGE_TYPE)
_TRANSPORTS = ("compressed", "compressedDepth", "theora", "ffmpeg", "zstd")
_COLOR_WORDS = {"color", "colour", "rgb"}
_OTHER_CAMERAS = re.compile(r"infra|(^|[/_])ir([/_]|$)|confidence|disparity|mask")
_ALIGNED = re.compile(r"depth_to_(color|rgb)|aligned_depth|depth_aligned|registered")

_DRIVER_EXTRINSICS = "/extrinsics/depth_to_color"

_Rank: TypeAlias = Callable[[BagTopic], "tuple[Any, ...] | None"]


@dataclass(frozen=True)
class TopicChoice:
    """The topics a recording is read from, with their message types.

    depth_camera_info
        Calibration of a depth camera of its own; None where there is none beside the depth image.
    extrinsics
        Topics that may tell where the depth camera is: ``/tf_static`` and the RealSense driver's.
    """

    color: BagTopic
    depth: BagTopic
    camera_info: BagTopic
    depth_camera_info: BagTopic | None = None
    extrinsics: tuple[BagTopic, ...] = ()

    @property
    def names(self) -> tuple[str, str, str]:
        return self.color.name, self.depth.name, self.camera_info.name

    @property
    def description(self) -> str:
        """One line to print."""
        return "colour {}, depth {}, camera info {}".format(*self.names)


def choose_topics(available: Sequence[BagTopic], settings: RecordingSettings) -> TopicChoice:
    """The topics that ``settings`` name; those left empty are found by type and name.

    Depth aligned to the colour image goes before other depth, lossless before lossy, and the
    camera info beside the colour image before others.

    Raises
    ------
    RecordingError
        A named topic is not there or has another type, or one is not given and not found.
    """
    color = _choose(_COLOR, settings.color_topic, available, _color_rank(available))
    depth = _choose(_DEPTH, settings.depth_topic, available, _depth_rank(available, color))
    camera_info = _choose(
        _CAMERA_INFO, settings.camera_info_topic, available, _camera_info_rank(color)
    )
    return TopicChoice(
        color,
        depth,
        camera_info,
        _depth_camera_info(depth, camera_info, available, settings),
        tuple(topic for topic in available if _tells_extrinsics(topic, depth)),
    )


def says_aligned(topic_name: str) -> bool:
    """Whether the name of a depth topic says that it is aligned to colour."""
    return bool(_ALIGNED.search(topic_name))


@dataclass(frozen=True)
class _Role:
    what: str
    setting: str
    types: tuple[str, ...]


_COLOR = _Role("colour image", "recording.color_topic", _IMAGE_TYPES)
_DEPTH = _Role("depth image", "recording.depth_topic", _IMAGE_TYPES)
_CAMERA_INFO = _Role("CameraInfo", "recording.camera_info_topic", (CAMERA_INFO_TYPE,))
_DEPTH_CAMERA_INFO = _Role(
    "depth CameraInfo", "recording.depth_camera_info_topic", (CAMERA_INFO_TYPE,)
)


def _choose(role: _Role, given: str, available: Sequence[BagTopic], rank: _Rank) -> BagTopic:
    if given:
        return _given_topic(role, given, available)
    ranked = [
        (key, topic)
        for topic in available
        if topic.message_type in role.types and topic.message_count
        for key in [rank(topic)]
        if key is not None
    ]
    if not ranked:
        raise RecordingError(
            f"no {role.what} topic was found; set {role.setting} to one of: {_listing(available)}"
        )
    return min(ranked)[1]


def _given_topic(role: _Role, given: str, available: Sequence[BagTopic]) -> BagTopic:
    matches = [topic for topic in available if topic.name == given]
    if not matches:
        close = get_close_matches(given, [topic.name for topic in available], n=3, cutoff=0.5)
        hint = f"close are {', '.join(close)}" if close else f"there are {_listing(available)}"
        raise RecordingError(f"{role.setting} is {given!r}, which is not in the recording; {hint}")
    for topic in matches:
        if topic.message_type not in role.types:
            continue
        if not topic.message_count:
            raise RecordingError(f"{role.setting} is {given!r}, which holds no message")
        return topic
    raise RecordingError(
        f"{role.setting} is {given!r}, whose type is {matches[0].message_type}; "
        f"it must be {' or '.join(role.types)}"
    )


def _color_rank(available: Sequence[BagTopic]) -> _Rank:
    def rank(topic: BagTopic) -> tuple[Any, ...] | None:
        if _is_depth(topic) or _OTHER_CAMERAS.search(topic.name.lower()):
            return None
        if topic.name.endswith(("/theora", "/ffmpeg")):
            return None
        is_named_color = bool(_COLOR_WORDS & set(re.split("[/_]+", topic.name.lower())))
        is_compressed = topic.message_type == COMPRESSED_IMAGE_TYPE
        return (
            not is_named_color,
            _has_few_messages(topic, available),
            is_compressed,
            len(topic.name),
            topic.name,
        )

    return rank


def _depth_rank(available: Sequence[BagTopic], color: BagTopic) -> _Rank:
    def rank(topic: BagTopic) -> tuple[Any, ...] | None:
        if not _is_depth(topic) or topic.name == color.name:
            return None
        if _OTHER_CAMERAS.search(topic.name.lower()):
            return None
        is_lossy = topic.name.endswith("/compressed")
        is_compressed = topic.message_type == COMPRESSED_IMAGE_TYPE
        return (
            is_lossy,
            not says_aligned(topic.name),
            _has_few_messages(topic, available),
            -_shared_levels(topic.name, color.name),
            is_compressed,
            len(topic.name),
            topic.name,
        )

    return rank


def _camera_info_rank(color: BagTopic) -> _Rank:
    beside = _infos_beside(color)

    def rank(topic: BagTopic) -> tuple[Any, ...] | None:
        is_beside = topic.name in beside
        is_of_other_image = (
            "depth" in topic.name.lower() and not says_aligned(topic.name)
        ) or _OTHER_CAMERAS.search(topic.name.lower())
        if is_of_other_image and not is_beside:
            return None
        shared = _shared_levels(topic.name, color.name)
        return (not is_beside, -shared, len(topic.name), topic.name)

    return rank


def _depth_camera_info(
    depth: BagTopic,
    color_info: BagTopic,
    available: Sequence[BagTopic],
    settings: RecordingSettings,
) -> BagTopic | None:
    if settings.depth_camera_info_topic:
        return _given_topic(_DEPTH_CAMERA_INFO, settings.depth_camera_info_topic, available)
    beside = _infos_beside(depth) - {color_info.name}
    found = (
        topic
        for topic in available
        if topic.message_type == CAMERA_INFO_TYPE and topic.message_count and topic.name in beside
    )
    return next(found, None)


def _infos_beside(image: BagTopic) -> set[str]:
    name = _without_transport(image.name)
    return {f"{name.rpartition('/')[0]}/camera_info", f"{name}/camera_info"}


def _tells_extrinsics(topic: BagTopic, depth: BagTopic) -> bool:
    if topic.message_type == TRANSFORMS_TYPE:
        return topic.name.rpartition("/")[2] == "tf_static"
    camera = topic.name.removesuffix(_DRIVER_EXTRINSICS)
    is_driver = camera != topic.name and topic.message_type.endswith("/Extrinsics")
    return is_driver and depth.name.startswith(f"{camera}/")


def _is_depth(topic: BagTopic) -> bool:
    return "depth" in topic.name.lower()


def _has_few_messages(topic: BagTopic, available: Sequence[BagTopic]) -> bool:
    """Less than half of the busiest image topic's: a preview or a snapshot."""
    busiest = max(item.message_count for item in available if item.message_type in _IMAGE_TYPES)
    return topic.message_count < busiest / 2


def _without_transport(name: str) -> str:
    base, _, last = name.rpartition("/")
    return base if last in _TRANSPORTS else name


def _shared_levels(one: str, other: str) -> int:
    levels = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right:
            break
        levels += 1
    return levels


def _listing(available: Sequence[BagTopic]) -> str:
    return (
        ", ".join(f"{topic.name} ({topic.message_type})" for topic in available)
        or "no topic at all"
    )
