"""What Hands in Action is, and the parts of it that cross-branch fusion learns from."""

from __future__ import annotations

from typing import Final

from hand_object_recon.core.hands import HandSide
from hand_object_recon.datasets.card import DatasetCard, SplitCard
from hand_object_recon.datasets.hic_format import FITS_FOLDER

HIC_CARD: Final = DatasetCard(
    name="hic",
    title="Hands in Action (HIC)",
    summary="hands with each other and with a ball, a cube, a pipe or a rope before one RGB-D "
    "camera; fits of MANO",
    licence="for research; see the page's terms, and MANO's for the fits",
    page="https://files.is.tue.mpg.de/dtzionas/Hand-Object-Capture/",
    paper="Tzionas et al., Capturing Hands in Action using Discriminative Salient Points and "
    "Physics Simulation, IJCV 2016",
    format_source="https://github.com/dimtzionas/HandObjectInteractionIJCV16_HandMotionViewer "
    "(README, src/, Calibration/, Models/)",
    layout=f"""\
15/1/ … 21/1/                           01 … 14, too
    rgb/000.png
    depth/000.yml                       optional: millimetres, written by OpenCV
{FITS_FOLDER}/
    IJCV16___fakeGT___IJCV___15___Model_Hand_R___ncomps45/000.pkl
Models/15/Model_Object_Ball.OFF         of the motion viewer's repository,
Models/15/Model_Object_Ball.MOTION      or the folder given as models""",
    sides=frozenset(HandSide),
    has_depth=True,
    has_objects=True,
    has_masks=False,
    is_video=True,
    without_mano="frames have joints and meshes, but no pose or visibility",
    splits={
        "train": SplitCard(
            "frames of 15 and 20 in which the hand is nearer than 5 mm to the object "
            "(cross-branch fusion)",
            (150,),
            2,
        ),
        "test": SplitCard("the same of 19 and 21", (251,), 2),
        "all": SplitCard("whatever sequences are there, all frames that have a fit"),
    },
)
