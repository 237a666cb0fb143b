"""The plugin: tracked detections in, hands and what they hold out, in metres in the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import numpy as np
import torch

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.hands import HandEstimate, HandTopology, TrackedHand
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.networks.device import device_for_runtime
from hand_object_recon.networks.hand_estimates import NO_HAND
from hand_object_recon.networks.held_once import different_objects
from hand_object_recon.networks.openvino_runtime import precision_of
from hand_object_recon.networks.plugin_weights import require_hand_model, weights_file
from hand_object_recon.networks.trial_hands import trial_hands
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput
from hand_object_recon.reconstructors.cross_branch.compiled_network import with_compiled_parts
from hand_object_recon.reconstructors.cross_branch.depth_choice import BY_ESTIMATE, DepthChoice
from hand_object_recon.reconstructors.cross_branch.estimates import GraspEstimates
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp, look_of
from hand_object_recon.reconstructors.cross_branch.object_meshes import object_mesh
from hand_object_recon.reconstructors.cross_branch.object_track import ObjectTracks
from hand_object_recon.reconstructors.cross_branch.official import official_for_use
from hand_object_recon.reconstructors.cross_branch.options import METHOD
from hand_object_recon.reconstructors.cross_branch.placement import (
    turned_onto_depth,
    wrist_place,
)
from hand_object_recon.reconstructors.cross_branch.seen_hands import SeenHands, seen_hands
from hand_object_recon.reconstructors.cross_branch.trained_network import (
    TrainedCrossBranch,
    load_trained_network,
)

SHIPPED_WEIGHTS: Final = Path(__file__).parent / "weights" / "cross_branch.safetensors"

NO_KEYPOINTS: Final = (
    "the weights of cross_branch want crops with the knuckles above the wrist, and the detector "
    "gives no keypoints to turn them by"
)

_TRIAL_DEPTH_M: Final = 0.5


class PlacedGrasp(NamedTuple):
    """A hand, and what it holds in the camera's frame; None where that is nothing, or no body."""

    hand: HandEstimate
    body: Body | None


class CrossBranchReconstructor(Reconstructor):
    """Crops each hand, mirrors left ones, and asks the network for all hands of a frame at once.

    The network knows hand and object about the wrist. Where the wrist is, the hand's size and the
    depth say, and the object goes with it.
    """

    card: ClassVar[PluginCard] = PluginCard(
        name=METHOD,
        summary="hand mesh and a closed mesh of what it holds from colour and a depth channel, "
        "measured or estimated; placed by depth, or by the hand's size",
        licence="Apache-2.0; weights: see the card beside them",
        paper="Chen et al., TIP 2021",
        gives_object=True,
        is_metric=True,
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        settings = config.cross_branch
        device = device_for_runtime(settings.device, settings.runtime, METHOD)
        trained = _trained(config)
        self._options = trained.options
        require_hand_model(self._options.hand_model, config.hand_model, METHOD)
        self._depth = DepthChoice(settings, self._options)
        self._estimates = GraspEstimates(self._options.hand_model)
        precision = precision_of(settings.runtime)
        network = trained.network
        if precision:
            network = with_compiled_parts(network, precision)
        self._look = look_of(network, device)
        self._objects = ObjectTracks()

    @torch.inference_mode()
    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        if not hands:
            return ReconstructorOutput()
        self._objects.begin_frame(hands, frame.stamp_ns)
        seen = seen_hands(frame, hands, self._options, self._depth)
        grasps = [] if seen.crops is None else self._look(seen.crops, seen.sources)
        estimates, held, left_out = [], {}, seen.left_out
        for view, grasp in zip(seen.views, grasps, strict=True):
            hand = view.hand
            placed = self._placed(frame, hand, grasp.in_camera(view.crop))
            if placed is None:
                left_out[hand.track_id] = NO_HAND
                continue
            estimates.append(placed.hand)
            if placed.body is not None:
                held[hand.track_id] = self._objects.update(hand, placed.hand, placed.body)
        return ReconstructorOutput(
            hands=tuple(estimates),
            objects=tuple(thing.estimate(hand) for hand, thing in different_objects(held)),
            left_out=left_out,
            notes=self._notes(seen),
        )

    def topologies(self) -> tuple[HandTopology, ...]:
        return self._estimates.topologies()

    def warm_up(self) -> None:
        """Run once what depends on the number of hands: with one and with two."""
        for frame, hands in trial_hands():
            depth_m = np.full_like(frame.depth_m, _TRIAL_DEPTH_M)
            self.reconstruct(replace(frame, depth_m=depth_m), hands)
        self._objects = ObjectTracks()

    def forget(self, track_id: int) -> None:
        self._objects.forget(track_id)

    def reset(self) -> None:
        self._objects.reset()

    def _placed(self, frame: RgbdFrame, hand: TrackedHand, grasp: FoundGrasp) -> PlacedGrasp | None:
        """A grasp in the camera's axes put where it is; None where that is nowhere before it."""
        if not grasp.is_finite:
            return None
        faces = self._estimates.models[hand.side].topology.faces
        wrist_m = wrist_place(frame, hand.detection, grasp, faces)
        if wrist_m is None:
            return None
        if self.config.depth_turn.enabled:
            grasp, wrist_m = turned_onto_depth(frame, grasp, wrist_m, faces)
        estimate = self._estimates.of_grasp(frame, hand, grasp, wrist_m)
        if estimate is None:
            return None
        if grasp.held_share < self.config.cross_branch.least_held:
            return PlacedGrasp(estimate, None)
        return PlacedGrasp(estimate, object_mesh(grasp.object_vertices_m + wrist_m))

    def _notes(self, seen: SeenHands) -> tuple[str, ...]:
        notes = list(self._depth.notes)
        if any(self._depth.is_replaced(source) for source in seen.sources):
            notes.append(BY_ESTIMATE)
        detections = [view.hand.detection for view in seen.views]
        if self._options.upright and any(one.keypoints_px is None for one in detections):
            notes.append(NO_KEYPOINTS)
        return tuple(notes)


def _trained(config: PipelineConfig) -> TrainedCrossBranch:
    settings = config.cross_branch
    if not settings.official_checkpoint:
        return load_trained_network(weights_file(settings.weights, SHIPPED_WEIGHTS, METHOD))
    if not settings.weights:
        raise ConfigError(
            "cross_branch.official_checkpoint is true and cross_branch.weights is empty; set "
            "cross_branch.weights to a checkpoint of ObMan's baseline"
        )
    return official_for_use(Path(settings.weights).expanduser(), config.hand_model)
