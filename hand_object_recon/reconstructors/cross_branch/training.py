"""How the network is trained: records, items, losses, scores, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.trainable import Batch, Record, TrainableMethod
from hand_object_recon.reconstructors.cross_branch.losses import (
    LossMeshes,
    Truth,
    cross_branch_losses,
)
from hand_object_recon.reconstructors.cross_branch.options import (
    METHOD,
    CrossBranchOptions,
    Part,
)
from hand_object_recon.reconstructors.cross_branch.pictures import drawn_predictions
from hand_object_recon.reconstructors.cross_branch.prediction import Prediction, View
from hand_object_recon.reconstructors.cross_branch.samples import (
    SampleChange,
    draw_sample_change,
    grasp_records,
    network_sample,
)
from hand_object_recon.reconstructors.cross_branch.scores import (
    depth_scores,
    hand_scores,
    joined_scores,
    object_scores,
)
from hand_object_recon.reconstructors.cross_branch.trained_network import new_network

_PICTURED: Final = 6
_CHOSEN_BY: Final = {
    Part.DEPTH: "depth_mm",
    Part.HAND: "joints_mm",
    Part.OBJECT: "chamfer_mm2",
    Part.JOINT: "both_mm",
}
"""The score that chooses a stage's weights."""


class CrossBranchTraining(TrainableMethod):
    """Cross-branch fusion for the training engine."""

    name: ClassVar[str] = METHOD
    options: CrossBranchOptions

    def __init__(self, options: CrossBranchOptions) -> None:
        self.options = options
        self._meshes = LossMeshes.of(options.hand_model)

    def build_network(self) -> nn.Module:
        return new_network(self.options)

    def record_settings(self) -> dict[str, Any]:
        settings = {"image_size", "hand_model", "hand_meshes", "depth_truth", "kept_points"}
        settings |= {"crop_around", "crop_enlargement", "upright"}
        if self.options.empty_hands:  # so that stores made before there was the option are taken
            settings.add("empty_hands")
        return self.options.model_dump(mode="json", include=settings)

    def records(self, annotated: AnnotatedFrame) -> Iterator[tuple[int, Record]]:
        return grasp_records(annotated, self.options)

    def item(
        self, records: Sequence[Record], random: np.random.Generator | None
    ) -> dict[str, NDArray[Any]]:
        """The arrays of ``network_sample``."""
        change = SampleChange() if random is None else draw_sample_change(random, self.options)
        return network_sample(records[0], change, self.options, random)

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        meshes = self._meshes.to(batch["image"].device)
        return cross_branch_losses(network(_view(batch)), _truth(batch), meshes, self.options)

    def scores(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Of all that the stage's network answers, first the one that chooses its weights."""
        found: Prediction = network(_view(batch))
        true = _truth(batch)
        scores: dict[str, Tensor] = {}
        if found.relative_depth is not None:
            scores |= depth_scores(found.relative_depth, true.depth_m)
        if found.hand is not None:
            shares = batch["visible_share"]
            scores |= hand_scores(found.hand, true.joints_m, true.vertices_m, shares)
        if found.object is not None:
            scores |= object_scores(found.object, true)
        if found.hand is not None and found.object is not None:
            scores |= joined_scores(found.hand, found.object, scores)
        first = _CHOSEN_BY[self.options.part]
        return {first: scores[first], **scores}

    def picture(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """What is true of crops above what is found in them; see ``drawn_predictions``."""
        few = {name: value[:_PICTURED] for name, value in batch.items()}
        return drawn_predictions(few, network(_view(few)))


def _view(batch: Batch) -> View:
    return View(normalised(batch["image"]), batch["depth_m"])


def _truth(batch: Batch) -> Truth:
    joints_m = batch["joints_m"]
    return Truth(
        depth_m=batch["true_depth_m"],
        foreground=batch["true_depth_m"] > 0.0,
        joints_m=joints_m - joints_m[:, WRIST, None],
        vertices_m=batch.get("vertices_m"),
        points_m=batch["points_m"],
        center_m=batch["center_m"],
        radius_m=batch["radius_m"],
        is_held=batch["is_held"] > 0.5 if "is_held" in batch else None,
    )
