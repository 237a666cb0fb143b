"""Solids have the volumes of their formulas, and deformations keep them closed."""

from __future__ import annotations

from typing import Any

import igl
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.special import beta

from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh, volume_m3
from hand_object_recon.synthesis.objects.csg import extruded, simplified, united, without
from hand_object_recon.synthesis.objects.deformations import bent, bumpy, ridged, tapered, twisted
from hand_object_recon.synthesis.objects.lattice_solids import box_mesh, superquadric_mesh
from hand_object_recon.synthesis.objects.revolution import (
    arc,
    revolved,
    revolved_loop,
    smooth_line,
    subdivided,
)
from hand_object_recon.synthesis.objects.sizes import even_edge_m

FINE_M = 0.0012
ROD = box_mesh(np.array([0.03, 0.04, 0.12]), 0.004, 0.003)


def volume_of_closed(mesh: TriangleMesh) -> float:
    """Volume of a mesh that trimesh finds closed, turned outwards and without a fold."""
    checked = trimesh.Trimesh(mesh.vertices_m, mesh.faces, process=False)
    assert checked.is_watertight
    assert checked.is_winding_consistent
    winding = winding_numbers(mesh, count=2000)
    np.testing.assert_allclose(winding, np.rint(winding), atol=0.02)
    assert set(np.rint(winding)) <= {0.0, 1.0}
    return float(checked.volume)


def winding_numbers(mesh: TriangleMesh, count: int) -> NDArray[Any]:
    low, high = mesh.vertices_m.min(axis=0), mesh.vertices_m.max(axis=0)
    points = np.random.default_rng(0).uniform(low, high, (count, 3))
    return np.asarray(igl.winding_number(mesh.vertices_m, mesh.faces.astype(np.int64), points))


def cylinder(radius: float, height: float, edge: float = FINE_M) -> TriangleMesh:
    return revolved(np.array([(0, 0), (radius, 0), (radius, height), (0, height)]), edge)


def test_a_revolved_rectangle_is_a_cylinder() -> None:
    assert volume_of_closed(cylinder(0.03, 0.05)) == pytest.approx(np.pi * 0.03**2 * 0.05, rel=2e-3)


def test_a_revolved_slope_is_a_cut_off_cone() -> None:
    profile = np.array([(0, 0), (0.04, 0), (0.01, 0.06), (0, 0.06)])
    expected = np.pi * 0.06 / 3 * (0.04**2 + 0.04 * 0.01 + 0.01**2)
    assert volume_of_closed(revolved(profile, FINE_M)) == pytest.approx(expected, rel=2e-3)


def test_a_revolved_half_circle_is_a_ball() -> None:
    half_circle = arc((0.0, 0.0), 0.03, -np.pi / 2, np.pi / 2, 80)
    assert volume_of_closed(revolved(half_circle, FINE_M)) == pytest.approx(
        4 / 3 * np.pi * 0.03**3, rel=3e-3
    )


def test_a_revolved_loop_is_a_torus() -> None:
    circle = arc((0.04, 0.0), 0.01, 0.0, 2 * np.pi, 60)[:-1]
    mesh = revolved_loop(circle, FINE_M)
    assert volume_of_closed(mesh) == pytest.approx(2 * np.pi**2 * 0.04 * 0.01**2, rel=4e-3)
    assert trimesh.Trimesh(mesh.vertices_m, mesh.faces).euler_number == 0


def test_triangles_of_a_solid_of_revolution_are_as_long_as_asked_even_at_the_axis() -> None:
    mesh = cylinder(0.04, 0.1, edge=0.004)
    lengths = trimesh.Trimesh(mesh.vertices_m, mesh.faces).edges_unique_length
    assert lengths.min() > 0.0025
    assert lengths.max() < 0.0065


def test_a_sharp_box_has_exactly_its_volume() -> None:
    mesh = box_mesh(np.array([0.1, 0.05, 0.03]), 0.0, 0.004)
    assert volume_of_closed(mesh) == pytest.approx(0.1 * 0.05 * 0.03, rel=1e-9)


def test_a_rounded_box_has_the_volume_of_steiners_formula() -> None:
    radius, core = 0.006, np.array([0.1, 0.05, 0.03]) - 0.012
    a, b, c = core
    expected = (
        a * b * c
        + 2 * radius * (a * b + b * c + a * c)
        + np.pi * radius**2 * (a + b + c)
        + 4 / 3 * np.pi * radius**3
    )
    mesh = box_mesh(core + 2 * radius, radius, 0.004)
    assert volume_of_closed(mesh) == pytest.approx(expected, rel=4e-3)


@pytest.mark.parametrize("roundness", [(1.0, 1.0), (0.3, 0.5), (0.6, 1.6), (1.7, 1.2)])
def test_a_superquadric_has_the_volume_of_its_formula(roundness: tuple[float, float]) -> None:
    upright, around = roundness
    a, b, c = half = np.array([0.05, 0.03, 0.04])
    shape = beta(upright / 2 + 1, upright) * beta(around / 2, around / 2)
    expected = 2 * a * b * c * upright * around * shape
    mesh = superquadric_mesh(half, roundness, FINE_M)
    assert volume_of_closed(mesh) == pytest.approx(expected, rel=6e-3)


def test_vertices_of_an_ellipsoid_lie_on_it() -> None:
    half = np.array([0.05, 0.03, 0.02])
    vertices = superquadric_mesh(half, (1.0, 1.0), 0.004).vertices_m
    np.testing.assert_allclose(np.linalg.norm(vertices / half, axis=1), 1.0, atol=1e-12)


def test_a_union_has_the_volume_of_its_parts_less_what_they_share() -> None:
    one = box_mesh(np.array([0.04, 0.04, 0.04]), 0.0, 0.01)
    other = one.moved([0.03, 0.02, 0.01])
    shared = 0.01 * 0.02 * 0.03
    both = united([one, other], 0.006)
    assert volume_of_closed(both) == pytest.approx(2 * 0.04**3 - shared, rel=1e-5)
    assert volume_of_closed(without(one, other, 0.006)) == pytest.approx(0.04**3 - shared, rel=1e-5)


def test_parts_put_together_have_no_long_edges() -> None:
    box = box_mesh(np.array([0.1, 0.04, 0.04]), 0.0, 0.1)
    mesh = united([box, cylinder(0.01, 0.05, 0.004)], 0.006)
    assert trimesh.Trimesh(mesh.vertices_m, mesh.faces).edges_unique_length.max() < 0.012


def test_an_extruded_outline_leaves_its_hole_open() -> None:
    square = [(0.0, 0.0), (0.04, 0.0), (0.04, 0.04), (0.0, 0.04)]
    hole = [(0.01, 0.01), (0.01, 0.02), (0.02, 0.02), (0.02, 0.01)]
    mesh = extruded([square, hole], 0.005, 0.004)
    assert volume_of_closed(mesh) == pytest.approx((0.04**2 - 0.01**2) * 0.005, rel=1e-5)


def test_simplifying_keeps_a_mesh_closed_and_its_volume() -> None:
    light = simplified(ROD, 5e-4)
    assert len(light.faces) < 0.5 * len(ROD.faces)
    assert volume_of_closed(light) == pytest.approx(volume_m3(ROD.vertices_m, ROD.faces), rel=0.05)


def test_bending_keeps_the_volume_and_bows_the_rod_to_minus_x() -> None:
    rod = bent(ROD, 1.2)
    assert volume_of_closed(rod) == pytest.approx(volume_of_closed(ROD), rel=2e-3)
    ends = rod.vertices_m[np.abs(ROD.vertices_m[:, 2]) > 0.059]
    middle = rod.vertices_m[np.abs(ROD.vertices_m[:, 2]) < 0.002]
    assert ends[:, 0].mean() > middle[:, 0].mean() + 0.01


def test_bending_turns_the_ends_by_the_angle_between_them() -> None:
    axis = TriangleMesh(np.array([[0, 0, -0.05], [0, 0, 0.0], [0, 0, 0.05]]), ROD.faces)
    low, middle, high = bent(axis, 1.0).vertices_m
    radius = 0.1 / 1.0
    np.testing.assert_allclose(middle, 0.0, atol=1e-12)
    expected = [radius * (1 - np.cos(0.5)), 0.0, radius * np.sin(0.5)]
    np.testing.assert_allclose(high, expected, atol=1e-12)
    np.testing.assert_allclose(low, expected * np.array([1, 1, -1]), atol=1e-12)


def test_twisting_keeps_the_volume_and_turns_one_end_against_the_other() -> None:
    rod = twisted(ROD, np.pi / 2)
    assert volume_of_closed(rod) == pytest.approx(volume_of_closed(ROD), rel=5e-3)
    for end in (-1.0, 1.0):
        corner = np.argmax(ROD.vertices_m @ [1.0, 1.0, 1e3 * end])
        before, after = (
            np.arctan2(mesh.vertices_m[corner, 1], mesh.vertices_m[corner, 0])
            for mesh in (ROD, rod)
        )
        assert after - before == pytest.approx(end * np.pi / 4, abs=1e-9)


def test_tapering_scales_the_volume_like_a_cut_off_pyramid() -> None:
    block = box_mesh(np.array([0.04, 0.04, 0.1]), 0.0, 0.004)
    expected = 0.04**2 * 0.1 * (1 + 0.5 + 0.25) / 3
    assert volume_of_closed(tapered(block, 0.5)) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_bumps_move_the_surface_but_never_through_itself(seed: int) -> None:
    rough = bumpy(ROD, 0.9, np.random.default_rng(seed))
    assert volume_of_closed(rough) > 0.0
    assert np.linalg.norm(rough.vertices_m - ROD.vertices_m, axis=1).max() > 0.001


def test_ridges_stand_out_as_often_as_asked() -> None:
    ridges = ridged(cylinder(0.02, 0.05), 6, 0.1)
    assert volume_of_closed(ridges) > 0.0
    x, y, z = ridges.vertices_m.T
    ring = (np.abs(z - z[np.argmin(np.abs(z - 0.025))]) < 1e-9) & (np.hypot(x, y) > 0.017)
    radii = np.hypot(x, y)[ring][np.argsort(np.arctan2(y, x)[ring])]
    assert np.argmax(np.abs(np.fft.rfft(radii - radii.mean()))) == 6
    assert radii.max() == pytest.approx(0.022, rel=1e-3)
    assert radii.min() == pytest.approx(0.018, rel=1e-2)


def test_a_smooth_line_passes_its_knots_and_never_beyond_them() -> None:
    line = smooth_line([(0.01, 0.0), (0.03, 0.02), (0.03, 0.05), (0.005, 0.06)], 0.002)
    assert line[:, 0].max() <= 0.03 + 1e-12
    assert (np.diff(line[:, 1]) > 1e-4).all()
    for knot in [(0.03, 0.02), (0.03, 0.05)]:
        assert np.abs(line - knot).max(axis=1).min() < 1e-12


def test_a_subdivided_line_keeps_its_corners() -> None:
    line = subdivided(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 0.3)]), 0.25)
    np.testing.assert_allclose(line[:5, 0], [0.0, 0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(line[4:, 1], [0.0, 0.15, 0.3])


def test_even_edges_cover_an_area_with_the_faces_aimed_at() -> None:
    area = 0.03
    edge = even_edge_m(area)
    assert area / (np.sqrt(3) / 4 * edge**2) == pytest.approx(2800)
    assert even_edge_m(1e-5) == 0.0015
    assert even_edge_m(1.0) == 0.0065
