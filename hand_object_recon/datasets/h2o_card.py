"""What H2O is, its splits with their published sizes, and its objects."""

from __future__ import annotations

from typing import Final

from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.card import DatasetCard, SplitCard

H2O_SCENES: Final[dict[str, tuple[str, ...]]] = {
    "train": (
        *(
            f"subject{subject}/{scene}{take}"
            for subject in (1, 2)
            for scene in "hko"
            for take in "12"
        ),
        "subject3/h1",
        "subject3/h2",
        "subject3/k1",
    ),
    "val": ("subject3/k2", "subject3/o1", "subject3/o2"),
    "test": tuple(f"subject4/{scene}{take}" for scene in "hko" for take in "12"),
}
"""Scenes of each part, as the README of h2odataset lists them."""

POSE_LISTS: Final[dict[str, tuple[str, ...]]] = {
    "train": ("train",),
    "val": ("val",),
    "test": ("test",),
    "train_val": ("train", "val"),
}
"""By split, the lists of frames of the camera on the head that make it up."""

ALL_VIEWS: Final = "_all_views"
"""Ends the names of splits that hold every frame of all five cameras."""

H2O_OBJECTS: Final[dict[int, str]] = {
    1: "book",
    2: "espresso",
    3: "lotion",
    4: "lotion_spray",
    5: "milk",
    6: "ovomaltine",
    7: "pringles",
    8: "starbucks",
}
"""Objects by their class; the names are those of the meshes' folders in h2oplayer. The README
calls 4 spray, 6 cocoa, 7 chips and 8 capuccino."""


def _split_cards() -> dict[str, SplitCard]:
    head = "of the camera on the head, by its pose list"
    lists = {
        "train": SplitCard(f"subjects 1 to 3 {head}", (55_742,)),
        "val": SplitCard(f"subject 3 in other scenes {head}", (11_638,)),
        "test": SplitCard(f"subject 4 {head}", (23_391,)),
        "train_val": SplitCard("train and val together, which PDFNet is trained on", (67_380,)),
    }
    views = {
        f"{part}{ALL_VIEWS}": SplitCard(f"whatever frames of cam0 to cam4 are there of {part}")
        for part in H2O_SCENES
    }
    return {**lists, **views}


H2O_CARD: Final = DatasetCard(
    name="h2o",
    title="H2O",
    summary="two hands handle one of 8 objects, seen by a camera on the head and four fixed ones",
    licence="given on request by ETH Zurich; its repositories name no licence, so take the terms "
    "of the page for what is allowed",
    page="https://h2odataset.ethz.ch",
    paper="Kwon et al., H2O: Two Hands Manipulating Objects for First Person Interaction "
    "Recognition, ICCV 2021",
    format_source="https://github.com/taeinkwon/h2odataset (README, pose_lists) and "
    "https://github.com/taeinkwon/h2oplayer (h2oplayer.py)",
    layout="""\
pose_lists/pose_train.txt, pose_val.txt, pose_test.txt      or in label_split/, or beside subject1/
subject1/ … subject4/
    h1/, h2/, k1/, k2/, o1/, o2/
        0/ … 7/
            cam4/ (on the head), cam0/ … cam3/
                cam_intrinsics.txt
                rgb/000000.png
                depth/000000.png
                hand_pose/000000.txt
                hand_pose_mano/000000.txt
                obj_pose_rt/000000.txt
object/book/book.obj or book.ply            or the folder given as models""",
    sides=frozenset(HandSide),
    has_depth=True,
    has_objects=True,
    has_masks=False,
    is_video=True,
    without_mano=(
        "frames have joints and poses, but no mesh or visibility, and no mask, which is drawn "
        "from the meshes"
    ),
    splits=_split_cards(),
    cuts_hands=True,
)
