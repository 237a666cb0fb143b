"""A table as Markdown, to paste into a page or a discussion."""

from __future__ import annotations

from collections.abc import Sequence

from hand_object_recon.visualization.report.document import Table
from hand_object_recon.visualization.report.table_view import CellView, RowView, table_rows


def markdown_table(table: Table) -> str:
    """The table as the page shows it, the best in bold, numbers to the right."""
    header = [table.label, *(str(column) for column in table.columns), "frames"]
    ruler = ["---", *["---:"] * (len(table.columns) + 1)]
    lines = [_line([_escaped(name) for name in header]), _line(ruler)]
    lines += [_line(_cells(row)) for row in table_rows(table)]
    return "\n".join(lines) + "\n"


def _cells(row: RowView) -> list[str]:
    frames = f"{row.frames_text} ({row.missing})" if row.missing else row.frames_text
    return [_escaped(row.label), *map(_cell, row.cells), frames]


def _cell(cell: CellView) -> str:
    text = f"**{cell.text}**" if cell.is_best else cell.text
    return f"{text} {cell.interval}".rstrip()


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
