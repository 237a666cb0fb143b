"""A USD layer holds the meshes as they are, for our own eyes and for Pixar's library."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.visualization.frame_meshes import NamedMesh
from hand_object_recon.visualization.usd_file import usda_bytes

ABOUT = {"unit": "metre", "frame": 'camera "left"\\optical', "method": "rgbd_fit"}


def tetrahedron(name: str, seed: int, color: tuple[int, int, int]) -> NamedMesh:
    random = np.random.default_rng(seed)
    normals = random.normal(size=(4, 3))
    return NamedMesh(
        name=name,
        vertices_m=random.normal(size=(4, 3)).astype(np.float32),
        normals=(normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32),
        faces=np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], dtype=np.int32),
        color=color,
    )


MESHES = (tetrahedron("hand_1_left", 1, (255, 0, 188)), tetrahedron("object_4", 2, (0, 10, 255)))


def numbers_of(text: str, mesh: NamedMesh, attribute: str) -> NDArray[np.float64]:
    """Numbers of an attribute's list in the block of a mesh, found with a search alone."""
    block = text[text.index(f'def Mesh "{mesh.name}"') :]
    (found,) = re.findall(rf"{attribute} = \[(.*?)\]", block.partition("\n    }")[0])
    return np.array(re.findall(r"[-+.\de]+", found), dtype=np.float64)


def test_the_text_begins_with_the_version_and_says_metres_and_up() -> None:
    lines = usda_bytes(MESHES, ABOUT).decode().splitlines()
    assert lines[0] == "#usda 1.0"
    assert "    metersPerUnit = 1" in lines
    assert '    upAxis = "Y"' in lines
    assert '        string unit = "metre"' in lines


def test_the_text_holds_the_same_float32_and_triangles() -> None:
    text = usda_bytes(MESHES, ABOUT).decode()
    for mesh in MESHES:
        points = numbers_of(text, mesh, r"point3f\[\] points").astype(np.float32)
        np.testing.assert_array_equal(points.reshape(-1, 3), mesh.vertices_m)
        normals = numbers_of(text, mesh, r"normal3f\[\] normals").astype(np.float32)
        np.testing.assert_array_equal(normals.reshape(-1, 3), mesh.normals)
        indices = numbers_of(text, mesh, r"int\[\] faceVertexIndices")
        np.testing.assert_array_equal(indices.reshape(-1, 3), mesh.faces)
        assert numbers_of(text, mesh, r"int\[\] faceVertexCounts").tolist() == [3, 3, 3, 3]


def test_a_name_that_usd_does_not_allow_is_made_one() -> None:
    text = usda_bytes([tetrahedron("3 cups-left", 3, (9, 9, 9))], {}).decode()
    assert 'def Mesh "_3_cups_left"' in text


def test_pixars_library_reads_what_was_written(tmp_path: Any) -> None:
    usd = pytest.importorskip("pxr.Usd", reason="usd-core is not installed (none for Python 3.10)")
    geometry = pytest.importorskip("pxr.UsdGeom")
    path = tmp_path / "frame.usda"
    path.write_bytes(usda_bytes(MESHES, ABOUT))

    stage = usd.Stage.Open(str(path))

    assert geometry.GetStageMetersPerUnit(stage) == 1.0
    assert geometry.GetStageUpAxis(stage) == "Y"
    assert stage.GetRootLayer().customLayerData == ABOUT
    root = stage.GetDefaultPrim()
    assert [child.GetName() for child in root.GetChildren()] == [mesh.name for mesh in MESHES]
    for mesh, prim in zip(MESHES, root.GetChildren(), strict=True):
        read = geometry.Mesh(prim)
        to_world = geometry.Xformable(prim).ComputeLocalToWorldTransform(usd.TimeCode.Default())
        np.testing.assert_array_equal(np.array(to_world), np.eye(4))
        np.testing.assert_array_equal(np.array(read.GetPointsAttr().Get()), mesh.vertices_m)
        np.testing.assert_array_equal(np.array(read.GetNormalsAttr().Get()), mesh.normals)
        assert read.GetNormalsInterpolation() == "vertex"
        indices = np.array(read.GetFaceVertexIndicesAttr().Get())
        np.testing.assert_array_equal(indices.reshape(-1, 3), mesh.faces)
        assert list(read.GetFaceVertexCountsAttr().Get()) == [3, 3, 3, 3]
        assert read.GetSubdivisionSchemeAttr().Get() == "none"
        assert read.GetOrientationAttr().Get() == "rightHanded"
        extent = np.array(read.GetExtentAttr().Get())
        np.testing.assert_array_equal(extent, np.array(read.ComputeExtent(mesh.vertices_m)))
        (linear,) = read.GetDisplayColorAttr().Get()
        linear = np.array(linear)
        srgb = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(255 * srgb, mesh.color, atol=0.5)
