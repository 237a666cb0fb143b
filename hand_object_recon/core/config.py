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

from pydantic import BaseModel, ValidationError

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
from hand_object_recon.core.stage_settings import (
    ContactRefinementSettings,
    DepthTurnSettings,
    HeldObjectSettings,
    MediapipeHandsSettings,
    SmootherSettings,
    TrackerSettings,
)
from hand_object_recon.core.stream_settings import (
    DepthSettings,
    LiveSettings,
    RecordingSettings,
    RosSettings,
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
