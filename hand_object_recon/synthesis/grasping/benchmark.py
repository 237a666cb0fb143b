"""How good synthesized grasps are, and how fast they come.

``python -m hand_object_recon.synthesis.grasping.benchmark --count 1500 --seed 1`` prints, by type
of grasp, how many of the grasps tried on random objects of the train split are accepted and why
the others are not, and what the accepted ones measure on the meshes. ``--tracks FILE`` adds the
same distances of tracked real pinches, ``--sheet FILE.png`` draws some.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from hand_object_recon.core.errors import HandObjectReconError, InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.synthesis.grasping.exact_measures import ExactMeasures, measure_exactly
from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.grasping.grasp_objects import GraspObjects
from hand_object_recon.synthesis.grasping.grasp_sheet import grasp_sheet
from hand_object_recon.synthesis.grasping.grasp_types import GraspType
from hand_object_recon.synthesis.grasping.judgement import Rejection
from hand_object_recon.synthesis.grasping.real_pinches import RealPinch, read_real_pinches
from hand_object_recon.synthesis.grasping.synthesis import (
    BATCH,
    GraspRequest,
    synthesize_grasps,
)
from hand_object_recon.synthesis.objects.catalogue import draw_object
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.visualization.images import save_image

_TRIES_AT_ONCE: Final = BATCH * len(GraspType)
_OBJECTS_AT_ONCE: Final = 24
_MM: Final = 1e3
_CM3: Final = 1e6


@dataclass(frozen=True)
class GraspRecord:
    """One accepted grasp with its object and what it measures on the meshes."""

    shape: ObjectShape
    grasp: Grasp
    measures: ExactMeasures


@dataclass(frozen=True)
class GraspBenchmark:
    """tried: how many grasps of each type; synthesis_s: time they took, without the objects."""

    tried: Counter[GraspType]
    rejections: Counter[tuple[GraspType, Rejection]]
    records: tuple[GraspRecord, ...]
    synthesis_s: float

    def of_type(self, grasp_type: GraspType) -> tuple[GraspRecord, ...]:
        return tuple(one for one in self.records if one.grasp.grasp_type is grasp_type)


def run_grasp_benchmark(
    count: int, seed: int, on_grasp: Callable[[int], None] = lambda done: None
) -> GraspBenchmark:
    """Try grasps of all types until ``count`` are accepted, 24 new objects in each round.

    on_grasp
        Called with the number of accepted grasps after each round, for a progress display.
    """
    if count < 1:
        raise InvalidValueError(f"count of grasps is {count}; ask for 1 or more")
    tried: Counter[GraspType] = Counter()
    rejections: Counter[tuple[GraspType, Rejection]] = Counter()
    records: list[GraspRecord] = []
    synthesis_s, number = 0.0, 0
    while len(records) < count:
        random = np.random.default_rng((seed, number))
        shapes = _draw_objects(random)
        objects = GraspObjects.of(shapes)
        requests = _draw_requests(random)
        start = time.perf_counter()
        trials = synthesize_grasps(objects, requests)
        synthesis_s += time.perf_counter() - start
        tried.update(request.grasp_type for request in requests)
        rejections.update(trials.rejections)
        for request, grasp in zip(requests, trials.grasps, strict=True):
            if grasp is not None:
                shape = shapes[request.object_number]
                records.append(GraspRecord(shape, grasp, measure_exactly(shape, grasp)))
        number += 1
        on_grasp(len(records))
    return GraspBenchmark(tried, rejections, tuple(records), synthesis_s)


def report(benchmark: GraspBenchmark, pinches: Sequence[RealPinch]) -> str:
    """The tables: by type, by reason of rejection, and beside real pinches where there are any."""
    accepted, seconds = len(benchmark.records), benchmark.synthesis_s
    lines = [
        *_type_table(benchmark),
        "",
        *_rejection_table(benchmark),
        "",
        f"{accepted} accepted grasps in {seconds:.0f} s: {accepted / seconds:.1f} in a second",
    ]
    if pinches:
        lines += ["", *_pinch_table(benchmark, pinches)]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its tables and draw the sheet asked for."""
    options = _options(arguments)
    try:
        pinches = () if options.tracks is None else read_real_pinches(options.tracks)
        benchmark = run_grasp_benchmark(options.count, options.seed, _show_progress)
        print(file=sys.stderr)
        print(report(benchmark, pinches))
        if options.sheet is not None:
            records = _draw_records(benchmark, options.sheet_grasps, options.seed)
            pairs = [(record.shape, record.grasp) for record in records]
            save_image(options.sheet, grasp_sheet(pairs), png_compression=9)
    except HandObjectReconError as error:
        sys.exit(f"error: {error}")


def _draw_objects(random: np.random.Generator) -> list[ObjectShape]:
    seeds = random.choice(10**6, size=_OBJECTS_AT_ONCE, replace=False)
    return [draw_object(int(seed), "train") for seed in seeds]


def _draw_requests(random: np.random.Generator) -> list[GraspRequest]:
    types, sides = list(GraspType), list(HandSide)
    return [
        GraspRequest(
            object_number=int(random.integers(_OBJECTS_AT_ONCE)),
            grasp_type=types[number % len(types)],
            side=sides[int(random.integers(2))],
            seed=int(random.integers(2**31)),
        )
        for number in range(_TRIES_AT_ONCE)
    ]


def _draw_records(benchmark: GraspBenchmark, count: int, seed: int) -> tuple[GraspRecord, ...]:
    """Random accepted grasps, as many of each type as there are, in order of type."""
    random = np.random.default_rng(seed)
    chosen: list[GraspRecord] = []
    for place, grasp_type in enumerate(GraspType):
        of_type = benchmark.of_type(grasp_type)
        share = (count - len(chosen)) // (len(GraspType) - place)
        places = random.choice(len(of_type), size=min(share, len(of_type)), replace=False)
        chosen += [of_type[int(one)] for one in places]
    return tuple(chosen)


def _type_table(benchmark: GraspBenchmark) -> list[str]:
    rows = [
        f"{'Type':<12}{'tried':>7}{'accepted':>10}{'fingers':>9}"
        f"{'depth mm':>10}{'95 %':>7}{'most':>7}{'overlap cm³':>13}"
    ]
    for grasp_type in GraspType:
        tried = benchmark.tried[grasp_type]
        rows.append(_type_row(str(grasp_type), tried, benchmark.of_type(grasp_type)))
    return [*rows, _type_row("all", benchmark.tried.total(), benchmark.records)]


def _type_row(name: str, tried: int, records: Sequence[GraspRecord]) -> str:
    start = f"{name:<12}{tried:>7}{len(records) / max(tried, 1):>10.0%}"
    if not records:
        return start
    measures = [record.measures for record in records]
    depths = _MM * np.array([one.penetration_m for one in measures])
    fingers = np.mean([one.touching_fingers for one in measures])
    overlap = _CM3 * np.mean([one.overlap_m3 for one in measures])
    return (
        f"{start}{fingers:>9.1f}{depths.mean():>10.2f}{np.percentile(depths, 95):>7.2f}"
        f"{depths.max():>7.2f}{overlap:>13.2f}"
    )


def _rejection_table(benchmark: GraspBenchmark) -> list[str]:
    header = f"{'Rejected because':<40}" + "".join(f"{one!s:>11}" for one in GraspType)
    rows = [
        f"{reason!s:<40}" + "".join(f"{benchmark.rejections[one, reason]:>11}" for one in GraspType)
        for reason in Rejection
    ]
    return [header, *rows]


def _pinch_table(benchmark: GraspBenchmark, pinches: Sequence[RealPinch]) -> list[str]:
    own = [record.measures.tips_m for record in benchmark.of_type(GraspType.PINCH)]
    sets = {f"real {one.object_name} {one.name}": one.tips_m for one in pinches}
    if own:
        sets["synthesized pinches"] = np.stack(own)
    rows = [f"{'Finger tip to surface, mm':<28}{'frames':>8}{'thumb':>14}{'index':>14}"]
    for name, tips in sets.items():
        mean, spread = _MM * tips.mean(axis=0), _MM * tips.std(axis=0)
        cells = (f"{mean[one]:>8.1f} ± {spread[one]:.1f}" for one in range(2))
        rows.append(f"{name:<28}{len(tips):>8}" + "".join(f"{cell:>14}" for cell in cells))
    return rows


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="accepted grasps to measure")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random")
    parser.add_argument("--tracks", type=Path, help="tracks.npz of real pinches to compare with")
    parser.add_argument("--sheet", type=Path, help="picture of accepted grasps to write")
    parser.add_argument("--sheet-grasps", type=int, default=24, help="grasps on the picture")
    return parser.parse_args(arguments)


def _show_progress(done: int) -> None:
    print(f"\r{done} grasps accepted", end="", file=sys.stderr)


if __name__ == "__main__":
    main()
