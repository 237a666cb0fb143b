"""What is compared: variants of one training, each with the same budget and several seeds."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.training.config import (
    SyntheticData,
    TrainingConfig,
    TrainingSection,
    load_training_config,
    read_yaml,
)
from hand_object_recon.training.methods import build_method


class AblationConfig(TrainingSection):
    """Rows of a table; a row is one configuration, trained once with each seed.

    base
        Training configuration of all rows, relative to the file that names it.
    set
        Assignments (``batch_size=16``) of all rows.
    rows
        Assignments of each row, by its name.
    seeds
        Of the trainings of each row.
    test_store, test_synthetic
        What scores are measured on: a store of samples, made of takes of the split ``test``.
    samples
        Records of it that are scored, spread evenly.
    scores
        Columns of the table, in this order; all scores by default.
    """

    base: Path
    set: tuple[str, ...] = ()
    rows: dict[str, tuple[str, ...]] = Field(min_length=1)
    seeds: tuple[int, ...] = (0, 1, 2)
    test_store: Path
    test_synthetic: SyntheticData | None = None
    samples: int = Field(512, ge=1)
    scores: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _can_be_folders(self) -> AblationConfig:
        for name in self.rows:
            if not name or name != Path(name).name:
                raise ValueError(f"the row {name!r} cannot be the name of a folder")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds are {self.seeds}; give different ones")
        return self

    def training(self, row: str, seed: int) -> TrainingConfig:
        """The training of a row with a seed.

        Raises
        ------
        ConfigError
            Its configuration has something wrong.
        """
        assignments = [*self.set, *self.rows[row], f"seed={seed}"]
        return load_training_config(self.base, assignments)


def load_ablation_config(path: Path, assignments: list[str] | None = None) -> AblationConfig:
    """Read a YAML file; assignments (``batch_size=16``) are added to those of all rows.

    Raises
    ------
    ConfigError
        The file cannot be read, or a setting, its own or a training's, does not exist or has a
        wrong value; it is named.
    """
    values = read_yaml(path, "ablation")
    try:
        config = AblationConfig.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(str(part) for part in problem["loc"]) or "rows"
        raise ConfigError(f"{path}: {name}: {problem['msg'].lower()}") from None
    changes = {
        "base": (path.parent / config.base).resolve(),
        "set": (*config.set, *(assignments or [])),
    }
    config = config.model_copy(update=changes)
    for row in config.rows:
        _require_methods(config.training(row, config.seeds[0]))
    return config


def _require_methods(training: TrainingConfig) -> None:
    for stage in training.stages:
        build_method(training.method, {**training.method_options, **stage.method_options})
