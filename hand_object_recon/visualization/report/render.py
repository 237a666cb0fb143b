"""The report as one HTML page that loads nothing: styles, program, pictures and meshes are in it.

The page forbids itself every connection, and any program but its own, by a content security
policy that names the program's hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.visualization.report.bar_chart import bar_chart
from hand_object_recon.visualization.report.curve_chart import curve_chart
from hand_object_recon.visualization.report.document import Bars, Block, Curves, Report, Table
from hand_object_recon.visualization.report.mesh_packing import packed_scene
from hand_object_recon.visualization.report.number_text import number_text
from hand_object_recon.visualization.report.picture_data import picture_data
from hand_object_recon.visualization.report.series_style import SERIES_COLORS, series_class
from hand_object_recon.visualization.report.table_view import (
    cells_decimals,
    interval_text,
    table_rows,
)
from hand_object_recon.visualization.report.tables_csv import block_csv, csv_name

_PAGE_FOLDER: Final = Path(__file__).resolve().parent / "page"
_PROGRAMS: Final = ("report.js", "mesh_view.js")


def write_report(report: Report, path: Path) -> None:
    """Write the report as one HTML file. Missing folders are made.

    Raises
    ------
    InvalidValueError
        The file cannot be written.
    """
    page = render_report(report)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InvalidValueError(f"report {path} cannot be written: {error.strerror}") from None


def render_report(report: Report) -> str:
    """The report's HTML; every text of it is escaped."""
    program = "\n".join(_page_file(name) for name in _PROGRAMS)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            sections=[_section_view(number, report) for number in range(len(report.sections))],
            styles=Markup(_page_file("report.css")),
            program=Markup(program),
            program_hash=_hash(program),
            series_colors=[
                (series_class(number), light, dark)
                for number, (light, dark) in enumerate(SERIES_COLORS)
            ],
        )
    )


@dataclass(frozen=True)
class _BlockView:
    """A block, the template that draws it, its place on the page and whether it fills a line."""

    block: Block
    template: str
    anchor: str
    is_wide: bool


@dataclass(frozen=True)
class _SectionView:
    anchor: str
    title: str
    text: str
    blocks: tuple[_BlockView, ...]


def _section_view(number: int, report: Report) -> _SectionView:
    section, anchor = report.sections[number], f"section-{number + 1}"
    blocks = tuple(
        _BlockView(
            block, f"{type(block).__name__.lower()}.html.jinja", f"{anchor}-{place}", is_wide
        )
        for place, (block, is_wide) in enumerate(_with_widths(section.blocks), 1)
    )
    return _SectionView(anchor, section.title, section.text, blocks)


def _with_widths(blocks: Sequence[Block]) -> Iterator[tuple[Block, bool]]:
    """Charts stand in pairs; one that is left over fills its line."""
    for is_narrow, run in groupby(blocks, key=_is_narrow):
        members = list(run)
        for number, block in enumerate(members):
            is_left_over = number == len(members) - 1 and len(members) % 2 == 1
            yield block, not is_narrow or is_left_over


def _is_narrow(block: Block) -> bool:
    return isinstance(block, Curves | Bars) and not block.wide


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_PAGE_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=_percent, number=number_text, interval=interval_text, csv_address=_csv_address
    )
    environment.globals.update(
        curve_chart=curve_chart,
        bar_chart=bar_chart,
        table_rows=table_rows,
        cells_decimals=cells_decimals,
        picture_data=picture_data,
        packed_scene=packed_scene,
        csv_name=csv_name,
    )
    return environment


def _percent(share: float) -> str:
    return f"{100.0 * share:.2f}%"


def _csv_address(block: Table | Curves | Bars) -> str:
    data = base64.b64encode(block_csv(block).encode()).decode("ascii")
    return f"data:text/csv;charset=utf-8;base64,{data}"


def _page_file(name: str) -> str:
    return (_PAGE_FOLDER / name).read_text(encoding="utf-8")


def _hash(program: str) -> str:
    digest = hashlib.sha256(program.encode("utf-8")).digest()
    return base64.b64encode(digest).decode("ascii")
