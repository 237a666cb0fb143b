"""How many frames a second are made: ``python -m hand_object_recon.synthesis.output.rate``."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Sequence

from hand_object_recon.synthesis.output.samples import FRAMES_PER_TAKE, SampleSource
from hand_object_recon.synthesis.output.settings import SampleSettings


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the rate of processes side by side, each with takes of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=128, help="frames of each process")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--size", type=int, default=256, help="side of the pictures, pixels")
    chosen = parser.parse_args(arguments)
    requests = [(number, chosen.frames, chosen.size) for number in range(chosen.processes)]
    with multiprocessing.get_context("spawn").Pool(chosen.processes) as pool:
        seconds = pool.map(_seconds, requests)
    rates = [chosen.frames / each for each in seconds]
    print(
        f"{sum(rates):.1f} frames/s of {chosen.size}x{chosen.size} by {chosen.processes} "
        f"processes: {', '.join(f'{1e3 / rate:.1f} ms a frame' for rate in rates)}"
    )


def _seconds(request: tuple[int, int, int]) -> float:
    """Time of making frames, the first take, which loads everything, left out."""
    number, frames, size = request
    source = SampleSource(SampleSettings("train", seed=number, image_size_px=size))
    source.sample(0)
    start_s = time.perf_counter()
    for index in range(FRAMES_PER_TAKE, FRAMES_PER_TAKE + frames):
        source.sample(index)
    return time.perf_counter() - start_s


if __name__ == "__main__":
    main()
