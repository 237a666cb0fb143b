"""Which hands of a frame the network is shown, and what of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import TrackedHand
from hand_object_recon.networks.grasp_views import HandView, usable_views
from hand_object_recon.reconstructors.cross_branch.depth_channel import middle_shares
from hand_object_recon.reconstructors.cross_branch.depth_choice import NO_DEPTH, DepthChoice
from hand_object_recon.reconstructors.cross_branch.hand_views import network_view, view_of_hand
from hand_object_recon.reconstructors.cross_branch.options import CrossBranchOptions, DepthSource
from hand_object_recon.reconstructors.cross_branch.prediction import View


class SeenHands(NamedTuple):
    """Hands that go through the network together; there may be none.

    crops
        B crops; None without any hand.
    sources
        What the fourth channel of each crop holds.
    left_out
        Why the others are not among them, by track id.
    """

    views: list[HandView]
    crops: View | None
    sources: list[DepthSource]
    left_out: dict[int, str]


def seen_hands(
    frame: RgbdFrame,
    hands: Sequence[TrackedHand],
    options: CrossBranchOptions,
    choice: DepthChoice,
) -> SeenHands:
    """The hands of a frame that the network can make something of."""
    found = (view_of_hand(frame, hand, options) for hand in hands)
    views, left_out = usable_views(found, frame.camera)
    if not views:
        return SeenHands([], None, [], left_out)
    crops = network_view(frame, views, options.image_size)
    chosen = [choice.of_hand(share) for share in middle_shares(crops.depth_m).tolist()]
    left_out |= {
        view.hand.track_id: NO_DEPTH
        for view, source in zip(views, chosen, strict=True)
        if source is None
    }
    rows = [row for row, source in enumerate(chosen) if source is not None]
    if not rows:
        return SeenHands([], None, [], left_out)
    sources = [source for source in chosen if source is not None]
    return SeenHands([views[row] for row in rows], _rows(crops, rows), sources, left_out)


def _rows(crops: View, rows: list[int]) -> View:
    def chosen(part: Tensor) -> Tensor:
        return part if len(rows) == len(part) else part[rows]

    return View(*(chosen(part) for part in crops))
