"""Images as networks see them that began with ImageNet's classes."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

CHANNEL_MEANS: Final = (0.485, 0.456, 0.406)
CHANNEL_DEVIATIONS: Final = (0.229, 0.224, 0.225)
"""Of red, green and blue from 0 to 1, as for ImageNet."""


def normalised(images: Tensor) -> Tensor:
    """(..., 3, H, W) red, green and blue from 0 to 255, as the network sees them."""
    means, deviations = (
        torch.tensor(values, device=images.device)[:, None, None]
        for values in (CHANNEL_MEANS, CHANNEL_DEVIATIONS)
    )
    return (images.float() / 255.0 - means) / deviations
