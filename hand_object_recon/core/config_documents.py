"""The files written from the configuration schema, so that none of them is kept by hand.

``python -m hand_object_recon.core.config_documents FOLDER`` rewrites them in a checkout.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from hand_object_recon.core.config import SettingDescription, describe_settings

DEFAULT_YAML = Path("config/default.yaml")
ROS_YAML = Path("config/ros_parameters.yaml")
SETTINGS_PAGE = Path("docs/configuration.md")

YAML_HEADER = """\
# Every setting of hand_object_recon with its default; written by `hand-object-recon config`.
# Copy it, keep the lines you change, delete the rest.
"""

ROS_YAML_HEADER = """\
# Every parameter of the ROS 2 node with its default; written by `make config`.
# Copy it, keep the lines you change, delete the rest, and give it with params_file:=.
/**:
  ros__parameters:
"""

PAGE_HEADER = """\
# Configuration

Written from `hand_object_recon/core/config.py` and the `*_settings.py` there by `make config`.

- `hand-object-recon config --out my.yaml` writes all settings with their defaults and comments.
- `--config my.yaml` reads such a file; what it leaves out keeps its default.
- `--set depth.max_m=1.5` changes one setting and wins over the file; it may be repeated.

An unknown name or a value out of its limits is refused at start. *Run time* says whether a
setting may change while the pipeline runs. The unit is part of the name.

| Setting | Default | Limits | Run time | Meaning |
|---|---|---|---|---|
"""


def default_yaml() -> str:
    """All settings as YAML: description, limits and run-time flag as a comment above each."""
    return YAML_HEADER + "\n".join(_yaml_lines(describe_settings())) + "\n"


def ros_yaml() -> str:
    """The same as ROS 2 parameters of a live node, where a mapping is a text."""
    settings = (
        replace(setting, default=_yaml_value(setting.default))
        if isinstance(setting.default, dict)
        else setting
        for setting in describe_settings()
        if not setting.name.startswith("recording.")
    )
    lines = (f"    {line}" if line else "" for line in _yaml_lines(settings))
    return ROS_YAML_HEADER + "\n".join(lines) + "\n"


def settings_page() -> str:
    """The page of the documentation that lists every setting."""
    return PAGE_HEADER + "".join(
        f"| `{setting.name}` | `{_yaml_value(setting.default)}` | {setting.limits} "
        f"| {'yes' if setting.run_time else ''} | {setting.description.replace('|', '&#124;')} |\n"
        for setting in describe_settings()
    )


def write_documents(repository: Path) -> None:
    """Rewrite the files in a checkout of this project."""
    (repository / DEFAULT_YAML).write_text(default_yaml(), encoding="utf-8")
    (repository / ROS_YAML).write_text(ros_yaml(), encoding="utf-8")
    (repository / SETTINGS_PAGE).write_text(settings_page(), encoding="utf-8")


def _yaml_lines(settings: Iterable[SettingDescription]) -> list[str]:
    lines: list[str] = []
    open_sections: list[str] = []
    for setting in settings:
        *sections, key = setting.name.split(".")
        if not sections or sections != open_sections:
            lines.append("")
        lines += _section_headers(open_sections, sections)
        open_sections = sections
        indent = "  " * len(sections)
        lines.append(f"{indent}# {_comment(setting)}")
        lines.append(f"{indent}{key}: {_yaml_value(setting.default)}")
    return lines


def _section_headers(current: list[str], wanted: list[str]) -> list[str]:
    """The ``name:`` lines to write between a setting of ``current`` and one of ``wanted``."""
    shared = 0
    while shared < min(len(current), len(wanted)) and current[shared] == wanted[shared]:
        shared += 1
    return [f"{'  ' * depth}{wanted[depth]}:" for depth in range(shared, len(wanted))]


def _comment(setting: SettingDescription) -> str:
    notes = [setting.limits] if setting.limits else []
    if setting.run_time:
        notes.append("may change at run time")
    return setting.description + (f" [{'; '.join(notes)}]" if notes else "")


def _yaml_value(value: Any) -> str:
    flow = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return flow.removesuffix("\n").removesuffix("\n...")


if __name__ == "__main__":
    write_documents(Path(sys.argv[1]))
