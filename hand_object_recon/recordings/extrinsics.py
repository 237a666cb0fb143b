"""Where the depth camera is, as the colour camera sees it: told by a file or by the recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rosbags.serde import SerdeError

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.core.validation import require_rigid_transform
from hand_object_recon.messages.typestore import TRANSFORMS_TYPE, deserialize
from hand_object_recon.recordings.bag import BagMessage, BagTopic
from hand_object_recon.recordings.extrinsics_file import read_extrinsics_file
from hand_object_recon.recordings.frame_tree import FrameLink, link_between, transform_between

_DRIVER_VALUES: Final = 12
_DRIVER_BYTES: Final = 8 * _DRIVER_VALUES
_FIX: Final = (
    "record /tf_static with the camera running, name a file of the transform in "
    "recording.extrinsics_file, or set recording.depth_alignment to aligned if the depth is"
)


class DepthToColor(NamedTuple):
    """(4, 4) ``pose`` takes points of the depth to the colour camera's optical frame, metres.

    ``source`` names the topic or file that tells it.
    """

    pose: NDArray[np.float64]
    source: str


@dataclass
class RecordedExtrinsics:
    """Transforms told by a recording; of a link told more than once the last one counts.

    topics
        Those whose messages are to be added: ``/tf_static``, and ``realsense2_camera_msgs``'
        Extrinsics from depth to colour.
    """

    topics: Sequence[BagTopic]
    _links: dict[tuple[str, str], FrameLink] = field(default_factory=dict)
    _driver: list[DepthToColor] = field(default_factory=list)
    _faults: list[str] = field(default_factory=list)

    def add(self, message: BagMessage) -> None:
        try:
            if self._type_of(message.topic) == TRANSFORMS_TYPE:
                self._add_transforms(message.data)
            else:
                self._driver = [DepthToColor(_driver_pose(message.data), message.topic)]
        except (SerdeError, InvalidValueError) as error:
            self._faults.append(f"{message.topic} cannot be used: {error}")

    def between(self, depth_frame: str, color_frame: str) -> DepthToColor:
        """The transform from ``/tf_static``, or else what the driver itself tells.

        Raises
        ------
        RecordingError
            Neither tells it; says what there is and how to supply it.
        """
        try:
            pose = _joined(list(self._links.values()), depth_frame, color_frame)
        except RecordingError as error:
            if self._driver:
                return self._driver[0]
            place = self._transform_topics() or "the recording, which has no /tf_static"
            reasons = (f"{error} in {place}", *self._faults[:1])
            raise RecordingError(
                f"{'; '.join(reasons)}, and recording.extrinsics_file is empty; {_FIX}"
            ) from None
        return DepthToColor(pose, self._transform_topics())

    def _add_transforms(self, data: bytes) -> None:
        for stamped in deserialize(data, TRANSFORMS_TYPE).transforms:
            offset, turn = stamped.transform.translation, stamped.transform.rotation
            link = link_between(
                stamped.header.frame_id,
                stamped.child_frame_id,
                (offset.x, offset.y, offset.z),
                (turn.x, turn.y, turn.z, turn.w),
            )
            self._links[link.parent, link.child] = link

    def _type_of(self, name: str) -> str:
        return next(topic.message_type for topic in self.topics if topic.name == name)

    def _transform_topics(self) -> str:
        names = [topic.name for topic in self.topics if topic.message_type == TRANSFORMS_TYPE]
        return " and ".join(names)


def find_depth_to_color(
    recorded: RecordedExtrinsics, file: str, depth_frame: str, color_frame: str
) -> DepthToColor:
    """The transform by ``file`` (``recording.extrinsics_file``), or the recording's if empty.

    Within one frame there is nothing to look up.

    Raises
    ------
    RecordingError
        The file cannot be used, or there is no transform between the two frames.
    """
    if depth_frame == color_frame:
        return DepthToColor(np.eye(4), "no transform, as both name that frame")
    if not file:
        return recorded.between(depth_frame, color_frame)
    links = read_extrinsics_file(Path(file))
    try:
        return DepthToColor(_joined(links, depth_frame, color_frame), file)
    except RecordingError as error:
        raise RecordingError(f"{error} in extrinsics file {file}; add one to it") from None


def _joined(links: Sequence[FrameLink], source: str, target: str) -> NDArray[np.float64]:
    try:
        return transform_between(links, source, target)
    except InvalidValueError as error:
        raise RecordingError(str(error)) from None


def _driver_pose(data: bytes) -> NDArray[np.float64]:
    """Of an Extrinsics message: it ends in nine doubles of rotation, by columns, and three."""
    if len(data) < _DRIVER_BYTES:
        raise InvalidValueError(f"{len(data)} bytes are too few for a rotation and a translation")
    order = "<" if data[1] else ">"
    values = np.frombuffer(data, f"{order}f8", offset=len(data) - _DRIVER_BYTES)
    pose = np.eye(4)
    pose[:3, :3] = values[:9].reshape(3, 3).T
    pose[:3, 3] = values[9:]
    return require_rigid_transform("depth_to_color", pose)
