"""The files written from the schema say what the schema says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hand_object_recon.core.config import PipelineConfig, describe_settings, load_config
from hand_object_recon.core.config_documents import (
    DEFAULT_YAML,
    ROS_YAML,
    SETTINGS_PAGE,
    default_yaml,
    settings_page,
    write_documents,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("document", [DEFAULT_YAML, ROS_YAML, SETTINGS_PAGE], ids=str)
def test_the_files_of_the_repository_are_up_to_date(document: Path, tmp_path: Path) -> None:
    (tmp_path / document.parent).mkdir()
    (tmp_path / DEFAULT_YAML.parent).mkdir(exist_ok=True)
    (tmp_path / SETTINGS_PAGE.parent).mkdir(exist_ok=True)

    write_documents(tmp_path)

    expected = (tmp_path / document).read_text(encoding="utf-8")
    actual = (REPOSITORY / document).read_text(encoding="utf-8")
    assert actual == expected, f"{document} is out of date; run `make config`"


def test_the_default_yaml_reads_back_as_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "default.yaml"
    path.write_text(default_yaml(), encoding="utf-8")

    assert load_config(path) == PipelineConfig()


def test_the_default_yaml_spells_out_every_setting() -> None:
    assert yaml.safe_load(default_yaml()) == PipelineConfig().model_dump()


def test_a_comment_gives_meaning_limits_and_run_time_flag() -> None:
    lines = default_yaml().splitlines()
    comment = lines[lines.index("  max_m: 2.0") - 1]

    assert comment == (
        "  # Farther readings are dropped as invalid. [> 0.0, ≤ 20.0; may change at run time]"
    )


def test_the_page_has_one_row_a_setting() -> None:
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == [setting.name for setting in describe_settings()]
    assert "| `depth.max_m` | `2.0` | > 0.0, ≤ 20.0 | yes |" in settings_page()
