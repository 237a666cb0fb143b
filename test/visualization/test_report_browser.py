"""A browser opens the report without an error and draws its meshes, charts and tables."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh

from hand_object_recon.visualization.report.document import (
    BarGroup,
    Bars,
    Better,
    Cell,
    Curves,
    Frames,
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
from hand_object_recon.visualization.report.render import render_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = pytest.mark.skipif(
    not BROWSER, reason="no chromium or google-chrome on the PATH to open the report with"
)

QUIET = [
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-logging=stderr",
    "--v=0",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--virtual-time-budget=5000",
    "--window-size=1200,900",
]

RED, BLUE = (220, 40, 30), (30, 60, 220)

# Run in the page after its own program; what it finds is written where --dump-dom shows it.
PROBE = """
<script>
const found = {};
const canvases = [...document.querySelectorAll(".scene canvas")];
const look = (canvas) => {
  const { width, height } = canvas;
  const copy = Object.assign(document.createElement("canvas"), { width, height });
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const sums = { red: [0, 0, 0], blue: [0, 0, 0] };
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] < 250) continue;
    const name = data[at] > 2 * data[at + 2] ? "red" : data[at + 2] > 2 * data[at] ? "blue" : "";
    if (!name) continue;
    const x = (at / 4) % width, y = Math.floor(at / 4 / width);
    sums[name][0] += 1; sums[name][1] += x / width; sums[name][2] += y / height;
  }
  return Object.entries(sums).map(([name, [n, x, y]]) =>
    `${name}:${n}:${(x / n).toFixed(3)}:${(y / n).toFixed(3)}`).join(",");
};
found.painter = canvases[0].dataset.drawn;
found.first = look(canvases[0]);
const press = (selector, text) => [...document.querySelectorAll(selector)]
  .find((button) => button.textContent.includes(text)).click();
press(".meshes button", "red ball");
found.hidden = look(canvases[0]);
press(".meshes button", "red ball");
press(".options button", "Side by side");
found.split = look(canvases[0]);
press(".options button", "Side by side");
for (let i = 0; i < 21; i += 1) {
  canvases[0].dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
}
found.turned = look(canvases[0]);
canvases[0].dispatchEvent(new MouseEvent("dblclick"));
found.reset = look(canvases[0]);
const order = () =>
  [...document.querySelectorAll("tbody th")].map((cell) => cell.textContent).join();
press("thead button", "MPJPE");
found.rising = order();
press("thead button", "MPJPE");
found.falling = order();
press(".legend button", "second");
found.off = [...document.querySelectorAll(".chart .off")].every((part) => part.dataset.of === "1")
  && document.querySelectorAll(".chart path.line.off").length;
const plot = document.querySelector(".plot.lines"), box = plot.getBoundingClientRect();
plot.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + 0.49 * box.width }));
found.tip = document.querySelector(".tip").innerText.replace(/\\s+/g, " ");
found.wide = document.documentElement.scrollWidth > innerWidth;
for (const [name, value] of Object.entries(found)) document.documentElement.dataset[name] = value;
</script>
"""


def ball(name: str, center_m: tuple[float, float, float], color: tuple[int, int, int]) -> Mesh:
    sphere = trimesh.creation.icosphere(subdivisions=2, radius=0.03)
    vertices = (sphere.vertices + center_m).astype(np.float32)
    return Mesh(name, vertices, sphere.faces.astype(np.int32), color, group=name)


@pytest.fixture(scope="module")
def page() -> str:
    """Red is up and to the right of blue, and nearer to the camera."""
    balls = (ball("red ball", (0.05, -0.04, 0.4), RED), ball("blue ball", (-0.05, 0.04, 0.5), BLUE))
    x = np.array([0.0, 1.0, 2.0])
    rows = (
        Row("b", (Cell(9.0, 8.0, 10.0),), 9),
        Row("none", (Cell(math.nan),), 0),
        Row("a", (Cell(12.0),), 9),
        Row("c", (Cell(1.5),), 9),
    )
    series = (Series("first", x, x + 1), Series("second", x, 2 * x))
    blocks = (
        Note("An & <b>escaped</b> note."),
        Table("Methods", (Quantity("MPJPE", "mm", Better.LOWER),), rows, "method"),
        Curves("Error", Quantity("time", "s"), Quantity("MPJPE", "mm"), series),
        Bars("Latency", Quantity("p50", "ms"), ("p50",), (BarGroup("fit", (Cell(9.0),)),)),
        Frames("Worst", (Picture("Frame 3", np.full((48, 64, 3), 90, np.uint8)),)),
        Meshes("Surfaces", (Scene("Frame 3", balls),)),
    )
    return render_report(Report("Evaluation", (Section("All", blocks),)))


def opened(html: str, folder: Path) -> tuple[dict[str, str], list[str]]:
    """The data attributes of the page's root once it has run, and the console's messages."""
    file = folder / "report.html"
    file.write_text(html, encoding="utf-8")
    command = [
        BROWSER,
        *QUIET,
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    root = re.search(r"<html[^>]*>", done.stdout)
    assert root is not None, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return dict(re.findall(r'data-([\w-]+)="([^"]*)"', root.group())), console


def with_probe(html: str) -> str:
    """The page with the probe, which its policy would not let run."""
    without_policy, count = re.subn(r"<meta http-equiv[^>]*>", "", html)
    assert count == 1
    return without_policy.replace("</body>", PROBE + "</body>")


def places(text: str) -> dict[str, tuple[int, float, float]]:
    """Pixels, mean x and mean y in shares of the canvas, by colour."""
    parts = (part.split(":") for part in text.split(","))
    return {name: (int(count), float(x), float(y)) for name, count, x, y in parts}


@pytest.fixture(scope="module")
def found(page: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data, console = opened(with_probe(page), tmp_path_factory.mktemp("probed"))
    assert console == []
    return data


def test_the_page_as_it_is_opens_without_a_message(page: str, tmp_path: Path) -> None:
    data, console = opened(page, tmp_path)
    assert console == []
    assert "errors" not in data


def test_an_error_of_the_program_would_be_noticed(page: str, tmp_path: Path) -> None:
    data, _ = opened(page.replace('"vertices": "', '"vertices": "%'), tmp_path)
    assert "errors" in data


def test_the_first_view_is_the_cameras(found: dict[str, str]) -> None:
    seen = places(found["first"])
    assert found["painter"] == "webgl"
    assert min(count for count, _, _ in seen.values()) > 2000
    assert seen["red"][1] > 0.5 > seen["blue"][1]
    assert seen["red"][2] < 0.5 < seen["blue"][2]
    assert seen["red"][0] > 1.1 * seen["blue"][0]


def test_a_mesh_is_hidden_and_groups_stand_side_by_side(found: dict[str, str]) -> None:
    hidden, split = places(found["hidden"]), found["split"]
    assert hidden["red"][0] == 0
    assert hidden["blue"][0] > 2000
    assert places(split)["red"][1] < 0.5 < places(split)["blue"][1]


def test_turning_half_around_swaps_left_and_right_and_a_double_click_undoes_it(
    found: dict[str, str],
) -> None:
    turned = places(found["turned"])
    assert turned["red"][1] < 0.5 < turned["blue"][1]
    assert turned["red"][2] < 0.5 < turned["blue"][2]
    assert turned["blue"][0] > 1.1 * turned["red"][0]
    assert found["reset"] == found["first"]


def test_a_table_sorts_both_ways_with_what_is_missing_last(found: dict[str, str]) -> None:
    assert found["rising"] == "c,b,a,none"
    assert found["falling"] == "a,b,c,none"


def test_a_series_is_switched_off_and_the_pointer_reads_the_rest(found: dict[str, str]) -> None:
    assert found["off"] == "1"
    assert found["tip"] == "time 1 s first: 2 mm"


def test_the_page_is_not_wider_than_the_window(found: dict[str, str]) -> None:
    assert found["wide"] == "false"


def test_without_webgl_the_scene_is_painted_all_the_same(page: str, tmp_path: Path) -> None:
    data, console = opened(with_probe(page.replace('"webgl2"', '"nothing"')), tmp_path)
    assert console == []
    assert data["painter"] == "faces"
    seen = places(data["first"])
    assert min(count for count, _, _ in seen.values()) > 2000
    assert seen["red"][1] > 0.5 > seen["blue"][1]
    assert seen["red"][2] < 0.5 < seen["blue"][2]
