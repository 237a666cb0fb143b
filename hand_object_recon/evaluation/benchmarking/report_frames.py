"""The best and the worst frames: pictures with overlays, and surfaces to turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import BoundingBox, HandTopology
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.evaluation.benchmarking.evaluation import ScoredReconstructor
from hand_object_recon.evaluation.benchmarking.frame_source import FrameSource
from hand_object_recon.evaluation.benchmarking.paired_hands import PairedHands
from hand_object_recon.evaluation.benchmarking.skeleton_mesh import skeleton_mesh
from hand_object_recon.evaluation.metrics.point_errors import (
    MM_PER_M,
    mean_point_error,
    procrustes_error,
)
from hand_object_recon.evaluation.surface_distance import distances_to_surface
from hand_object_recon.geometry.projection import project
from hand_object_recon.visualization.overlay import draw_overlay
from hand_object_recon.visualization.palette import (
    OBJECT_COLOR,
    REFERENCE_COLOR,
    SIDE_COLORS,
    TEXT_COLOR,
)
from hand_object_recon.visualization.report.document import (
    Fact,
    Frames,
    Mesh,
    Meshes,
    Picture,
    Scene,
)

_TRUE_OBJECT_COLOR: Final = (126, 160, 205)

_BEST: Final = 2
_WORST: Final = 4
_MISSED: Final = 2
_SUBPIXEL_BITS: Final = 4
_NS_PER_S: Final = 1e9
_APART_NS: Final = 250_000_000
_MARGIN: Final = 0.35
_LEAST_SHARE: Final = 0.4


@dataclass(frozen=True)
class ShownHand:
    """A hand worth showing: its row, and in a word why."""

    row: int
    why: str


def shown_hands(hands: PairedHands) -> list[ShownHand]:
    """The worst, a few that were missed, and the best, at least a quarter of a second apart."""
    errors = mean_point_error(hands.joints).per_sample
    found = np.flatnonzero(np.isfinite(errors))
    rising = found[np.argsort(errors[found], kind="stable")].tolist()
    missed = np.flatnonzero(~np.isfinite(errors)).tolist()
    shown: list[ShownHand] = []
    for why, rows, count in (
        ("worst", rising[::-1], _WORST),
        ("missed", missed, _MISSED),
        ("best", rising, _BEST),
    ):
        _add_first(shown, why, rows, count, hands)
    return shown


def frame_pictures(
    item: ScoredReconstructor,
    chosen: Sequence[ShownHand],
    source: FrameSource,
) -> Frames | None:
    """The frames of these hands with the estimate and the true skeleton drawn in; None without."""
    images = _images(item.hands, chosen, source)
    pictures = [
        _picture(item, hand, images[_frame(item.hands, hand.row)])
        for hand in chosen
        if _frame(item.hands, hand.row) in images
    ]
    if not pictures:
        return None
    return Frames(
        f"Worst and best frames, {item.name}",
        tuple(pictures),
        "Cut out around the hand. The estimate is painted and has coloured bones; white bones are "
        "the truth.",
    )


def frame_scenes(
    item: ScoredReconstructor,
    chosen: Sequence[ShownHand],
    true_topologies: Mapping[str, HandTopology],
) -> Meshes | None:
    """The same hands as surfaces with the distance to the truth as colour; None without."""
    scenes = [
        _scene(item, hand, true_topologies) for hand in chosen if item.hands.joints.usable[hand.row]
    ]
    if not scenes:
        return None
    return Meshes(
        f"In space, {item.name}",
        tuple(scenes),
        "Colour is the distance of each estimated vertex to the true surface, or to the nearest "
        "true vertex where the truth's triangles are not known; the truth is then its bones.",
    )


def _add_first(
    shown: list[ShownHand], why: str, rows: Sequence[int], count: int, hands: PairedHands
) -> None:
    """Add the first of ``rows`` that are not near one shown already, at most ``count``."""
    for row in rows:
        if count and not any(_are_near(hands, row, other.row) for other in shown):
            shown.append(ShownHand(row, why))
            count -= 1


def _are_near(hands: PairedHands, row: int, other: int) -> bool:
    sequence, stamp_ns = _frame(hands, row)
    other_sequence, other_stamp_ns = _frame(hands, other)
    return sequence == other_sequence and abs(stamp_ns - other_stamp_ns) < _APART_NS


def _images(
    hands: PairedHands, chosen: Sequence[ShownHand], source: FrameSource
) -> dict[tuple[int, int], RgbdFrame]:
    wanted: dict[int, list[int]] = {}
    for hand in chosen:
        number, stamp_ns = _frame(hands, hand.row)
        wanted.setdefault(number, []).append(stamp_ns)
    return {
        (number, frame.stamp_ns): frame
        for number, stamps_ns in wanted.items()
        for frame in source.frames(hands.sequences[number].name, stamps_ns)
        if isinstance(frame, RgbdFrame)
    }


def _picture(item: ScoredReconstructor, hand: ShownHand, frame: RgbdFrame) -> Picture:
    number, stamp_ns = _frame(item.hands, hand.row)
    sequence = item.hands.sequences[number]
    try:
        reconstruction = sequence.results.reconstruction_at(stamp_ns)
        image = draw_overlay(frame, reconstruction, item.topologies)
    except InvalidValueError:  # a result with NaN cannot be drawn; its numbers say so
        image = frame.rgb.copy()
    truth = sequence.truth.hands
    for row in np.flatnonzero(truth.stamps_ns == stamp_ns).tolist():
        _draw_bones(image, truth.joints_m[row], frame.camera)
    shown = cropped(image, item.hands.joints.truth_m[hand.row], frame.camera)
    return Picture(_caption(item.hands, hand), shown, tuple(_facts(item.hands, hand.row)))


def cropped(
    image: NDArray[np.uint8], points_m: NDArray[Any], camera: CameraIntrinsics
) -> NDArray[np.uint8]:
    """The part around points (N, 3) in the picture's own proportions, two fifths of it or more."""
    pixels = project(points_m, camera)
    if not np.isfinite(pixels).all():
        return image
    box = BoundingBox.around(pixels).grown(_MARGIN)
    height, width = image.shape[:2]
    share = float(np.clip(max(box.width / width, box.height / height), _LEAST_SHARE, 1.0))
    size = np.round(share * np.array([width, height])).astype(int)
    corner = np.clip(np.round(box.center - 0.5 * size), 0, (width, height) - size).astype(int)
    (left, top), (right, bottom) = corner.tolist(), (corner + size).tolist()
    return np.ascontiguousarray(image[top:bottom, left:right])


def _draw_bones(image: NDArray[np.uint8], joints_m: NDArray[Any], camera: CameraIntrinsics) -> None:
    if not (joints_m[:, 2] > 0).all():
        return
    scaled = np.clip(project(joints_m, camera) * (1 << _SUBPIXEL_BITS), -(2**24), 2**24)
    points = np.round(scaled).astype(int).tolist()
    for parent, child in BONES:
        cv2.line(image, points[parent], points[child], TEXT_COLOR, 1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _scene(
    item: ScoredReconstructor, hand: ShownHand, true_topologies: Mapping[str, HandTopology]
) -> Scene:
    hands, row = item.hands, hand.row
    pair = hands.pairs[row]
    sequence = hands.sequences[pair.sequence]
    true_name = sequence.truth.hands.topologies[pair.row]
    true_vertices = hands.true_vertices_m(row)
    true_faces = _faces_of(true_topologies, true_name, len(true_vertices))
    estimate = hands.estimated_vertices_m(row)
    error_mm = None
    if len(true_vertices):
        error_m = _distances(estimate, true_vertices, true_faces)
        error_mm = (MM_PER_M * error_m).astype(np.float32)
    faces = item.topologies[hands.estimated_topology(row)].faces
    side = sequence.results.side(pair.estimate) if pair.estimate is not None else None
    meshes = [
        Mesh(
            "estimate",
            estimate.astype(np.float32),
            faces,
            SIDE_COLORS[side] if side is not None else OBJECT_COLOR,
            "estimate",
            error_mm,
        ),
        _true_mesh(true_vertices, true_faces, hands.joints.truth_m[row]),
        *_object_meshes(item, row),
    ]
    return Scene(_caption(hands, hand), tuple(meshes), tuple(_facts(hands, row)))


def _true_mesh(
    vertices: NDArray[Any], faces: NDArray[np.int32] | None, joints_m: NDArray[Any]
) -> Mesh:
    if faces is None:
        vertices, faces = skeleton_mesh(joints_m)
    return Mesh("truth", vertices.astype(np.float32), faces, REFERENCE_COLOR, "truth")


def _object_meshes(item: ScoredReconstructor, row: int) -> Iterator[Mesh]:
    number, stamp_ns = _frame(item.hands, row)
    sequence = item.hands.sequences[number]
    for thing in sequence.results.objects_at(stamp_ns).tolist():
        vertices, faces = sequence.results.object_mesh(thing)
        if np.isfinite(vertices).all():
            yield Mesh("estimated object", vertices, faces, OBJECT_COLOR, "estimate")
    objects = sequence.truth.objects
    for thing in np.flatnonzero(objects.stamps_ns == stamp_ns).tolist():
        mesh = objects.mesh_of(thing)
        vertices = mesh.vertices_m.astype(np.float32)
        yield Mesh("true object", vertices, mesh.faces, _TRUE_OBJECT_COLOR, "truth")


def _faces_of(
    topologies: Mapping[str, HandTopology], name: str, vertex_count: int
) -> NDArray[np.int32] | None:
    topology = topologies.get(name)
    return None if topology is None or topology.vertex_count != vertex_count else topology.faces


def _distances(
    points: NDArray[Any], true_vertices: NDArray[Any], true_faces: NDArray[np.int32] | None
) -> NDArray[Any]:
    if true_faces is not None:
        return distances_to_surface(points, true_vertices, true_faces)
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(true_vertices).query(points)[0])


def _caption(hands: PairedHands, hand: ShownHand) -> str:
    number, stamp_ns = _frame(hands, hand.row)
    sequence = hands.sequences[number]
    seconds = (stamp_ns - int(sequence.truth.frame_stamps_ns[0])) / _NS_PER_S
    place = f"{sequence.name}, {seconds:.2f} s"
    side = hands.sides[hand.row]
    return f"{hand.why.capitalize()}: {place}" + (f", {side} hand" if side is not None else "")


def _facts(hands: PairedHands, row: int) -> Iterator[Fact]:
    error = mean_point_error(hands.joints).per_sample[row]
    if np.isfinite(error):
        yield Fact("MPJPE", f"{error:.1f} mm")
        yield Fact("PA-MPJPE", f"{procrustes_error(hands.joints).per_sample[row]:.1f} mm")
    else:
        yield Fact("estimate", "none" if hands.sides[row] is None else "none of its side")
    yield Fact("distance", f"{hands.distance_m[row]:.2f} m")
    if np.isfinite(hands.visible_share[row]):
        yield Fact("occluded", f"{100 * (1 - hands.visible_share[row]):.0f} %")
    if np.isfinite(hands.speed_m_s[row]):
        yield Fact("speed", f"{hands.speed_m_s[row]:.2f} m/s")


def _frame(hands: PairedHands, row: int) -> tuple[int, int]:
    return int(hands.sequence_numbers[row]), int(hands.stamps_ns[row])
