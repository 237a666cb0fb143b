"""The network's two halves compiled by OpenVINO for a CPU, to be called as before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from hand_object_recon.networks.openvino_runtime import Precision, compiled_for_cpu
from hand_object_recon.reconstructors.pdfnet.conventions import HANDS
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandPoints,
    HandsPrediction,
    Pyramid,
    Seen,
)
from hand_object_recon.reconstructors.pdfnet.pruned_network import pruned

Parts = Sequence[Tensor | None]


class CompiledNetwork:
    """``see`` and ``reconstruct`` of a network, pruned, at the peaks of its own centre maps.

    Raises
    ------
    DependencyError
        OpenVINO is not installed.
    """

    def __init__(self, network: PDFNetwork, precision: Precision = "f32") -> None:
        fast = pruned(network)
        image, points, camera = _examples(network.options)
        with torch.inference_mode():
            seen = fast.see(image)
            answer = fast.reconstruct(seen, points, camera)
        self._seen_has, self._answer_has = _present(_parts_seen(seen)), _present(answer)
        self._see = compiled_for_cpu(_Seeing(fast), [image], precision)
        inputs = _parts_read(seen, points, camera)
        half = _Reconstructing(fast, _present(inputs))
        self._reconstruct = compiled_for_cpu(half, _without_gaps(inputs), precision)

    def see(self, images: Tensor) -> Seen:
        return _seen(_with_gaps(self._see(images), self._seen_has))

    def reconstruct(
        self, seen: Seen, points: HandPoints | None, cameras: Tensor
    ) -> HandsPrediction:
        found = self._reconstruct(*_without_gaps(_parts_read(seen, points, cameras)))
        return _prediction(_with_gaps(found, self._answer_has))


class _Seeing(nn.Module):
    def __init__(self, network: PDFNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(_without_gaps(_parts_seen(self.network.see(images))))


class _Reconstructing(nn.Module):
    def __init__(self, network: PDFNetwork, inputs_given: Sequence[bool]) -> None:
        super().__init__()
        self.network = network
        self._given = inputs_given

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        logits, full, half, quarter, cloud, pixels, cameras = _with_gaps(inputs, self._given)
        assert logits is not None
        assert half is not None
        assert quarter is not None
        assert cameras is not None
        points = None
        if cloud is not None and pixels is not None:
            points = HandPoints(cloud, pixels, torch.ones_like(pixels[..., 0], dtype=torch.bool))
        seen = Seen(logits, logits, None, None, Pyramid(full, half, quarter))
        return tuple(_without_gaps(self.network.reconstruct(seen, points, cameras)))


def _examples(options: PDFNetOptions) -> tuple[Tensor, HandPoints | None, Tensor]:
    size = options.image_size
    image = torch.zeros(1, options.inputs.image_channels, size, size)
    camera = torch.eye(3)[None]
    if not options.inputs.has_points:
        return image, None, camera
    pixels = torch.zeros(1, HANDS, options.points, dtype=torch.int64)
    cloud_m = torch.zeros(1, HANDS, options.points, 3)
    return image, HandPoints(cloud_m, pixels, torch.ones(1, HANDS, dtype=torch.bool)), camera


def _parts_seen(seen: Seen) -> Parts:
    return (seen.center_logits, seen.mask_logits, seen.presence_logits, *seen.pyramid)


def _seen(parts: Parts) -> Seen:
    logits, masks, presence, full, half, quarter = parts
    assert logits is not None
    assert masks is not None
    assert half is not None
    assert quarter is not None
    return Seen(logits, masks, None, presence, Pyramid(full, half, quarter))


def _parts_read(seen: Seen, points: HandPoints | None, cameras: Tensor) -> Parts:
    cloud_and_pixels = (None, None) if points is None else points[:2]
    return (seen.center_logits, *seen.pyramid, *cloud_and_pixels, cameras)


def _prediction(parts: Parts) -> HandsPrediction:
    vertices, joints, roots_m, centers, *others = parts
    assert vertices is not None
    assert joints is not None
    assert roots_m is not None
    assert centers is not None
    return HandsPrediction(vertices, joints, roots_m, centers, *others)


def _present(parts: Parts) -> list[bool]:
    return [part is not None for part in parts]


def _without_gaps(parts: Parts) -> list[Tensor]:
    return [part for part in parts if part is not None]


def _with_gaps(tensors: Iterable[Tensor], present: Sequence[bool]) -> Parts:
    """The tensors again where they were, None in between."""
    following = iter(tensors)
    return [next(following) if is_there else None for is_there in present]
