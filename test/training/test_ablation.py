"""Rows of a table are trained with each seed, scored on the test split, and put in a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.training.ablation import SCORES_FILE, Ablation
from hand_object_recon.training.ablation_config import load_ablation_config
from hand_object_recon.training.ablation_table import RowScores, write_tables

MakeValues = Callable[..., dict[str, Any]]
CONFIGURATIONS = sorted((Path(__file__).parents[2] / "config/ablations").glob("*.yaml"))

WriteAblation = Callable[..., Path]


@pytest.fixture
def write_ablation(
    training_values: MakeValues, store_folder: Path, tmp_path: Path
) -> WriteAblation:
    """Writes two files: an ablation of two short rows, and the training it begins with."""

    def write(**changes: Any) -> Path:
        stages = [{"name": "one", "epochs": 0.01, "learning_rate": 1e-3}]
        (tmp_path / "base.yaml").write_text(yaml.safe_dump(training_values(stages=stages)))
        values = {
            "base": "base.yaml",
            "rows": {"small": [], "steep": ["stages.0.learning_rate=0.1"]},
            "seeds": [0, 5],
            "test_store": str(store_folder),
            "samples": 4,
        }
        path = tmp_path / "ablation.yaml"
        path.write_text(yaml.safe_dump({**values, **changes}))
        return path

    return write


def test_every_row_is_trained_with_every_seed_and_scored(
    write_ablation: WriteAblation, tmp_path: Path
) -> None:
    said: list[str] = []
    out = tmp_path / "out"
    config = load_ablation_config(write_ablation(scores=["joints_mm"]))
    assert Ablation(config, out, said.append).run()
    scores = {
        (row, seed): json.loads((out / row / f"seed-{seed}" / SCORES_FILE).read_text())
        for row in ("small", "steep")
        for seed in (0, 5)
    }
    assert len({one["joints_mm"] for one in scores.values()}) == 4
    with (out / "table.csv").open(newline="") as file:
        table = {line["row"]: line for line in csv.DictReader(file)}
    for row in ("small", "steep"):
        low, high = sorted(scores[row, seed]["joints_mm"] for seed in (0, 5))
        assert float(table[row]["joints_mm"]) == pytest.approx((low + high) / 2)
        assert float(table[row]["joints_mm_spread"]) == pytest.approx((high - low) / 2**0.5)
    assert "| small | 2 |" in (out / "table.md").read_text()

    said.clear()
    assert Ablation(config, out, said.append).run()
    assert not said, "nothing is trained twice"


def test_an_ablation_goes_on_where_it_was_stopped(
    write_ablation: WriteAblation, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    config = load_ablation_config(write_ablation(set=["stages.0.epochs=1.0"]))
    stopped = Ablation(config, out, lambda text: stopped.ask_to_stop())
    assert not stopped.run(["steep"])
    assert not list(out.rglob(SCORES_FILE))
    assert Ablation(config, out, lambda text: None).run(["steep"])
    assert {path.parent.parent.name for path in out.rglob(SCORES_FILE)} == {"steep"}


def test_a_folder_of_another_ablation_is_not_taken_for_this_one(
    write_ablation: WriteAblation, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    rows: dict[str, Any] = {"small": []}
    path = write_ablation(rows=rows, seeds=[0])
    assert Ablation(load_ablation_config(path), out, lambda text: None).run()
    changed = load_ablation_config(path, ["batch_size=3"])
    with pytest.raises(ConfigError, match="another configuration"):
        Ablation(changed, out, lambda text: None).run()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": {"wrong": ["batch_sise=3"]}}, "batch_sise"),
        ({"rows": {"wrong": ["method_options.widht=8"]}}, "widht"),
        ({"rows": {"a/b": []}}, "a/b"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"sample": 3}, "sample"),
        ({"base": "missing.yaml"}, r"missing\.yaml"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_trained(
    changes: dict[str, Any], message: str, write_ablation: WriteAblation
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_ablation_config(write_ablation(**changes))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_ablations_that_come_with_it_can_be_trained(path: Path) -> None:
    config = load_ablation_config(path)
    budgets = {
        row: sum(stage.epochs for stage in config.training(row, 0).stages) for row in config.rows
    }
    assert len(set(budgets.values())) == 1, budgets


def test_a_row_that_is_not_there_is_named(write_ablation: WriteAblation, tmp_path: Path) -> None:
    ablation = Ablation(load_ablation_config(write_ablation()), tmp_path / "out", print)
    with pytest.raises(ConfigError, match=r"none.*small, steep"):
        ablation.run(["none"])


def test_a_score_that_a_row_lacks_is_left_empty(tmp_path: Path) -> None:
    rows = [RowScores("one", [{"a": 1.0, "b": 2.0}]), RowScores("two", [{"a": 3.0}, {"a": 5.0}])]
    write_tables(tmp_path, rows)
    assert (tmp_path / "table.md").read_text().splitlines()[2:] == [
        "| one | 1 | 1 | 2 |",
        "| two | 2 | 4 ± 1.4 | - |",
    ]
    assert (tmp_path / "table.csv").read_text().splitlines()[2] == f"two,2,4.0,{2**0.5},,"


def test_a_score_of_what_no_record_shows_is_left_empty(tmp_path: Path) -> None:
    nan = float("nan")
    rows = [RowScores("one", [{"a": 1.0, "b": nan}, {"a": 3.0, "b": nan}])]
    write_tables(tmp_path, [*rows, RowScores("two", [{"a": nan, "b": 2.0}, {"a": 3.0, "b": 2.0}])])
    assert (tmp_path / "table.md").read_text().splitlines()[2:] == [
        "| one | 2 | 2 ± 1.4 | - |",
        "| two | 2 | 3 | 2 ± 0 |",
    ]
