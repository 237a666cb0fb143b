"""Diagnostics say what is wrong, how fast it is, and under which licences."""

from __future__ import annotations

from dataclasses import replace

from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.messages.diagnostics import StatusLevel
from hand_object_recon.pipeline.live.diagnostics import diagnostic_statuses
from hand_object_recon.pipeline.live.statistics import FrameCounts, LiveSnapshot, Percentiles

RUNNING = LiveSnapshot(
    state="active",
    rate_hz=29.97,
    stage_ms={"detect": Percentiles(10.0, 12.0, 15.0), "total": Percentiles(20.0, 25.0, 31.0)},
    age_ms=Percentiles(40.0, 50.0, 60.0),
    counts=FrameCounts(processed=100, replaced=3, unpaired_depth=2),
    gpu_memory_mb=512.0,
    reconstructor=PluginCard("rgbd_fit", "fits", "Apache-2.0"),
    hand_model="mano",
    hand_model_licence="research only",
)


def test_a_running_pipeline_is_ok_and_shows_rate_latency_losses_and_licences() -> None:
    source, pipeline = diagnostic_statuses(RUNNING, "hands")
    assert (source.level, pipeline.level) == (StatusLevel.OK, StatusLevel.OK)
    assert (source.name, pipeline.name) == ("hands: input", "hands: pipeline")
    assert pipeline.summary == "30.0 Hz"
    assert (source.values["replaced"], source.values["unpaired_depth"]) == ("3", "2")
    assert pipeline.values["latency of detect"] == "p50 10.0 ms, p95 12.0 ms, p99 15.0 ms"
    assert pipeline.values["age when published"].startswith("p50 40.0 ms")
    assert pipeline.values["GPU memory"] == "512 MB"
    assert pipeline.values["reconstructor licence"] == "Apache-2.0"
    assert pipeline.values["hand model licence"] == "research only"


def test_troubles_are_a_warning_with_their_text() -> None:
    troubled = replace(RUNNING, troubles={"depth": "no depth; start it"}, rate_hz=0.0)
    source, pipeline = diagnostic_statuses(troubled, "hands")
    assert (source.level, source.summary) == (StatusLevel.WARN, "no depth; start it")
    assert source.values["depth"] == "no depth; start it"
    assert (pipeline.level, pipeline.summary) == (StatusLevel.WARN, "no frames")


def test_an_inactive_pipeline_is_no_trouble() -> None:
    idle = replace(
        RUNNING, state="inactive", rate_hz=0.0, age_ms=None, gpu_memory_mb=None, reconstructor=None
    )
    _, pipeline = diagnostic_statuses(idle, "hands")
    assert (pipeline.level, pipeline.summary) == (StatusLevel.OK, "inactive")
    assert not {"age when published", "GPU memory", "reconstructor"} & set(pipeline.values)
