"""The same surfaces as the compiled marching cubes, on the samples' device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.isosurface import isosurface
from hand_object_recon.geometry.torch_isosurface import torch_isosurface

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
    ),
]
LOW = (-1.0, 2.0, 0.5)
SPACING = 0.25


def triangles(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 9) corners of each triangle from its least one on: the mesh whatever its order."""
    corners = vertices[faces].round(4)
    keys = corners @ np.array([1e6, 1e3, 1.0])
    turned = (keys.argmin(axis=1)[:, None] + np.arange(3)) % 3
    rows = np.take_along_axis(corners, turned[..., None], axis=1).reshape(-1, 9)
    return rows[np.lexsort(rows.T)]


def meshed(values: np.ndarray, device: str) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = torch_isosurface(
        torch.from_numpy(values).to(device), torch.tensor(LOW, device=device), SPACING
    )
    assert vertices.dtype == torch.float32
    return vertices.cpu().numpy(), faces.cpu().numpy()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(4))
def test_noise_has_the_triangles_of_the_compiled_marching_cubes(seed: int, device: str) -> None:
    noise = np.random.default_rng(seed).standard_normal((9, 10, 11)).astype(np.float32)
    expected = isosurface(noise, origin=LOW, spacing=SPACING)
    vertices, faces = meshed(noise, device)
    assert len(vertices) == len(expected.vertices)
    np.testing.assert_allclose(
        triangles(vertices, faces), triangles(expected.vertices, expected.faces), atol=2e-4
    )


@pytest.mark.parametrize("device", DEVICES)
def test_a_ball_is_closed_and_has_its_volume(device: str) -> None:
    places = np.linspace(-1.0, 1.0, 40)
    x, y, z = np.meshgrid(places, places, places, indexing="ij")
    values = (np.sqrt(x**2 + y**2 + z**2) - 0.8).astype(np.float32)
    body = trimesh.Trimesh(*meshed(values, device), process=False)
    assert body.is_watertight
    radius = 0.8 * SPACING * 39 / 2
    assert body.volume == pytest.approx(4.0 / 3.0 * np.pi * radius**3, rel=0.005)


@pytest.mark.parametrize("device", DEVICES)
def test_a_function_without_a_zero_has_no_surface(device: str) -> None:
    vertices, faces = meshed(np.ones((4, 4, 4), dtype=np.float32), device)
    assert vertices.shape == faces.shape == (0, 3)


def test_what_is_no_grid_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"\(4, 4\)"):
        torch_isosurface(torch.ones(4, 4), torch.zeros(3), 1.0)
