"""What a view shows is told among known models, with its pose, or not told at all."""

from __future__ import annotations

from collections.abc import Callable

import igl
import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.object_model.known_models.model_folder import KnownModel, known_model
from hand_object_recon.object_model.known_models.recognition import Recogniser, Recognition
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.registration import MotionPrior, register
from hand_object_recon.synthesis.objects.catalogue import numbered_object

PosedView = Callable[..., ObjectView]

KNOWN = ("mug", "hammer", "banana", "box", "bottle", "torus")
PLACE_M = (0.01, 0.0, 0.5)


def catalogue_mesh(category: str) -> trimesh.Trimesh:
    shape = numbered_object(category, 3)
    return trimesh.Trimesh(shape.vertices_m.astype(float), shape.faces, process=False)


@pytest.fixture(scope="module")
def models() -> list[KnownModel]:
    meshes = {name: catalogue_mesh(name) for name in KNOWN}
    return [
        known_model(name, mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))
        for name, mesh in meshes.items()
    ]


def pose_at(turn: Rotation) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn.as_matrix(), PLACE_M
    return pose


def surface_gap_m(model: KnownModel, found: np.ndarray, true: np.ndarray) -> float:
    """Median distance of the body at one pose to the body at the other."""
    points = model.body.points_m @ found[:3, :3].T + found[:3, 3]
    local = (points - true[:3, 3]) @ true[:3, :3]
    vertices, faces = model.vertices_m.astype(float), model.faces.astype(np.int64)
    return float(np.median(np.abs(igl.signed_distance(local, vertices, faces)[0])))


def recognised(models: list[KnownModel], view: ObjectView) -> Recognition | None:
    """What is told after as many looks at one view as it takes."""
    recogniser = Recogniser(models)
    while not recogniser.has_given_up:
        found = recogniser.look(view)
        if found is not None:
            return found
    return None


def test_objects_are_told_from_one_view_and_hardly_ever_mistaken(
    models: list[KnownModel], view_of: PosedView
) -> None:
    right = wrong = 0
    turns = Rotation.random(2 * len(KNOWN), np.random.default_rng(0))
    for number, turn in enumerate(turns):
        name = KNOWN[number % len(KNOWN)]
        found = recognised(models, view_of(catalogue_mesh(name), pose_at(turn), number))
        if found is not None:
            right += found.model.name == name
            wrong += found.model.name != name
    assert right >= 10
    assert wrong == 0


def test_the_pose_lays_the_model_on_the_object(
    models: list[KnownModel], view_of: PosedView
) -> None:
    gaps = []
    for seed, name in enumerate(("hammer", "bottle", "torus")):
        true = pose_at(Rotation.from_rotvec((0.7, 0.5, -0.3)))
        view = view_of(catalogue_mesh(name), true, seed)
        found = recognised(models, view)
        assert found is not None
        tracked = register(view, found.model.grid, found.pose, MotionPrior(), is_whole=True)
        assert tracked.is_trustworthy
        gaps.append(surface_gap_m(found.model, tracked.pose, true))
    assert max(gaps) < 0.002


def test_views_from_several_frames_vote(models: list[KnownModel], view_of: PosedView) -> None:
    mesh, recogniser = catalogue_mesh("mug"), Recogniser(models)
    for frame in range(25):
        true = pose_at(Rotation.from_rotvec((0.9 + 0.02 * frame, 0.3 + 0.04 * frame, 0.1)))
        found = recogniser.look(view_of(mesh, true, frame))
        if found is not None:
            break
        assert frame < 24
    assert found is not None
    assert found.model.name == "mug"
    assert frame >= len(models)
    assert surface_gap_m(found.model, found.pose, true) < 0.004


def test_an_object_that_is_none_of_them_is_given_up(
    models: list[KnownModel], view_of: PosedView
) -> None:
    few, mesh = models[1:3], catalogue_mesh("goblet")
    recogniser = Recogniser(few)
    view = view_of(mesh, pose_at(Rotation.from_rotvec((1.2, 0.3, 0.1))))
    looks = 0
    while not recogniser.has_given_up:
        assert recogniser.look(view) is None
        looks += 1
        assert looks <= 8
    assert looks == 8
    assert recogniser.look(view) is None


def test_an_object_larger_than_all_models_is_not_recognised(
    models: list[KnownModel], view_of: PosedView
) -> None:
    small = [model for model in models if model.name == "box"]
    view = view_of(catalogue_mesh("bottle"), pose_at(Rotation.from_rotvec((1.2, 0.3, 0.1))))
    assert recognised(small, view) is None
