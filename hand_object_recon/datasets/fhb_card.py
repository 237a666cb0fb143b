"""What the First-Person Hand Action benchmark is, and its splits."""

from __future__ import annotations

from typing import Final

from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.card import DatasetCard, SplitCard

FHB_CARD: Final = DatasetCard(
    name="fhb",
    title="First-Person Hand Action (FHB, FPHA)",
    summary="a right hand with magnetic sensors acts before a camera on the shoulder; joints, and "
    "poses of four objects",
    licence="for academic research only, not for commercial use, no redistribution",
    page="https://github.com/guiggh/hand_pose_action",
    paper="Garcia-Hernando et al., First-Person Hand Action Benchmark with RGB-D Videos and 3D "
    "Hand Pose Annotations, CVPR 2018; FHBc: Hasson et al., CVPR 2019",
    format_source="https://github.com/guiggh/hand_pose_action (README, load_example.py, "
    "load_example.m); FHBc: https://github.com/hassony2/obman_train",
    layout="""\
data_split_action_recognition.txt       lines like Subject_1/put_salt/1 24
Video_files/Subject_1/put_salt/1/
    color/color_0000.jpeg
    depth/depth_0000.png
Hand_pose_annotation_v1_1/Subject_1/put_salt/1/skeleton.txt         or _v1
Object_6D_pose_annotation_v1_1/Subject_1/put_salt/1/object_pose.txt or _v1
Object_models/salt_model/salt_model.ply     or the folder given as models""",
    sides=frozenset({HandSide.RIGHT}),
    has_depth=True,
    has_objects=True,
    has_masks=False,
    is_video=True,
    without_mano="nothing: there are joints alone, with MANO or without",
    cuts_hands=True,
    splits={
        "action_train": SplitCard("the benchmark's actions to learn from", sequences=599),
        "action_test": SplitCard("the benchmark's actions to recognise", sequences=575),
        "subjects_train": SplitCard("subjects 1, 3, 4"),
        "subjects_test": SplitCard("subjects 2, 5, 6"),
        "fhbc_train": SplitCard(
            "of subjects_train, with an object 10 mm from a joint or nearer; about 5000 frames"
        ),
        "fhbc_test": SplitCard(
            "of subjects_test, with an object 10 mm from a joint or nearer; about 5600 frames"
        ),
        "fhbc_round_train": SplitCard("fhbc_train without the milk bottle, which has a hole"),
        "fhbc_round_test": SplitCard("fhbc_test without the milk bottle, which has a hole"),
    },
)
