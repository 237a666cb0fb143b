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
from hand_object_recon.synthesis.filming.film_set import (
    FilmSettings,
    Viewpoint,
    draw_film_set,
)
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
from hand_object_recon.synthesis.takes.tracked_take import TrackedTake, tracked_takes
from hand_object_recon.synthesis.takes.tremor import Tremor
from hand_object_recon.synthesis.takes.turning import ArmTurn, arm_turn, wrist_turn
from hand_object_recon.synthesis.takes.turning_take import turning_hand_over_take, turning_take

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


# Turning takes


@pytest.fixture(scope="module")
def turning(bank: GraspBank) -> HeldObjectTake:
    """The first grasp whose object lies on a table at first and is put down at the end."""
    for number, grasp in enumerate(bank.grasps):
        shape = shape_of(grasp.object_name)
        found = turning_take("t", shape, grasp, 10.0, np.random.default_rng(number))
        if found.support_height_m is not None and not found.at(10.0).holders:
            return found
    raise AssertionError("no grasp of the bank can be taken from a table and put down")


@pytest.fixture(scope="module")
def turning_hand_over(bank: GraspBank) -> HeldObjectTake:
    giving, taking = (bank.grasps[number] for number in bank.pairs[0])
    shape = shape_of(giving.object_name)
    return turning_hand_over_take("t", shape, (giving, taking), 10.0, np.random.default_rng(3))


def test_a_turning_take_lasts_as_long_as_is_asked_for_and_moves_as_hands_do(
    turning: HeldObjectTake, turning_hand_over: HeldObjectTake
) -> None:
    for one in (turning, turning_hand_over):
        assert one.duration_s == pytest.approx(10.0, abs=1.0)
        moments = [one.at(at) for at in times_of(one)]
        assert sum(bool(moment.holders) for moment in moments) > 0.5 * len(moments)
        for before, after in itertools.pairwise(moments):
            for hand, later in zip(before.hands, after.hands, strict=True):
                moved = np.linalg.norm(posed(later).vertices_m - posed(hand).vertices_m, axis=1)
                assert moved.max() < FASTEST_M_S * STEP_S
    assert turning.duration_s == 10.0


def test_what_is_turned_shows_its_other_sides(turning: HeldObjectTake) -> None:
    """Some two poses of it lie a quarter turn or more apart, about more than one axis."""
    poses = np.array([turning.at(at).object_pose for at in times_of(turning)])
    turns = Rotation.from_matrix(poses[:, :3, :3]) * Rotation.from_matrix(poses[0, :3, :3]).inv()
    vectors = turns.as_rotvec()
    assert np.linalg.norm(vectors, axis=1).max() > np.radians(80)
    spread = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False)
    assert spread[1] > 0.1 * spread[0]


def test_while_it_is_turned_nothing_of_hand_and_object_is_in_the_table(
    turning: HeldObjectTake,
) -> None:
    assert turning.support_height_m is not None
    assert turning.object_shape is not None
    for at in times_of(turning)[::5]:
        moment = turning.at(at)
        assert moment.object_pose is not None
        thing = trimesh.transform_points(turning.object_shape.vertices_m, moment.object_pose)
        lowest = min(
            thing[:, 2].min(), *(posed(one).vertices_m[:, 2].min() for one in moment.hands)
        )
        assert lowest > turning.support_height_m - 2e-3


@pytest.mark.parametrize("side", list(HandSide))
def test_a_palm_that_is_turned_up_looks_up(side: HandSide) -> None:
    """Of the model at rest the palm looks along -y; a forearm to the person's front is level."""
    for roll, up in ((0.5 * np.pi, 1.0), (-0.5 * np.pi, -1.0), (0.0, 0.0)):
        arm = ArmTurn(np.array([0.0, -1.0, 0.0]), roll)
        wrist = wrist_turn(arm, side)
        assert np.linalg.det(wrist) == pytest.approx(1.0)
        assert (wrist @ [0.0, -1.0, 0.0])[2] == pytest.approx(up, abs=1e-9)
        assert arm_turn(wrist, side).roll_rad == pytest.approx(roll)
        np.testing.assert_allclose(arm_turn(wrist, side).forearm, arm.forearm, atol=1e-12)


def test_after_a_hand_over_the_giving_hand_stays_where_it_went(
    turning_hand_over: HeldObjectTake,
) -> None:
    holders = [turning_hand_over.at(at).holders for at in times_of(turning_hand_over)]
    order = [sides for sides, _ in itertools.groupby(holders)]
    giving, taking = (hand.side for hand in turning_hand_over.at(0.0).hands)
    assert order == [
        frozenset(),
        frozenset({giving}),
        frozenset({giving, taking}),
        frozenset({taking}),
    ]
    end_s = turning_hand_over.duration_s
    before, after = (turning_hand_over.at(at) for at in (end_s - 0.3, end_s))
    np.testing.assert_allclose(before.hands[0].wrist_pose, after.hands[0].wrist_pose, atol=1e-3)
    assert np.abs(before.object_pose - after.object_pose).max() > 0.01  # type: ignore[operator]


def test_a_turning_take_that_is_too_short_is_refused(bank: GraspBank) -> None:
    grasp = bank.grasps[0]
    shape = shape_of(grasp.object_name)
    with pytest.raises(InvalidValueError, match=r"lasts 3\.0 s; it must be 8\.0 s or more"):
        turning_take("t", shape, grasp, 3.0, np.random.default_rng(0))


def test_hands_that_gesture_keep_to_their_sides() -> None:
    gestures = free_take("f", list(HandSide), np.random.default_rng(7))
    for at in times_of(gestures):
        by_side = {hand.side: hand.wrist_pose[0, 3] for hand in gestures.at(at).hands}
        assert by_side[HandSide.LEFT] < by_side[HandSide.RIGHT]


# Tracked takes


@pytest.fixture(scope="module")
def tracks(reference_data: Path) -> Path:
    return reference_data / "data/hand_object_tracks/tracks.npz"


@pytest.fixture(scope="module")
def tracked(tracks: Path) -> TrackedTake:
    return tracked_takes(tracks)[0]


@pytest.fixture(scope="module")
def tracked_joints_m(tracks: Path, tracked: TrackedTake) -> np.ndarray:
    with np.load(tracks) as stored:
        joints = stored[f"{tracked.name.removeprefix('tracked-')}_joints"]
    return np.asarray(joints, dtype=np.float64)


def test_real_tracks_are_replayed_by_hands_that_stay_near_the_tracked_joints(
    tracked: TrackedTake, tracked_joints_m: np.ndarray
) -> None:
    frames = range(len(tracked_joints_m))
    replayed = np.array([posed(tracked.at(frame / 30).hands[0]).joints_m for frame in frames])
    fingers = np.arange(1, 21)
    errors = []
    for moved, goal in zip(replayed, tracked_joints_m, strict=True):
        seen = fingers[np.isfinite(goal[fingers]).all(axis=1)]
        errors += np.linalg.norm(aligned(moved[seen], goal[seen]) - goal[seen], axis=1).tolist()
    assert len(errors) > 10 * len(frames)
    assert np.median(errors) < 0.008


def test_named_sequences_alone_are_replayed(tracks: Path) -> None:
    (take,) = tracked_takes(tracks, ["20"])
    assert take.name == "tracked-20"
    with pytest.raises(InvalidValueError, match="no sequence '7'; there is 15, 16"):
        tracked_takes(tracks, ["7"])


def test_tracks_can_be_filmed_by_the_camera_they_were_tracked_with(
    tracked: TrackedTake, tracked_joints_m: np.ndarray
) -> None:
    settings = FilmSettings(viewpoint=Viewpoint.TRACKED)
    film_set = draw_film_set(tracked, np.random.default_rng(0), settings)
    assert (film_set.camera.width, film_set.camera.fx) == (640, 525.0)
    joints = posed(tracked.at(2.0).hands[0].moved(film_set.camera_from_take)).joints_m
    apart = np.linalg.norm(joints - tracked_joints_m[60], axis=1)
    assert np.nanmedian(apart[2:]) < 0.02


def test_only_tracked_motions_have_a_camera_of_their_own() -> None:
    gestures = free_take("f", [HandSide.LEFT], np.random.default_rng(4))
    settings = FilmSettings(viewpoint=Viewpoint.TRACKED)
    with pytest.raises(InvalidValueError, match="give --tracks"):
        draw_film_set(gestures, np.random.default_rng(0), settings)


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
