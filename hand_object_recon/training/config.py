"""What a training is told: the YAML files under ``config/train`` are checked against this."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.datasets.choice import DatasetChoice

_FREE_SETTINGS: Final = {
    *("minutes", "threads", "loader_workers", "checkpoint_minutes", "devices", "nodes")
}
_LATER_SETTINGS: Final = ("scene", "two_hands_share", "tracks", "sequences")


class TrainingSection(BaseModel):
    """A group of a training's settings: immutable, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SyntheticData(TrainingSection):
    """Takes of our own generator, filmed at regular times.

    scene
        Kind of the takes; any but ``turning`` by default.
    two_hands_share
        Share of the takes that have two hands; the generator's own mixture where it is left out.
    tracks, sequences
        File of tracked motions that are replayed instead of drawn takes, one after the other and
        each time in another place, and the names of those that are; all by default. Viewpoint
        ``tracked`` is that of the camera that saw them.
    """

    takes: int = Field(1000, ge=1)
    frames_per_take: int = Field(16, ge=1, le=1000)
    step_s: float = Field(1 / 6, gt=0.0, le=10.0)
    seed: int = Field(0, ge=0)
    size_px: int | None = Field(None, ge=32, le=2048)
    viewpoint: Literal["any", "egocentric", "third_person", "tracked"] = "any"
    scene: Literal["any", "grasp", "hand_over", "free", "turning"] = "any"
    two_hands_share: float | None = Field(None, ge=0.0, le=1.0)
    tracks: Path | None = None
    sequences: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _scene_has_such_takes(self) -> SyntheticData:
        only = {"grasp": 0.0, "hand_over": 1.0}.get(self.scene)
        if only is not None and self.two_hands_share not in (None, only):
            raise ValueError(
                f"two_hands_share is {self.two_hands_share} and scene is {self.scene}; a grasp has "
                "one hand, a hand_over two"
            )
        return self

    @model_validator(mode="after")
    def _tracks_are_all_there_is(self) -> SyntheticData:
        if self.tracks is None and (self.sequences or self.viewpoint == "tracked"):
            raise ValueError(
                f"sequences is {self.sequences} and viewpoint is {self.viewpoint} without tracks; "
                "name the file of tracked motions"
            )
        if self.tracks is not None and (self.scene != "any" or self.two_hands_share):
            raise ValueError(
                f"tracks is {self.tracks}, which shows one hand with an object; leave scene and "
                "two_hands_share out"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """What must agree for a store to be taken as it is.

        Settings that came later are left out where they have their defaults, so that stores made
        before are still taken.
        """
        unset = {name for name in _LATER_SETTINGS if _is_default(self, name)}
        return self.model_dump(mode="json", exclude=unset)


class DataSettings(TrainingSection):
    """Where samples come from: one source for each store that is not there yet.

    store
        Folder of the samples' records; made from the source when it is not there yet.
    validation_store
        The same for what scores are measured on.
    synthetic, validation_synthetic
        Source of each, drawn from the splits ``train`` and ``val``.
    shards, validation_shards
        Or folders that ``synthesize`` wrote.
    dataset, validation_dataset
        Or a published data set: its name, the folder it is in, its split, and which of its frames.
    build_workers
        Processes that make records.
    """

    store: Path
    validation_store: Path
    synthetic: SyntheticData | None = None
    validation_synthetic: SyntheticData | None = None
    shards: Path | None = None
    validation_shards: Path | None = None
    dataset: DatasetChoice | None = None
    validation_dataset: DatasetChoice | None = None
    build_workers: int = Field(0, ge=0, le=256)

    @model_validator(mode="after")
    def _one_source_each(self) -> DataSettings:
        for prefix in ("", "validation_"):
            names = [f"{prefix}{source}" for source in ("synthetic", "shards", "dataset")]
            given = [name for name in names if getattr(self, name) is not None]
            if len(given) > 1:
                raise ValueError(f"{' and '.join(given)} are both given; samples have one source")
        return self


class ScheduleSettings(TrainingSection):
    """The learning rate over a stage.

    milestones
        Shares of the stage, 0 to 1, after each of which the rate is multiplied by ``gamma``;
        ``cosine`` lets it fall to zero along half a cosine instead.
    """

    kind: Literal["steps", "cosine"] = "steps"
    warmup_steps: int = Field(0, ge=0)
    milestones: tuple[float, ...] = ()
    gamma: float = Field(0.1, gt=0.0, le=1.0)


class StageSettings(TrainingSection):
    """One stage; it begins with the weights the stage before ended with.

    frozen
        Regular expressions of names of parameters that do not learn.
    begin_from
        A safetensors file of the method to begin with instead; or the name of a method, whose
        shipped weights are meant.
    begin_names
        Regular expressions of what is taken from there; the rest goes on from the stage before.
        Everything is, by default.
    begin_copies
        Prefixes of names, each with that of the tensors it begins as a copy of:
        ``{trunk.: pose.trunk.}``. With it ``begin_from`` may be a file of another method.
    method_options
        Options of the method that differ in this stage.
    """

    name: str = Field(min_length=1)
    epochs: float = Field(gt=0.0)
    learning_rate: float = Field(gt=0.0, le=1.0)
    schedule: ScheduleSettings = ScheduleSettings()
    frozen: tuple[str, ...] = ()
    begin_from: Path | None = None
    begin_names: tuple[str, ...] = ()
    begin_copies: dict[str, str] = {}
    method_options: dict[str, Any] = {}


class TrainingConfig(TrainingSection):
    """Everything about a training but where it writes.

    export_precision
        Of the weights that are written; ``float16`` makes files half as large.
    minutes
        Stop after so long, as if interrupted; 0 trains to the end.
    """

    method: str
    method_options: dict[str, Any] = {}
    data: DataSettings
    stages: tuple[StageSettings, ...] = Field(min_length=1)
    batch_size: int = Field(32, ge=1)
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: float = Field(0.0, ge=0.0)
    gradient_clip: float = Field(0.0, ge=0.0)
    ema_decay: float = Field(0.0, ge=0.0, lt=1.0)
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    export_precision: Literal["float32", "float16"] = "float32"
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = Field(1, ge=1)
    nodes: int = Field(1, ge=1)
    loader_workers: int = Field(1, ge=0, le=64)
    threads: int = Field(0, ge=0)
    seed: int = Field(0, ge=0)
    checkpoint_minutes: float = Field(5.0, gt=0.0)
    validate_epochs: float = Field(1.0, gt=0.0)
    validation_samples: int = Field(1024, ge=1)
    log_steps: int = Field(20, ge=1)
    minutes: float = Field(0.0, ge=0.0)

    def identity(self) -> str:
        """What must agree between a training and its continuation."""
        return self.model_dump_json(exclude=_FREE_SETTINGS)


def read_yaml(path: Path, kind: str) -> dict[str, Any]:
    """The settings of a YAML file; ``kind`` names it in an error.

    Raises
    ------
    ConfigError
        The file cannot be read, or holds something else.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{kind} {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold 'name: value' lines")
    return values


def load_training_config(path: Path, assignments: list[str] | None = None) -> TrainingConfig:
    """Read a YAML file and apply ``a.b=value`` assignments; ``stages.0.epochs=3`` reaches a stage.

    Raises
    ------
    ConfigError
        The file cannot be read, or a setting does not exist or has a wrong value; it is named.
    """
    values = read_yaml(path, "training configuration")
    for assignment in assignments or []:
        _assign(values, assignment)
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explained(error)}") from None


def _is_default(section: TrainingSection, name: str) -> bool:
    return bool(getattr(section, name) == type(section).model_fields[name].default)


def _assign(values: dict[str, Any], assignment: str) -> None:
    key, separator, text = assignment.partition("=")
    if not separator:
        raise ConfigError(f"--set {assignment!r} is not of the form key=value")
    *sections, name = key.strip().split(".")
    target: Any = values
    for section in sections:
        target = _inner(target, section, assignment)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--set {assignment!r}: the value is not valid YAML: {' '.join(str(error).split())}"
        ) from None
    if isinstance(target, list):
        target[_place(target, name, assignment)] = value
    else:
        target[name] = value


def _inner(target: Any, section: str, assignment: str) -> Any:
    if isinstance(target, list):
        return target[_place(target, section, assignment)]
    if not isinstance(target, dict):
        raise ConfigError(f"--set {assignment!r}: {section} is inside a value, not a section")
    return target.setdefault(section, {})


def _place(items: list[Any], number: str, assignment: str) -> int:
    if not number.isdecimal() or int(number) >= len(items):
        raise ConfigError(f"--set {assignment!r}: {number!r} is not one of 0 to {len(items) - 1}")
    return int(number)


def _explained(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])} is {problem['input']!r}: "
        f"{problem['msg'].lower()}"
        for problem in error.errors()
    )
