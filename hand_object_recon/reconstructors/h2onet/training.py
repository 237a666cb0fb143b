"""How the networks are trained: records, items, losses, scores, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.torch_alignment import align_rigid
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.augmentation import CropChange, draw_change
from hand_object_recon.networks.trainable import Batch, Record, TrainableMethod
from hand_object_recon.reconstructors.h2onet.backbone import IMAGE_SIZE
from hand_object_recon.reconstructors.h2onet.losses import (
    HandTruth,
    LossRules,
    mesh_losses,
)
from hand_object_recon.reconstructors.h2onet.network import HandMesh
from hand_object_recon.reconstructors.h2onet.options import FRAMES, METHOD, H2ONetOptions
from hand_object_recon.reconstructors.h2onet.samples import (
    hand_records,
    network_sample,
)
from hand_object_recon.reconstructors.h2onet.trained_network import new_network

_PICTURED: Final = 8


class H2ONetTraining(TrainableMethod):
    """H2ONet for the training engine."""

    name: ClassVar[str] = METHOD
    options: H2ONetOptions

    def __init__(self, options: H2ONetOptions) -> None:
        self.options = options
        if options.frames == FRAMES:
            self.earlier_s = options.earlier_s
        model = load_hand_model(options.hand_model, HandSide.RIGHT)
        self._layer = HandLayer(model)
        self._faces = torch.from_numpy(model.faces.astype(np.int64))
        self._rules = LossRules(options.with_orientation, options.orientation_loss)

    def build_network(self) -> nn.Module:
        return new_network(self.options)

    def record_settings(self) -> dict[str, Any]:
        return {"hidden_hand_share": self.options.hidden_hand_share}

    def records(self, annotated: AnnotatedFrame) -> Iterator[tuple[int, Record]]:
        return hand_records(annotated, self.options.hidden_hand_share)

    def item(
        self, records: Sequence[Record], random: np.random.Generator | None
    ) -> dict[str, NDArray[Any]]:
        """(F, ...) of each array that ``network_sample`` gives, the current frame first."""
        change = CropChange() if random is None else draw_change(random, self.options)
        from_ray = self.options.orientation_from == "ray"
        samples = [
            network_sample(one, change, from_ray=from_ray, is_upright=self.options.upright)
            for one in records
        ]
        return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        found = self._all_hands(network(_images(batch)))
        truth = self._truth({name: _frames_first(value) for name, value in batch.items()})
        return mesh_losses(found, truth, self._faces.to(truth.vertices.device), self._rules)

    def scores(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        found = self._current_hands(network(_images(batch)))
        truth = self._truth({name: value[:, 0] for name, value in batch.items()})
        joints, true_joints = (_about_wrist(hand.joints) for hand in (found, truth))
        motion = align_rigid(joints, true_joints, torch.ones_like(joints[..., 0]))
        aligned = motion.apply(joints)
        scores = {
            "joints_mm": _distance_mm(joints, true_joints),
            "aligned_joints_mm": _distance_mm(aligned, true_joints),
            "canonical_joints_mm": _distance_mm(
                _about_wrist(found.canonical_joints), _about_wrist(truth.canonical_joints)
            ),
        }
        of_fingers = torch.linalg.vector_norm(joints - true_joints, dim=2)[:, 1:].unflatten(
            1, (5, 4)
        )
        is_hidden = truth.occluded[:, :5].bool()
        for name, counted in (("visible", ~is_hidden), ("hidden", is_hidden)):
            scores[f"{name}_fingers_mm"] = 1e3 * _mean_where(of_fingers.mean(dim=2), counted)
        if found.occlusion_logits is not None:
            right = found.occlusion_logits.argmax(dim=1)[:, :5] == truth.occluded[:, :5]
            scores["finger_occlusion_accuracy"] = right.float().mean(dim=1)
        return scores

    def picture(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """Crops with the network's joints (green) beside the true ones (white)."""
        few = {name: value[:_PICTURED] for name, value in batch.items()}
        found = self._current_hands(network(_images(few)))
        crops = few["image"][:, 0].permute(0, 2, 3, 1).cpu().numpy()
        rows = zip(
            crops, found.joints_uv.cpu().numpy(), few["joints_uv"][:, 0].cpu().numpy(), strict=True
        )
        return np.concatenate([_marked(*row) for row in rows], axis=1)

    def _truth(self, batch: Batch) -> HandTruth:
        """The truth of (B, ...) arrays, posed by the hand model."""
        layer = self._layer.to(batch["shape"].device)
        count = len(batch["shape"])
        pose = torch.cat([batch["pose_rad"].new_zeros(count, 3), batch["pose_rad"]], dim=1)
        posed = layer(pose, batch["shape"])
        wrist = posed.joints_m[:, WRIST : WRIST + 1]
        turn = batch["orientation"].transpose(1, 2)
        return HandTruth(
            canonical_vertices=posed.vertices_m,
            canonical_joints=posed.joints_m,
            vertices=(posed.vertices_m - wrist) @ turn + wrist,
            joints=(posed.joints_m - wrist) @ turn + wrist,
            joints_uv=batch["joints_uv"],
            orientation=batch["orientation"],
            occluded=batch["occluded"],
        )

    def _all_hands(self, output: HandMesh | tuple[HandMesh, HandMesh]) -> HandMesh:
        """(F * B) hands, those of the current frame first."""
        if isinstance(output, HandMesh):
            return output
        current, earlier = output
        joined = {
            name: torch.cat([value, getattr(earlier, name)])
            for name, value in current._asdict().items()
        }
        return HandMesh(**joined)

    def _current_hands(self, output: HandMesh | tuple[HandMesh, HandMesh]) -> HandMesh:
        return output if isinstance(output, HandMesh) else output[0]


def _images(batch: Batch) -> Tensor:
    """(B, 3, 128, 128), or (F, B, 3, 128, 128) for several frames, from 0 to 1."""
    images = batch["image"].float() / 255.0
    return images[:, 0] if images.shape[1] == 1 else images.transpose(0, 1)


def _frames_first(values: Tensor) -> Tensor:
    """(B, F, ...) to (F * B, ...)."""
    return values.transpose(0, 1).flatten(0, 1)


def _about_wrist(joints: Tensor) -> Tensor:
    return joints - joints[:, WRIST : WRIST + 1]


def _distance_mm(joints: Tensor, true_joints: Tensor) -> Tensor:
    distance: Tensor = torch.linalg.vector_norm(joints - true_joints, dim=2)
    return 1e3 * distance.mean(dim=1)


def _mean_where(values: Tensor, counted: Tensor) -> Tensor:
    """(B,) of (B, N); NaN where nothing counts."""
    mean: Tensor = torch.where(counted, values, torch.nan).nanmean(dim=1)
    return mean


def _marked(
    crop: NDArray[np.uint8], joints_uv: NDArray[Any], true_joints_uv: NDArray[Any]
) -> NDArray[np.uint8]:
    marked = np.ascontiguousarray(crop)
    for places, color in ((true_joints_uv, (255, 255, 255)), (joints_uv, (0, 255, 0))):
        for x, y in np.rint(places * IMAGE_SIZE).astype(int).tolist():
            cv2.circle(marked, (x, y), 2, color, -1)
    return marked
