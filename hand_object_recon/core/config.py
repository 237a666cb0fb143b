"""The one schema of configuration: default, range, unit and meaning of every setting.

The YAML in ``config/``, the table in ``docs/configuration.md`` and the command line's ``--set``
all come from these models, and a test holds them together. A setting's unit is part of its
name. ``run_time`` marks the settings that may change while the pipeline runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError, model_validator

from hand_object_recon.core.config_section import Section, setting
from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.method_settings import (
    CrossBranchSettings,
    GSDFSettings,
    H2ONetSettings,
    IntraInterGraphSettings,
    PDFNetSettings,
    RgbdFitSettings,
)


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


class TrackerSettings(Section):
    max_hands: int = setting(2, "Hands followed at once.", ge=1, le=8)
    max_lost_frames: int = setting(
        15,
        "Frames a hand may be out of sight, 1.5 s at most, and keep its id where it comes back.",
        run_time=True,
        ge=0,
        le=100,
    )
    side_votes: int = setting(
        300, "Recent frames that vote on whether a track is a left or a right hand.", ge=1, le=1000
    )


class SmootherSettings(Section):
    enabled: bool = setting(True, "Smooth hands over time (One-Euro filter).", run_time=True)
    lateral_min_cutoff_hz: float = setting(
        4.0, "Cut-off of a still hand along image x and y.", run_time=True, gt=0.0, le=100.0
    )
    lateral_beta_hz_per_m_s: float = setting(
        100.0, "Rise of that cut-off with speed.", run_time=True, ge=0.0, le=1000.0
    )
    depth_min_cutoff_hz: float = setting(
        2.0, "Cut-off of a still hand along the optical axis.", run_time=True, gt=0.0, le=100.0
    )
    depth_beta_hz_per_m_s: float = setting(
        100.0, "Rise of that cut-off with speed.", run_time=True, ge=0.0, le=1000.0
    )
    derivative_cutoff_hz: float = setting(
        2.0, "Cut-off of the speed estimate.", run_time=True, gt=0.0, le=100.0
    )
    reset_gap_ms: float = setting(
        200.0, "A longer gap between frames restarts the filter.", run_time=True, gt=0.0, le=10000.0
    )


class MediapipeHandsSettings(Section):
    model_complexity: int = setting(1, "0 is the lite landmark model, 1 the full one.", ge=0, le=1)
    min_detection_confidence: float = setting(
        0.5, "Palm detections below this score are dropped.", ge=0.0, le=1.0
    )
    min_tracking_confidence: float = setting(
        0.5, "Landmarks below this score start a new palm detection.", ge=0.0, le=1.0
    )
    search_interval_frames: int = setting(
        15,
        "Frames between searches for a second hand while one is tracked; 1 searches in each.",
        ge=1,
        le=100,
    )
    mirrored_input: bool = setting(
        False, "The camera image is mirrored like a selfie view, so sides are swapped."
    )
    follow_frames: int = setting(
        5, "Frames a box is followed by depth when the detector misses a hand.", ge=0, le=100
    )


class HeldObjectSettings(Section):
    enabled: bool = setting(
        True, "Model and track what hands hold, unless the reconstructor gives objects itself."
    )
    prefer_depth: bool = setting(
        False,
        "Model held objects from depth even where the reconstructor gives its own, which are "
        "dropped then.",
    )
    max_size_m: float = setting(
        0.30, "Largest extent of an object; farther parts are not taken for it.", ge=0.05, le=1.0
    )
    voxel_mm: float = setting(
        2.5, "Edge of a voxel of the object's model; finer takes longer.", ge=1.0, le=10.0
    )
    completion: Literal["auto", "primitive", "symmetry", "extrusion", "convex"] = setting(
        "auto",
        "How the unseen side is closed; auto takes the simple body that describes the seen side, "
        "else a symmetry it shows, else an extrusion along the view within the convex hull.",
        run_time=True,
    )
    mesh_faces: int = setting(
        2000, "Triangles an object's mesh is reduced to.", run_time=True, ge=100, le=100000
    )
    mesh_rate_hz: float = setting(
        5.0, "How often the mesh of an object is made anew.", run_time=True, gt=0.0, le=60.0
    )
    keep_s: float = setting(
        5.0,
        "How long an object that was put down is remembered, to be the same when picked up again.",
        run_time=True,
        ge=0.0,
        le=600.0,
    )
    models_folder: str = setting(
        "",
        "Folder of meshes (metres) of known objects; what is held is recognised among them and "
        "only its pose fitted; what is none of them is modelled on the spot. Empty models all "
        "objects on the spot.",
    )


class DepthTurnSettings(Section):
    enabled: bool = setting(
        True,
        "Turn hands that a network saw in colour onto the measured depth, which shows the "
        "direction they point in.",
    )


class ContactRefinementSettings(Section):
    enabled: bool = setting(
        True,
        "Pull hands and held objects to contact and push them out of each other.",
        run_time=True,
    )
    contact_mm: float = setting(
        4.0,
        "A gap up to this between skin and object counts as touching.",
        run_time=True,
        ge=0.5,
        le=20.0,
    )
    reach_mm: float = setting(
        12.0,
        "Fingers farther from the object than this are not pulled to it.",
        run_time=True,
        ge=1.0,
        le=50.0,
    )


class PipelineConfig(Section):
    """Everything the pipeline can be told.

    ``plugin_options`` holds the settings of third-party plugins by plugin name; built-in
    plugins have a section of their own, named after them.
    """

    detector: str = setting("mediapipe_hands", "Detector plugin: name or package.module:Class.")
    reconstructor: str = setting(
        "rgbd_fit", "Reconstructor plugin: name or package.module:Class.", run_time=True
    )
    hand_model: str = setting("open_hand", "Hand model whose mesh is fitted.")
    recording: RecordingSettings = RecordingSettings()
    live: LiveSettings = LiveSettings()
    ros: RosSettings = RosSettings()
    depth: DepthSettings = DepthSettings()
    tracker: TrackerSettings = TrackerSettings()
    smoother: SmootherSettings = SmootherSettings()
    mediapipe_hands: MediapipeHandsSettings = MediapipeHandsSettings()
    rgbd_fit: RgbdFitSettings = RgbdFitSettings()
    h2onet: H2ONetSettings = H2ONetSettings()
    gsdf: GSDFSettings = GSDFSettings()
    pdfnet: PDFNetSettings = PDFNetSettings()
    cross_branch: CrossBranchSettings = CrossBranchSettings()
    intra_inter_graph: IntraInterGraphSettings = IntraInterGraphSettings()
    depth_turn: DepthTurnSettings = DepthTurnSettings()
    held_object: HeldObjectSettings = HeldObjectSettings()
    contact_refinement: ContactRefinementSettings = ContactRefinementSettings()
    plugin_options: dict[str, dict[str, Any]] = setting(
        {}, "Settings of third-party plugins, by plugin name."
    )


@dataclass(frozen=True)
class SettingDescription:
    """One row of the documentation: a setting's dotted name and what the schema says of it.

    lowest, highest
        Bounds of a number, None where there is none; a bound itself may be excluded (``limits``).
    choices
        What a text may be, where it is one of a few.
    """

    name: str
    default: Any
    limits: str
    run_time: bool
    description: str
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = ()


def load_config(path: Path | None, assignments: list[str] | None = None) -> PipelineConfig:
    """Read a YAML file (or the defaults) and apply ``section.key=value`` assignments.

    Raises
    ------
    ConfigError
        The file is not there or not a mapping, a key is unknown, or a value is out of range;
        the message names the setting, the value and what is allowed.
    """
    values = _read_yaml(path) if path is not None else {}
    for assignment in assignments or []:
        _assign(values, assignment)
    return _validated(values)


def config_of_settings(settings: Mapping[str, Any]) -> PipelineConfig:
    """The configuration with these values by dotted name, and defaults for the rest.

    Raises
    ------
    ConfigError
        A name is unknown or a value is out of range.
    """
    values: dict[str, Any] = {}
    for name, value in settings.items():
        *sections, key = name.split(".")
        target = values
        for section in sections:
            target = target.setdefault(section, {})
        target[key] = value
    return _validated(values)


def changed_config(config: PipelineConfig, values: Mapping[str, Any]) -> PipelineConfig:
    """The configuration with settings changed while it is in use, by dotted name.

    Raises
    ------
    ConfigError
        A setting does not exist or may not change at run time, or a value is out of range;
        nothing is changed then.
    """
    known = {one.name: one for one in describe_settings()}
    changed = config.model_dump()
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"setting {name!r} does not exist (see docs/configuration.md)")
        *sections, key = name.split(".")
        target = changed
        for section in sections:
            target = target[section]
        if target[key] != value and not known[name].run_time:
            raise ConfigError(
                f"setting {name!r} cannot change at run time; configure anew with {value!r}"
            )
        target[key] = value
    return _validated(changed)


def describe_settings() -> Iterator[SettingDescription]:
    """Every setting of the schema in order, sections flattened to dotted names."""
    yield from _describe(PipelineConfig, "")


def _describe(section: type[BaseModel], prefix: str) -> Iterator[SettingDescription]:
    for name, field in section.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _describe(annotation, f"{prefix}{name}.")
            continue
        extra = field.json_schema_extra
        yield SettingDescription(
            name=prefix + name,
            default=field.default,
            limits=_limits(field.metadata),
            run_time=isinstance(extra, dict) and bool(extra.get("run_time")),
            description=field.description or "",
            lowest=_bound(field.metadata, "ge", "gt"),
            highest=_bound(field.metadata, "le", "lt"),
            choices=get_args(annotation) if get_origin(annotation) is Literal else (),
        )


def _limits(metadata: list[Any]) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return ", ".join(
        f"{sign} {getattr(item, key)}"
        for item in metadata
        for key, sign in signs.items()
        if getattr(item, key, None) is not None
    )


def _bound(metadata: list[Any], *keys: str) -> float | None:
    bounds = (getattr(item, key, None) for item in metadata for key in keys)
    return next((bound for bound in bounds if bound is not None), None)


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"configuration file {path} is not valid YAML: {reason}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"configuration file {path} must hold 'name: value' lines")
    return loaded


def _assign(values: dict[str, Any], assignment: str) -> None:
    import yaml

    key, separator, text = assignment.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {assignment!r} is not of the form key=value")
    *sections, name = key.strip().split(".")
    target = values
    for section in sections:
        if target.get(section) is None:
            target[section] = {}
        target = target[section]
        if not isinstance(target, dict):
            raise ConfigError(f"--set {assignment!r}: {section} is a value, not a section")
    try:
        target[name] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {assignment!r}: {text!r} is not a YAML value") from None


def _validated(values: Mapping[str, Any]) -> PipelineConfig:
    try:
        return PipelineConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"setting {name!r} does not exist (see docs/configuration.md)")
        elif problem["type"] == "value_error":
            lines.append(f"setting {name!r}: {problem['ctx']['error']}")
        elif problem["type"] == "model_type":
            lines.append(f"setting {name!r} is {problem['input']!r}; it is a section of settings")
        else:
            lines.append(f"setting {name!r} is {problem['input']!r}: {problem['msg'].lower()}")
    return "; ".join(lines)
