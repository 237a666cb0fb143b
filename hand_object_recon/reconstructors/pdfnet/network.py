"""The network: both hands of an image and its depth, in one pass.

Ren and Zhu, "Pyramid Deep Fusion Network for Two-Hand Reconstruction from RGB-D Images", IEEE
TCSVT 2024. It works in two halves, because the points it reads lie on masks that it finds itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from hand_object_recon.reconstructors.pdfnet.centers import (
    CenterFeatures,
    peaks,
    peaks_of_raw_logits,
    roots_from_middles,
    roots_in_camera,
)
from hand_object_recon.reconstructors.pdfnet.conventions import HANDS, OURS, Conventions
from hand_object_recon.reconstructors.pdfnet.feature_transform import FeatureTransform, Join
from hand_object_recon.reconstructors.pdfnet.graph_decoder import GraphDecoder
from hand_object_recon.reconstructors.pdfnet.hand_template import HandTemplate
from hand_object_recon.reconstructors.pdfnet.image_encoder import ImageEncoder
from hand_object_recon.reconstructors.pdfnet.keypoint_decoder import KeypointDecoder
from hand_object_recon.reconstructors.pdfnet.options import Decoder, Inputs, PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.parameter_decoder import ParameterDecoder
from hand_object_recon.reconstructors.pdfnet.point_encoder import (
    DenseFusion,
    PointEncoder,
    at_points,
    features_at,
)
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandPoints,
    HandsPrediction,
    Seen,
)


class PDFNetwork(nn.Module):
    """Images to hands.

    Images are (B, C, S, S) normalised as for ImageNet; where depth is a fourth channel,
    it is in metres and 0 where there is none. Cameras are (B, 3, 3) those of the images.
    """

    def __init__(
        self, options: PDFNetOptions, template: HandTemplate, conventions: Conventions = OURS
    ) -> None:
        super().__init__()
        self.options, self.conventions = options, conventions
        width = options.width
        self.image = ImageEncoder(options, has_official_heads=conventions.computes_unread)
        self.hand = HandFeatures(options, self.image.quarter_channels, conventions)
        self.decoder: GraphDecoder | ParameterDecoder | KeypointDecoder
        if options.decoder is Decoder.GRAPH:
            self.decoder = GraphDecoder(self.hand.channels_out, width, template, options.dropout)
        elif options.decoder is Decoder.KEYPOINTS:
            self.decoder = KeypointDecoder(self.hand.channels_out, width)
        else:
            self.decoder = ParameterDecoder(self.hand.channels_out, width, options.hand_model)
        regressors = torch.from_numpy(template.joint_regressors)
        self.register_buffer("joint_regressors", regressors, persistent=False)
        self.joint_regressors: Tensor

    def forward(
        self,
        images: Tensor,
        points: HandPoints | Callable[[Seen], HandPoints] | None,
        cameras: Tensor,
        centers: Tensor,
    ) -> tuple[Seen, HandsPrediction]:
        """What is seen, and the hands of known (B, 2) centres and of points that are known, or
        chosen by what is seen."""
        seen = self.see(images)
        points = points(seen) if callable(points) else points
        return seen, self.reconstruct(seen, points, cameras, centers)

    def see(self, images: Tensor) -> Seen:
        """What the image alone shows."""
        seen: Seen = self.image(images)
        return seen

    def reconstruct(
        self,
        seen: Seen,
        points: HandPoints | None,
        cameras: Tensor,
        centers: Tensor | None = None,
    ) -> HandsPrediction:
        """The hands.

        points
            None for networks without.
        centers
            (B, 2) cells of the centre maps, row after row; the maps' own peaks where None.
        """
        read_at = centers
        if centers is None:
            centers = peaks(seen.center_logits)
            read_at = centers
            if self.conventions.peaks_of_logits:
                read_at = peaks_of_raw_logits(seen.center_logits)
        assert read_at is not None
        middles_m = None
        if self.options.centered_points and points is not None:
            middles_m = points.cloud_m.mean(dim=2)
            points = points._replace(cloud_m=points.cloud_m - middles_m[:, :, None])
        decoded = self.decoder(self.hand(seen, points, read_at))
        if middles_m is None:
            roots_m = roots_in_camera(decoded.root, centers, cameras, self.options.image_size)
        else:
            roots_m = roots_from_middles(decoded.root, middles_m)
        if isinstance(self.decoder, GraphDecoder):
            return HandsPrediction(
                vertices=decoded.vertices,
                joints=self.joint_regressors @ decoded.vertices,
                roots_m=roots_m,
                centers=centers,
                nodes=decoded.nodes,
                scale=decoded.scale,
                shift=decoded.shift,
            )
        if isinstance(self.decoder, KeypointDecoder):
            no_vertices = decoded.joints[:, :, :0]
            return HandsPrediction(no_vertices, decoded.joints, roots_m, centers)
        return HandsPrediction(
            vertices=decoded.vertices,
            joints=decoded.joints,
            roots_m=roots_m,
            centers=centers,
            pose_6d=decoded.pose_6d,
            shape=decoded.shape,
        )


class HandFeatures(nn.Module):
    """One feature of each hand, of its points and its middle: (B, 2, channels_out)."""

    def __init__(
        self, options: PDFNetOptions, quarter_channels: int, conventions: Conventions
    ) -> None:
        super().__init__()
        self.points = _points_encoder(options, quarter_channels)
        self.center: CenterFeatures | None = None
        self.fusion: FeatureTransform | Join | None = None
        self.channels_out = 0 if self.points is None else self.points.channels_out
        if options.reads_center:
            self.center = CenterFeatures(quarter_channels, of_all_cells=conventions.computes_unread)
            if self.points is None:
                self.channels_out = self.center.channels_out
            else:
                kind = FeatureTransform if options.feature_transform else Join
                self.fusion = kind(self.points.channels_out, self.center.channels_out)
                self.channels_out = self.fusion.channels_out
        self._image_size = options.image_size

    def forward(self, seen: Seen, points: HandPoints | None, centers: Tensor) -> Tensor:
        features = []
        if self.points is not None and points is not None:
            features.append(self._of_points(self.points, seen, points))
        if self.center is not None:
            features.append(self.center(seen.pyramid.quarter, centers))
        if self.fusion is None:
            return features[0]
        result: Tensor = self.fusion(*features)
        return result

    def _of_points(
        self, encoder: PointEncoder | DenseFusion, seen: Seen, points: HandPoints
    ) -> Tensor:
        cloud = points.cloud_m.flatten(0, 1)
        if isinstance(encoder, DenseFusion):
            at_each = features_at(seen.pyramid.quarter, points.pixels, self._image_size)
            of_points: Tensor = encoder(cloud, at_each)
        elif encoder.sees_image:
            of_points = encoder(cloud, at_points(seen.pyramid, points.pixels, self._image_size))
        else:
            of_points = encoder(cloud, ())
        return of_points.reshape(-1, HANDS, encoder.channels_out)


def _points_encoder(
    options: PDFNetOptions, quarter_channels: int
) -> PointEncoder | DenseFusion | None:
    if not options.inputs.has_points:
        return None
    if options.inputs is Inputs.DENSE_FUSION:
        return DenseFusion(options.width, quarter_channels)
    return PointEncoder(
        options.width,
        options.neighbours,
        quarter_channels,
        sees_image=options.inputs is Inputs.FUSED,
        transforms=options.feature_transform,
    )
