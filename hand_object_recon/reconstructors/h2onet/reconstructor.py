"""The plugin: tracked detections in, hands about their wrists out, in the camera's axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import torch

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import HandTopology, TrackedHand
from hand_object_recon.core.method_settings import H2ONetSettings
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.networks.device import device_for_runtime
from hand_object_recon.networks.hand_estimates import NO_HAND, HandEstimates
from hand_object_recon.networks.openvino_runtime import precision_of
from hand_object_recon.networks.plugin_weights import (
    official_files,
    require_hand_model,
    weights_file,
)
from hand_object_recon.networks.trial_hands import trial_hands
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput
from hand_object_recon.reconstructors.h2onet.compiled_network import (
    compiled_encode,
    compiled_single,
)
from hand_object_recon.reconstructors.h2onet.estimates import estimate_of_view, keypoints_of
from hand_object_recon.reconstructors.h2onet.hand_views import (
    HandView,
    network_images,
    view_of_hand,
)
from hand_object_recon.reconstructors.h2onet.network import HandMesh, SingleFrameNetwork
from hand_object_recon.reconstructors.h2onet.official import official_for_use
from hand_object_recon.reconstructors.h2onet.options import METHOD
from hand_object_recon.reconstructors.h2onet.streamed_network import (
    StreamedNetwork,
    StreamedSingleFrames,
    StreamedThreeFrames,
)
from hand_object_recon.reconstructors.h2onet.trained_network import (
    TrainedH2ONet,
    load_trained_network,
)

SHIPPED_WEIGHTS: Final = Path(__file__).parent / "weights" / "h2onet.safetensors"


class H2ONetReconstructor(Reconstructor):
    """Crops each hand, mirrors left ones, and asks the network for all hands of a frame at once.

    The weights say whether the network sees single frames, or two earlier ones as well.
    """

    card: ClassVar[PluginCard] = PluginCard(
        name=METHOD,
        summary="hand mesh from colour alone, helped by two earlier frames; placed by depth, or "
        "by the hand's size",
        licence="Apache-2.0; weights: see the card beside them",
        paper="Xu et al., CVPR 2023",
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        settings = config.h2onet
        self._device = device_for_runtime(settings.device, settings.runtime, METHOD)
        trained = _trained(config)
        options = trained.options
        require_hand_model(options.hand_model, config.hand_model, METHOD)
        self._from_ray = options.orientation_from == "ray"
        self._is_upright = options.upright
        self._estimates = HandEstimates(options.hand_model)
        self._network = _streamed(trained, settings, self._device)

    @torch.inference_mode()
    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        found = {
            hand.track_id: view_of_hand(
                frame, hand, from_ray=self._from_ray, is_upright=self._is_upright
            )
            for hand in hands
        }
        views = [view for view in found.values() if isinstance(view, HandView)]
        left_out = {track_id: view for track_id, view in found.items() if isinstance(view, str)}
        if not views:
            return ReconstructorOutput(left_out=left_out)
        images = network_images(frame, views).to(self._device)
        tracked = [view.hand for view in views]
        answers = _by_hand(self._network.hands(images, tracked, frame.stamp_ns))
        estimates = []
        for view, answer in zip(views, answers, strict=True):
            estimate = estimate_of_view(self._estimates, frame, view, answer)
            if estimate is None:
                left_out[view.hand.track_id] = NO_HAND
            else:
                estimates.append(estimate)
        return ReconstructorOutput(
            hands=tuple(estimates),
            left_out=left_out,
            keypoints_px={
                view.hand.track_id: keypoints_of(view, answer)
                for view, answer in zip(views, answers, strict=True)
            },
        )

    def topologies(self) -> tuple[HandTopology, ...]:
        return self._estimates.topologies()

    def warm_up(self) -> None:
        """Run once what depends on the number of hands: with one and with two."""
        for frame, hands in trial_hands():
            self.reconstruct(frame, hands)
        self.reset()

    def forget(self, track_id: int) -> None:
        self._network.forget(track_id)

    def reset(self) -> None:
        self._network.reset()


def _trained(config: PipelineConfig) -> TrainedH2ONet:
    settings = config.h2onet
    if not settings.official_repository:
        return load_trained_network(weights_file(settings.weights, SHIPPED_WEIGHTS, METHOD))
    checkpoint, repository = official_files(settings.weights, settings.official_repository, METHOD)
    return official_for_use(checkpoint, repository, config.hand_model)


def _streamed(
    trained: TrainedH2ONet, settings: H2ONetSettings, device: torch.device
) -> StreamedNetwork:
    network = trained.network.to(device)
    precision = precision_of(settings.runtime)
    if isinstance(network, SingleFrameNetwork):
        return StreamedSingleFrames(compiled_single(network, precision) if precision else network)
    encode = compiled_encode(network, precision) if precision else network.encode
    return StreamedThreeFrames(encode, network.fuse, trained.options.earlier_s)


def _by_hand(batch: HandMesh) -> list[HandMesh]:
    """Each hand's part of an answer, in main memory."""
    parts = [None if part is None else part.cpu().float() for part in batch]
    return [
        HandMesh(*(None if part is None else part[row] for part in parts))  # type: ignore[arg-type]
        for row in range(len(batch.joints))
    ]
