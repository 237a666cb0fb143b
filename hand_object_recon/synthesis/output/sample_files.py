"""A frame with its truth as the files of one sample of a webdataset, and back.

``rgb.png`` 8-bit colour, ``depth.png`` 16-bit whole millimetres (0: no reading), ``mask.png`` 8-bit
``MaskLabel``, ``clean_depth.png`` 16-bit tenths of a millimetre, ``truth.npz`` everything else.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any, Final
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide

RGB_FILE: Final = "rgb.png"
DEPTH_FILE: Final = "depth.png"
MASK_FILE: Final = "mask.png"
CLEAN_DEPTH_FILE: Final = "clean_depth.png"
TRUTH_FILE: Final = "truth.npz"

HAND_ARRAYS: Final = (
    "joints_m",
    "vertices_m",
    "pose_rad",
    "shape",
    "translation_m",
    "joint_visible",
    "finger_occluded",
    "visible_share",
    "touching",
    "contact_vertices",
)
_DEPTH_STEP_M: Final = np.float32(1e-3)
_CLEAN_DEPTH_STEP_M: Final = np.float32(1e-4)
_MOST_STEPS: Final = 2**16 - 1
_CAMERA_FIELDS: Final = ("width", "height", "fx", "fy", "cx", "cy")
_PNG_COMPRESSION: Final = [cv2.IMWRITE_PNG_COMPRESSION, 1]

Arrays = dict[str, NDArray[Any]]


def sample_files(annotated: AnnotatedFrame) -> dict[str, bytes]:
    """Content of each file by its ending; the same frame gives the same bytes.

    Raises
    ------
    InvalidValueError
        A hand lacks a part of its truth, or the frame its mask or true depth.
    """
    frame, truth = annotated.frame, annotated.truth
    if truth.mask is None or truth.clean_depth_m is None:
        raise InvalidValueError(f"frame {truth.stamp_ns} has no mask or no true depth; give both")
    return {
        RGB_FILE: _png(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)),
        DEPTH_FILE: _png(_steps(frame.depth_m, _DEPTH_STEP_M)),
        MASK_FILE: _png(truth.mask),
        CLEAN_DEPTH_FILE: _png(_steps(truth.clean_depth_m, _CLEAN_DEPTH_STEP_M)),
        TRUTH_FILE: _npz(_truth_arrays(annotated)),
    }


def annotated_frame(files: Mapping[str, Any]) -> AnnotatedFrame:
    """The frame of a sample: a mapping of endings to bytes, as webdataset yields it undecoded.

    Colour, measured depth, mask and arrays are those that were written to the last bit, true
    depth to 0.05 mm as far as 6.55 m.

    Raises
    ------
    InvalidValueError
        A file is missing or damaged; the message names the sample.
    """
    key = str(files.get("__key__", "?"))
    try:
        with np.load(io.BytesIO(files[TRUTH_FILE]), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        rgb = cv2.cvtColor(_image(files, RGB_FILE, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        depth = _image(files, DEPTH_FILE)
        clean = _image(files, CLEAN_DEPTH_FILE)
        mask = _image(files, MASK_FILE)
    except (KeyError, ValueError, OSError, EOFError, BadZipFile, cv2.error) as error:
        raise InvalidValueError(f"sample {key} is incomplete or damaged: {error}") from None
    depth_m = depth.astype(np.float32) * _DEPTH_STEP_M
    depth_m[depth == 0] = np.nan
    stamp_ns = int(arrays["stamp_ns"])
    frame = RgbdFrame(
        rgb.astype(np.uint8), depth_m, _camera(arrays), stamp_ns, str(arrays["frame_id"])
    )
    truth = FrameAnnotation(
        stamp_ns=stamp_ns,
        hands=tuple(_hand(arrays, row) for row in range(len(arrays["side"]))),
        objects=tuple(_object(arrays, row) for row in range(len(arrays["object_name"]))),
        mask=mask.astype(np.uint8),
        clean_depth_m=clean.astype(np.float32) * _CLEAN_DEPTH_STEP_M,
    )
    return AnnotatedFrame(frame, truth, str(arrays["sequence"]))


def sides_text(sides: Iterable[HandSide]) -> str:
    """Sides as a truth file holds them: their names in order, a space between."""
    return " ".join(sorted(str(side) for side in sides))


def _steps(depth_m: NDArray[np.float32], step_m: np.float32) -> NDArray[np.uint16]:
    steps = np.round(np.nan_to_num(depth_m, nan=0.0) / step_m)
    return np.clip(steps, 0, _MOST_STEPS).astype(np.uint16)


def _png(image: NDArray[Any]) -> bytes:
    _, data = cv2.imencode(".png", image, _PNG_COMPRESSION)
    return data.tobytes()


def _image(files: Mapping[str, Any], name: str, mode: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any]:
    image = cv2.imdecode(np.frombuffer(files[name], dtype=np.uint8), mode)
    if image is None:
        raise ValueError(f"{name} is not an image")
    return np.asarray(image)


def _npz(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _truth_arrays(annotated: AnnotatedFrame) -> Arrays:
    camera, hands = annotated.frame.camera, annotated.truth.hands
    arrays = {
        "stamp_ns": np.array(annotated.truth.stamp_ns),
        "sequence": np.array(annotated.sequence),
        "frame_id": np.array(annotated.frame.frame_id),
        "camera": np.array([getattr(camera, name) for name in _CAMERA_FIELDS]),
        "side": np.array([str(hand.side) for hand in hands], dtype=np.str_),
        "topology": np.array([hand.topology for hand in hands], dtype=np.str_),
        **{name: np.array([_known(hand, name) for hand in hands]) for name in HAND_ARRAYS},
    }
    return arrays | _object_arrays(annotated.truth.objects)


def _known(hand: HandAnnotation, name: str) -> Any:
    value = getattr(hand, name)
    if value is None:
        raise InvalidValueError(f"true {hand.side} hand lacks {name}; a sample holds all of it")
    return value


def _object_arrays(objects: tuple[ObjectAnnotation, ...]) -> Arrays:
    arrays: Arrays = {
        "object_name": np.array([one.name for one in objects], dtype=np.str_),
        "object_category": np.array([one.category for one in objects], dtype=np.str_),
        "object_pose": np.array([one.pose for one in objects]).reshape(-1, 4, 4),
        "object_held_by": np.array([sides_text(one.held_by or ()) for one in objects], np.str_),
    }
    for row, one in enumerate(objects):
        if one.vertex_visible is not None:
            arrays[f"object_{row}_vertex_visible"] = one.vertex_visible
        arrays[f"object_{row}_vertices_m"] = one.vertices_m
        arrays[f"object_{row}_faces"] = one.faces
    return arrays


def _camera(arrays: Arrays) -> CameraIntrinsics:
    width, height, *pinhole = arrays["camera"].tolist()
    return CameraIntrinsics(int(width), int(height), *pinhole)


def _hand(arrays: Arrays, row: int) -> HandAnnotation:
    values = {name: arrays[name][row] for name in HAND_ARRAYS}
    values["visible_share"] = float(values["visible_share"])
    return HandAnnotation(
        side=HandSide(str(arrays["side"][row])), topology=str(arrays["topology"][row]), **values
    )


def _object(arrays: Arrays, row: int) -> ObjectAnnotation:
    return ObjectAnnotation(
        name=str(arrays["object_name"][row]),
        pose=arrays["object_pose"][row],
        vertices_m=arrays[f"object_{row}_vertices_m"],
        faces=arrays[f"object_{row}_faces"],
        category=str(arrays["object_category"][row]),
        held_by=_held_by(arrays, row),
        vertex_visible=arrays.get(f"object_{row}_vertex_visible"),
    )


def _held_by(arrays: Arrays, row: int) -> frozenset[HandSide] | None:
    """None in samples that were made before this was kept."""
    if "object_held_by" not in arrays:
        return None
    return frozenset(HandSide(side) for side in str(arrays["object_held_by"][row]).split())
