"""The one schema of configuration: default, range, unit and meaning of every setting.

The YAML in ``config/``, the table in ``docs/configuration.md`` and the command line's ``--set``
all come from these models, and a test holds them together. A setting's unit is part of its
name. ``run_time`` marks the settings that may change while the pipeline runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hand_object_recon.core.errors import ConfigError


def setting(default: Any, description: str, *, run_time: bool = False, **limits: Any) -> Any:
    """A field of the schema; ``limits`` are pydantic's (ge, le, gt, lt, min_length, ...)."""
    return Field(
        default, description=description, json_schema_extra={"run_time": run_time}, **limits
    )


class Section(BaseModel):
    """A group of settings: immutable, no unknown keys, defaults checked too."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_defaults(cls, values: Any) -> Any:
        """A section whose lines are all commented out in YAML reads as None."""
        return {} if values is None else values


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
        5, "Frames a track survives without a detection.", run_time=True, ge=0, le=100
    )
    side_votes: int = setting(
        7, "Recent frames that vote on whether a track is a left or a right hand.", ge=1, le=101
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


class RgbdFitSettings(Section):
    iterations: int = setting(
        3, "Fitting steps of each frame (twice as many on a new hand).", run_time=True, ge=1, le=100
    )
    max_depth_points: int = setting(
        300, "Depth points of one hand used in the fit.", run_time=True, ge=50, le=5000
    )
    shape_frames: int = setting(
        10, "Frames over which the hand's shape is estimated before it is held.", ge=1, le=1000
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
    depth: DepthSettings = DepthSettings()
    tracker: TrackerSettings = TrackerSettings()
    smoother: SmootherSettings = SmootherSettings()
    mediapipe_hands: MediapipeHandsSettings = MediapipeHandsSettings()
    rgbd_fit: RgbdFitSettings = RgbdFitSettings()
    plugin_options: dict[str, dict[str, Any]] = setting(
        {}, "Settings of third-party plugins, by plugin name."
    )


@dataclass(frozen=True)
class SettingDescription:
    """One row of the documentation: a setting's dotted name and what the schema says of it."""

    name: str
    default: Any
    limits: str
    run_time: bool
    description: str


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
    try:
        return PipelineConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


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
        )


def _limits(metadata: list[Any]) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return ", ".join(
        f"{sign} {getattr(item, key)}"
        for item in metadata
        for key, sign in signs.items()
        if getattr(item, key, None) is not None
    )


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
