"""Whether depth has the colour image's pixels, and how it gets them where it has not.

A topic whose name says that it is aligned is aligned if its size is the colour's: some drivers
name the depth camera's frame in aligned images too. Any other is aligned if both its size and
its frame are the colour's. ``recording.depth_alignment`` overrules this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import FrameError, RecordingError
from hand_object_recon.core.stream_settings import RecordingSettings
from hand_object_recon.recordings.extrinsics import DepthToColor, find_depth_to_color
from hand_object_recon.recordings.image_samples import ImageSize
from hand_object_recon.recordings.registration import register_depth
from hand_object_recon.recordings.rgbd_index import Calibration, RgbdIndex
from hand_object_recon.recordings.topics import TopicChoice, says_aligned
from hand_object_recon.recordings.undistortion import undistort_depth


@dataclass(frozen=True)
class ImageView:
    """Of the images of a topic: size in pixels, None if not one is readable, and frame."""

    size: ImageSize | None
    frame_id: str

    def __str__(self) -> str:
        frame = f"frame {self.frame_id!r}" if self.frame_id else "no frame"
        return f"{self.size}, {frame}" if self.size else frame


@dataclass(frozen=True)
class DepthRegistration:
    """Depth of a camera of its own on its way into the colour camera's pixels."""

    topic: str
    calibration: Calibration
    depth_frame: str
    color_frame: str
    depth_to_color: DepthToColor

    @property
    def description(self) -> str:
        return (
            f"{self.topic} is not aligned to colour: it is registered from frame "
            f"{self.depth_frame!r} to {self.color_frame!r} with {self.depth_to_color.source}"
        )

    def register(
        self, depth_m: NDArray[np.float32], stamp_ns: int, color_camera: CameraIntrinsics
    ) -> NDArray[np.float32]:
        """(H, W) metres in the grid of a pinhole ``color_camera``; NaN for no reading.

        Raises
        ------
        FrameError
            The depth camera's CameraInfo is not usable, or not of this image's size.
        """
        camera = self.calibration.at(stamp_ns)
        height, width = depth_m.shape
        if (width, height) != (camera.width, camera.height):
            raise FrameError(
                f"{self.calibration.topic} tells of {camera.width}x{camera.height} but "
                f"{self.topic} is {width}x{height} pixels; record the depth image's own"
            )
        pinhole_depth_m, pinhole = undistort_depth(depth_m, camera)
        return register_depth(pinhole_depth_m, pinhole, self.depth_to_color.pose, color_camera)


@dataclass(frozen=True)
class DepthAlignment:
    """What is done to the depth; ``registration`` is None where it is taken as it is.

    ``warning`` says it to the user, and is empty where there is nothing to say.
    """

    warning: str
    registration: DepthRegistration | None


def decide_alignment(
    topics: TopicChoice,
    index: RgbdIndex,
    depth: ImageView,
    color: ImageView,
    settings: RecordingSettings,
) -> DepthAlignment:
    """Whether depth is taken as it is, and if not how it is registered.

    Raises
    ------
    RecordingError
        Depth is not aligned and cannot be registered: the depth camera's calibration, its frame
        or its place is not known. Names the fix.
    """
    if _is_aligned(topics.depth.name, depth, color, settings.depth_alignment):
        return DepthAlignment(_frame_warning(topics.depth.name, depth, color), None)
    try:
        registration = _plan_registration(topics, index, depth, color, settings)
    except RecordingError as error:
        raise RecordingError(
            f"{topics.depth.name} ({depth}) is not aligned to colour ({color}) and cannot be "
            f"registered: {error}"
        ) from error
    return DepthAlignment(registration.description, registration)


def _is_aligned(topic: str, depth: ImageView, color: ImageView, setting: str) -> bool:
    if setting != "auto":
        return setting == "aligned"
    if depth.size and color.size and depth.size != color.size:
        return False
    return depth.frame_id in ("", color.frame_id) or says_aligned(topic)


def _frame_warning(topic: str, depth: ImageView, color: ImageView) -> str:
    if depth.frame_id in ("", color.frame_id):
        return ""
    return (
        f"{topic} is in frame {depth.frame_id!r}, colour in {color.frame_id!r}: it is taken as "
        "aligned; set recording.depth_alignment to register if it is not"
    )


def _plan_registration(
    topics: TopicChoice,
    index: RgbdIndex,
    depth: ImageView,
    color: ImageView,
    settings: RecordingSettings,
) -> DepthRegistration:
    calibration = _depth_calibration(index)
    depth_frame = depth.frame_id or calibration.frame_id
    if not depth_frame:
        raise RecordingError(
            f"neither it nor {calibration.topic} names a frame; have the driver set frame_id"
        )
    place = find_depth_to_color(
        index.extrinsics, settings.extrinsics_file, depth_frame, color.frame_id
    )
    return DepthRegistration(topics.depth.name, calibration, depth_frame, color.frame_id, place)


def _depth_calibration(index: RgbdIndex) -> Calibration:
    if index.depth_calibration is None:
        raise RecordingError(
            "there is no CameraInfo of the depth camera beside it; record it, name it in "
            "recording.depth_camera_info_topic, record the aligned depth topic, or set "
            "recording.depth_alignment to aligned if the depth is"
        )
    index.depth_calibration.require_usable()
    return index.depth_calibration
