"""An object is a closed mesh about its centre of volume, and nothing else is accepted."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.objects.closed_mesh import (
    center_of_volume,
    require_closed,
    surface_area_m2,
    volume_m3,
)
from hand_object_recon.synthesis.objects.object_shape import ObjectShape, centered_object

CAPSULE = trimesh.creation.capsule(height=0.06, radius=0.02)
CAPSULE_FACES = CAPSULE.faces.astype(np.int32)


def capsule(**changes: object) -> ObjectShape:
    plain = centered_object("capsule-1", "capsule", CAPSULE.vertices, CAPSULE_FACES)
    values = {
        name: getattr(plain, name)
        for name in ("name", "category", "vertices_m", "faces", "volume_m3")
    }
    return ObjectShape(**{**values, **changes})  # type: ignore[arg-type]


def test_volume_area_and_centre_are_those_trimesh_finds() -> None:
    moved = CAPSULE.vertices + np.array([0.3, -0.2, 5.0])
    reference = trimesh.Trimesh(moved, CAPSULE.faces, process=False)
    assert volume_m3(moved, CAPSULE_FACES) == pytest.approx(reference.volume, rel=1e-9)
    assert surface_area_m2(moved, CAPSULE_FACES) == pytest.approx(reference.area, rel=1e-9)
    np.testing.assert_allclose(
        center_of_volume(moved, CAPSULE_FACES), reference.center_mass, atol=1e-9
    )


def test_an_object_lies_about_its_centre_of_volume() -> None:
    shape = centered_object("a", "b", CAPSULE.vertices + np.array([0.1, 0.2, 0.3]), CAPSULE_FACES)
    mesh = trimesh.Trimesh(shape.vertices_m, shape.faces, process=False)
    np.testing.assert_allclose(mesh.center_mass, 0.0, atol=1e-7)
    assert shape.volume_m3 == pytest.approx(CAPSULE.volume, rel=1e-5)


def test_arrays_are_read_only() -> None:
    shape = capsule()
    assert not shape.vertices_m.flags.writeable
    assert not shape.faces.flags.writeable


def test_a_hole_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="object capsule-1 has 3 open edges"):
        capsule(faces=CAPSULE_FACES[1:])


def test_a_face_turned_over_is_refused() -> None:
    faces = CAPSULE_FACES.copy()
    faces[0] = faces[0, ::-1]
    with pytest.raises(InvalidValueError, match="in the same direction"):
        capsule(faces=faces)


def test_faces_that_point_inwards_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="turn its faces outwards"):
        capsule(faces=CAPSULE_FACES[:, ::-1])


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_an_object_no_hand_can_hold_is_refused(scale: float) -> None:
    with pytest.raises(InvalidValueError, match="hand-held object spans 20 to 250 mm"):
        centered_object("a", "b", scale * CAPSULE.vertices, CAPSULE_FACES)


def test_a_volume_that_is_not_the_meshs_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="give the volume of the mesh"):
        capsule(volume_m3=2e-4)


def test_an_object_off_its_origin_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"5\.00 mm from its origin"):
        capsule(vertices_m=capsule().vertices_m + np.float32([0.0, 0.005, 0.0]))


def test_a_mesh_without_faces_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="nothing has no faces"):
        require_closed("nothing", np.zeros((0, 3), dtype=np.int32))
