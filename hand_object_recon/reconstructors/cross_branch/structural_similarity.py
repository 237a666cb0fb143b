"""How alike the structure of two pictures is: SSIM (Wang et al., "Image Quality Assessment", 2004).

Its window is a Gaussian of 1.5 pixels, cut off at 5, the constants are those of the paper.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

_DEVIATION_PX: Final = 1.5
_RADIUS_PX: Final = 5
_MEAN_SHARE: Final = 0.01
_VARIANCE_SHARE: Final = 0.03


def structural_similarity(first: Tensor, second: Tensor, span: float) -> Tensor:
    """(B, H, W) similarity around each pixel of two (B, H, W) pictures, 1 where they are the same.

    span: the difference between the largest and the least value that a picture may have.
    """
    products = (first, second, first * first, second * second, first * second)
    mean_a, mean_b, square_a, square_b, product = _blurred(torch.stack(products, dim=1)).unbind(1)
    variance_a, variance_b = square_a - mean_a * mean_a, square_b - mean_b * mean_b
    covariance = product - mean_a * mean_b
    of_means, of_variances = (_MEAN_SHARE * span) ** 2, (_VARIANCE_SHARE * span) ** 2
    likeness = (2.0 * mean_a * mean_b + of_means) * (2.0 * covariance + of_variances)
    size = (mean_a * mean_a + mean_b * mean_b + of_means) * (variance_a + variance_b + of_variances)
    return likeness / size


def _blurred(pictures: Tensor) -> Tensor:
    """(B, C, H, W) local means; beyond the edge a picture is mirrored."""
    channels = pictures.shape[1]
    offsets = torch.arange(-_RADIUS_PX, _RADIUS_PX + 1, device=pictures.device)
    weights = torch.exp(-0.5 * (offsets / _DEVIATION_PX) ** 2).to(pictures.dtype)
    row = (weights / weights.sum()).expand(channels, 1, 1, -1)
    padded = functional.pad(pictures, (_RADIUS_PX,) * 4, mode="reflect")
    along = functional.conv2d(padded, row, groups=channels)
    return functional.conv2d(along, row.mT, groups=channels)
