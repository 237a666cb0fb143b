"""Geometry stays in single precision where networks are computed in less."""

from __future__ import annotations

import torch
from torch import Tensor

from hand_object_recon.geometry.single_precision import in_single_precision


def turned(points_m: Tensor, rotation: Tensor) -> Tensor:
    return points_m @ rotation.mT


IN_FRONT_M = torch.tensor([[[0.0013, 0.0027, 1.0041]]])
IDENTITY = torch.eye(3)[None]


def test_products_are_rounded_in_mixed_precision_and_not_in_single_precision() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        rounded = turned(IN_FRONT_M, IDENTITY)
        kept = in_single_precision(turned)(IN_FRONT_M, rotation=IDENTITY)

    assert rounded.dtype == torch.bfloat16
    assert kept.dtype == torch.float32
    torch.testing.assert_close(kept, IN_FRONT_M, rtol=0.0, atol=1e-7)


def test_half_precision_arguments_are_widened() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        kept = in_single_precision(turned)(IN_FRONT_M.bfloat16(), IDENTITY.bfloat16())

    assert kept.dtype == torch.float32


def test_without_mixed_precision_half_precision_stays_half() -> None:
    assert in_single_precision(turned)(IN_FRONT_M.half(), IDENTITY.half()).dtype == torch.float16


def test_numbers_and_integers_pass_as_they_are() -> None:
    def chosen(values: Tensor, place: Tensor, factor: float) -> Tensor:
        assert place.dtype == torch.int64
        return factor * values[place]

    with torch.autocast("cpu", torch.bfloat16):
        kept = in_single_precision(chosen)(torch.ones(3).bfloat16(), torch.tensor([2]), factor=0.5)

    torch.testing.assert_close(kept, torch.tensor([0.5]))


def test_gradients_pass_through() -> None:
    points_m = IN_FRONT_M.clone().requires_grad_()

    with torch.autocast("cpu", torch.bfloat16):
        in_single_precision(turned)(points_m, IDENTITY).sum().backward()

    torch.testing.assert_close(points_m.grad, torch.ones_like(points_m))
