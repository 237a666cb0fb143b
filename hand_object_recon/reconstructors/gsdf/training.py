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
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.networks.augmentation import CropChange, draw_change
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.trainable import Batch, Record, TrainableMethod
from hand_object_recon.reconstructors.gsdf.conventions import IMAGE_SIZE
from hand_object_recon.reconstructors.gsdf.joint_errors import with_errors
from hand_object_recon.reconstructors.gsdf.losses import (
    ShapeRules,
    ShapeTruth,
    pose_losses,
    shape_losses,
)
from hand_object_recon.reconstructors.gsdf.network import (
    JointPrediction,
    Prediction,
    Sharing,
    Views,
    place_loss,
)
from hand_object_recon.reconstructors.gsdf.options import METHOD, VIDEO_FRAMES, GSDFOptions, Part
from hand_object_recon.reconstructors.gsdf.samples import (
    grasp_records,
    point_sample,
    view_directions,
    view_sample,
)
from hand_object_recon.reconstructors.gsdf.trained_network import new_network

_VIRTUAL_VIEWS: Final = 20
_PICTURED: Final = 8
_JOINT_COLOR: Final = (255, 255, 255)
_INSIDE_COLORS: Final = {"hand_distances": (0, 255, 0), "object_distances": (0, 128, 255)}


class GSDFTraining(TrainableMethod):
    """gSDF for the training engine: the joints' network, or everything."""

    name: ClassVar[str] = METHOD
    options: GSDFOptions

    def __init__(self, options: GSDFOptions) -> None:
        self.options = options
        if options.frames == VIDEO_FRAMES:
            self.earlier_s = options.earlier_s
        self._rules = ShapeRules(
            options.losses, options.largest_distance, options.clamped_answers, options.own_points
        )

    def build_network(self) -> nn.Module:
        return new_network(self.options)

    def record_settings(self) -> dict[str, Any]:
        settings = {"hand_model", "crop_around", "crop_enlargement", "upright"}
        settings |= {"image_size", "unit_m", "kept_points"}
        return self.options.model_dump(mode="json", include=settings)

    def records(self, annotated: AnnotatedFrame) -> Iterator[tuple[int, Record]]:
        return grasp_records(annotated, self.options)

    def item(
        self, records: Sequence[Record], random: np.random.Generator | None
    ) -> dict[str, NDArray[Any]]:
        """(F, ...) of each array, the current frame first: those of ``view_sample``, and
        directions of virtual views (20, 3) or those of ``point_sample``."""
        change = CropChange() if random is None else draw_change(random, self.options)
        samples = [self._sample(one, change, random) for one in records]
        return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        true = {name: value.flatten(0, 1) for name, value in batch.items()}
        if self.options.part is Part.POSE:
            return self._pose_losses(network(*_seen(batch)), true)
        found = self._prediction(network, batch, self._known_joints_m(batch))
        truth = ShapeTruth(true["hand_distances"], true["object_distances"], true["center_m"])
        losses = shape_losses(found, truth, self._rules)
        losses |= self._heatmap_loss(
            "center_heatmap", found.center_volumes, true["center_m"][:, None], true
        )
        if self.options.sharing is not Sharing.ASYMMETRIC:
            assert found.joint_volumes is not None
            losses |= self._pose_losses(JointPrediction(found.joints_m, found.joint_volumes), true)
        return losses

    def scores(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Of what comes of the image and the true wrist. Where distances are learned with true
        joints ``told`` ones, which are told those, come first: the best of them is kept."""
        true = {name: value[:, 0] for name, value in batch.items()}
        if self.options.part is Part.POSE:
            joints_m = network(*_seen(batch)).joints_m
            return {"joints_mm": _joint_error_mm(_current(joints_m, batch), true)}
        found = _current_prediction(self._prediction(network, batch), batch)
        gap: Tensor = torch.linalg.vector_norm(found.centers_m - true["center_m"], dim=1)
        scores = {
            **self._surface_errors_mm(found, true),
            "center_mm": 1e3 * gap,
            "joints_mm": _joint_error_mm(found.joints_m, true),
        }
        if self.options.joint_error_mm is None:
            return scores
        told = _current_prediction(self._prediction(network, batch, batch["joints_m"]), batch)
        errors = self._surface_errors_mm(told, true)
        return {f"told_{name}": error for name, error in errors.items()} | scores

    def picture(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """Crops with joints (white) and points inside hand (green) and object (blue), as the
        network finds them above what is true."""
        few = {name: value[:_PICTURED] for name, value in batch.items()}
        if self.options.part is Part.POSE:
            found = {"joints_m": _current(network(*_seen(few)).joints_m, few)}
        else:
            found = _current_prediction(self._prediction(network, few), few)._asdict()
        true = {name: value[:, 0] for name, value in few.items()}
        unit_m = self.options.unit_m
        return np.concatenate([_drawn(true, one, unit_m) for one in (found, true)])

    def _sample(
        self, record: Record, change: CropChange, random: np.random.Generator | None
    ) -> dict[str, NDArray[Any]]:
        sample, axes = view_sample(record, change, self.options.image_size)
        chance = random or np.random.default_rng(0)
        is_whole = self.options.part is Part.SHAPE
        if not is_whole or self.options.sharing is not Sharing.ASYMMETRIC:
            sample["views"] = view_directions(_VIRTUAL_VIEWS, chance)
        if is_whole:
            unit_m, count = self.options.unit_m, self.options.points
            sample |= point_sample(record, axes, unit_m, count, random)
        return sample

    def _pose_losses(self, found: JointPrediction, true: Batch) -> dict[str, Tensor]:
        true_m = true["joints_m"]
        losses = pose_losses(found.joints_m, true_m, true["views"], self.options.losses)
        losses["order"] = self.options.order_weight * losses["order"]
        return losses | self._heatmap_loss("joint_heatmaps", found.joint_volumes, true_m, true)

    def _heatmap_loss(
        self, name: str, volumes: Tensor, places_m: Tensor, true: Batch
    ) -> dict[str, Tensor]:
        weight = self.options.heatmap_weight
        if not weight:
            return {}
        views = Views(true["camera"], true["joints_m"][:, WRIST])
        return {name: weight * place_loss(volumes, places_m, views, self.options.half_depth_m)}

    def _prediction(
        self, network: nn.Module, batch: Batch, known_joints_m: Tensor | None = None
    ) -> Prediction:
        found: Prediction = network(*_seen(batch), batch["points"], known_joints_m)
        return found

    def _known_joints_m(self, batch: Batch) -> Tensor | None:
        """(B, F, 21, 3) joints that are learned with, or None for the network's own."""
        error_mm = self.options.joint_error_mm
        if error_mm is None:
            return None
        true_m = batch["joints_m"]
        return with_errors(true_m.flatten(0, 1), 1e-3 * error_mm).reshape(true_m.shape)

    def _surface_errors_mm(self, found: Prediction, true: Batch) -> dict[str, Tensor]:
        """Of both bodies, their mean first."""
        hand = self._surface_error_mm(found.hand_distances, true["hand_distances"])
        held = self._surface_error_mm(found.object_distances, true["object_distances"])
        mean = 0.5 * (hand + held)
        return {"surface_mm": mean, "hand_surface_mm": hand, "object_surface_mm": held}

    def _surface_error_mm(self, distances: Tensor, true: Tensor) -> Tensor:
        """Mean error where the surface is no farther than what is learned."""
        limit = self.options.largest_distance
        is_near = true.abs() < limit
        error = (distances.clamp(-limit, limit) - true).abs() * is_near
        mean: Tensor = error.sum(dim=1) / is_near.sum(dim=1).clamp(min=1)
        return 1e3 * self.options.unit_m * mean


def _seen(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised (B, F, 3, H, W) crops, (B, F, 3, 3) cameras and (B, F, 3) wrists."""
    return normalised(batch["image"]), batch["camera"], batch["joints_m"][:, :, WRIST]


def _current(found: Tensor, batch: Batch) -> Tensor:
    """(B, ...) of (B * F, ...): those of the current frames."""
    return found.reshape(*batch["camera"].shape[:2], *found.shape[1:])[:, 0]


def _current_prediction(found: Prediction, batch: Batch) -> Prediction:
    parts: dict[str, Any] = {
        name: None if part is None else _current(part, batch)
        for name, part in found._asdict().items()
    }
    return Prediction(**parts)


def _joint_error_mm(joints_m: Tensor, true: Batch) -> Tensor:
    """(B,) mean error of joints about the wrist."""
    about_wrist = (joints - joints[:, :1] for joints in (joints_m, true["joints_m"]))
    gap: Tensor = torch.linalg.vector_norm(torch.sub(*about_wrist), dim=2)
    return 1e3 * gap.mean(dim=1)


def _drawn(true: Batch, found: Batch, unit_m: float) -> NDArray[np.uint8]:
    """Crops in a row, with what is found in them."""
    crops = [np.ascontiguousarray(crop) for crop in true["image"].permute(0, 2, 3, 1).cpu().numpy()]
    inside = [(name, color) for name, color in _INSIDE_COLORS.items() if name in found]
    for name, color in inside:
        points_m = true["points"] * unit_m + true["joints_m"][:, WRIST, None]
        _dot(crops, points_m, found[name] < 0.0, true["camera"], color)
    joints_m = found["joints_m"]
    _dot(crops, joints_m, joints_m[..., 2] > 0.0, true["camera"], _JOINT_COLOR)
    return np.concatenate(crops, axis=1)


def _dot(
    crops: list[NDArray[np.uint8]],
    points_m: Tensor,
    is_shown: Tensor,
    cameras: Tensor,
    color: tuple[int, int, int],
) -> None:
    projected = points_m @ cameras.mT
    pixels = projected[..., :2] / projected[..., 2:] * (len(crops[0]) / IMAGE_SIZE)
    pixels = pixels.round().int().cpu()
    for crop, places, shown in zip(crops, pixels, is_shown.cpu(), strict=True):
        for x, y in places[shown].tolist():
            cv2.circle(crop, (x, y), 1, color, -1)
