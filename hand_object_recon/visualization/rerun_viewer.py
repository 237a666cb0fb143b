"""Frames and their reconstructions in the Rerun viewer, live or kept in an ``.rrd`` file."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.core.hands import HandDetection, HandEstimate, HandTopology
from hand_object_recon.core.keypoints import BONES, KEYPOINT_COUNT
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.visualization.frame_meshes import NamedMesh, frame_meshes
from hand_object_recon.visualization.object_views import label_of, vertices_in_camera
from hand_object_recon.visualization.palette import (
    CONTACT_COLOR,
    SIDE_COLORS,
    keypoint_color,
    part_color,
)

_APPLICATION: Final = "hand_object_recon"
_PORT: Final = 9876
_INSTALL: Final = "pip install 'hand_object_recon[viewer]'"

_START_LIMIT_S: Final = 10.0
_POLL_S: Final = 0.1
_SETTLING_S: Final = 1.0  # it listens first, and then looks for a screen

_JPEG_QUALITY: Final = 85
_MILLIMETRES_PER_METRE: Final = 1000.0
_JOINT_RADIUS_M: Final = 0.003
_BONE_RADIUS_M: Final = 0.0015
_CONTACT_RADIUS_M: Final = 0.0045
_NORMAL_LENGTH_M: Final = 0.02
_IMAGE_PLANE_M: Final = 0.15


def require_viewer(*, opens: bool, file: Path | None) -> None:
    """Check before any work is done that the viewer can be used as asked.

    Raises
    ------
    DependencyError
        Rerun, its viewer or the NumPy it needs is not installed, or there is no screen.
    InvalidValueError
        The file exists already, or does not end in ``.rrd``.
    """
    if importlib.util.find_spec("rerun") is None:
        raise DependencyError(f"the viewer needs Rerun, which is not installed: {_INSTALL}")
    if int(np.__version__.partition(".")[0]) < 2:
        raise DependencyError(
            f"the viewer needs NumPy 2, this is NumPy {np.__version__}: "
            f"{_INSTALL} into an environment with numpy>=2"
        )
    if opens and not _is_viewer_listening():
        _require_startable()
    if file is not None and file.suffix != ".rrd":
        raise InvalidValueError(f"viewer file is {file}; its name must end in .rrd")
    if file is not None and file.exists():
        raise InvalidValueError(f"viewer file {file} exists already; give another, or remove it")


def _require_startable() -> None:
    if not _has_screen():
        raise DependencyError(
            "the viewer needs a screen, and neither DISPLAY nor WAYLAND_DISPLAY is set; use "
            "--save-viewer FILE.rrd and open the file elsewhere, or forward port "
            f"{_PORT} to a machine on which rerun runs"
        )
    if _viewer_program() is None:
        raise DependencyError(
            f"the program rerun is neither beside {sys.executable} nor in PATH: {_INSTALL}"
        )


class RerunViewer:
    """Shows frames in a viewer that it opens, keeps them in a file, or both; a context manager.

    The world is the camera optical frame. Hands and objects stand in it under the names of
    ``frame_meshes``, the images and the detections under ``camera``, and the milliseconds of each
    stage under ``latency``. Every frame has its stamp on the timeline ``stamp`` and its place in
    the order of showing on ``frame``.

    topologies
        Those of every hand mesh that will be shown.

    Raises
    ------
    DependencyError
        The viewer cannot be started.
    InvalidValueError
        The file cannot be written.
    """

    def __init__(
        self, topologies: Iterable[HandTopology], *, opens: bool = False, file: Path | None = None
    ) -> None:
        import rerun

        self._rerun = rerun
        self._topologies = {topology.name: topology for topology in topologies}
        self._shown: set[str] = set()
        self._camera: CameraIntrinsics | None = None
        self._frames = 0
        self._recording = rerun.RecordingStream(_APPLICATION)
        self._open(opens, file)
        self._recording.log("/", rerun.ViewCoordinates.RDF, static=True)

    def show(
        self,
        frame: RgbdFrame,
        reconstruction: Reconstruction,
        detections: Mapping[int, HandDetection],
    ) -> None:
        """Add a frame with its reconstruction and the detections by track id.

        Raises
        ------
        InvalidValueError
            The topology of a hand is not given.
        """
        meshes = frame_meshes(reconstruction, self._topologies)
        self._recording.set_time("stamp", timestamp=np.datetime64(frame.stamp_ns, "ns"))
        self._recording.set_time("frame", sequence=self._frames)
        self._frames += 1
        self._log_camera(frame.camera)
        self._log_images(frame)
        shown = {self._log_detection(*item) for item in detections.items()}
        shown |= {self._log_mesh(mesh) for mesh in meshes}
        for hand in reconstruction.hands:
            self._log_skeleton(hand)
        for item in reconstruction.objects:
            self._log_contacts(item)
            self._log_label(item)
        for vanished in self._shown - shown:
            self._recording.log(vanished, self._rerun.Clear(recursive=True))
        self._shown = shown
        self._log_latency(reconstruction.stage_ms)

    def close(self) -> None:
        """Send or write what is waiting and end the recording."""
        self._recording.disconnect()

    def __enter__(self) -> RerunViewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, opens: bool, file: Path | None) -> None:
        sinks: list[Any] = []
        if opens:
            _start_viewer()
            sinks.append(self._rerun.GrpcSink(f"rerun+http://127.0.0.1:{_PORT}/proxy"))
        try:
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                sinks.append(self._rerun.FileSink(file))
            self._recording.set_sinks(*sinks, default_blueprint=_blueprint())
        except (OSError, RuntimeError) as error:
            raise InvalidValueError(f"viewer file {file} cannot be written: {error}") from None

    def _log_camera(self, camera: CameraIntrinsics) -> None:
        if camera == self._camera:
            return
        self._camera = camera
        pinhole = self._rerun.Pinhole(
            image_from_camera=camera.matrix,
            resolution=(camera.width, camera.height),
            camera_xyz=self._rerun.ViewCoordinates.RDF,
            image_plane_distance=_IMAGE_PLANE_M,
        )
        self._recording.log("camera", pinhole)

    def _log_images(self, frame: RgbdFrame) -> None:
        image = self._rerun.EncodedImage(contents=_jpeg(frame.rgb), media_type="image/jpeg")
        self._recording.log("camera/image", image)
        depth = self._rerun.DepthImage(_millimetres(frame.depth_m), meter=_MILLIMETRES_PER_METRE)
        self._recording.log("camera/depth", depth)

    def _log_detection(self, track_id: int, detection: HandDetection) -> str:
        box = detection.box
        entity = f"camera/detections/track_{track_id}"
        rectangle = self._rerun.Boxes2D(
            mins=[(box.x_min, box.y_min)],
            sizes=[(box.x_max - box.x_min, box.y_max - box.y_min)],
            colors=[SIDE_COLORS[detection.side]],
            labels=[f"{detection.side} #{track_id} {detection.score:.2f}"],
        )
        self._recording.log(entity, rectangle)
        return entity

    def _log_mesh(self, mesh: NamedMesh) -> str:
        entity = f"{mesh.name}/mesh"
        surface = self._rerun.Mesh3D(
            vertex_positions=mesh.vertices_m,
            vertex_normals=mesh.normals,
            triangle_indices=mesh.faces,
            albedo_factor=mesh.color if mesh.vertex_colors is None else None,
            vertex_colors=mesh.vertex_colors,
        )
        self._recording.log(entity, surface)
        return mesh.name

    def _log_skeleton(self, hand: HandEstimate) -> None:
        entity = f"hand_{hand.track_id}_{hand.side}"
        joints = self._rerun.Points3D(
            hand.joints_m,
            colors=[keypoint_color(index) for index in range(KEYPOINT_COUNT)],
            radii=_JOINT_RADIUS_M,
        )
        bones = self._rerun.LineStrips3D(
            hand.joints_m[np.array(BONES)],
            colors=[keypoint_color(child) for _, child in BONES],
            radii=_BONE_RADIUS_M,
        )
        self._recording.log(f"{entity}/joints", joints)
        self._recording.log(f"{entity}/skeleton", bones)

    def _log_contacts(self, item: ObjectEstimate) -> None:
        """Dots of the fingers' colours, with arrows along the surface's normals; none clears."""
        points_m = [contact.point_m for contact in item.contacts]
        dots = self._rerun.Points3D(
            points_m,
            colors=[part_color(contact.part) for contact in item.contacts],
            labels=[contact.part.name.lower() for contact in item.contacts],
            show_labels=False,
            radii=_CONTACT_RADIUS_M,
        )
        arrows = self._rerun.Arrows3D(
            origins=points_m,
            vectors=[_NORMAL_LENGTH_M * contact.normal for contact in item.contacts],
            colors=CONTACT_COLOR,
            radii=_BONE_RADIUS_M / 2,
        )
        self._recording.log(f"object_{item.track_id}/contacts", dots)
        self._recording.log(f"object_{item.track_id}/contact_normals", arrows)

    def _log_label(self, item: ObjectEstimate) -> None:
        place_m = vertices_in_camera(item).mean(axis=0) if len(item.faces) else item.pose[:3, 3]
        label = self._rerun.Points3D([place_m], labels=[label_of(item)], radii=0.0)
        self._recording.log(f"object_{item.track_id}/label", label)

    def _log_latency(self, stage_ms: Mapping[str, float]) -> None:
        for stage, milliseconds in {**stage_ms, "total": sum(stage_ms.values())}.items():
            self._recording.log(f"latency/{stage}", self._rerun.Scalars(milliseconds))


def _start_viewer() -> None:
    """Start a viewer that outlives this process, unless one listens, and wait until it does.

    ``rerun.spawn`` waits for ever for a viewer that finds no screen.
    """
    if _is_viewer_listening():
        return
    program = _viewer_program() or "rerun"
    try:
        viewer = subprocess.Popen(
            [program, "--port", str(_PORT)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise DependencyError(f"the Rerun viewer {program} cannot be started: {error}") from None
    deadline_s = time.monotonic() + _START_LIMIT_S
    while not _is_viewer_listening() and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    try:
        status = viewer.wait(_SETTLING_S)
    except subprocess.TimeoutExpired:
        return
    raise DependencyError(
        f"the Rerun viewer {program} ended at once with status {status}; is there a screen? "
        "--save-viewer FILE.rrd needs none"
    )


def _blueprint() -> Any:
    import rerun.blueprint as views

    space = views.Spatial3DView(
        origin="/", contents=["+ /**", "- /camera/detections/**"], name="Camera space"
    )
    image = views.Spatial2DView(
        origin="/camera", contents=["+ /camera/**", "- /camera/depth"], name="Image"
    )
    latency = views.TimeSeriesView(origin="/latency", name="Latency in ms")
    return views.Blueprint(
        views.Horizontal(space, views.Vertical(image, latency)),
        views.TimePanel(timeline="stamp"),
        collapse_panels=True,
    )


def _has_screen() -> bool:
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _viewer_program() -> str | None:
    """Of this environment, which is the viewer of the same version, or of PATH."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("rerun", path=beside) or shutil.which("rerun")


def _is_viewer_listening() -> bool:
    with socket.socket() as attempt:
        attempt.settimeout(0.2)
        return attempt.connect_ex(("127.0.0.1", _PORT)) == 0


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def _millimetres(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """(H, W) uint16, 0 where there is no reading, which Rerun shows as a hole."""
    millimetres = np.rint(np.nan_to_num(depth_m) * _MILLIMETRES_PER_METRE)
    return np.where(millimetres <= np.iinfo(np.uint16).max, millimetres, 0).astype(np.uint16)
