"""The device that a setting asks for."""

from __future__ import annotations

from typing import Literal

import torch

from hand_object_recon.core.errors import ConfigError


def device_of(choice: Literal["auto", "cpu", "cuda"], setting: str) -> torch.device:
    """CUDA where it is asked for, or there with ``auto``; else the CPU.

    setting
        Its name, for the error.

    Raises
    ------
    ConfigError
        CUDA is asked for and not there.
    """
    has_cuda = torch.cuda.is_available()
    if choice == "cuda" and not has_cuda:
        raise ConfigError(
            f"{setting} is 'cuda', and torch finds no CUDA device; set it to 'cpu' or 'auto'"
        )
    return torch.device("cuda" if has_cuda and choice != "cpu" else "cpu")
