"""Settings of what comes in, recorded or live, of how depth is read, and of what ROS is given."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from hand_object_recon.core.config_section import Section, setting


class RecordingSettings(Section):
    color_topic: str = setting("", "Colour topic; empty finds it by type and name.")
    depth_topic: str = setting("", "Depth topic; empty finds it by type and name.")
    camera_info_topic: str = setting("", "CameraInfo topic; empty finds it beside the colour.")
    depth_camera_info_topic: str = setting(
        "", "CameraInfo of depth that is not aligned; empty finds it beside the depth."
    )
    depth_alignment: Literal["auto", "aligned", "register"] = setting(
        "auto",
        "aligned takes depth as it is, register moves it to the colour camera; auto goes by size, "
        "frame and topic name.",
    )
    extrinsics_file: str = setting(
        "", "YAML file of transforms between the cameras; empty takes them from the recording."
    )
    sync_slop_ms: float = setting(
        16.0, "Largest stamp difference between colour and depth of one frame.", ge=0.0, le=500.0
    )


class LiveSettings(Section):
    color_topic: str = setting(
        "/camera/camera/color/image_raw", "Colour topic of a live camera.", min_length=1
    )
    depth_topic: str = setting(
        "/camera/camera/aligned_depth_to_color/image_raw",
        "Topic of its depth aligned to colour.",
        min_length=1,
    )
    camera_info_topic: str = setting(
        "/camera/camera/color/camera_info", "CameraInfo topic of the colour image.", min_length=1
    )
    depth_alignment: Literal["auto", "aligned"] = setting(
        "auto",
        "auto refuses depth whose frame is not the colour's and whose topic does not say that it "
        "is aligned; aligned takes it as it is.",
    )
    sync_slop_ms: float = setting(
        16.0,
        "Largest stamp difference between colour and depth of one frame: half a frame's time.",
        run_time=True,
        ge=0.0,
        le=500.0,
    )
    queue_length: int = setting(
        5, "Images of a stream that wait for their partner in the other.", ge=1, le=30
    )
    max_input_age_ms: float = setting(
        500.0,
        "Frames older than this when their turn comes are dropped; 0 takes all.",
        run_time=True,
        ge=0.0,
        le=60000.0,
    )
    stream_timeout_s: float = setting(
        2.0,
        "A stream that is silent for longer is reported.",
        run_time=True,
        ge=0.5,
        le=60.0,
    )
    failed_frames: int = setting(
        10, "Frames failing in a row after which the pipeline is given up.", ge=1, le=1000
    )
    all_joint_frames: bool = setting(
        False,
        "Publish a transform for every joint instead of wrist and finger tips.",
        run_time=True,
    )
    overlay_jpeg_quality: int = setting(
        80, "JPEG quality of the compressed overlay.", run_time=True, ge=1, le=100
    )


class RosSettings(Section):
    target_frame: str = setting(
        "",
        "Frame that results are given in, looked up in TF at the image's stamp; empty leaves them "
        "in the camera's.",
        run_time=True,
    )
    transform_timeout_ms: float = setting(
        50.0,
        "Longest wait for that transform; a frame without it is not published.",
        run_time=True,
        ge=0.0,
        le=1000.0,
    )
    publish_tf: bool = setting(
        True, "Publish hands and objects as frames of the transform tree.", run_time=True
    )
    frame_prefix: str = setting(
        "", "Put before the name of each such frame, to tell cameras apart (left/)."
    )
    mesh_folder: str = setting(
        "~/.ros/hand_object_recon", "Folder that the service save_mesh writes to.", run_time=True
    )


class DepthSettings(Section):
    min_m: float = setting(
        0.1, "Nearer readings are dropped as invalid.", run_time=True, ge=0.0, le=10.0
    )
    max_m: float = setting(
        2.0, "Farther readings are dropped as invalid.", run_time=True, gt=0.0, le=20.0
    )
    unit_mm: float = setting(
        0.0,
        "Length of one stored unit of depth; 0 is what the encoding says (16UC1 mm, 32FC1 m).",
        ge=0.0,
        le=1000.0,
    )

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> DepthSettings:
        if self.min_m >= self.max_m:
            raise ValueError(f"min_m ({self.min_m}) must be below max_m ({self.max_m})")
        return self
