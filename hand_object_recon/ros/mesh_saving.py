"""The newest result as a mesh file."""

from __future__ import annotations

from pathlib import Path

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.pipeline.live.engine_events import LiveResult
from hand_object_recon.visualization.frame_meshes import frame_meshes
from hand_object_recon.visualization.mesh_files import write_mesh_file


def save_meshes(live: LiveResult, folder: Path) -> Path:
    """Write ``frame_<stamp_ns>.glb`` with all hands and objects, in metres, into the folder.

    Raises
    ------
    InvalidValueError
        There is no mesh in the result, or the file cannot be written.
    """
    reconstruction = live.result.reconstruction
    meshes = frame_meshes(reconstruction, live.topologies)
    if not meshes:
        raise InvalidValueError("there is no hand and no object in the newest frame")
    path = in_home(folder) / f"frame_{reconstruction.stamp_ns}.glb"
    about = {
        "unit": "metre",
        "frame_id": reconstruction.frame_id,
        "stamp_ns": str(reconstruction.stamp_ns),
        "method": reconstruction.method,
    }
    write_mesh_file(path, meshes, about)
    return path


def in_home(folder: Path) -> Path:
    """The folder, ``~`` and ``~user`` replaced.

    Raises
    ------
    InvalidValueError
        There is no such user, or no home.
    """
    try:
        return folder.expanduser()
    except RuntimeError as error:
        raise InvalidValueError(
            f"ros.mesh_folder is {folder}: {error}; give a whole path"
        ) from None
