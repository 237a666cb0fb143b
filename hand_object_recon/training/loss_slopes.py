"""How steep each loss is in each part of a network: ``python -m ... WEIGHTS --store DIR``.

What Adam makes of a sum of losses is what its steepest terms say. A term whose gradient is a
hundredth of another's in the layers they share is not learned there, whatever its value.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from hand_object_recon.networks.trainable import Batch, TrainableMethod
from hand_object_recon.networks.weights import fill_for_use, read_weights
from hand_object_recon.training.items import StoreItems
from hand_object_recon.training.methods import build_method
from hand_object_recon.training.store_scores import store_of


@dataclass(frozen=True)
class Slope:
    """Of a loss in a part of a network, over batches.

    length
        Mean length of the gradient.
    agreement
        Mean cosine between the gradients of different batches: 1 where all say the same, about 0
        where they are noise; NaN of a single batch.
    """

    length: float
    agreement: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table: losses down, parts across."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="of any method, trained as far as it is")
    parser.add_argument("--store", type=Path, required=True, help="as training made it")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--depth", type=int, default=1, help="how far names of parts go down")
    chosen = parser.parse_args(arguments)
    found = read_weights(chosen.weights)
    name, options = found.description["method"], found.description["options"]
    method = build_method(name, options)
    network = method.build_network()
    fill_for_use(network, found, chosen.weights)
    items = StoreItems(store_of(chosen.store, name), method, 0)
    batches = _batches(items, chosen.batch_size, chosen.batches)
    print(slope_table(loss_slopes(method, network, batches, chosen.depth)))


def loss_slopes(
    method: TrainableMethod, network: nn.Module, batches: Iterator[Batch], depth: int = 1
) -> dict[str, dict[str, Slope]]:
    """By loss and by part; parts are the first ``depth`` names of parameters.

    Parts that a loss does not reach are left out. The network learns nothing; it is in training
    mode, so its batch norms' means move.
    """
    network.train().requires_grad_(True)
    gradients: dict[str, dict[str, list[Tensor]]] = {}
    for batch in batches:
        for name, loss in method.losses(network, batch).items():
            network.zero_grad(set_to_none=True)
            loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
            for part, gradient in _by_part(network, depth).items():
                gradients.setdefault(name, {}).setdefault(part, []).append(gradient)
    return {
        name: {part: _slope(found) for part, found in parts.items()}
        for name, parts in gradients.items()
    }


def slope_table(slopes: Mapping[str, Mapping[str, Slope]]) -> str:
    """Markdown: length (agreement)."""
    parts = list(dict.fromkeys(part for of_loss in slopes.values() for part in of_loss))
    lines = [f"| | {' | '.join(parts)} |", "|---" * (len(parts) + 1) + "|"]
    for name, of_loss in slopes.items():
        cells = (_cell(of_loss[part]) if part in of_loss else "" for part in parts)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _batches(items: StoreItems, size: int, count: int) -> Iterator[Batch]:
    """Batches of different records spread over the store."""
    step = max(len(items) // (size * count), 1)
    for batch in range(count):
        numbers = ((batch + count * row) * step % len(items) for row in range(size))
        yield default_collate([items[0, number] for number in numbers])


def _by_part(network: nn.Module, depth: int) -> dict[str, Tensor]:
    """The gradients of each part, one after the other."""
    found: dict[str, list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            part = ".".join(name.split(".")[:depth])
            found.setdefault(part, []).append(parameter.grad.flatten())
    return {part: torch.cat(gradients).clone() for part, gradients in found.items()}


def _slope(gradients: list[Tensor]) -> Slope:
    lengths = [float(gradient.norm()) for gradient in gradients]
    cosines = [
        float(torch.nn.functional.cosine_similarity(one, other, dim=0))
        for place, one in enumerate(gradients)
        for other in gradients[:place]
        if len(one) == len(other)
    ]
    agreement = sum(cosines) / len(cosines) if cosines else float("nan")
    return Slope(sum(lengths) / len(lengths), agreement)


def _cell(slope: Slope) -> str:
    return f"{slope.length:.3g} ({slope.agreement:.2f})"


if __name__ == "__main__":
    main()
