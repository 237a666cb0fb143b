"""Which frames a data set's evaluation server wants, in which order and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hand_object_recon.core.errors import InvalidValueError

if TYPE_CHECKING:
    from hand_object_recon.datasets.base import Dataset
    from hand_object_recon.evaluation.benchmarking.submission_checks import ExpectedFrames
    from hand_object_recon.evaluation.benchmarking.submissions import Server, SubmittedFrame


class ServerSplit(NamedTuple):
    """Name of a server, and of the split that it scores."""

    server: str
    split: str


SERVER_OF: Final[Mapping[str, ServerSplit]] = {
    "ho3d_v2": ServerSplit("ho3d", "evaluation"),
    "ho3d_v3": ServerSplit("ho3d", "evaluation"),
    "freihand": ServerSplit("freihand", "evaluation"),
    "h2o": ServerSplit("h2o", "test"),
}
"""By name of the data set."""


def submitted_frames(
    server: Server, identity: Mapping[str, Any]
) -> tuple[SubmittedFrame, ...] | None:
    """The frames that the server wants of an evaluation; None of one of no published data set,
    which is written as it is stored.

    identity
        What was evaluated, as its folder tells.

    Raises
    ------
    InvalidValueError
        Something else was evaluated than the whole split that the server scores.
    DatasetError
        The data set's lists are not where they were.
    """
    from hand_object_recon.datasets.choice import DatasetChoice
    from hand_object_recon.datasets.registry import open_dataset

    if "dataset" not in identity:
        return None
    choice = DatasetChoice.model_validate(identity["dataset"])
    wanted = [
        f"{name} {scored.split}"
        for name, scored in SERVER_OF.items()
        if scored.server == str(server)
    ]
    if f"{choice.name} {choice.split}" not in wanted or choice.every > 1 or choice.sequences:
        raise InvalidValueError(
            f"the results are of {choice.name} {choice.split} (every {choice.every}); the server "
            f"scores all of {' or '.join(wanted)}"
        )
    dataset = open_dataset(choice)
    return _by_action(dataset) if choice.name == "h2o" else _in_order(dataset)


def expected_frames(name: str, data: Path | None) -> ExpectedFrames:
    """What a submission for a data set must hold.

    data
        Folder of H2O, where its list of actions is.
    """
    from hand_object_recon.datasets.h2o_actions import read_test_actions
    from hand_object_recon.datasets.registry import dataset_card
    from hand_object_recon.evaluation.benchmarking.submission_checks import ExpectedFrames

    (count,) = dataset_card(name).splits[SERVER_OF[name].split].frames
    if data is None:
        return ExpectedFrames(count)
    if name != "h2o":
        raise InvalidValueError(f"--data {data} is for h2o; leave it out for {name}")
    actions = read_test_actions(data)
    return ExpectedFrames(count, {action.number: action.files() for action in actions})


def _in_order(dataset: Dataset) -> tuple[SubmittedFrame, ...]:
    from hand_object_recon.evaluation.benchmarking.submissions import SubmittedFrame

    places = (dataset.place(index) for index in range(len(dataset)))
    return tuple(
        SubmittedFrame(dataset.sequence(place).name, dataset.stamp_ns(place)) for place in places
    )


def _by_action(dataset: Dataset) -> tuple[SubmittedFrame, ...]:
    from hand_object_recon.datasets.h2o_actions import read_test_actions
    from hand_object_recon.evaluation.benchmarking.submissions import SubmittedFrame

    places = [dataset.place(index) for index in range(len(dataset))]
    place_of = {(dataset.sequence(place).folder, place.number): place for place in places}
    frames = []
    for action in read_test_actions(dataset.path):
        for number, file in zip(action.frames, action.files(), strict=True):
            place = place_of.get((f"{action.take}/cam4", number))
            if place is None:
                raise InvalidValueError(
                    f"frame {number} of {action.take}, which is of action {action.number}, is not "
                    f"in the split {dataset.choice.split}; take both lists of one version"
                )
            name = dataset.sequence(place).name
            frames.append(SubmittedFrame(name, dataset.stamp_ns(place), action.number, file))
    return tuple(frames)
