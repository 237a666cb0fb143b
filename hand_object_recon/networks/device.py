"""The device that settings ask for."""

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


def device_for_runtime(
    choice: Literal["auto", "cpu", "cuda"], runtime: str, section: str
) -> torch.device:
    """The same for the ``device`` of a section of settings that has a ``runtime``, too.

    Raises
    ------
    ConfigError
        As above, or the runtime does not run there.
    """
    if runtime == "torch":
        return device_of(choice, f"{section}.device")
    if choice == "cuda":
        raise ConfigError(
            f"{section}.runtime {runtime!r} is for CPUs, and {section}.device is 'cuda'; set the "
            "runtime to 'torch' or the device to 'cpu'"
        )
    return torch.device("cpu")
