"""Meshes out of fields that are distances near their surfaces only, as the network's are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
import torch
import trimesh
from scipy import ndimage
from torch import Tensor

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.block_grid import Field
from hand_object_recon.geometry.isosurface import isosurface
from hand_object_recon.geometry.lattice_samples import LatticeSamples
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.object_model.decimation import decimate
from hand_object_recon.reconstructors.gsdf.conventions import Conventions
from hand_object_recon.reconstructors.gsdf.dense_comparison import (
    DenseComparison,
    compare_with_dense,
    dense_values,
)
from hand_object_recon.reconstructors.gsdf.folded_field import FoldedField, folded_fields
from hand_object_recon.reconstructors.gsdf.hand_frames import rest_keypoints
from hand_object_recon.reconstructors.gsdf.network import GSDFNetwork, Sharing, Views
from hand_object_recon.reconstructors.gsdf.surface_extraction import (
    Extraction,
    Surface,
    extract,
    extract_following,
    surface_of,
)

Result = TypeVar("Result")

CPU = torch.device("cpu")
CLAMP = 0.05
KNUCKLES = torch.tensor([[0.0, 0.12], [-0.05, 0.28], [0.02, 0.3], [0.09, 0.28], [0.15, 0.24]])


def capsule(points: Tensor, start: Tensor, end: Tensor, radius: float) -> Tensor:
    along = end - start
    share = ((points - start) @ along / (along @ along)).clamp(0.0, 1.0)
    return (points - start - share[:, None] * along).norm(dim=1) - radius


def hand_like(shift: float = 0.0) -> Field:
    """A palm with five fingers a centimetre and a half thick."""

    def field(points: Tensor) -> Tensor:
        moved = points - torch.tensor([shift, 0.0, 0.0])
        palm = capsule(
            moved, torch.tensor([0.02, 0.04, 0.0]), torch.tensor([0.06, 0.22, 0.0]), 0.09
        )
        parts = [palm]
        for x, y in KNUCKLES.tolist():
            end = torch.tensor([1.6 * x, y + 0.2, 0.1])
            parts.append(capsule(moved, torch.tensor([x, y, 0.0]), end, 0.024))
        return torch.stack(parts).amin(dim=0).clamp(-CLAMP, CLAMP)

    return field


def box_like(shift: float = 0.0) -> Field:
    def field(points: Tensor) -> Tensor:
        away = (points - torch.tensor([0.05 + shift, 0.35, 0.17])).abs()
        away = away - torch.tensor([0.2, 0.09, 0.06])
        outside = away.clamp(min=0.0).norm(dim=1)
        return (outside + away.amax(dim=1).clamp(max=0.0)).clamp(-CLAMP, CLAMP)

    return field


def with_ball(field: Field, middle: tuple[float, float, float], radius: float) -> Field:
    def joined(points: Tensor) -> Tensor:
        ball = (points - torch.tensor(middle)).norm(dim=1) - radius
        return torch.minimum(field(points), ball.clamp(-CLAMP, CLAMP))

    return joined


def within_a_ball(field: Field) -> Field:
    return lambda points: torch.maximum(field(points), points.norm(dim=1) - 0.6)


class Counted:
    """A field that counts the points it is asked at."""

    def __init__(self, field: Field) -> None:
        self.asked, self._field = 0, field

    def __call__(self, points: Tensor) -> Tensor:
        self.asked += len(points)
        return self._field(points)


def dense(field: Field, like: LatticeSamples) -> np.ndarray:
    along = torch.arange(like.cells + 1)
    places = torch.cartesian_prod(along, along, along) * like.spacing
    return field(torch.tensor(like.cube.low) + places).reshape(like.values.shape).numpy()


def found(extraction: Extraction | None) -> Extraction:
    assert extraction is not None
    return extraction


def as_trimesh(surface: Surface | None) -> trimesh.Trimesh:
    assert surface is not None
    return trimesh.Trimesh(surface.vertices, surface.faces, process=False)


def assert_as_dense(samples: LatticeSamples, field: Field) -> None:
    values = dense(field, samples)
    expected = isosurface(values, origin=samples.cube.low, spacing=samples.spacing)
    mesh = isosurface(samples.values.numpy(), origin=samples.cube.low, spacing=samples.spacing)
    assert len(expected.faces) > 500
    np.testing.assert_array_equal(mesh.faces, expected.faces)
    np.testing.assert_allclose(mesh.vertices, expected.vertices, atol=1e-3 * samples.spacing)


@pytest.fixture(scope="module")
def extraction() -> Extraction:
    return found(extract(hand_like(), box_like(), CPU))


def test_both_surfaces_are_those_of_every_point_asked(extraction: Extraction) -> None:
    assert extraction.hand.cells == 128
    assert_as_dense(extraction.hand, hand_like())
    assert_as_dense(extraction.object, box_like())


def test_the_cube_holds_both_with_little_to_spare(extraction: Extraction) -> None:
    both = torch.cat([extraction.hand.crossed, extraction.object.crossed])
    low, high = both.amin(dim=0), both.amax(dim=0)
    assert bool((low > 0).all() and (high < 127).all())
    assert int((high - low).max()) > 0.85 * 128


def test_few_points_are_asked() -> None:
    hand, held = Counted(hand_like()), Counted(box_like())
    found(extract(hand, held, CPU))
    assert hand.asked + held.asked < 2 * 129**3 / 24


def test_meshes_are_closed_and_the_bodies_they_should_be(extraction: Extraction) -> None:
    hand, held = (as_trimesh(surface_of(s)) for s in (extraction.hand, extraction.object))
    assert hand.is_watertight
    assert held.is_watertight
    assert held.volume == pytest.approx(0.4 * 0.18 * 0.12, rel=0.02)
    distances = box_like()(torch.tensor(held.vertices).float())
    assert distances.abs().max() < 0.5 * extraction.object.spacing


def test_of_several_parts_the_largest_is_kept() -> None:
    field = with_ball(box_like(), (-0.3, 0.35, 0.0), 0.06)
    samples = found(extract(hand_like(), field, CPU, cells=64)).object
    assert as_trimesh(surface_of(samples)).bounds[0, 0] > -0.2
    all_parts = isosurface(samples.values.numpy(), origin=samples.cube.low, spacing=samples.spacing)
    assert all_parts.vertices[:, 0].min() < -0.3


def test_no_part_of_fifty_voxels_is_lost(extraction: Extraction) -> None:
    spacing = extraction.hand.spacing
    radius = (50 * 3 / (4 * np.pi)) ** (1 / 3) * spacing
    random = np.random.default_rng(0)
    for x, y in random.uniform([-0.1, -0.02], [0.0, 0.05], (2, 2)).tolist():
        field = with_ball(box_like(), (x, y, 0.14), radius)
        samples = found(extract(hand_like(), field, CPU)).object
        near = (samples.crossed * samples.spacing + torch.tensor(samples.cube.low))[:, 1]
        assert int((near < 0.15).sum()) > 40


def test_a_surface_that_leaves_the_whole_cube_is_closed_at_its_border() -> None:
    wall = lambda points: (points[:, 2] - 0.9).clamp(-CLAMP, CLAMP)  # noqa: E731
    samples = found(extract(hand_like(), wall, CPU, cells=64)).object
    assert as_trimesh(surface_of(samples)).is_watertight


def test_nothing_inside_is_no_extraction_and_one_body_alone_has_no_other() -> None:
    nothing = lambda points: torch.full((len(points),), CLAMP)  # noqa: E731
    assert extract(nothing, nothing, CPU) is None
    alone = found(extract(hand_like(), nothing, CPU, cells=64))
    assert surface_of(alone.object) is None
    assert as_trimesh(surface_of(alone.hand)).is_watertight


@pytest.fixture(scope="module")
def before() -> Extraction:
    return found(extract(hand_like(), box_like(), CPU, cells=64))


def test_a_following_frame_asks_less_and_finds_the_same(before: Extraction) -> None:
    shift = 0.01  # 3 mm in DexYCB's units
    hand, held = Counted(hand_like(shift)), Counted(box_like(shift))
    followed = found(extract_following(hand, held, before, CPU, cells=64))
    assert followed.cube is before.cube
    assert_as_dense(followed.hand, hand_like(shift))
    assert_as_dense(followed.object, box_like(shift))
    fresh_hand, fresh_held = Counted(hand_like(shift)), Counted(box_like(shift))
    found(extract(fresh_hand, fresh_held, CPU, cells=64))
    assert hand.asked + held.asked < 0.5 * (fresh_hand.asked + fresh_held.asked)


@pytest.mark.parametrize("shift", [0.1, -0.1])
def test_what_leaves_the_cube_is_searched_anew(before: Extraction, shift: float) -> None:
    followed = found(extract_following(hand_like(shift), box_like(shift), before, CPU, cells=64))
    assert followed.cube != before.cube
    assert_as_dense(followed.hand, hand_like(shift))


def test_without_a_frame_before_the_whole_cube_is_searched(before: Extraction) -> None:
    first = found(extract_following(hand_like(), box_like(), None, CPU, cells=64))
    assert torch.equal(first.hand.values, before.hand.values)


def test_a_comparison_with_every_point_says_what_was_lost(extraction: Extraction) -> None:
    samples = extraction.object
    same = compared(box_like(), samples)
    assert same.surface_gap_voxels < 1e-2
    assert same.largest_lost_voxels == 0
    assert same.asked_share == pytest.approx(samples.asked / 129**3)
    cells, radius = 4, 4 * samples.spacing
    corner = tuple((torch.tensor(extraction.cube.low) + (cells + 2) * samples.spacing).tolist())
    with_crumb = compared(with_ball(box_like(), corner, radius), samples)
    assert with_crumb.largest_lost_voxels == pytest.approx(4 / 3 * np.pi * cells**3, rel=0.1)
    assert with_crumb.surface_gap_voxels < 1e-2
    moved = compared(box_like(2 * samples.spacing), samples)
    assert moved.surface_gap_voxels == pytest.approx(2.0, abs=0.3)
    empty = compared(lambda points: torch.ones(len(points)), samples)
    assert empty == DenseComparison(np.inf, inside_count(extraction), same.asked_share)


def compared(field: Field, samples: LatticeSamples) -> DenseComparison:
    (values,) = dense_values(lambda points: [field(points)], samples)
    return compare_with_dense(samples, values)


def inside_count(extraction: Extraction) -> int:
    return int((extraction.object.values < 0).sum())


def test_a_decimated_surface_stays_closed_and_near(extraction: Extraction) -> None:
    surface = surface_of(extraction.object)
    assert surface is not None
    vertices, faces = decimate(surface.vertices, surface.faces, 1000)
    body = trimesh.Trimesh(vertices, faces, process=False)
    assert len(faces) <= 1000
    assert body.is_watertight
    distances = box_like()(torch.from_numpy(vertices))
    assert distances.abs().max() < 0.5 * extraction.object.spacing


@pytest.fixture(scope="module")
def network_fields() -> tuple[FoldedField, FoldedField]:
    """Of a network that nobody trained, zero where its answers' middle was."""
    torch.manual_seed(3)
    rest_m = rest_keypoints(load_hand_model("open_hand", HandSide.RIGHT))
    network = GSDFNetwork(rest_m, Conventions(), width=24).eval().requires_grad_(False)
    camera = torch.tensor([[[[480.0, 0.0, 128.0], [0.0, 480.0, 128.0], [0.0, 0.0, 1.0]]]])
    views = Views(camera, torch.tensor([[[0.0, 0.0, 0.6]]]))
    scene = network.encode(torch.randn(1, 1, 3, 256, 256), views)
    points = 2.0 * torch.rand(1, 4000, 3) - 1.0
    for head, distances in zip(
        (network.hand_head, network.object_head), network.distances(scene, points), strict=True
    ):
        scale = 0.035 / float(distances.std())  # grows about as fast as a distance
        head.last.weight *= scale
        head.last.bias.copy_(scale * (head.last.bias - distances.atanh().quantile(0.1)))
    return folded_fields(network, scene, 0)


@pytest.mark.slow
def test_an_untrained_network_s_many_surfaces_are_found_but_for_crumbs(
    network_fields: tuple[FoldedField, FoldedField],
) -> None:
    hand, held = (within_a_ball(field) for field in network_fields)
    extraction = found(extract(hand, held, CPU, cells=32))
    for samples, field in ((extraction.hand, hand), (extraction.object, held)):
        expected, values = dense(field, samples), samples.values.numpy()
        asked = samples.is_asked.numpy()
        np.testing.assert_allclose(values[asked], expected[asked], atol=1e-5)
        is_wrong = (values < 0) != (expected < 0)
        parts, _ = ndimage.label(is_wrong)
        assert (expected < 0).sum() > 1000
        assert np.bincount(parts.ravel())[1:].max(initial=0) < 20


class AsCostlyAs:
    """Values of one field at the cost of another."""

    def __init__(self, values: Field, costs: Field) -> None:
        self._values, self._costs = values, costs

    def __call__(self, points: Tensor) -> Tensor:
        self._costs(points)
        return self._values(points)


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize(("cells", "least_ratio"), [(64, 6.0), (128, 20.0)])
@torch.no_grad()
def test_meshes_cost_a_fraction_of_asking_every_point(cells: int, least_ratio: float) -> None:
    """The authors ask a grid in the whole cube to find the smaller one, and one in that; ours
    finds both as well."""
    torch.set_num_threads(1)
    rest_m = rest_keypoints(load_hand_model("open_hand", HandSide.RIGHT))
    network = GSDFNetwork(rest_m, Conventions(), Sharing.SINGLE, width=32, doublings=2).eval()
    camera = torch.tensor([[[[480.0, 0.0, 128.0], [0.0, 480.0, 128.0], [0.0, 0.0, 1.0]]]])
    views = Views(camera, torch.tensor([[[0.0, 0.0, 0.6]]]))
    image = torch.randn(1, 1, 3, 128, 128)
    network.encode(image, views)
    scene, encode_ms = cpu_ms(lambda: network.encode(image, views))
    (hand, held), fold_ms = cpu_ms(lambda: folded_fields(network, scene, 0))
    fields = AsCostlyAs(hand_like(), hand), AsCostlyAs(box_like(), held)
    first, extract_ms = cpu_ms(lambda: found(extract(*fields, CPU, cells)))
    _, follow_ms = cpu_ms(lambda: extract_following(*fields, first, CPU, cells))
    surface_of(first.hand)
    _, mesh_ms = cpu_ms(lambda: [surface_of(one) for one in (first.hand, first.object)])
    some = 2.0 * torch.rand(2**14, 3) - 1.0
    _, some_ms = cpu_ms(lambda: network.distances(scene, some[None]))
    grid_ms = some_ms * (cells + 1) ** 3 / len(some)
    ours_ms, authors_ms = fold_ms + extract_ms, 2 * grid_ms
    print(
        f"{cells} cells: encode {encode_ms:.0f} ms, fold {fold_ms:.0f}, search {extract_ms:.0f}, "
        f"following {follow_ms:.0f}, both meshes {mesh_ms:.0f}; every point of one grid "
        f"{grid_ms:.0f}, of both {authors_ms:.0f}, {authors_ms / ours_ms:.1f} times the search"
    )
    assert authors_ms > least_ratio * ours_ms


def cpu_ms(function: Callable[[], Result]) -> tuple[Result, float]:
    start = time.process_time()
    answer = function()
    return answer, 1e3 * (time.process_time() - start)
