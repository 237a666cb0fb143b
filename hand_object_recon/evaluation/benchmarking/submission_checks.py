"""Whether a submission file is what its server takes: form, counts, unit, axes, order of joints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.keypoints import KEYPOINT_COUNT, MIDDLE_MCP, WRIST
from hand_object_recon.evaluation.benchmarking.submissions import (
    FILE_IN_ZIP,
    MANO_VERTEX_COUNT,
    Server,
)
from hand_object_recon.evaluation.truth_checks import likely_order
from hand_object_recon.hand_model.joint_orders import convert_joints

FloatArray = NDArray[np.float64]

_ORDERS: Final = {Server.HO3D: "ho3d21", Server.FREIHAND: "openpose21", Server.H2O: "h2o21"}
_PALM_M: Final = (0.04, 0.16)  # wrist to knuckle of the middle finger
_UNITS: Final = {"centimetres": 100.0, "millimetres": 1000.0}
_MESH_BESIDE_M: Final = 0.15
_MODALITY: Final = "modality"
_SIDES: Final = ("left", "right")


class SubmissionFinding(NamedTuple):
    """is_problem: the server would refuse the file, or score what was not meant."""

    text: str
    is_problem: bool = True


@dataclass(frozen=True)
class ExpectedFrames:
    """What a server's split holds.

    count
        How many frames; None where that is not known.
    names
        Of H2O: the frames' files by action; None where the list of actions is not at hand.
    """

    count: int | None = None
    names: Mapping[str, Sequence[str]] | None = None


def check_submission(
    server: Server, path: Path, expected: ExpectedFrames
) -> tuple[SubmissionFinding, ...]:
    """All that is wrong with a file, and notes on what is odd; nothing for one that is right.

    path
        JSON, or a zip file with it.

    Raises
    ------
    RecordingError
        The file cannot be read.
    """
    try:
        content = json.loads(_text(server, path))
    except ValueError as error:
        return (SubmissionFinding(f"{path} is no JSON: {error}"),)
    checks = _h2o if server is Server.H2O else _one_hand
    return tuple(checks(server, content, expected))


def _text(server: Server, path: Path) -> bytes:
    """Of the file, or of what it should hold as a zip file."""
    name = FILE_IN_ZIP[server]
    try:
        if path.suffix != ".zip":
            return path.read_bytes()
        with ZipFile(path) as file:
            if name not in file.namelist():
                held = ", ".join(file.namelist()[:3]) or "nothing"
                raise RecordingError(
                    f"{path} holds {held}, not {name} by itself; zip it without its folder"
                )
            return file.read(name)
    except OSError as error:
        raise RecordingError(f"submission {path} cannot be read: {error.strerror}") from None
    except BadZipFile:
        raise RecordingError(f"submission {path} is no zip file; write it again") from None


def _one_hand(
    server: Server, content: Any, expected: ExpectedFrames
) -> Iterator[SubmissionFinding]:
    if not isinstance(content, list) or len(content) != 2:
        yield SubmissionFinding(
            f"the file holds {_described(content)}; it must be a list of two lists, the joints of "
            "each frame and the vertices of each frame"
        )
        return
    shapes = (("joints", (KEYPOINT_COUNT, 3)), ("vertices", (MANO_VERTEX_COUNT, 3)))
    arrays = []
    for (name, shape), rows in zip(shapes, content, strict=True):
        array, findings = _rows(name, rows, shape, expected.count)
        yield from findings
        arrays.append(array)
    joints, vertices = arrays
    if joints is None or vertices is None:
        return
    is_told = ~_is_one_place(joints)
    yield from _filled(int((~is_told).sum()), len(joints), "frames")
    yield from _hands(server, "", joints[is_told])
    if len(joints) == len(vertices):
        yield from _meshes(joints[is_told], vertices[is_told])


def _h2o(server: Server, content: Any, expected: ExpectedFrames) -> Iterator[SubmissionFinding]:
    if not isinstance(content, dict):
        yield SubmissionFinding(
            f"the file holds {_described(content)}; it must be an object of actions"
        )
        return
    if not isinstance(content.get(_MODALITY), str):
        yield SubmissionFinding('"modality" is missing; it says what was used, such as "RGBD"')
    actions = {name: frames for name, frames in content.items() if name != _MODALITY}
    rows: dict[tuple[str, str], Any] = {}
    for name, frames in actions.items():
        if not isinstance(frames, dict):
            yield SubmissionFinding(f"action {name!r} holds {_described(frames)}, not its frames")
            continue
        rows |= {(name, file): numbers for file, numbers in frames.items()}
    yield from _names(rows, expected)
    hands, findings = _rows("numbers", list(rows.values()), (2 * KEYPOINT_COUNT * 3,), None)
    yield from findings
    if hands is None:
        return
    by_side = hands.reshape(-1, 2, KEYPOINT_COUNT, 3)
    is_told = ~_is_one_place(by_side)
    yield from _filled(int((~is_told).sum()), is_told.size, "hands")
    for number, side in enumerate(_SIDES):
        yield from _hands(server, f"{side} ", by_side[is_told[:, number], number])
    yield from _sides(by_side[is_told.all(axis=1)])


def _names(
    rows: Mapping[tuple[str, str], Any], expected: ExpectedFrames
) -> Iterator[SubmissionFinding]:
    if expected.names is None:
        if expected.count is not None and len(rows) != expected.count:
            yield SubmissionFinding(f"the file has {len(rows)} frames, {expected.count} are wanted")
        return
    wanted = {(action, file) for action, files in expected.names.items() for file in files}
    for text, names in (("are missing", wanted - set(rows)), ("are too many", set(rows) - wanted)):
        if names:
            action, file = min(names)
            yield SubmissionFinding(
                f"{len(names)} frames {text}, the first is {file} of action {action}"
            )


def _rows(
    name: str, rows: Any, shape: tuple[int, ...], count: int | None
) -> tuple[FloatArray | None, list[SubmissionFinding]]:
    """(N, *shape) with what is wrong; None where they are no such rows."""
    if not isinstance(rows, list) or not rows:
        return None, [SubmissionFinding(f"{name} are {_described(rows)}, not a list of frames")]
    findings = []
    if count is not None and len(rows) != count:
        findings.append(SubmissionFinding(f"{name} are of {len(rows)} frames, {count} are wanted"))
    arrays = []
    for number, row in enumerate(rows):
        array = _array(row)
        if array is None or array.shape != shape:
            found = _described(row) if array is None else f"of shape {array.shape}"
            text = f"{name} of frame {number} are {found}; they must be numbers {shape}"
            return None, [*findings, SubmissionFinding(text)]
        arrays.append(array)
    values = np.array(arrays)
    is_finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if not is_finite.all():
        first = int(np.argmin(is_finite))
        text = f"{name} of {int((~is_finite).sum())} frames are not finite, first of frame {first}"
        return None, [*findings, SubmissionFinding(text)]
    return values, findings


def _hands(server: Server, side: str, joints: FloatArray) -> Iterator[SubmissionFinding]:
    """Of (N, 21, 3) joints in the server's order."""
    if not len(joints):
        return
    ours = convert_joints(joints, _ORDERS[server], "openpose21")
    likely = likely_order(joints, _ORDERS[server])
    if likely is not None:
        yield SubmissionFinding(
            f"{side}joints are not in the order of {_ORDERS[server]}: finger bones {likely}"
        )
        return
    palm = float(np.median(np.linalg.norm(ours[:, MIDDLE_MCP] - ours[:, WRIST], axis=1)))
    yield from _unit(side, palm)
    is_behind = float(np.median(ours[..., 2])) < 0.0
    if is_behind != (server is Server.HO3D):
        wanted = "OpenGL's, z backward" if server is Server.HO3D else "z forward"
        yield SubmissionFinding(
            f"most {side}hands have {'negative' if is_behind else 'positive'} z; the server's "
            f"camera frame is another ({wanted}): turn the signs of y and z"
        )


def _unit(side: str, palm: float) -> Iterator[SubmissionFinding]:
    least, most = _PALM_M
    if least <= palm <= most:
        return
    fitting = (name for name, times in _UNITS.items() if least <= palm / times <= most)
    unit = next(fitting, None)
    advice = f"they look like {unit}, and must be metres" if unit else "hands must be in metres"
    yield SubmissionFinding(
        f"from wrist to middle knuckle {side}hands measure {palm:.4g} (median); {advice}"
    )


def _meshes(joints: FloatArray, vertices: FloatArray) -> Iterator[SubmissionFinding]:
    is_empty = _is_one_place(vertices)
    if is_empty.any():
        yield SubmissionFinding(
            f"vertices of {int(is_empty.sum())} frames with joints are all at one place; scores of "
            "meshes mean nothing for them",
            is_problem=False,
        )
    told = ~is_empty
    if not told.any():
        return
    apart = np.linalg.norm(vertices[told].mean(axis=1) - joints[told].mean(axis=1), axis=1)
    if float(np.median(apart)) > _MESH_BESIDE_M:
        yield SubmissionFinding(
            f"vertices lie {np.median(apart):.3g} m from the joints (median); both must be in the "
            "same frame and unit"
        )


def _sides(hands: FloatArray) -> Iterator[SubmissionFinding]:
    """Of (N, 2, 21, 3) left and right hands of one person, as a camera on the head sees them."""
    if len(hands) and float(np.median(hands[:, 1, WRIST, 0] - hands[:, 0, WRIST, 0])) < 0.0:
        yield SubmissionFinding(
            "in most frames the right hand lies left of the left one; left hands come first",
            is_problem=False,
        )


def _filled(filled: int, count: int, what: str) -> Iterator[SubmissionFinding]:
    if filled:
        yield SubmissionFinding(
            f"{filled} of {count} {what} have all joints at one place, as if no hand was found",
            is_problem=False,
        )


def _is_one_place(points: FloatArray) -> NDArray[np.bool_]:
    """(...) of points (..., K, 3)."""
    return np.asarray(np.ptp(points, axis=-2).max(axis=-1) == 0.0)


def _array(row: Any) -> FloatArray | None:
    try:
        return np.array(row, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _described(value: Any) -> str:
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return type(value).__name__
