"""The plugin: tracked detections in, both hands out, in metres in the camera."""

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
from hand_object_recon.core.method_settings import PDFNetSettings
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.geometry.depth_turn import RigidMotion, motion_onto_depth
from hand_object_recon.geometry.projection import project
from hand_object_recon.networks.device import device_for_runtime
from hand_object_recon.networks.hand_estimates import NO_HAND, HandEstimates
from hand_object_recon.networks.joint_visibility import joints_seen_by_depth
from hand_object_recon.networks.openvino_runtime import precision_of
from hand_object_recon.networks.plugin_weights import (
    official_files,
    require_hand_model,
    weights_file,
)
from hand_object_recon.networks.trial_hands import trial_hands
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput
from hand_object_recon.reconstructors.pdfnet.compiled_network import CompiledNetwork
from hand_object_recon.reconstructors.pdfnet.hand_look import FoundHand, HandLook, TwoHalves
from hand_object_recon.reconstructors.pdfnet.hand_matching import matched_hands
from hand_object_recon.reconstructors.pdfnet.hand_placement import placement_offset
from hand_object_recon.reconstructors.pdfnet.hand_points import choose_points
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.official import official_for_use
from hand_object_recon.reconstructors.pdfnet.options import METHOD, PointChoice
from hand_object_recon.reconstructors.pdfnet.pruned_network import pruned
from hand_object_recon.reconstructors.pdfnet.trained_network import (
    TrainedPDFNet,
    load_trained_network,
)

SHIPPED_WEIGHTS: Final = Path(__file__).parent / "weights" / "pdfnet.safetensors"

NO_DEPTH: Final = "too little depth on the hand, and the network reads nothing else"
BY_SIZE: Final = (
    "too little depth on a hand for the network to read, or a network that reads none: the hand's "
    "shape is seen in colour alone, and how far away it is by its size"
)


class PDFNetReconstructor(Reconstructor):
    """Looks at the whole image for both hands at once.

    The network finds masks in colour, reads the depth on them, and says where each hand is. The
    pipeline's detections say which hands to give, and what to call them.
    """

    card: ClassVar[PluginCard] = PluginCard(
        name=METHOD,
        summary="both hands' meshes from colour and depth in one pass, in metres as the network "
        "sees them; laid on the depth",
        licence="Apache-2.0; weights: see the card beside them",
        paper="Ren and Zhu, TCSVT 2024",
        max_hands=2,
        is_metric=True,
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        settings = config.pdfnet
        device = device_for_runtime(settings.device, settings.runtime, METHOD)
        trained = _trained(config)
        require_hand_model(trained.options.hand_model, config.hand_model, METHOD)
        self._options = trained.options
        self._estimates = HandEstimates(self._options.hand_model)
        network = _runnable(trained.network, settings, device)
        self._look = HandLook(network, self._options, trained.network.conventions, device)

    @torch.inference_mode()
    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        if not hands:
            return ReconstructorOutput()
        settings = self.config.pdfnet
        detections = [hand.detection for hand in hands]
        found = self._look(frame, detections, PointChoice(settings.point_choice))
        matched, left_out = matched_hands(hands, found, frame.camera, settings.least_presence)
        estimates, is_by_size = [], False
        for hand in hands:
            answer = matched.get(hand.track_id)
            if answer is None:
                continue
            if not answer.has_place and not self._options.reads_center:
                left_out[hand.track_id] = NO_DEPTH
                continue
            estimate = self._estimate(frame, hand, answer)
            if estimate is None:
                left_out[hand.track_id] = NO_HAND
                continue
            is_by_size |= not answer.has_place
            estimates.append(estimate)
        notes = (BY_SIZE,) if is_by_size else ()
        return ReconstructorOutput(tuple(estimates), left_out=left_out, notes=notes)

    def topologies(self) -> tuple[HandTopology, ...]:
        return self._estimates.topologies()

    def warm_up(self) -> None:
        """Choose points, which is compiled, and run the network, whose work is always the same."""
        size = self._options.image_size
        depth_m, masks = np.full((size, size), 0.5), np.ones((1, size, size), bool)
        choose_points(depth_m, masks, np.eye(3), self._options.points)
        frame, hands = next(trial_hands())
        self.reconstruct(frame, hands)

    def _estimate(
        self, frame: RgbdFrame, hand: TrackedHand, answer: FoundHand
    ) -> HandEstimate | None:
        """None where the network's answer is no hand before the camera."""
        meshed = self._with_mesh(answer)
        if meshed is None:
            return None
        placed = self._placed(frame, hand, meshed)
        joints_m = placed.joints_m
        if not (joints_m[:, 2] > 0.0).all():
            return None
        visibility = joints_seen_by_depth(frame, project(joints_m, frame.camera), joints_m[:, 2])
        return self._estimates.of_hand(hand, joints_m, placed.vertices_m, visibility)

    def _placed(self, frame: RgbdFrame, hand: TrackedHand, found: FoundHand) -> FoundHand:
        """A found hand where it is, and turned onto the depth if it is laid on it."""
        lay_on_depth = self.config.pdfnet.lay_on_depth
        faces = self._estimates.models[hand.side].topology.faces
        offset_m = placement_offset(frame, found, hand.detection, faces, lay_on_depth=lay_on_depth)
        placed = found.moved(RigidMotion(np.eye(3), offset_m))
        if not (lay_on_depth and self.config.depth_turn.enabled):
            return placed
        motion = motion_onto_depth(frame, placed.vertices_m, faces)
        return placed if motion is None else placed.moved(motion)

    def _with_mesh(self, answer: FoundHand) -> FoundHand | None:
        """A hand with the network's mesh, or with the hand model's about the joints of a network
        that gives nothing else; None where that is not finite or no hand."""
        if not (np.isfinite(answer.joints_m).all() and np.isfinite(answer.vertices_m).all()):
            return None
        if len(answer.vertices_m):
            return answer
        vertices_m = self._estimates.mesh_of(answer.side, answer.joints_m)
        return None if vertices_m is None else replace(answer, vertices_m=vertices_m)


def _trained(config: PipelineConfig) -> TrainedPDFNet:
    settings = config.pdfnet
    if not settings.official_repository:
        return load_trained_network(weights_file(settings.weights, SHIPPED_WEIGHTS, METHOD))
    checkpoint, repository = official_files(settings.weights, settings.official_repository, METHOD)
    return official_for_use(checkpoint, repository, config.hand_model)


def _runnable(network: PDFNetwork, settings: PDFNetSettings, device: torch.device) -> TwoHalves:
    precision = precision_of(settings.runtime)
    if precision:
        return CompiledNetwork(network, precision)
    return pruned(network).to(device)
