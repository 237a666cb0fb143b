"""How the network is trained: records, items, losses, scores, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Final, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.loss_weights import changed_weights
from hand_object_recon.networks.trainable import Batch, Record, TrainableMethod
from hand_object_recon.reconstructors.pdfnet.batch_points import (
    as_in_use,
    points_by_masks,
    points_of,
)
from hand_object_recon.reconstructors.pdfnet.batch_truth import TruePoser
from hand_object_recon.reconstructors.pdfnet.conventions import OURS
from hand_object_recon.reconstructors.pdfnet.frame_change import FrameChange, draw_frame_change
from hand_object_recon.reconstructors.pdfnet.losses import (
    WEIGHTS,
    HandsTruth,
    LossRules,
    hands_losses,
)
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.options import METHOD, Decoder, Inputs, PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandPoints,
    HandsPrediction,
    Seen,
)
from hand_object_recon.reconstructors.pdfnet.samples import frame_records, network_sample
from hand_object_recon.reconstructors.pdfnet.scores import (
    count_accuracy,
    hand_errors_mm,
    mask_overlap,
    presence_accuracy,
)
from hand_object_recon.reconstructors.pdfnet.trained_network import new_network

_PICTURED: Final = 8
_TRUE_COLORS: Final = ((255, 255, 255), (255, 255, 255))
_FOUND_COLORS: Final = ((0, 255, 0), (255, 128, 0))

Points = HandPoints | Callable[[Seen], HandPoints] | None
Colors = Sequence[tuple[int, int, int]]


class PDFNetTraining(TrainableMethod):
    """PDFNet for the training engine."""

    name: ClassVar[str] = METHOD
    options: PDFNetOptions

    def __init__(self, options: PDFNetOptions) -> None:
        self.options = options
        self._poser = TruePoser(options.hand_model)
        self._rules = LossRules(
            options.fine_terms,
            options.cross_entropies,
            changed_weights(WEIGHTS, options.weights, METHOD),
        )

    def build_network(self) -> nn.Module:
        return new_network(self.options)

    def record_settings(self) -> dict[str, Any]:
        settings = self.options.model_dump(
            mode="json", include={"kept_size", "view", "view_enlargement"}
        )
        return {**settings, "hand_model": self._posed_model}

    def records(self, annotated: AnnotatedFrame) -> Iterator[tuple[int, Record]]:
        for record in frame_records(annotated, self._posed_model, self.options):
            yield 0, record

    @property
    def _posed_model(self) -> str | None:
        """Whose parameters tell the truth; None where joints do."""
        has_mesh = self.options.decoder is not Decoder.KEYPOINTS
        return self.options.hand_model if has_mesh else None

    def item(
        self, records: Sequence[Record], random: np.random.Generator | None
    ) -> dict[str, NDArray[Any]]:
        """The arrays of ``network_sample``."""
        change = FrameChange() if random is None else draw_frame_change(random, self.options)
        return network_sample(records[0], change, self.options, random)

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        truth = self._poser.truth_of(batch)
        seen, found = network(
            self._images(batch), self._learned_points(batch), batch["camera"], batch["centers"]
        )
        if found.nodes is not None:
            found = found._replace(nodes=found.nodes[:, :, self._poser.is_real])
        shares = OURS.mask_shares(seen.mask_logits)
        faces = self._poser.faces.to(truth.vertices.device)
        return hands_losses(seen, shares, found, truth, faces, self._rules)

    def scores(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Of what comes of the picture and its depth alone; ``told`` ones are told the masks and
        the middles, as in the paper."""
        truth = self._poser.truth_of(batch)
        seen, found = self._found(network, batch)
        told = cast(PDFNetwork, network).reconstruct(
            seen, points_of(batch), batch["camera"], batch["centers"]
        )
        told_errors = hand_errors_mm(told, truth)
        scores = {
            **hand_errors_mm(found, truth),
            **{f"told_{name}": told_errors[name] for name in ("joints_mm", "aligned_joints_mm")},
            "mask_iou": mask_overlap(OURS.mask_shares(seen.mask_logits), truth),
        }
        if seen.presence_logits is not None:
            scores["presence_accuracy"] = presence_accuracy(seen.presence_logits, truth)
            scores["count_accuracy"] = count_accuracy(seen.presence_logits, truth)
        return scores

    def picture(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """Pictures with the joints found of left hands (green) and right ones (orange) on the
        true ones (white)."""
        few = {name: value[:_PICTURED] for name, value in batch.items()}
        truth = self._poser.truth_of(few)
        seen, found = self._found(network, few)
        is_found = truth.is_present
        if seen.presence_logits is not None:
            is_found = seen.presence_logits > 0.0
        images = [
            np.ascontiguousarray(image) for image in few["image"].permute(0, 2, 3, 1).cpu().numpy()
        ]
        _mark_joints(images, truth, few["camera"], truth.is_present, _TRUE_COLORS)
        _mark_joints(images, found, few["camera"], is_found, _FOUND_COLORS)
        return np.concatenate(images, axis=1)

    def _learned_points(self, batch: Batch) -> Points:
        if not (self.options.own_masks and self.options.inputs.has_points):
            return points_of(batch)
        # Drawn by torch's generator, which a resumed training goes on with.
        seed = int(torch.randint(1 << 31, (1,)))
        choose = points_by_masks(batch, self.options, np.random.default_rng(seed))
        return lambda seen: choose(as_in_use(seen, batch, self.options))

    def _found(self, network: nn.Module, batch: Batch) -> tuple[Seen, HandsPrediction]:
        """By the network's own masks and middles, as in use."""
        whole = cast(PDFNetwork, network)
        seen = as_in_use(whole.see(self._images(batch)), batch, self.options)
        points = None
        if self.options.inputs.has_points:
            points = points_by_masks(batch, self.options, np.random.default_rng(0))(seen)
        return seen, whole.reconstruct(seen, points, batch["camera"])

    def _images(self, batch: Batch) -> Tensor:
        """(B, C, S, S) as ``PDFNetwork`` wants them."""
        colors = normalised(batch["image"])
        if self.options.inputs is Inputs.FOUR_CHANNELS:
            return torch.cat([colors, batch["depth_m"][:, None]], dim=1)
        return colors


def _mark_joints(
    images: Sequence[NDArray[np.uint8]],
    hands: HandsPrediction | HandsTruth,
    cameras: Tensor,
    is_marked: Tensor,
    colors: Colors,
) -> None:
    """Draw the joints of (B, 2) hands into images."""
    rays = (hands.joints + hands.roots_m[:, :, None]) @ cameras[:, None].mT
    pixels = (rays[..., :2] / rays[..., 2:]).nan_to_num(-1.0).round().int().cpu()
    for image, places, marked in zip(images, pixels, is_marked.cpu(), strict=True):
        for hand in torch.nonzero(marked).flatten().tolist():
            for x, y in places[hand].clamp(-1, len(image)).tolist():
                cv2.circle(image, (x, y), 1, colors[hand], -1)
