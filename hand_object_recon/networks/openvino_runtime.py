"""Networks run by OpenVINO on a CPU in a fraction of torch's time.

In single precision they give the same numbers as torch's. OpenVINO would go over to bfloat16 by
itself where the CPU has it, which moves answers by about a hundredth, so that is a choice here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from hand_object_recon.core.errors import DependencyError

Precision = Literal["f32", "bf16"]


_PRECISIONS: Final[Mapping[str, Precision]] = {"openvino": "f32", "openvino_bf16": "bf16"}


def precision_of(runtime: str) -> Precision | None:
    """What a setting ``runtime`` computes with; None where it is not OpenVINO's."""
    return _PRECISIONS.get(runtime)


def compiled_for_cpu(
    network: nn.Module, examples: Sequence[Tensor], precision: Precision = "f32"
) -> Callable[..., list[Tensor]]:
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
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": precision,
    }
    compiled = openvino.compile_model(model, "CPU", settings)

    def run(*tensors: Tensor) -> list[Tensor]:
        results: Any = compiled([tensor.numpy() for tensor in tensors])
        return [torch.from_numpy(results[place]) for place in range(len(compiled.outputs))]

    return run
