"""Takes move hands and objects as hands and objects move."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.synthesis.grasp_bank.bank import GraspBank
from hand_object_recon.synthesis.grasp_bank.bank_file import shipped_bank
from hand_object_recon.synthesis.objects.catalogue import numbered_object
from hand_object_recon.synthesis.objects.object_shape import ObjectShape, centered_object
from hand_object_recon.synthesis.takes.eased_time import EasedTime, KeyTime
from hand_object_recon.synthesis.takes.free_take import free_take
from hand_object_recon.synthesis.takes.grasp_take import grasp_take
from hand_object_recon.synthesis.takes.hand_over_take import hand_over_take
from hand_object_recon.synthesis.takes.hand_surface import posed
from hand_object_recon.synthesis.takes.held_object import HeldObjectTake
from hand_object_recon.synthesis.takes.paths import RigidKey, RigidPath
from hand_object_recon.synthesis.takes.resting import (
    forearm_direction,
    reachable_turn,
    stable_ways_down,
)
from hand_object_recon.synthesis.takes.take import Take
from hand_object_recon.synthesis.takes.tracked_take import tracked_takes
from hand_object_recon.synthesis.takes.tremor import Tremor

STEP_S = 1 / 30
FASTEST_M_S = 1.5


@pytest.fixture(scope="module")
def bank() -> GraspBank:
    return shipped_bank("train")


def shape_of(name: str) -> ObjectShape:
    category, _, number = name.rpartition("-")
    return numbered_object(category, int(number))


@pytest.fixture(scope="module")
def take(bank: GraspBank) -> HeldObjectTake:
    """The first grasp whose object lies on a table at first."""
    for number, grasp in enumerate(bank.grasps):
        found = grasp_take("a", shape_of(grasp.object_name), grasp, np.random.default_rng(number))
        if found.support_height_m is not None:
            return found
    raise AssertionError("no grasp of the bank can be taken from a table")


@pytest.fixture(scope="module")
def hand_over(bank: GraspBank) -> HeldObjectTake:
    giving, taking = (bank.grasps[number] for number in bank.pairs[0])
    shape = shape_of(giving.object_name)
    return hand_over_take("b", shape, giving, taking, np.random.default_rng(2))


def times_of(take: Take) -> np.ndarray:
    return np.arange(0.0, take.duration_s, STEP_S)


# Time


key_gaps = st.lists(st.floats(0.05, 3.0), min_size=1, max_size=6)


@given(gaps=key_gaps, rests=st.lists(st.booleans(), min_size=7, max_size=7))
def test_keys_are_reached_in_time_and_the_motion_never_goes_back(
    gaps: list[float], rests: list[bool]
) -> None:
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    eased = EasedTime([KeyTime(float(at), rest) for at, rest in zip(times, rests, strict=False)])
    for number, at in enumerate(times):
        place = eased.at(float(at))
        assert place.key + place.share == pytest.approx(number, abs=1e-9)
    places = [sum(eased.at(at)) for at in np.linspace(-0.5, times[-1] + 0.5, 200)]
    assert (np.diff(places) >= -1e-9).all()


def test_the_motion_rests_at_the_ends_and_at_keys_that_say_so() -> None:
    eased = EasedTime(
        [KeyTime(0.0), KeyTime(1.0, rests=True), KeyTime(2.0, rests=False), KeyTime(3.0)]
    )

    def speed(at_s: float) -> float:
        before, after = eased.at(at_s - 1e-4), eased.at(at_s + 1e-4)
        return float((sum(after) - sum(before)) / 2e-4)

    assert [speed(at) for at in (0.0, 1.0, 3.0)] == pytest.approx([0.0, 0.0, 0.0], abs=1e-3)
    assert speed(2.0) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("times", [[1.0], [0.0, 0.0], [2.0, 1.0]])
def test_key_times_that_do_not_increase_are_refused(times: list[float]) -> None:
    with pytest.raises(InvalidValueError, match="two or more that increase"):
        EasedTime([KeyTime(at) for at in times])


def test_a_body_turns_the_shortest_way_at_an_even_rate() -> None:
    """scipy's Slerp is the oracle."""
    random = np.random.default_rng(3)
    first, second = Rotation.random(2, rng=random)
    poses = [np.eye(4), np.eye(4)]
    poses[0][:3, :3], poses[1][:3, :3] = first.as_matrix(), second.as_matrix()
    path = RigidPath([RigidKey(KeyTime(float(at)), pose) for at, pose in enumerate(poses)])
    whole = (second * first.inv()).magnitude()
    for at in (0.2, 0.5, 0.9):
        turned = Rotation.from_matrix(path.at(at)[:3, :3])
        assert (turned * first.inv()).magnitude() + (
            second * turned.inv()
        ).magnitude() == pytest.approx(whole, abs=1e-9)


def test_a_held_hand_sways_by_a_millimetre_or_two_and_not_at_all_where_it_rests() -> None:
    tremor = Tremor.draw(np.random.default_rng(0))
    moved = np.array([tremor.at(at) for at in np.linspace(0, 20, 400)])
    assert 2e-4 < np.linalg.norm(moved[:, :3, 3], axis=1).mean() < 4e-3
    np.testing.assert_array_equal(tremor.at(1.0, strength=0.0), np.eye(4))


# Lying on a table


@pytest.mark.parametrize(("sides", "ways"), [((0.04, 0.06, 0.08), 6), ((0.05, 0.05, 0.05), 6)])
def test_a_box_stands_on_each_of_its_sides(sides: tuple[float, float, float], ways: int) -> None:
    mesh = trimesh.creation.box(sides)
    shape = centered_object("box", "box", mesh.vertices, np.asarray(mesh.faces, dtype=np.int32))
    found = stable_ways_down(shape)
    assert len(found) == ways
    for way in found:
        axis = int(np.argmax(np.abs(way.down)))
        assert way.height_m == pytest.approx(sides[axis] / 2, abs=1e-6)


@pytest.mark.parametrize("name", ["mug-000003", "bottle-000006", "hammer-000009", "pen-000003"])
def test_ways_to_lie_are_those_trimesh_finds_stable(name: str) -> None:
    """The most probable one of trimesh is among ours, and each of ours is a stable one of its."""
    shape = shape_of(name)
    mesh = trimesh.Trimesh(shape.vertices_m, shape.faces, process=False)
    transforms, chances = trimesh.poses.compute_stable_poses(
        mesh, center_mass=np.zeros(3), sigma=0.0, threshold=0.0
    )
    theirs = -transforms[:, 2, :3]
    ours = np.array([way.down for way in stable_ways_down(shape)])
    cosines = ours @ theirs.T
    assert cosines[:, int(np.argmax(chances))].max() > 0.998
    assert (cosines.max(axis=1) > 0.998).all()


def test_at_first_the_object_stands_on_the_table(take: HeldObjectTake) -> None:
    pose, shape = take.at(0.0).object_pose, take.object_shape
    assert pose is not None
    assert shape is not None
    assert take.support_height_m is not None
    vertices = shape.vertices_m @ pose[:3, :3].T + pose[:3, 3]
    assert vertices[:, 2].min() == pytest.approx(take.support_height_m, abs=2e-5)
    standing = vertices[vertices[:, 2] < take.support_height_m + 1e-3][:, :2]
    low, high = standing.min(axis=0), standing.max(axis=0)
    assert ((low <= pose[:2, 3] + 1e-3) & (pose[:2, 3] - 1e-3 <= high)).all()


@pytest.mark.parametrize("side", list(HandSide))
def test_a_hand_is_turned_so_that_its_elbow_is_at_the_persons_side(
    bank: GraspBank, side: HandSide
) -> None:
    random = np.random.default_rng(5)
    hand = next(grasp.hand for grasp in bank.grasps if grasp.hand.side is side)
    for _ in range(20):
        turn = np.eye(4)
        turn[:3, :3] = reachable_turn(hand, random)
        assert forearm_direction(hand.moved(turn))[1] < -0.4


# Takes


def test_hands_and_object_move_without_a_jump(
    take: HeldObjectTake, hand_over: HeldObjectTake
) -> None:
    gestures = free_take("f", list(HandSide), np.random.default_rng(4))
    for one in (take, hand_over, gestures):
        moments = [one.at(at) for at in times_of(one)]
        for before, after in itertools.pairwise(moments):
            for hand, later in zip(before.hands, after.hands, strict=True):
                moved = np.linalg.norm(posed(later).vertices_m - posed(hand).vertices_m, axis=1)
                assert moved.max() < FASTEST_M_S * STEP_S


def test_a_hand_that_holds_an_object_moves_with_it(take: HeldObjectTake) -> None:
    held = [take.at(at) for at in times_of(take)]
    held = [moment for moment in held if moment.holders]
    assert len(held) > 60
    in_object = [
        np.linalg.inv(moment.object_pose) @ moment.hands[0].wrist_pose  # type: ignore[arg-type]
        for moment in held
    ]
    np.testing.assert_allclose(
        in_object, np.broadcast_to(in_object[0], (len(held), 4, 4)), atol=1e-9
    )
    fingers = np.array([moment.hands[0].fingers_rad for moment in held])
    np.testing.assert_allclose(fingers, np.broadcast_to(fingers[0], fingers.shape), atol=1e-6)


def test_an_object_nobody_holds_lies_still(take: HeldObjectTake) -> None:
    free = [moment for moment in map(take.at, times_of(take)) if not moment.holders]
    poses = np.array([moment.object_pose for moment in free])
    assert len(free) > 30
    np.testing.assert_allclose(poses, np.broadcast_to(poses[0], poses.shape), atol=1e-9)


def test_an_object_is_lifted_and_put_back(take: HeldObjectTake) -> None:
    poses = np.array([take.at(at).object_pose for at in times_of(take)])
    assert np.ptp(poses[:, 2, 3]) > 0.06
    np.testing.assert_allclose(poses[-1], poses[0], atol=1e-6)


def test_in_a_hand_over_first_one_hand_holds_then_both_then_the_other(
    hand_over: HeldObjectTake,
) -> None:
    holders = [hand_over.at(at).holders for at in times_of(hand_over)]
    order = [sides for sides, _ in itertools.groupby(holders)]
    giving, taking = (hand.side for hand in hand_over.at(0.0).hands)
    assert order == [
        frozenset(),
        frozenset({giving}),
        frozenset({giving, taking}),
        frozenset({taking}),
    ]


def test_hands_that_gesture_keep_to_their_sides() -> None:
    gestures = free_take("f", list(HandSide), np.random.default_rng(7))
    for at in times_of(gestures):
        by_side = {hand.side: hand.wrist_pose[0, 3] for hand in gestures.at(at).hands}
        assert by_side[HandSide.LEFT] < by_side[HandSide.RIGHT]


# Tracked takes


def test_real_tracks_are_replayed_by_hands_that_stay_near_the_tracked_joints(
    reference_data: Path,
) -> None:
    path = reference_data / "data/hand_object_tracks/tracks.npz"
    takes = tracked_takes(path)
    assert takes
    with np.load(path) as stored:
        name = takes[0].name.removeprefix("tracked-")
        tracked = stored[f"{name}_joints"].astype(np.float64)
    replayed = np.array(
        [posed(takes[0].at(frame / 30).hands[0]).joints_m for frame in range(len(tracked))]
    )
    fingers = np.arange(1, 21)
    errors = []
    for moved, goal in zip(replayed, tracked, strict=True):
        seen = fingers[np.isfinite(goal[fingers]).all(axis=1)]
        errors += np.linalg.norm(aligned(moved[seen], goal[seen]) - goal[seen], axis=1).tolist()
    assert len(errors) > 10 * len(tracked)
    assert np.median(errors) < 0.008


def aligned(points: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Points turned and shifted onto a goal, lengths kept (Kabsch)."""
    rotation, _ = Rotation.align_vectors(goal - goal.mean(0), points - points.mean(0))
    return np.asarray(rotation.apply(points - points.mean(0)) + goal.mean(0))


def test_a_file_of_tracks_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "tracks.npz"
    path.write_text("nothing")
    with pytest.raises(InvalidValueError, match=r"tracks\.npz"):
        tracked_takes(path)
    np.savez(path, a_joints=np.zeros((30, 21, 3)))
    with pytest.raises(InvalidValueError, match="a_object"):
        tracked_takes(path)
