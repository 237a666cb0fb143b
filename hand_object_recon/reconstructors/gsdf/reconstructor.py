"""The plugin: tracked detections in, hands and what they hold out, in metres in the camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import torch
from torch import Tensor

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import HandTopology, TrackedHand
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.networks.device import device_of
from hand_object_recon.networks.frame_memory import FrameMemory
from hand_object_recon.networks.grasp_views import usable_views
from hand_object_recon.networks.hand_estimates import NO_HAND
from hand_object_recon.networks.held_once import different_objects
from hand_object_recon.networks.plugin_weights import require_hand_model, weights_file
from hand_object_recon.networks.trial_hands import trial_hands
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput
from hand_object_recon.reconstructors.gsdf.hand_bodies import BodyMemory
from hand_object_recon.reconstructors.gsdf.hand_placement import HandPlacement, hand_estimate
from hand_object_recon.reconstructors.gsdf.hand_views import crop_batch, view_of_hand
from hand_object_recon.reconstructors.gsdf.mesh_warm_up import warm_up_meshes
from hand_object_recon.reconstructors.gsdf.options import METHOD
from hand_object_recon.reconstructors.gsdf.sight import look_of
from hand_object_recon.reconstructors.gsdf.trained_network import load_trained_network

SHIPPED_WEIGHTS: Final = Path(__file__).parent / "weights" / "gsdf.safetensors"


class GSDFReconstructor(Reconstructor):
    """Crops each hand, mirrors left ones, and asks the network for all hands of a frame at once.

    Joints follow the image; how far the hand is, the depth or the hand's size says. Only then are
    the distances asked, of each hand by itself.
    """

    card: ClassVar[PluginCard] = PluginCard(
        name=METHOD,
        summary="hand joints, and meshes of the hand and of what it holds, from signed distances "
        "that a network sees in colour; placed by depth, or by the hand's size",
        licence="Apache-2.0; weights: see the card beside them",
        paper="Chen et al., CVPR 2023",
        gives_object=True,
        is_metric=True,
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        device = device_of(config.gsdf.device, "gsdf.device")
        trained = load_trained_network(weights_file(config.gsdf.weights, SHIPPED_WEIGHTS, METHOD))
        self._options = trained.options
        require_hand_model(self._options.hand_model, config.hand_model, METHOD)
        self._placement = HandPlacement(self._options.hand_model, turns=config.depth_turn.enabled)
        self._frames = FrameMemory[Tensor](self._options.earlier_s)
        self._look = look_of(trained.network.to(device), device, self._frames)
        self._bodies = BodyMemory(self._options.unit_m, device)

    @torch.no_grad()
    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        found = (view_of_hand(frame, hand, self._options) for hand in hands)
        views, left_out = usable_views(found, frame.camera)
        if not views:
            return ReconstructorOutput(left_out=left_out)
        sight = self._look(crop_batch(frame, views, self._options.image_size))
        estimates, held = [], {}
        for row, (view, joints) in enumerate(zip(views, sight.joints, strict=True)):
            hand = self._placement.place(frame, view, joints)
            if hand is None:
                left_out[view.hand.track_id] = NO_HAND
                continue
            fields = sight.fields(row, hand.wrist_m, hand.joints_in_crop_m)
            bodies = self._bodies.update(hand, fields, frame.stamp_ns, self.config.gsdf)
            topology = self._placement.models[view.hand.side].topology.name
            estimates.append(hand_estimate(frame, hand, topology, bodies.surface))
            if bodies.held is not None:
                held[view.hand.track_id] = bodies.held
        objects = tuple(thing.estimate(hand) for hand, thing in different_objects(held))
        return ReconstructorOutput(tuple(estimates), objects, left_out=left_out)

    def topologies(self) -> tuple[HandTopology, ...]:
        return tuple(model.topology for model in self._placement.models.values())

    def warm_up(self) -> None:
        """Compile what meshes need, and run what depends on the number of hands with one and
        with two."""
        warm_up_meshes()
        for frame, hands in trial_hands():
            self.reconstruct(frame, hands)
        self.reset()

    def forget(self, track_id: int) -> None:
        self._frames.forget(track_id)
        self._bodies.forget(track_id)

    def reset(self) -> None:
        self._frames.reset()
        self._bodies.reset()
