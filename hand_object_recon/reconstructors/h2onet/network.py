"""The networks: one frame alone, and one frame helped by two earlier ones.

Xu et al., "H2ONet: Hand-Occlusion-and-Orientation-Aware Network for Real-Time 3D Hand Mesh
Reconstruction", CVPR 2023. A network sees right hands only; left ones are mirrored for it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.reconstructors.h2onet.backbone import Backbone
from hand_object_recon.reconstructors.h2onet.mesh_decoder import MeshDecoder
from hand_object_recon.reconstructors.h2onet.mesh_template import MeshTemplate
from hand_object_recon.reconstructors.h2onet.occlusion import (
    OWN_JOINTS,
    FingerFusion,
    Fusion,
    OcclusionJoints,
    OcclusionNetwork,
)
from hand_object_recon.reconstructors.h2onet.orientation import (
    OrientationEncoder,
    OrientationHead,
    newest_seen,
    rows_to_rotation,
)


class HandMesh(NamedTuple):
    """A batch of hands, in metres about an origin of the network's choice.

    canonical_vertices (B, V, 3), canonical_joints (B, 21, 3): with no orientation.
    vertices (B, V, 3), joints (B, 21, 3): turned about the wrist as the image shows.
    joints_uv (B, 21, 2): joints in the crop, 0 to 1.
    orientation (B, 3, 3).
    occlusion_logits (B, 2, 6): class 0 visible; five fingers, then the hand. None from a
    network of one frame.
    """

    canonical_vertices: Tensor
    canonical_joints: Tensor
    vertices: Tensor
    joints: Tensor
    joints_uv: Tensor
    orientation: Tensor
    occlusion_logits: Tensor | None = None


class FrameFeatures(NamedTuple):
    """All that later frames need to know of one: see ``MultiFrameNetwork.encode``.

    joints_uv (B, 21, 2), vertices (B, V, w / 4), occlusion_logits (B, 2, 6), orientation (B, 8w).
    """

    joints_uv: Tensor
    vertices: Tensor
    occlusion_logits: Tensor
    orientation: Tensor


class _MeshNetwork(nn.Module):
    """What both networks have: an encoder, a mesh decoder, a joint regressor."""

    def __init__(self, width: int, template: MeshTemplate) -> None:
        super().__init__()
        self.backbone = Backbone(width)
        self.decoder = MeshDecoder(width, template)
        self.orientation_encoder = OrientationEncoder(width)
        self.orientation_head = OrientationHead(8 * width, width)
        self.joint_regressor = nn.Parameter(torch.from_numpy(template.joint_regressor.copy()))

    def _turned(self, points: Tensor, wrist: Tensor, orientation: Tensor, *more: Tensor) -> Tensor:
        """Points about (B, 1, 3) wrists, turned; no gradient reaches either through this.

        The authors let it reach the wrist. Vertices then pull at it as if they did not depend
        on it, and training from the start with orientation diverges.
        """
        turned = (points - wrist).detach()
        for rotation in (orientation, *more):
            turned = turned @ rotation.transpose(1, 2)
        return turned + wrist.detach()


class SingleFrameNetwork(_MeshNetwork):
    """H2ONet on one crop."""

    def forward(self, images: Tensor) -> HandMesh:
        """(B, 3, 128, 128) crops of red, green and blue from 0 to 1."""
        features = self.backbone(images)
        canonical = self.decoder.head(self.decoder(features).vertices)
        canonical_joints = self.joint_regressor @ canonical
        orientation = rows_to_rotation(self.orientation_head(self.orientation_encoder(features)))
        wrist = canonical_joints[:, WRIST : WRIST + 1]
        return HandMesh(
            canonical_vertices=canonical,
            canonical_joints=canonical_joints,
            vertices=self._turned(canonical, wrist, orientation),
            joints=self._turned(canonical_joints, wrist, orientation),
            joints_uv=features.joints_uv,
            orientation=orientation,
        )


class MultiFrameNetwork(_MeshNetwork):
    """H2ONet on a crop and two earlier ones.

    ``fusion``: what they help with. ``turns_joints``: whether the correction that earlier frames
    make to the orientation is applied to the joints too. The authors' code applies it to the
    vertices only.
    """

    def __init__(
        self,
        width: int,
        template: MeshTemplate,
        occlusion_joints: OcclusionJoints = OWN_JOINTS,
        *,
        fusion: Fusion = Fusion.FINGERS_AND_ORIENTATION,
        turns_joints: bool = True,
    ) -> None:
        super().__init__(width, template)
        self.occlusion = OcclusionNetwork(width, occlusion_joints)
        self.finger_fusion = FingerFusion(width, template, is_even=fusion is Fusion.EVEN)
        self.orientation_correction = None
        if fusion is Fusion.FINGERS_AND_ORIENTATION:
            self.orientation_correction = OrientationHead(16 * width, width)
        self._turns_joints = turns_joints

    def forward(self, images: Tensor) -> tuple[HandMesh, HandMesh]:
        """(3, B, 3, 128, 128): current, previous and earliest crops.

        Returns the current frame's hands, which the others helped to, and the (2B) earlier
        frames' own, previous first.
        """
        frames, count = images.shape[:2]
        features = self.encode(images.flatten(0, 1))
        chunks = (part.chunk(frames) for part in features)
        by_frame = [FrameFeatures(*parts) for parts in zip(*chunks, strict=True)]
        earlier = FrameFeatures(*(part[count:] for part in features))
        return self.fuse(*by_frame), self._alone(earlier)

    def encode(self, images: Tensor) -> FrameFeatures:
        """What (B, 3, 128, 128) crops show, each by itself."""
        features = self.backbone(images)
        mesh = self.decoder(features)
        return FrameFeatures(
            features.joints_uv,
            mesh.vertices,
            self.occlusion(mesh.joints.detach()),
            self.orientation_encoder(features),
        )

    def fuse(
        self, current: FrameFeatures, previous: FrameFeatures, earliest: FrameFeatures
    ) -> HandMesh:
        """The current frame's hands with what the two earlier ones saw better."""
        frames = (current, previous, earliest)
        logits = torch.stack([frame.occlusion_logits for frame in frames]).detach()
        vertices = torch.stack([frame.vertices for frame in frames])
        canonical = self.decoder.head(current.vertices) + self.finger_fusion(vertices, logits)
        if self.orientation_correction is None:
            return self._hands(current, canonical)
        orientations = torch.stack([frame.orientation for frame in frames])
        seen = newest_seen(orientations, logits)
        correction = rows_to_rotation(
            self.orientation_correction(torch.cat([current.orientation, seen], dim=1))
        )
        return self._hands(current, canonical, correction)

    def _alone(self, frame: FrameFeatures) -> HandMesh:
        return self._hands(frame, self.decoder.head(frame.vertices))

    def _hands(self, frame: FrameFeatures, canonical: Tensor, *corrections: Tensor) -> HandMesh:
        orientation = rows_to_rotation(self.orientation_head(frame.orientation))
        joints = self.joint_regressor @ canonical
        wrist = joints[:, WRIST : WRIST + 1]
        of_joints = corrections if self._turns_joints else ()
        return HandMesh(
            canonical_vertices=canonical,
            canonical_joints=joints,
            vertices=self._turned(canonical, wrist, orientation, *corrections),
            joints=self._turned(joints, wrist, orientation, *of_joints),
            joints_uv=frame.joints_uv,
            orientation=orientation,
            occlusion_logits=frame.occlusion_logits,
        )
