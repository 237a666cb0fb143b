"""What is true of a batch: its hands posed by the hand model, in the changed camera's axes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.trainable import Batch
from hand_object_recon.reconstructors.pdfnet.conventions import HANDS, ROOT_KEYPOINT
from hand_object_recon.reconstructors.pdfnet.hand_template import HandTemplate
from hand_object_recon.reconstructors.pdfnet.losses import HandsTruth


class TruePoser:
    """Poses the hands of batches.

    faces
        (F, 3) int64 triangles of a hand.
    is_real
        (n,) which nodes of the finest graph stand for vertices; the true ones are those alone.
    """

    def __init__(self, hand_model: str) -> None:
        self._layer = HandLayer.both_sides(hand_model)
        faces = load_hand_model(hand_model, HandSide.RIGHT).faces
        self.faces = torch.from_numpy(faces.astype(np.int64))
        means = torch.from_numpy(HandTemplate.load(hand_model).node_means)
        self.is_real = means.any(dim=1)
        self._means = means[self.is_real]

    def truth_of(self, batch: Batch) -> HandsTruth:
        """The truth of arrays that ``network_sample`` gives."""
        vertices = self._vertices(batch)
        joints_m, is_present = batch["joints_m"], batch["is_present"]
        roots_m = joints_m[:, :, ROOT_KEYPOINT]
        return HandsTruth(
            is_present=is_present,
            is_learned=is_present & batch["is_enough"] if "is_enough" in batch else is_present,
            joints=joints_m - roots_m[:, :, None],
            roots_m=roots_m,
            vertices=vertices,
            nodes=self._means.to(vertices.device) @ vertices,
            cameras=batch["camera"],
            masks=batch["masks"],
            centers=batch["centers"],
            extents=batch["extents"],
        )

    def _vertices(self, batch: Batch) -> Tensor:
        """(B, 2, V, 3) about the roots."""
        pose, shape = batch["pose_rad"], batch["shape"]
        layer = self._layer.to(pose.device)
        is_left = (torch.arange(HANDS, device=pose.device) == 0).repeat(len(pose))
        posed = layer(pose.flatten(0, 1), shape.flatten(0, 1), is_left=is_left)
        about_root = posed.vertices_m - posed.joints_m[:, ROOT_KEYPOINT, None]
        turned = about_root.unflatten(0, (-1, HANDS)) @ batch["axes"][:, None].mT
        is_mirrored = batch["is_mirrored"][:, None, None, None]
        return torch.where(is_mirrored, turned.flip(1), turned)
