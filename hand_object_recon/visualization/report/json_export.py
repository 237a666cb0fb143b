"""The report's values as JSON; of pictures and meshes only what they are."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import singledispatch
from typing import Any, Final

from hand_object_recon.visualization.report.document import (
    Bars,
    Block,
    Cell,
    Curves,
    Fact,
    Frames,
    KeyNumbers,
    Meshes,
    Note,
    Quantity,
    Report,
    Section,
    Series,
    Table,
)
from hand_object_recon.visualization.report.picture_data import picture_size

FORMAT: Final = "hand_object_recon report 1"


def report_json(report: Report) -> str:
    """The document as indented JSON; a value that was not measured is null."""
    content = {
        "format": FORMAT,
        "title": report.title,
        "subtitle": report.subtitle,
        "facts": _facts(report.facts),
        "sections": [_section(section) for section in report.sections],
    }
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _section(section: Section) -> dict[str, Any]:
    blocks = [{"kind": _kind(block), **_block(block)} for block in section.blocks]
    return {"title": section.title, "text": section.text, "blocks": blocks}


def _kind(block: Block) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(block).__name__).lower()


@singledispatch
def _block(block: Block) -> dict[str, Any]:
    raise TypeError(f"no JSON for a {type(block).__name__}")


@_block.register
def _note(block: Note) -> dict[str, Any]:
    return {"text": block.text}


@_block.register
def _key_numbers(block: KeyNumbers) -> dict[str, Any]:
    return {
        "items": [
            {**_quantity(item.quantity), **_cell(item.cell), "text": item.text}
            for item in block.items
        ]
    }


@_block.register
def _table(block: Table) -> dict[str, Any]:
    return {
        **_heading(block),
        "label": block.label,
        "columns": [_quantity(column) for column in block.columns],
        "rows": [
            {
                "label": row.label,
                "cells": [_cell(cell) for cell in row.cells],
                "frames": row.frames,
                "frames_missing": row.frames_missing,
            }
            for row in block.rows
        ],
    }


@_block.register
def _curves(block: Curves) -> dict[str, Any]:
    return {
        **_heading(block),
        "x": _quantity(block.x),
        "y": _quantity(block.y),
        "series": [_series(series) for series in block.series],
    }


@_block.register
def _bars(block: Bars) -> dict[str, Any]:
    return {
        **_heading(block),
        "quantity": _quantity(block.quantity),
        "series": list(block.series),
        "groups": [
            {
                "label": group.label,
                "cells": [_cell(cell) for cell in group.cells],
                "frames": group.frames,
            }
            for group in block.groups
        ],
    }


@_block.register
def _frames(block: Frames) -> dict[str, Any]:
    pictures = []
    for picture in block.pictures:
        width, height = picture_size(picture)
        pictures.append(
            {
                "caption": picture.caption,
                "facts": _facts(picture.facts),
                "width_px": width,
                "height_px": height,
            }
        )
    return {**_heading(block), "pictures": pictures}


@_block.register
def _meshes(block: Meshes) -> dict[str, Any]:
    scenes = [
        {
            "caption": scene.caption,
            "facts": _facts(scene.facts),
            "meshes": [
                {
                    "name": mesh.name,
                    "group": mesh.group,
                    "vertices": len(mesh.vertices_m),
                    "faces": len(mesh.faces),
                }
                for mesh in scene.meshes
            ],
        }
        for scene in block.scenes
    ]
    return {**_heading(block), "scenes": scenes}


def _heading(block: Table | Curves | Bars | Frames | Meshes) -> dict[str, Any]:
    return {"title": block.title, "text": block.text}


def _facts(facts: Sequence[Fact]) -> list[dict[str, str]]:
    return [{"name": fact.name, "text": fact.text} for fact in facts]


def _quantity(quantity: Quantity) -> dict[str, Any]:
    better = None if quantity.better is None else str(quantity.better)
    return {"name": quantity.name, "unit": quantity.unit, "better": better}


def _cell(cell: Cell) -> dict[str, Any]:
    return {"value": _number(cell.value), "low": cell.low, "high": cell.high}


def _series(series: Series) -> dict[str, Any]:
    content: dict[str, Any] = {"name": series.name, "remark": series.remark}
    content["x"] = series.x.tolist()
    content["y"] = [_number(value) for value in series.y.tolist()]
    for side in ("low", "high"):
        values = getattr(series, side)
        content[side] = None if values is None else [_number(value) for value in values.tolist()]
    content["frames"] = None if series.frames is None else series.frames.tolist()
    return content


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
