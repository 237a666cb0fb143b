"""Coarse features to finer ones by transposed convolutions."""

from __future__ import annotations

from torch import nn


def upsampling(channels_in: int, channels_out: int, doublings: int) -> nn.Sequential:
    """Transposed convolutions that double the size so many times, with batch norm and ReLU."""
    layers: list[nn.Module] = []
    for _ in range(doublings):
        layers += [
            nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
        ]
        channels_in = channels_out
    return nn.Sequential(*layers)
