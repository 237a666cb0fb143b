"""The data sets ``evaluate dataset`` knows by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import InvalidValueError

if TYPE_CHECKING:
    from hand_object_recon.core.annotation import AnnotatedFrame
    from hand_object_recon.datasets.base import Dataset
    from hand_object_recon.datasets.choice import DatasetChoice
    from hand_object_recon.evaluation.benchmarking.frame_source import FrameSource

_SPLITS: Final = ("train", "val", "test")
_CAMERA: Final = "realsense_d435"


RECORDINGS: Final = "recordings"
"""Where in an evaluation's folder the recordings are that were made for it."""


@dataclass(frozen=True)
class SequenceRequest:
    """How many videos are to be made, and of how many frames each."""

    count: int
    frames: int


@dataclass(frozen=True)
class DatasetRequest:
    """What is asked for on the command line.

    path
        None where the frames are to be made and not read.
    frames
        How many are made; of files, all are taken.
    sequences
        Videos to be made instead of single frames, as recordings in ``recordings`` by so many
        ``workers``.
    every, models, hand_model
        Of a published data set: each how manieth frame of a sequence, folder of objects' meshes,
        name of the imported MANO.
    """

    path: Path | None
    split: str
    frames: int
    config: PipelineConfig
    sequences: SequenceRequest | None = None
    recordings: Path = Path(RECORDINGS)
    workers: int = 1
    every: int = 1
    models: Path | None = None
    hand_model: str = "mano"


def open_dataset(name: str, request: DatasetRequest) -> FrameSource:
    """The data set of this name.

    Raises
    ------
    InvalidValueError
        No data set has this name, or it does not have what is asked for.
    RecordingError
        Its files are not there.
    """
    if name not in DATASETS:
        return _published(name, request)
    if request.every > 1 or request.models is not None:
        raise InvalidValueError(
            f"--every {request.every} and --models {request.models} are for published data sets; "
            f"leave them out for {name}"
        )
    return DATASETS[name](request)


@dataclass(frozen=True)
class SyntheticShards:
    """Shards that ``synthesize`` wrote, a sequence each."""

    folder: Path

    def identity(self) -> Mapping[str, Any]:
        return {"shards": str(self.folder)}

    def sequences(self) -> tuple[str, ...]:
        return tuple(path.stem for path in sorted(self.folder.glob("shard-*.tar")))

    def read(self, sequence: str) -> Iterator[AnnotatedFrame]:
        from hand_object_recon.synthesis.output.shards import read_shards

        return read_shards([self.folder / f"{sequence}.tar"])


@dataclass(frozen=True)
class MadeFrames:
    """The first frames of a split, made when they are needed; a sequence is of one take."""

    split: str
    frames: int

    def identity(self) -> Mapping[str, Any]:
        from hand_object_recon.synthesis.output.settings import TEST_SPLIT_VERSION

        return {
            "split": self.split,
            "frames": self.frames,
            "test_split_version": TEST_SPLIT_VERSION,
        }

    def sequences(self) -> tuple[str, ...]:
        return tuple(f"take_{number:05d}" for number in range(len(self._takes())))

    def read(self, sequence: str) -> Iterator[AnnotatedFrame]:
        from hand_object_recon.synthesis.output.samples import SampleSource
        from hand_object_recon.synthesis.output.settings import SampleSettings

        source = SampleSource(SampleSettings(split=self.split))  # type: ignore[arg-type]
        for index in self._takes()[int(sequence.rpartition("_")[2])]:
            yield source.sample(index)

    def _takes(self) -> list[range]:
        from hand_object_recon.synthesis.output.samples import FRAMES_PER_TAKE

        indices = range(self.frames)
        return [
            indices[at : at + FRAMES_PER_TAKE] for at in range(0, len(indices), FRAMES_PER_TAKE)
        ]


@dataclass(frozen=True)
class PublishedSequences:
    """A published data set; each process indexes it once."""

    choice: DatasetChoice

    def identity(self) -> Mapping[str, Any]:
        return {"dataset": self.choice.identity()}

    def sequences(self) -> tuple[str, ...]:
        return self._dataset().sequences

    def read(self, sequence: str) -> Iterator[AnnotatedFrame]:
        return self._dataset().read(sequence)

    def _dataset(self) -> Dataset:
        from hand_object_recon.datasets.registry import open_dataset

        return open_dataset(self.choice)


def _published(name: str, request: DatasetRequest) -> FrameSource:
    """A data set of the room ``datasets``, read from the user's folder."""
    from hand_object_recon.datasets.choice import DatasetChoice
    from hand_object_recon.datasets.registry import dataset_card, dataset_names
    from hand_object_recon.evaluation.benchmarking.annotated_source import AnnotatedSource

    if name not in dataset_names():
        known = ", ".join((*sorted(DATASETS), *dataset_names()))
        raise InvalidValueError(f"data set {name!r} is not known; known are {known}")
    if request.path is None:
        raise InvalidValueError(
            f"{name} is read from a folder: give PATH (get it from {dataset_card(name).page})"
        )
    if request.sequences is not None:
        raise InvalidValueError(f"--sequences makes synthetic videos; leave it out for {name}")
    choice = DatasetChoice(
        name=name,
        path=request.path,
        split=request.split,
        every=request.every,
        models=request.models,
        hand_model=request.hand_model,
    )
    source = PublishedSequences(choice)
    source.sequences()
    return AnnotatedSource(f"{name} {request.split}", source, dataset_card(name).is_video)


def _synthetic(request: DatasetRequest) -> FrameSource:
    """Shards, recordings, or without a path frames that are made here."""
    from hand_object_recon.evaluation.benchmarking.annotated_source import AnnotatedSource
    from hand_object_recon.evaluation.benchmarking.recording_source import recording_folder

    if request.split not in _SPLITS:
        raise InvalidValueError(f"split is {request.split!r}; it must be one of {_SPLITS}")
    if request.sequences is not None:
        return _made_sequences(request, request.sequences)
    if request.path is None:
        if request.frames < 1:
            raise InvalidValueError(f"frames are {request.frames}; there must be at least one")
        made = MadeFrames(request.split, request.frames)
        return AnnotatedSource(f"synthetic {request.split}", made, is_video=False)
    shards = SyntheticShards(request.path)
    if shards.sequences():
        return AnnotatedSource("synthetic shards", shards, is_video=False)
    return recording_folder(request.path, request.config)


def _made_sequences(request: DatasetRequest, wanted: SequenceRequest) -> FrameSource:
    """Recordings of objects turned in the hand, made now unless they are there already."""
    from hand_object_recon.cli.synthesize import make_sequences
    from hand_object_recon.evaluation.benchmarking.recording_source import recording_folder
    from hand_object_recon.synthesis.cameras import named_camera
    from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice

    if request.path is not None:
        raise InvalidValueError(
            f"sequences are made where no PATH is given; leave out {request.path} or --sequences"
        )
    settings = SampleSettings(
        split=request.split,  # type: ignore[arg-type]
        scene=SceneChoice.TURNING,
        image_size_px=None,
        camera=named_camera(_CAMERA),
    )
    make_sequences(request.recordings, settings, wanted.count, wanted.frames, request.workers)
    source = recording_folder(request.recordings, request.config)
    return replace(source, name=f"synthetic {request.split} sequences")


DATASETS: Final[Mapping[str, Callable[[DatasetRequest], FrameSource]]] = {"synthetic": _synthetic}
