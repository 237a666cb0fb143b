"""Trains the rows of a table one after the other and goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.training.ablation_config import AblationConfig
from hand_object_recon.training.ablation_table import RowScores, write_tables
from hand_object_recon.training.config import TrainingConfig
from hand_object_recon.training.engine import CONFIG_FILE, WEIGHTS_ENDING, Training
from hand_object_recon.training.store_building import StoreSource, open_or_build_store
from hand_object_recon.training.store_scores import store_scores

SCORES_FILE: Final = "test_scores.json"

Say = Callable[[str], None]


class Ablation:
    """Trains and scores every row with every seed.

    Leaves in a folder: ROW/seed-N with a training and its scores, table.md and table.csv.
    """

    def __init__(self, config: AblationConfig, out: Path, say: Say) -> None:
        self._config, self._out, self._say = config, out, say
        self._training: Training | None = None
        self._is_stopping = False

    def ask_to_stop(self) -> None:
        """Save a checkpoint of the training under way, and end; for signal handlers."""
        self._is_stopping = True
        if self._training is not None:
            self._training.ask_to_stop()

    def run(self, rows: Iterable[str] = ()) -> bool:
        """Train what is not trained yet, of all rows or of some; whether the end was reached.

        Every row is trained with the first seed before any is with the next, so that there is a
        whole table early.

        Raises
        ------
        ConfigError
            There is no such row, a training in the folder is another one, or there is nothing to
            make samples from.
        """
        chosen = self._chosen(tuple(rows))
        for seed in self._config.seeds:
            for row in chosen:
                if self._is_stopping or not self._train(row, seed):
                    return False
                self._score(row, seed)
        return True

    def _chosen(self, rows: tuple[str, ...]) -> tuple[str, ...]:
        for row in rows:
            if row not in self._config.rows:
                raise ConfigError(
                    f"there is no row {row!r}; there is {', '.join(self._config.rows)}"
                )
        return rows or tuple(self._config.rows)

    def _train(self, row: str, seed: int) -> bool:
        config, folder = self._config.training(row, seed), self._folder(row, seed)
        if (folder / SCORES_FILE).exists():
            _require_same(folder, config)
            return True
        self._training = Training(config, folder)
        self._say(f"{row}, seed {seed}")
        return self._training.run(resume=(folder / CONFIG_FILE).exists())

    def _score(self, row: str, seed: int) -> None:
        folder = self._folder(row, seed)
        if not (folder / SCORES_FILE).exists():
            config = self._config.training(row, seed)
            weights = folder / (config.stages[-1].name + WEIGHTS_ENDING)
            self._make_test_store(config)
            scores = store_scores(weights, self._config.test_store, self._config.samples)
            (folder / SCORES_FILE).write_text(json.dumps(scores) + "\n", encoding="utf-8")
            self._say(f"{row}, seed {seed}: {_in_words(scores)}")
        write_tables(self._out, self._found(), self._config.scores)

    def _make_test_store(self, config: TrainingConfig) -> None:
        source = StoreSource("test", self._config.test_synthetic, None)
        open_or_build_store(
            self._config.test_store,
            config.method,
            config.method_options,
            source,
            config.data.build_workers,
            lambda done, parts: None,
        )

    def _found(self) -> list[RowScores]:
        """Scores of each row that has some, as far as they are there."""
        found = []
        for row in self._config.rows:
            files = [self._folder(row, seed) / SCORES_FILE for seed in self._config.seeds]
            scores = [json.loads(file.read_text("utf-8")) for file in files if file.exists()]
            if scores:
                found.append(RowScores(row, scores))
        return found

    def _folder(self, row: str, seed: int) -> Path:
        return self._out / row / f"seed-{seed}"


def _require_same(folder: Path, config: TrainingConfig) -> None:
    done = TrainingConfig.model_validate_json((folder / CONFIG_FILE).read_text("utf-8"))
    if done.identity() != config.identity():
        raise ConfigError(
            f"{folder} holds a training with another configuration; name another folder, or remove "
            "this one"
        )


def _in_words(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
