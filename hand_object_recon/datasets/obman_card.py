"""What ObMan is, and its splits with their published sizes."""

from __future__ import annotations

from typing import Final

from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.card import DatasetCard, SplitCard

OBMAN_CARD: Final = DatasetCard(
    name="obman",
    title="ObMan",
    summary="rendered people who grasp a ShapeNet object; 256 by 256 pixels",
    licence="research only, not for commercial use; ShapeNet's models have their own terms",
    page="https://www.di.ens.fr/willow/research/obman/data/",
    paper="Hasson et al., Learning joint reconstruction of hands and manipulated objects, "
    "CVPR 2019",
    format_source="https://github.com/hassony2/obman (README, obman/obman.py) and obman_render",
    layout="""\
train/, val/, test/
    rgb/00000000.jpg
    depth/00000000.png
    segm/00000000.png
    meta/00000000.pkl
ShapeNetCore.v2/02876657/1a7ba1f4c892e2da30711cdbdbc73924/models/model_normalized.obj
                                        or the folder given as models""",
    sides=frozenset({HandSide.RIGHT}),
    has_depth=True,
    has_objects=True,
    has_masks=True,
    is_video=False,
    without_mano="frames have joints and meshes, but no visibility",
    splits={
        "train": SplitCard("training images, 141 thousand"),
        "val": SplitCard("validation images"),
        "test": SplitCard("test images", (6_285,)),
    },
)
