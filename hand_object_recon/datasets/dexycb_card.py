"""What DexYCB is, and its splits with their published sizes."""

from __future__ import annotations

from typing import Final

from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.card import DatasetCard, SplitCard
from hand_object_recon.datasets.dexycb_splits import SETUPS

WHATEVER_IS_THERE: Final = "all"

_SETUP_NAMES: Final = {
    "s0": "seen people, cameras and objects",
    "s1": "unseen people",
    "s2": "unseen cameras",
    "s3": "unseen objects",
}
_FRAMES: Final = {"s0_train": (465_504,)}


def _split_cards() -> dict[str, SplitCard]:
    cards = {
        name: SplitCard(_SETUP_NAMES[name[:2]], _FRAMES.get(name, ()), setup.videos)
        for name, setup in SETUPS.items()
    }
    return {
        **cards,
        WHATEVER_IS_THERE: SplitCard("whatever sequences are there, for a partial copy"),
    }


DEXYCB_CARD: Final = DatasetCard(
    name="dexycb",
    title="DexYCB",
    summary="a hand takes one of 20 YCB objects from a table; 582 000 frames by 8 cameras",
    licence="CC BY-NC 4.0: not for commercial use",
    page="https://dex-ycb.github.io",
    paper="Chao et al., DexYCB: A Benchmark for Capturing Hand Grasping of Objects, CVPR 2021",
    format_source="https://github.com/NVlabs/dex-ycb-toolkit (README, dex_ycb.py)",
    layout="""\
20200709-subject-01/ … 20201022-subject-10/
    20200709_141754/ …                  100 sequences each
        meta.yml
        836212060125/ …                 8 cameras
            color_000000.jpg
            aligned_depth_to_color_000000.png
            labels_000000.npz
calibration/intrinsics/836212060125_640x480.yml
calibration/mano_*/mano.yml
models/002_master_chef_can/textured_simple.obj""",
    sides=frozenset(HandSide),
    has_depth=True,
    has_objects=True,
    has_masks=True,
    is_video=True,
    without_mano=(
        "hand poses are principal components of MANO, so frames have joints but no mesh, pose "
        "or visibility"
    ),
    splits=_split_cards(),
)
