"""Networks run by OpenVINO on a CPU: the same numbers as torch's in a fraction of the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hand_object_recon.core.errors import DependencyError


def compiled_for_cpu(network: nn.Module, examples: Sequence[Tensor]) -> Callable[..., list[Tensor]]:
    """A network of tensors, compiled; it takes batches of any size and as many threads as torch.

    It is traced with the examples, so it must do the same for every batch, use all of its
    arguments and return tensors only.

    Raises
    ------
    DependencyError
        OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError:
        raise DependencyError(
            "the runtime openvino is not installed; install hand_object_recon[openvino], or set "
            "the runtime to torch"
        ) from None
    model = openvino.convert_model(network.eval(), example_input=tuple(examples))
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = openvino.compile_model(model, "CPU", settings)

    def run(*tensors: Tensor) -> list[Tensor]:
        results: Any = compiled([tensor.numpy() for tensor in tensors])
        return [torch.from_numpy(results[place]) for place in range(len(compiled.outputs))]

    return run
