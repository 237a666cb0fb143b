"""``hand-object-recon plugins``: which detectors and reconstructors there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from hand_object_recon.core.plugins import PluginCard, PluginListing
    from hand_object_recon.detectors.base import Detector
    from hand_object_recon.reconstructors.base import Reconstructor

    Listing = Sequence[PluginListing[Detector] | PluginListing[Reconstructor]]


def plugins() -> None:
    """List the detectors and reconstructors, and what each needs and gives.

    A plugin that does not load is named below the table with the reason.
    """
    from rich.console import Console

    from hand_object_recon.detectors.base import DETECTORS
    from hand_object_recon.reconstructors.base import RECONSTRUCTORS

    console = Console()
    _print_listing(console, "Detectors", DETECTORS.listing())
    _print_listing(console, "Reconstructors", RECONSTRUCTORS.listing())


def _print_listing(console: Console, title: str, listing: Listing) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column("Name", overflow="fold")
    for heading in ("What it is", "Needs", "Gives"):
        table.add_column(heading)
    for row in listing:
        if row.plugin is not None:
            card = row.plugin.card
            cells = (row.name, _about(card), _needs(card), _gives(card))
            table.add_row(*(Text(cell) for cell in cells))
    if table.row_count:
        console.print(table)
    for row in listing:
        if row.plugin is None:
            console.print(Text(f"skipped: {row.error}", style="red"), soft_wrap=True)


def _about(card: PluginCard) -> str:
    paper = [f"paper: {card.paper}"] if card.paper else []
    return "\n".join([card.summary, *paper, f"licence: {card.licence}"])


def _needs(card: PluginCard) -> str:
    depth = ["aligned depth"] if card.needs_depth else []
    history = [f"{card.history_frames} earlier frames"] if card.history_frames else []
    return "\n".join(["colour", *depth, *history])


def _gives(card: PluginCard) -> str:
    hands = "any number of hands" if card.max_hands is None else f"hands at once: {card.max_hands}"
    held = ["the held object"] if card.gives_object else []
    metric = ["metric position"] if card.is_metric else []
    return "\n".join([hands, *held, *metric])
