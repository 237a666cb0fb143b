"""How the network is trained: records, items, losses, scores, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.trainable import Batch, Record, TrainableMethod
from hand_object_recon.reconstructors.intra_inter_graph.losses import LossMesh, Truth, hand_losses
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    METHOD,
    IntraInterGraphOptions,
)
from hand_object_recon.reconstructors.intra_inter_graph.pictures import drawn_predictions
from hand_object_recon.reconstructors.intra_inter_graph.plausibility_scores import (
    plausibility_scores,
)
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, View
from hand_object_recon.reconstructors.intra_inter_graph.samples import (
    SampleChange,
    draw_sample_change,
    hand_records,
    network_sample,
)
from hand_object_recon.reconstructors.intra_inter_graph.scores import hand_scores
from hand_object_recon.reconstructors.intra_inter_graph.trained_network import new_network

_PICTURED: Final = 8


class IntraInterGraphTraining(TrainableMethod):
    """Refinement by intra and inter graphs for the training engine."""

    name: ClassVar[str] = METHOD
    options: IntraInterGraphOptions
    record_extras: ClassVar[tuple[str, ...]] = ("with_depth",)

    def __init__(self, options: IntraInterGraphOptions) -> None:
        self.options = options
        self._layer = HandLayer.load(options.hand_model, HandSide.RIGHT)
        self._mesh = LossMesh.of(options.hand_model)
        self._model = load_hand_model(options.hand_model, HandSide.RIGHT)

    def build_network(self) -> nn.Module:
        return new_network(self.options)

    def record_settings(self) -> dict[str, Any]:
        settings = {"image_size", "hand_model", "crop_enlargement", "upright", "with_depth"}
        return self.options.model_dump(mode="json", include=settings)

    def records(self, annotated: AnnotatedFrame) -> Iterator[tuple[int, Record]]:
        return hand_records(annotated, self.options)

    def item(
        self, records: Sequence[Record], random: np.random.Generator | None
    ) -> dict[str, NDArray[Any]]:
        """The arrays of ``network_sample``."""
        change = SampleChange() if random is None else draw_sample_change(random, self.options)
        return network_sample(records[0], change, self.options, random)

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        mesh = self._mesh.to(batch["image"].device)
        return hand_losses(network(_view(batch)), self._truth(batch), mesh, self.options)

    def scores(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """See ``hand_scores``, ``plausibility_scores``; the joints' error chooses the weights."""
        found, true = network(_view(batch)), self._truth(batch)
        scores = hand_scores(found, true, batch["visible_share"], self.options.image_size)
        return scores | plausibility_scores(found, self._model)

    def picture(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """What is true of crops above what is found in them; see ``drawn_predictions``."""
        few = {name: value[:_PICTURED] for name, value in batch.items()}
        return drawn_predictions(few, network(_view(few)))

    def _truth(self, batch: Batch) -> Truth:
        """The hand model in its true pose, about the wrist."""
        layer = self._layer.to(batch["shape"].device)
        posed = layer(batch["pose_rad"].flatten(1), batch["shape"])
        wrist = posed.joints_m[:, WRIST : WRIST + 1]
        return Truth(
            joints_uv=batch["joints_uv"],
            pose_rad=batch["pose_rad"],
            shape=batch["shape"],
            hands=Hands(posed.joints_m - wrist, posed.vertices_m - wrist),
        )


def _view(batch: Batch) -> View:
    return View(normalised(batch["image"]), batch["half_slope"], batch.get("depth_m"))
