"""The report of an evaluation, put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone

from hand_object_recon.core.hands import HandTopology
from hand_object_recon.evaluation.benchmarking.evaluation import Evaluation
from hand_object_recon.evaluation.benchmarking.frame_source import FrameSource
from hand_object_recon.evaluation.benchmarking.report_charts import (
    condition_charts,
    joint_bars,
    latency_bars,
    object_motion_chart,
    pck_charts,
    time_charts,
)
from hand_object_recon.evaluation.benchmarking.report_frames import (
    frame_pictures,
    frame_scenes,
    shown_hands,
)
from hand_object_recon.evaluation.benchmarking.report_tables import (
    detection_table,
    difference_table,
    key_numbers,
    kinds_table,
    score_tables,
    sequence_table,
)
from hand_object_recon.evaluation.machine import machine_description, version_table
from hand_object_recon.visualization.report.document import (
    Block,
    Fact,
    Note,
    Report,
    Section,
)

_MOST_PROBLEMS = 5


def evaluation_report(
    evaluation: Evaluation,
    topologies: Mapping[str, HandTopology],
    source: FrameSource | None = None,
    command: str = "",
) -> Report:
    """Everything there is to see of an evaluation.

    topologies
        Triangles of the true hand meshes, as far as they are known.
    source
        Where pictures are taken from; without it there are none.
    command
        The command line, to be printed.
    """
    sections = [
        _accuracy_section(evaluation),
        Section("Where the error lies", tuple(_dependence_blocks(evaluation))),
        Section("Frames", tuple(_frame_blocks(evaluation, topologies, source))),
        Section("Latency", tuple(latency_bars(evaluation)), _latency_text(evaluation)),
    ]
    return Report(
        title=f"Evaluation on {evaluation.source}",
        subtitle=", ".join(item.name for item in evaluation.reconstructors),
        sections=tuple(section for section in sections if section.blocks),
        facts=tuple(_facts(evaluation, command)),
    )


def _accuracy_section(evaluation: Evaluation) -> Section:
    blocks: list[Block] = [Note(text) for text in _notes(evaluation)]
    if len(evaluation.reconstructors) == 1:
        blocks.append(key_numbers(evaluation.reconstructors[0]))
    blocks += score_tables(evaluation)
    blocks.append(detection_table(evaluation))
    blocks += _there((difference_table(evaluation),))
    blocks += pck_charts(evaluation)
    return Section(
        "Accuracy",
        tuple(blocks),
        "Brackets are 95 % bootstrap intervals, drawn over sequences, or over blocks of "
        "neighbouring frames where there are few sequences. Errors in mm are over hands with an "
        "estimate; the others stand beside the count of frames, here of true hands.",
    )


def _dependence_blocks(evaluation: Evaluation) -> Iterator[Block]:
    yield from time_charts(evaluation)
    yield from _there((object_motion_chart(evaluation),))
    yield from condition_charts(evaluation)
    yield joint_bars(evaluation)
    yield from _there((kinds_table(evaluation), sequence_table(evaluation)))


def _frame_blocks(
    evaluation: Evaluation, topologies: Mapping[str, HandTopology], source: FrameSource | None
) -> Iterator[Block]:
    for item in evaluation.reconstructors:
        chosen = shown_hands(item.hands)
        pictures = None if source is None else frame_pictures(item, chosen, source)
        yield from _there((pictures, frame_scenes(item, chosen, topologies)))


def _notes(evaluation: Evaluation) -> Iterator[str]:
    for item in evaluation.reconstructors:
        invalid = int(item.hands.joints.invalid.sum())
        if invalid:
            yield (
                f"{item.name}: {invalid} of {len(item.hands)} hands have an estimate that holds "
                "NaN or infinite values; they are left out of the errors and counted as missing"
            )
        for problem, count in list(item.problems.items())[:_MOST_PROBLEMS]:
            yield f"{item.name}: {count} frames could not be used: {problem}"


def _facts(evaluation: Evaluation, command: str) -> Iterator[Fact]:
    machine, versions = machine_description(), version_table()
    if command:
        yield Fact("command", command)
    yield Fact("date", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"))
    sequences = len(evaluation.sequences)
    yield Fact(
        "truth",
        f"{evaluation.true_hands} hands in {evaluation.annotated_frames} frames of "
        f"{sequences} sequence{'s' if sequences > 1 else ''}",
    )
    yield Fact(
        "machine",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB",
    )
    yield Fact("system", str(machine["system"]))
    known = {name: version for name, version in versions.items() if version is not None}
    yield Fact("versions", ", ".join(f"{name} {version}" for name, version in known.items()))


def _latency_text(evaluation: Evaluation) -> str:
    text = (
        "Wall time of each stage on this machine while the evaluation ran; with several workers, "
        "or beside other work, frames wait for each other and take longer. Reading is decoding, or "
        "making the frame."
    )
    if evaluation.is_video:
        return text
    return f"{text} Every image is begun anew, and the times hold what a method does at its start."


def _there(blocks: Sequence[Block | None]) -> list[Block]:
    return [block for block in blocks if block is not None]
