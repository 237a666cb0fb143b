"""The values of a report come back from its JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np

from hand_object_recon.visualization.report.document import (
    BarGroup,
    Bars,
    Better,
    Cell,
    Curves,
    Fact,
    Frames,
    KeyNumber,
    KeyNumbers,
    Mesh,
    Meshes,
    Note,
    Picture,
    Quantity,
    Report,
    Row,
    Scene,
    Section,
    Series,
    Table,
)
from hand_object_recon.visualization.report.json_export import report_json
from hand_object_recon.visualization.report.table_markdown import markdown_table
from hand_object_recon.visualization.report.tables_csv import block_csv, csv_files

THIRD = 1.0 / 3.0
TABLE = Table(
    "Methods, compared",
    (Quantity("MPJPE", "mm", Better.LOWER), Quantity("F-score", "", Better.HIGHER)),
    (
        Row("fit | dense", (Cell(8.625, 8.25, 9.125), Cell(0.75)), 1182, 18),
        Row("a, b", (Cell(12.5 + THIRD), Cell(math.nan)), 1200),
    ),
    label="method",
)
CURVES = Curves(
    "Error over time",
    Quantity("time", "s"),
    Quantity("error", "mm"),
    (
        Series("fit", np.array([0.0, THIRD]), np.array([1.5, np.nan]), frames=np.array([3, 0])),
        Series("net", np.array([0.5]), np.array([2.0]), np.array([1.0]), np.array([4.0])),
    ),
)
BARS = Bars("Latency", Quantity("stage", "ms"), ("p50",), (BarGroup("fit", (Cell(9.0),), 7),))
TRIANGLE = np.eye(3, dtype=np.float32)
REPORT = Report(
    "Grasps",
    (
        Section("Key", (KeyNumbers((KeyNumber(Quantity("MPJPE", "mm"), Cell(math.nan)),)),)),
        Section("All", (Note("Mind the gap."), TABLE, CURVES, BARS), "Two\n\nparagraphs"),
        Section(
            "Seen",
            (
                Frames("Worst", (Picture("Frame 3", np.zeros((4, 6, 3), np.uint8)),)),
                Meshes("3-D", (Scene("Frame 3", (Mesh("m", TRIANGLE, [[0, 1, 2]], (1, 2, 3)),)),)),
            ),
        ),
    ),
    facts=(Fact("frames", "1200"),),
)


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_the_json_holds_every_value_and_null_for_what_is_missing() -> None:
    content = json.loads(report_json(REPORT))
    key, everything, seen = content["sections"]
    assert content["facts"] == [{"name": "frames", "text": "1200"}]
    assert key["blocks"][0]["kind"] == "key_numbers"
    assert key["blocks"][0]["items"][0]["value"] is None
    note, table, curves, bars = everything["blocks"]
    assert [block["kind"] for block in everything["blocks"]] == ["note", "table", "curves", "bars"]
    assert note["text"] == "Mind the gap."
    assert table["columns"][0] == {"name": "MPJPE", "unit": "mm", "better": "lower"}
    assert table["rows"][0]["cells"][0] == {"value": 8.625, "low": 8.25, "high": 9.125}
    assert table["rows"][0]["frames_missing"] == 18
    assert table["rows"][1]["cells"][0]["value"] == 12.5 + THIRD
    assert table["rows"][1]["cells"][1]["value"] is None
    assert curves["series"][0]["x"] == [0.0, THIRD]
    assert curves["series"][0]["y"] == [1.5, None]
    assert curves["series"][1]["high"] == [4.0]
    assert bars["groups"][0]["cells"][0]["value"] == 9.0
    assert seen["blocks"][0]["pictures"][0]["width_px"] == 6
    assert seen["blocks"][1]["scenes"][0]["meshes"][0]["vertices"] == 3


def test_a_table_comes_back_from_csv_with_every_digit() -> None:
    header, first, second = rows_of(block_csv(TABLE))
    assert header[:4] == ["method", "MPJPE [mm]", "MPJPE [mm] low", "MPJPE [mm] high"]
    assert header[-2:] == ["frames", "frames missing"]
    assert first == ["fit | dense", "8.625", "8.25", "9.125", "0.75", "", "", "1182", "18"]
    assert float(second[1]) == 12.5 + THIRD
    assert second[4] == ""


def test_a_chart_comes_back_from_csv_point_by_point() -> None:
    assert rows_of(block_csv(CURVES)) == [
        ["series", "time [s]", "error [mm]", "error [mm] low", "error [mm] high", "frames"],
        ["fit", "0.0", "1.5", "", "", "3"],
        ["fit", repr(THIRD), "", "", "", "0"],
        ["net", "0.5", "2.0", "1.0", "4.0", ""],
    ]
    assert rows_of(block_csv(BARS))[1] == ["fit", "9.0", "", "", "7"]


def test_every_table_and_chart_has_a_file_of_its_own() -> None:
    files = csv_files(REPORT)
    assert list(files) == ["01_methods_compared.csv", "02_error_over_time.csv", "03_latency.csv"]
    assert files["01_methods_compared.csv"] == block_csv(TABLE)


def test_the_markdown_shows_the_table_with_its_best_in_bold() -> None:
    assert markdown_table(TABLE).splitlines() == [
        "| method | MPJPE, mm | F-score | frames |",
        "| --- | ---: | ---: | ---: |",
        "| fit \\| dense | **8.62** [8.25, 9.12] | 0.750 | 1\u2009182 (18 missing) |",
        "| a, b | 12.83 | – | 1\u2009200 |",
    ]
