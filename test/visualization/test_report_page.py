"""The page is well formed, says everything the report says, escapes it and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.visualization.report.document import (
    BarGroup,
    Bars,
    Better,
    Block,
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
from hand_object_recon.visualization.report.render import render_report, write_report
from hand_object_recon.visualization.report.tables_csv import block_csv

VOID = {"meta", "img", "br", "link", "input", "hr"}
ATTACK = '<script>alert("1")</script>&\'"</style>{{ 7 * 7 }}'
NAN = math.nan


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    own_text: list[str] = field(default_factory=list)

    def all(self, tag: str, class_name: str = "") -> list[Element]:
        found = [self] if self.tag == tag else []
        if class_name and class_name not in self.attributes.get("class", "").split():
            found = []
        return found + [part for child in self.children for part in child.all(tag, class_name)]

    @property
    def text(self) -> str:
        """Text of the element and all in it, in no particular order of tags."""
        return "".join(self.own_text) + "".join(child.text for child in self.children)


class Tree(HTMLParser):
    """Builds the elements and refuses a tag that is closed out of turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = self.open = Element("document", {})
        self.feed(html)
        self.close()
        assert self.open is self.root, f"<{self.open.tag}> is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.open)
        assert len(element.attributes) == len(attrs), f"<{tag}> has an attribute twice"
        self.open.children.append(element)
        if tag not in VOID:
            self.open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.tag == tag, f"</{tag}> closes <{self.open.tag}>"
        assert self.open.parent is not None
        self.open = self.open.parent

    def handle_data(self, data: str) -> None:
        self.open.own_text.append(data)


def page_of(*blocks: Block) -> Element:
    return Tree(render_report(Report("Report", (Section("Section", blocks),)))).root


def triangle(name: str) -> Mesh:
    vertices = np.array([[0, 0, 0.5], [0, 0.1, 0.5], [0.1, 0, 0.5]], dtype=np.float32)
    return Mesh(name, vertices, np.array([[0, 1, 2]]), (200, 80, 40))


def full_report(text: str) -> Report:
    """Every kind of block with this text wherever a text may stand."""
    quantity = Quantity(text, text, Better.LOWER)
    facts = (Fact(text, text),)
    image = np.zeros((6, 8, 3), dtype=np.uint8)
    x = np.arange(3.0)
    blocks = (
        KeyNumbers((KeyNumber(quantity, Cell(1.0, 0.5, 1.5), text),)),
        Note(text),
        Table(text, (quantity,), (Row(text, (Cell(1.0),), 3),), text, text),
        Curves(text, quantity, quantity, (Series(text, x, x, x, x, remark=text),), text=text),
        Bars(text, quantity, (text, "b"), (BarGroup(text, (Cell(1.0), Cell(2.0))),), text=text),
        Frames(text, (Picture(text, image, facts),), text),
        Meshes(text, (Scene(text, (triangle(text),), facts),), text),
    )
    return Report(text, (Section(text, blocks, text), Section("last", ())), text, facts)


@pytest.fixture(scope="module")
def attacked() -> str:
    return render_report(full_report(ATTACK))


def test_the_page_is_well_formed_and_its_links_lead_somewhere() -> None:
    root = Tree(render_report(full_report("text"))).root
    elements = [root]
    for element in elements:
        elements += element.children
    ids = Counter(element.attributes["id"] for element in elements if "id" in element.attributes)
    assert set(ids.values()) == {1}
    links = [link.attributes["href"] for link in root.all("nav")[0].all("a")]
    assert links == ["#section-1", "#section-2"]
    named = [
        name
        for element in elements
        for name in element.attributes.get("aria-labelledby", "").split()
    ]
    assert named
    assert {link[1:] for link in links} | set(named) <= set(ids)


def test_no_text_of_the_report_becomes_markup_or_program(attacked: str) -> None:
    root = Tree(attacked).root
    programs = [script for script in root.all("script") if "type" not in script.attributes]
    assert len(programs) == 1
    assert "alert" not in programs[0].text
    assert len(root.all("style")) == 1
    assert "alert" not in root.all("style")[0].text
    assert root.all("h1")[0].text == ATTACK
    assert root.all("h2")[0].text == ATTACK
    assert ATTACK in root.all("table")[0].all("th")[-1].text
    assert root.all("img")[0].attributes["alt"] == ATTACK
    data = [json.loads(script.text) for script in root.all("script") if script is not programs[0]]
    assert data[0]["series"][0]["name"] == ATTACK
    assert data[1]["meshes"][0]["name"] == ATTACK


def test_the_page_loads_nothing() -> None:
    html = render_report(full_report("text"))
    assert not re.search(r"https?:|//\w+\.\w|@import|url\(|fetch\(|XMLHttpRequest", html)
    elements = [Tree(html).root]
    for element in elements:
        elements += element.children
        assert element.tag not in {"link", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "action", "srcset", "poster"):
            address = element.attributes.get(name, "")
            assert address.startswith(("data:", "#")) or not address


def test_the_policy_forbids_all_connections_and_any_program_but_the_pages_own() -> None:
    root = page_of(Note("text"))
    policy = next(
        meta.attributes["content"] for meta in root.all("meta") if "http-equiv" in meta.attributes
    )
    program = next(script for script in root.all("script") if "type" not in script.attributes)
    digest = base64.b64encode(hashlib.sha256(program.text.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_a_table_shows_values_intervals_the_best_and_what_is_missing() -> None:
    table = Table(
        "Methods",
        (Quantity("MPJPE", "mm", Better.LOWER), Quantity("F-score", "", Better.HIGHER)),
        (
            Row("fit", (Cell(8.62, 8.31, 8.94), Cell(0.741)), 1182, 18),
            Row("net", (Cell(12.7), Cell(NAN)), 1200),
        ),
        "method",
    )
    root = page_of(table)
    head, body = root.all("thead")[0], root.all("tbody")[0]
    assert [cell.attributes["scope"] for cell in head.all("th")] == ["col"] * 4
    assert all(cell.all("button") for cell in head.all("th"))
    assert "MPJPE" in head.text
    assert "mm" in head.text
    first, second = body.all("tr")
    assert [cell.text for cell in (*first.all("th"), *second.all("th"))] == ["fit", "net"]
    mpjpe, score, frames = first.all("td")
    assert mpjpe.all("strong")[0].text == "8.62"
    assert mpjpe.all("small")[0].text == "[8.31, 8.94]"
    assert mpjpe.attributes["data-value"] == "8.62"
    assert not score.all("strong")
    assert frames.all("small")[0].text == "18 missing"
    assert not second.all("td")[0].all("strong")
    absent = second.all("td")[1]
    assert absent.text == "–"
    assert absent.attributes["data-value"] == ""
    assert absent.all("span")[0].attributes["title"] == "Nothing was measured"


def test_values_that_look_equally_good_are_both_the_best() -> None:
    rows = tuple(Row(f"{value}", (Cell(value),), 1) for value in (4.211, 4.2149, 4.3))
    root = page_of(Table("a", (Quantity("x", "mm", Better.LOWER),), rows))
    assert [best.text for best in root.all("tbody")[0].all("strong")] == ["4.21", "4.21"]


def test_the_link_of_a_table_holds_its_csv() -> None:
    table = Table("a, b", (Quantity("x"),), (Row("Zürich", (Cell(1 / 3),), 1),))
    link = page_of(table).all("a", "csv")[0]
    kind, _, data = link.attributes["href"].partition(",")
    assert kind == "data:text/csv;charset=utf-8;base64"
    assert base64.b64decode(data).decode() == block_csv(table)
    assert link.attributes["download"] == "a_b.csv"


def test_charts_have_a_title_a_description_and_a_switch_for_each_series() -> None:
    x = np.array([0.0, 1.0, 2.0])
    series = (Series("fit", x, x + 1, remark="AUC 0.83"), Series("net", x, x * NAN))
    root = page_of(
        Curves("Error", Quantity("time", "s"), Quantity("MPJPE", "mm"), series),
        Bars("Latency", Quantity("p50", "ms"), ("a", "b"), (BarGroup("fit", (Cell(1), Cell(2))),)),
    )
    for figure, title in zip(root.all("figure", "chart"), ("Error", "Latency"), strict=True):
        picture = figure.all("svg", "canvas")[0]
        assert picture.attributes["role"] == "img"
        assert picture.all("title")[0].text == title
        assert picture.all("desc")[0].text
        switches = figure.all("div", "legend")[0].all("button")
        assert [switch.attributes["aria-pressed"] for switch in switches] == ["true", "true"]
        drawn = {part.attributes.get("data-of") for part in [*figure.all("g"), *figure.all("path")]}
        assert {switch.attributes["data-series"] for switch in switches} <= drawn
    assert "fit: 1.00 to 3.00." in root.all("desc")[0].text
    assert len(root.all("path", "line")) == 1


def test_a_chart_without_a_measurement_says_so() -> None:
    x = np.arange(3.0)
    root = page_of(
        Curves("a", Quantity("x"), Quantity("y"), (Series("fit", x, x * NAN),)),
        Curves("b", Quantity("x"), Quantity("y"), ()),
        Bars("c", Quantity("x"), ("a",), ()),
        Table("d", (Quantity("x"),), ()),
    )
    assert [empty.text for empty in root.all("p", "empty")] == ["Nothing was measured."] * 3
    assert root.all("tbody")[0].text.strip() == "Nothing was measured."


def test_charts_stand_in_pairs_and_the_one_left_over_fills_its_line() -> None:
    chart = Curves("a", Quantity("x"), Quantity("y"), ())
    wide = Curves("w", Quantity("x"), Quantity("y"), (), wide=True)
    root = page_of(chart, chart, chart, wide, chart, chart)
    widths = ["wide" in figure.attributes["class"] for figure in root.all("figure", "chart")]
    assert widths == [False, False, True, True, False, False]


def test_pictures_are_inside_the_page_and_jpeg_bytes_are_taken_as_they_are() -> None:
    image = np.full((20, 30, 3), (200, 40, 10), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    root = page_of(Frames("a", (Picture("array", image), Picture("bytes", jpeg))))
    from_array, from_bytes = root.all("div", "pictures")[0].all("img")
    for shown in (from_array, from_bytes):
        assert (shown.attributes["width"], shown.attributes["height"]) == ("30", "20")
    assert base64.b64decode(from_bytes.attributes["src"].partition(",")[2]) == jpeg
    data = base64.b64decode(from_array.attributes["src"].partition(",")[2])
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(bgr[10, 15, ::-1].astype(int), (200, 40, 10), atol=6)


def test_the_number_of_a_missing_key_figure_is_a_dash() -> None:
    items = (KeyNumber(Quantity("a", "mm"), Cell(NAN)), KeyNumber(Quantity("b"), Cell(18.0)))
    figures = page_of(KeyNumbers(items)).all("span", "figure")
    assert [figure.text for figure in figures] == ["–", "18"]


def test_a_report_is_written_into_a_new_folder_and_a_failure_is_named(tmp_path: Path) -> None:
    report = full_report("Grüße")
    write_report(report, tmp_path / "new" / "report.html")
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == render_report(report)
    with pytest.raises(InvalidValueError, match="cannot be written"):
        write_report(report, tmp_path / "new" / "report.html" / "below.html")
