"""The plugin: tracked detections in, hands out, in metres in the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import torch

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import HandEstimate, HandTopology, TrackedHand
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.networks.device import device_for_runtime
from hand_object_recon.networks.grasp_views import HandView, usable_views
from hand_object_recon.networks.hand_estimates import NO_HAND, HandEstimates
from hand_object_recon.networks.openvino_runtime import precision_of
from hand_object_recon.networks.plugin_weights import require_hand_model, weights_file
from hand_object_recon.networks.trial_hands import trial_hands
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput
from hand_object_recon.reconstructors.intra_inter_graph.compiled_network import (
    with_compiled_parts,
)
from hand_object_recon.reconstructors.intra_inter_graph.estimates import estimate_of_hand
from hand_object_recon.reconstructors.intra_inter_graph.hand_look import FoundHand, look_of
from hand_object_recon.reconstructors.intra_inter_graph.hand_views import (
    network_view,
    view_of_hand,
)
from hand_object_recon.reconstructors.intra_inter_graph.options import METHOD
from hand_object_recon.reconstructors.intra_inter_graph.placement import (
    placed_hand,
    turned_onto_depth,
)
from hand_object_recon.reconstructors.intra_inter_graph.trained_network import (
    load_trained_network,
)

SHIPPED_WEIGHTS: Final = Path(__file__).parent / "weights" / "intra_inter_graph.safetensors"

NO_DEPTH: Final = (
    "no depth where a hand is thought to be, and the network of intra_inter_graph.weights reads it "
    "to size hands: it is placed by the size that colour alone tells"
)
NO_KEYPOINTS: Final = (
    "the weights of intra_inter_graph want crops with the knuckles above the wrist, and the "
    "detector gives no keypoints to turn them by"
)

_TRIAL_DEPTH_M: Final = 0.5


class IntraInterGraphReconstructor(Reconstructor):
    """Crops each hand, mirrors left ones, and asks the network for all hands of a frame at once.

    The network knows hands about the wrist. Where the wrist is, the hand's size in the heat-maps
    and the depth say.
    """

    card: ClassVar[PluginCard] = PluginCard(
        name=METHOD,
        summary="hand mesh from colour, and from depth if trained so: a hand model posed by 2-D "
        "joints, refined as two graphs; placed by depth, or by the hand's size",
        licence="Apache-2.0; weights: see the card beside them",
        paper="Shuang et al., 2024",
        is_metric=True,
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        settings = config.intra_inter_graph
        device = device_for_runtime(settings.device, settings.runtime, METHOD)
        trained = load_trained_network(weights_file(settings.weights, SHIPPED_WEIGHTS, METHOD))
        self._options = trained.options
        require_hand_model(self._options.hand_model, config.hand_model, METHOD)
        self._estimates = HandEstimates(self._options.hand_model)
        precision = precision_of(settings.runtime)
        network = trained.network
        if precision:
            network = with_compiled_parts(network, precision)
        self._look = look_of(network, device)

    @torch.inference_mode()
    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        found = (view_of_hand(frame, hand, self._options) for hand in hands)
        views, left_out = usable_views(found, frame.camera)
        if not views:
            return ReconstructorOutput(left_out=left_out)
        answers = self._look(network_view(frame, views, self._options))
        estimates = []
        for view, answer in zip(views, answers, strict=True):
            estimate = self._estimate(frame, view, answer)
            if estimate is None:
                left_out[view.hand.track_id] = NO_HAND
            else:
                estimates.append(estimate)
        return ReconstructorOutput(
            hands=tuple(estimates), left_out=left_out, notes=self._notes(views, answers)
        )

    def topologies(self) -> tuple[HandTopology, ...]:
        return self._estimates.topologies()

    def warm_up(self) -> None:
        """Run once what depends on the number of hands: with one and with two."""
        for frame, hands in trial_hands():
            depth_m = np.full_like(frame.depth_m, _TRIAL_DEPTH_M)
            self.reconstruct(replace(frame, depth_m=depth_m), hands)

    def _estimate(self, frame: RgbdFrame, view: HandView, found: FoundHand) -> HandEstimate | None:
        """The hand that was found in a view, where it is; None where it is none."""
        if not found.is_finite:
            return None
        faces = self._estimates.models[view.hand.side].topology.faces
        placed = placed_hand(frame, view.crop, found, faces)
        if placed is None:
            return None
        if self.config.depth_turn.enabled:
            placed = turned_onto_depth(frame, placed, faces)
        return estimate_of_hand(self._estimates, frame, view.hand, placed)

    def _notes(self, views: Sequence[HandView], answers: Sequence[FoundHand]) -> tuple[str, ...]:
        notes = []
        if self._options.with_depth and any(np.isnan(one.distance_m) for one in answers):
            notes.append(NO_DEPTH)
        detections = [view.hand.detection for view in views]
        if self._options.upright and any(one.keypoints_px is None for one in detections):
            notes.append(NO_KEYPOINTS)
        return tuple(notes)
