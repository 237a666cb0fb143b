"""Depth from colour, then a hand and what it holds by two branches that help each other.

Chen et al., "Joint Hand-object 3D Reconstruction from a Single Image with Cross-branch Feature
Fusion", 2021. It sees right hands only; left ones are mirrored for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hand_object_recon.networks.resnet import ResNet, ResNet18, ResNet34
from hand_object_recon.reconstructors.cross_branch.depth_channel import filled, relative_depth
from hand_object_recon.reconstructors.cross_branch.depth_estimator import DepthEstimator
from hand_object_recon.reconstructors.cross_branch.feature_fusion import (
    FeatureFusion,
    feature_fusion,
)
from hand_object_recon.reconstructors.cross_branch.hand_decoder import HandDecoder
from hand_object_recon.reconstructors.cross_branch.object_decoder import ObjectDecoder
from hand_object_recon.reconstructors.cross_branch.options import (
    CrossBranchOptions,
    DepthSource,
    Encoders,
    PlaceFeature,
)
from hand_object_recon.reconstructors.cross_branch.prediction import (
    HandPrediction,
    ObjectPrediction,
    Prediction,
    View,
)

_CHANNELS_IN = 4


class HandBranch(nn.Module):
    """encoder: that of both branches where they share one. fusion: None where nothing helps."""

    def __init__(self, options: CrossBranchOptions) -> None:
        super().__init__()
        trunk = ResNet34 if options.encoders is Encoders.SHARED else ResNet18
        self.encoder: ResNet = trunk(options.width, _CHANNELS_IN)
        channels = self.encoder.channels_out
        self.fusion: FeatureFusion | None = None
        if options.fusion.helps_hand:
            self.fusion = feature_fusion(options.fusion, channels, options.width)
            channels = self.fusion.channels_out
        self.decoder = HandDecoder(
            channels, options.width, options.hand_model, options.pose_components, options.rotation
        )

    def forward(self, features: Tensor, helping: Tensor | None) -> HandPrediction:
        """Hands of (B, C) features, helped by those of the objects' branch."""
        if self.fusion is not None:
            assert helping is not None
            features = self.fusion(features, helping)
        found: HandPrediction = self.decoder(features)
        return found


class ObjectBranch(nn.Module):
    """encoder: None where the hand's is shared. fusion: None where nothing helps."""

    def __init__(self, options: CrossBranchOptions) -> None:
        super().__init__()
        own = ResNet18(options.width, _CHANNELS_IN)
        self.encoder = None if options.encoders is Encoders.SHARED else own
        encoded = channels = own.channels_out
        self.fusion: FeatureFusion | None = None
        if options.fusion.helps_object:
            self.fusion = feature_fusion(options.fusion, channels, options.width)
            channels = self.fusion.channels_out
        self._is_placed_by_hand = options.place_feature is PlaceFeature.HAND
        place_channels = encoded if self._is_placed_by_hand else channels
        self.decoder = ObjectDecoder(
            channels,
            place_channels,
            from_sphere=options.sphere_offsets,
            tells_held=options.empty_hands,
        )

    def forward(self, features: Tensor, helping: Tensor | None) -> ObjectPrediction:
        """Objects of (B, C) features, helped by those of the hands' branch."""
        fused = features
        if self.fusion is not None:
            assert helping is not None
            fused = self.fusion(features, helping)
        place = fused
        if self._is_placed_by_hand:
            assert helping is not None
            place = helping
        found: ObjectPrediction = self.decoder(fused, place)
        return found


class CrossBranchNetwork(nn.Module):
    """What a stage needs; parts that it does not train are as they were, batch norms included."""

    def __init__(self, options: CrossBranchOptions) -> None:
        super().__init__()
        self.options = options
        source = options.depth_source
        self.depth = DepthEstimator(options.width) if source.is_estimated else None
        self.hand = HandBranch(options) if options.has_hand else None
        self.object = ObjectBranch(options) if options.has_object else None
        for part in self._kept_parts():
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> CrossBranchNetwork:
        super().train(mode)
        for part in self._kept_parts():
            part.eval()
        return self

    def forward(self, view: View, sources: Sequence[DepthSource] | None = None) -> Prediction:
        """What is seen in a batch.

        sources
            What the fourth channel of each crop holds, if not what the options say; only a network
            whose options have an estimate has one.
        """
        is_estimated = sources is None or any(source.is_estimated for source in sources)
        estimate = None
        if self.depth is not None and is_estimated:
            estimate = self.depth(view.images)
        if self.hand is None and self.object is None:
            return Prediction(estimate, None, None)
        of_hand, of_object = self._features(view, self._depth_channel(view, estimate, sources))
        return Prediction(
            estimate,
            None if self.hand is None else self.hand(of_hand, of_object),
            None if self.object is None else self.object(of_object, of_hand),
        )

    def _features(self, view: View, channel: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """(B, C) of the hands' and of the objects' branch, before they help each other."""
        seen = torch.cat([view.images, channel[:, None]], dim=1)
        of_hand = None if self.hand is None else _averaged(self.hand.encoder, seen)
        of_object = None
        if self.object is not None:
            own = self.object.encoder
            of_object = of_hand if own is None else _averaged(own, seen)
        return of_hand, of_object

    def _depth_channel(
        self, view: View, estimate: Tensor | None, sources: Sequence[DepthSource] | None
    ) -> Tensor:
        """(B, S, S) what the encoders see beside the image."""
        if sources is None:
            return _depth_of(self.options.depth_source, view, estimate)
        channels = {source: _depth_of(source, view, estimate) for source in set(sources)}
        return torch.stack([channels[source][row] for row, source in enumerate(sources)])

    def _kept_parts(self) -> list[nn.Module]:
        options = self.options
        parts = (
            (self.depth, options.trains_depth),
            (self.hand, options.trains_hand),
            (self.object, options.trains_object),
        )
        return [part for part, is_trained in parts if part is not None and not is_trained]


def _depth_of(source: DepthSource, view: View, estimate: Tensor | None) -> Tensor:
    """(B, S, S) the fourth channel; ``estimate`` where it is estimated."""
    if source is DepthSource.NONE:
        return torch.zeros_like(view.images[:, 0])
    if source is DepthSource.SENSOR:
        return relative_depth(view.depth_m)
    assert estimate is not None
    if source is DepthSource.ESTIMATED:
        return estimate
    return filled(relative_depth(view.depth_m), view.depth_m, estimate)


def _averaged(encoder: ResNet, images: Tensor) -> Tensor:
    features: Tensor = encoder(images)
    return features.mean(dim=(2, 3))
