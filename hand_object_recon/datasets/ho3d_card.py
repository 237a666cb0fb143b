"""What HO-3D is, its versions and splits with their published sizes."""

from __future__ import annotations

from typing import Final

from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.card import DatasetCard, SplitCard

HELD_OUT_EVERY: Final = 20


def ho3d_card(version: int, train: tuple[int, ...], evaluation: int, image: str) -> DatasetCard:
    """A version's card.

    train, evaluation
        Published numbers of frames.
    image
        Ending of its colour images.
    """
    kept = f"frames of train but every {HELD_OUT_EVERY}th (H2ONet's code)"
    held_out = f"every {HELD_OUT_EVERY}th frame of train (H2ONet's code)"
    return DatasetCard(
        name=f"ho3d_v{version}",
        title=f"HO-3D version {version}",
        summary="a right hand moves one of 10 YCB objects, hiding it and being hidden by it",
        licence="for academic research only, not for commercial use, no redistribution",
        page="https://www.tugraz.at/index.php?id=40231",
        paper="Hampali et al., HOnnotate: A method for 3D Annotation of Hand and Object Poses, "
        "CVPR 2020",
        format_source="https://github.com/shreyashampali/ho3d (README, utils/vis_utils.py)",
        layout=f"""\
train.txt, evaluation.txt               lines like ABF10/0000
train/ABF10/ …, evaluation/AP10/ …
    rgb/0000.{image}
    depth/0000.png
    meta/0000.pkl
    seg/0000.png or .jpg                optional, train only
evaluation_xyz.json, evaluation_verts.json      optional, published later
models/003_cracker_box/textured_simple.obj      or the folder given as models""",
        sides=frozenset({HandSide.RIGHT}),
        has_depth=True,
        has_objects=True,
        has_masks=True,
        is_video=True,
        without_mano=(
            "frames have joints and poses, but no mesh, translation or visibility; evaluation "
            "has meshes where evaluation_verts.json is there"
        ),
        splits={
            "train": SplitCard("all training frames", train),
            "train_kept": SplitCard(kept),
            "train_held_out": SplitCard(held_out),
            "evaluation": SplitCard("frames that the server scores", (evaluation,)),
        },
    )
