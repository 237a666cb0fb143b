"""``play``: send a recording into a ROS graph, as its camera would have."""

from __future__ import annotations

from enum import Enum
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from hand_object_recon.cli.options import RecordingPath
from hand_object_recon.cli.signals import INTERRUPTED, stopping_on_signals

if TYPE_CHECKING:
    from hand_object_recon.dds.player import PlayedPass, RecordingPlayer

_WORTH_SAYING_MS = 100.0


class _Reliability(str, Enum):
    RECORDED = "recorded"
    RELIABLE = "reliable"
    BEST_EFFORT = "best_effort"


class _Stamps(str, Enum):
    RECORDED = "recorded"
    NOW = "now"


def play(
    recording: RecordingPath,
    rate: Annotated[float, typer.Option(help="2 plays twice as fast.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Play again and again.")] = False,
    start: Annotated[
        float, typer.Option(metavar="SECONDS", help="Begin so long after the first message.")
    ] = 0.0,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="End so long after the start.")
    ] = None,
    topics: Annotated[
        list[str] | None, typer.Option(help="Play only this topic; may be repeated.")
    ] = None,
    stamp: Annotated[
        _Stamps, typer.Option(help="Leave the stamps as recorded, or move them to now.")
    ] = _Stamps.RECORDED,
    clock: Annotated[
        bool, typer.Option("--clock", help="Tell the recording's time on /clock.")
    ] = False,
    qos: Annotated[
        _Reliability, typer.Option(help="Reliability of the topics played.")
    ] = _Reliability.RECORDED,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.0, help="Longest wait for a subscriber.")
    ] = 2.0,
    domain: Annotated[
        int | None, typer.Option(help="DDS domain; ROS_DOMAIN_ID or 0 if not given.")
    ] = None,
) -> None:
    """Play a recording into a ROS 2 graph, without a ROS installation."""
    from hand_object_recon.dds.join import join_graph
    from hand_object_recon.dds.player import PlaySettings, RecordingPlayer

    settings = PlaySettings(
        rate=rate,
        start_s=start,
        duration_s=duration,
        topics=tuple(topics or ()),
        stamps=stamp.value,
        reliability=qos.value,
        has_clock=clock,
        subscriber_wait_s=wait,
    )
    with join_graph(domain) as transport, RecordingPlayer(recording, transport, settings) as player:
        _say_what_is_played(player)
        if not player.wait_for_subscriber():
            typer.echo("nobody subscribes yet; playing all the same")
        is_stopped = Event()
        with stopping_on_signals(is_stopped.set):
            _say(player.play(is_stopped.is_set))
            while loop and not is_stopped.is_set():
                _say(player.play(is_stopped.is_set))
    if is_stopped.is_set():
        raise typer.Exit(INTERRUPTED)


def _say_what_is_played(player: RecordingPlayer) -> None:
    for topic, message_type in player.topics.items():
        typer.echo(f"{topic} ({message_type})")
    for topic, reason in player.left_out.items():
        typer.echo(f"{topic} is left out: {reason}", err=True)


def _say(played: PlayedPass) -> None:
    late = f", at most {played.latest_ms:.0f} ms late" * (played.latest_ms > _WORTH_SAYING_MS)
    typer.echo(f"{played.messages} messages played{late}")
