"""The contract of a reconstructor, and the group it is found in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import HandEstimate, HandTopology, TrackedHand
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.plugins import PluginCard, PluginGroup


@dataclass(frozen=True)
class ReconstructorOutput:
    """Hands and objects of one frame.

    They are in metres in the camera optical frame when the plugin's card says ``is_metric``;
    otherwise in metres about an arbitrary origin, and the pipeline's metric placement fixes
    where they are.

    keypoints_px
        (21, 2) pixels of the hands' joints by track id, where the method saw them better than
        the detector; what is not metric is placed by them.
    left_out
        Why a hand has no estimate, by track id, where the method knows: a few words that are
        the same in every frame.
    notes
        What else a user should hear about the frame, one sentence each, the same in every frame.
    """

    hands: tuple[HandEstimate, ...] = ()
    objects: tuple[ObjectEstimate, ...] = ()
    keypoints_px: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    left_out: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Reconstructor(ABC):
    """Turns a frame and the hands detected in it into hands and objects in space."""

    card: ClassVar[PluginCard]

    def __init__(self, config: PipelineConfig) -> None:
        self.config = config

    @abstractmethod
    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        """Reconstruct every hand of ``hands`` in one batch.

        A hand that cannot be reconstructed is left out. An estimate keeps its track's id.
        """

    @abstractmethod
    def topologies(self) -> tuple[HandTopology, ...]:
        """The mesh topologies the estimates name."""

    def warm_up(self) -> None:  # noqa: B027 - optional
        """Do once what makes a first frame slow: load lazily, allocate, compile."""

    def change_settings(self, config: PipelineConfig) -> None:
        """Use a configuration that differs in run-time settings only, from the next frame on."""
        self.config = config

    def expect_objects(  # noqa: B027 - optional
        self, objects: Sequence[ObjectEstimate]
    ) -> None:
        """Objects of the frame before, given ahead of each frame: what may hide the hands."""

    def forget(self, track_id: int) -> None:  # noqa: B027 - optional
        """Drop what was remembered of a track that ended."""

    def reset(self) -> None:  # noqa: B027 - optional
        """Forget every earlier frame, as at the start of another recording."""

    def close(self) -> None:  # noqa: B027 - optional
        """Free models and memory; the reconstructor is not used afterwards."""

    def options(self) -> dict[str, Any]:
        """Settings given for this plugin under ``plugin_options``."""
        return self.config.plugin_options.get(self.card.name, {})


RECONSTRUCTORS: PluginGroup[Reconstructor] = PluginGroup(
    base=Reconstructor,  # type: ignore[type-abstract]
    kind="reconstructor",
    entry_point_group="hand_object_recon.reconstructors",
    built_in={
        "cross_branch": (
            "hand_object_recon.reconstructors.cross_branch.reconstructor:CrossBranchReconstructor"
        ),
        "gsdf": "hand_object_recon.reconstructors.gsdf.reconstructor:GSDFReconstructor",
        "h2onet": "hand_object_recon.reconstructors.h2onet.reconstructor:H2ONetReconstructor",
        "intra_inter_graph": (
            "hand_object_recon.reconstructors.intra_inter_graph.reconstructor:"
            "IntraInterGraphReconstructor"
        ),
        "pdfnet": "hand_object_recon.reconstructors.pdfnet.reconstructor:PDFNetReconstructor",
        "rgbd_fit": "hand_object_recon.reconstructors.rgbd_fit.reconstructor:RgbdFitReconstructor",
    },
)
