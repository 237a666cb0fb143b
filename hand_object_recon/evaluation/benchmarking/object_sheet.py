"""What was modelled of held objects, on one picture: a row for each sequence.

The colour frame with the estimate drawn over it, then hand and object from the camera's side, from
its left, from above and from behind, what was seen of the object and what was completed in colours
of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.benchmarking.evaluation_folder import EvaluationFolder
from hand_object_recon.evaluation.benchmarking.paired_hands import holders_by_stamp
from hand_object_recon.evaluation.benchmarking.recording_source import RecordingSource, TakeFiles
from hand_object_recon.evaluation.benchmarking.report_frames import cropped
from hand_object_recon.evaluation.benchmarking.result_columns import load_results
from hand_object_recon.evaluation.benchmarking.sequence_truth import load_sequence_truth
from hand_object_recon.visualization.images import save_image
from hand_object_recon.visualization.mesh_views import ViewFrame, write_label
from hand_object_recon.visualization.overlay import draw_overlay
from hand_object_recon.visualization.palette import (
    COMPLETED_COLOR,
    PAGE_COLOR,
    SEEN_COLOR,
    SKIN_COLOR,
)
from hand_object_recon.visualization.parts_view import MeshPart, parts_view

FloatArray = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]
Topologies = Mapping[str, HandTopology]

_VIEWS: Final[Mapping[str, FloatArray]] = {
    "front": np.eye(3),
    "left": np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    "top": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    "back": np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]]),
}
_HEIGHT_PX: Final = 180
_FILL: Final = 0.92
_SHOWN_AT: Final = 0.9
_LABEL_SCALE: Final = 0.4
_LABEL_PLACE_PX: Final = (6, 14)


def write_object_sheet(out: Path, folder: EvaluationFolder, most_rows: int) -> int:
    """Draw what the first reconstructor of an evaluation of recordings gave; return the rows.

    A sequence is shown nine tenths through the frames that have an object while the truth says
    that one is held, or of all that have one where no truth tells. Sequences without are left out.

    Raises
    ------
    RecordingError
        The folder holds no evaluation of recordings, or no object to show.
    InvalidValueError
        ``out`` does not end in an image format.
    """
    identity = folder.read_identity()
    name = next(iter(identity["config"]))
    source = _source(folder, identity, PipelineConfig(**identity["config"][name]))
    topologies = folder.read_topologies(name)
    rows: list[Image] = []
    for sequence in source.sequences():
        shown = _shown(folder, name, sequence)
        if shown is not None and len(rows) < most_rows:
            frame = _frame(source, sequence, shown.stamp_ns)
            rows.append(_row(sequence, frame, shown, topologies))
    if not rows:
        raise RecordingError(f"{folder.path}: {name} gave no object; there is nothing to draw")
    save_image(out, _of_one_width(rows))
    return len(rows)


def _source(
    folder: EvaluationFolder, identity: Mapping[str, Any], config: PipelineConfig
) -> RecordingSource:
    if "recordings" not in identity:
        raise RecordingError(
            f"{folder.path} is no evaluation of recordings, of which frames could be shown"
        )
    takes = {
        sequence: TakeFiles(Path(recording), folder.truth_file(sequence))
        for sequence, recording in identity["recordings"].items()
    }
    return RecordingSource(str(identity["source"]), takes, config)


def _shown(folder: EvaluationFolder, reconstructor: str, sequence: str) -> Reconstruction | None:
    results = load_results(folder.result_file(reconstructor, sequence))
    holders = holders_by_stamp(load_sequence_truth(folder.truth_file(sequence)).objects)
    stamps_ns = [
        stamp_ns
        for stamp_ns in results.stamps_ns.tolist()
        if len(results.objects_at(stamp_ns)) and (holders is None or holders.get(stamp_ns))
    ]
    if not stamps_ns:
        return None
    return results.reconstruction_at(stamps_ns[int(_SHOWN_AT * (len(stamps_ns) - 1))])


def _frame(source: RecordingSource, sequence: str, stamp_ns: int) -> RgbdFrame:
    for frame in source.frames(sequence, [stamp_ns]):
        if isinstance(frame, RgbdFrame):
            return frame
    raise RecordingError(f"sequence {sequence} has no frame at {stamp_ns} that can be decoded")


def _row(sequence: str, frame: RgbdFrame, shown: Reconstruction, topologies: Topologies) -> Image:
    parts = [*_hand_parts(shown, topologies), *_object_parts(shown.objects)]
    points = np.concatenate([part.vertices_m for part in parts])
    overlay = cropped(draw_overlay(frame, shown, topologies), points, frame.camera)
    width = round(_HEIGHT_PX * frame.camera.width / frame.camera.height)
    picture = cv2.resize(overlay, (width, _HEIGHT_PX), interpolation=cv2.INTER_AREA)
    views = [_view(parts, label, to_camera) for label, to_camera in _VIEWS.items()]
    write_label(views[0], sequence, (_LABEL_PLACE_PX[0], _HEIGHT_PX - 8), _LABEL_SCALE)
    return np.concatenate([picture.astype(np.uint8), *views], axis=1)


def _hand_parts(shown: Reconstruction, topologies: Topologies) -> Iterator[MeshPart]:
    for hand in shown.hands:
        yield MeshPart(hand.vertices_m, topologies[hand.topology].faces, SKIN_COLOR)


def _object_parts(objects: tuple[ObjectEstimate, ...]) -> Iterator[MeshPart]:
    """What was seen and what was completed; all of an object of which that is not told is seen."""
    for thing in objects:
        vertices = thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3]
        seen = _is_seen(thing)
        yield MeshPart(vertices, thing.faces[seen], SEEN_COLOR)
        yield MeshPart(vertices, thing.faces[~seen], COMPLETED_COLOR)


def _is_seen(thing: ObjectEstimate) -> NDArray[np.bool_]:
    """(F,) triangles with only seen corners."""
    if thing.vertex_seen is None:
        return np.ones(len(thing.faces), dtype=np.bool_)
    return np.asarray(thing.vertex_seen[thing.faces].all(axis=1))


def _view(parts: list[MeshPart], label: str, to_camera: FloatArray) -> Image:
    """All parts as large as they fit whatever side they are seen from."""
    points = np.concatenate([part.vertices_m for part in parts])
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    reach = float(np.linalg.norm(points - middle, axis=1).max())
    x, y, _ = (to_camera @ middle).tolist()
    scale = 0.5 * _FILL * _HEIGHT_PX / reach
    frame = ViewFrame(_HEIGHT_PX, _HEIGHT_PX, scale, (x, y))
    picture = parts_view(parts, to_camera, frame)
    write_label(picture, label, _LABEL_PLACE_PX, _LABEL_SCALE)
    return picture


def _of_one_width(rows: list[Image]) -> Image:
    """Rows under each other; recordings of other proportions have narrower ones."""
    width = max(row.shape[1] for row in rows)
    sheet = np.full((len(rows) * _HEIGHT_PX, width, 3), PAGE_COLOR, dtype=np.uint8)
    for number, row in enumerate(rows):
        sheet[number * _HEIGHT_PX : (number + 1) * _HEIGHT_PX, : row.shape[1]] = row
    return sheet
