"""What hands hold is found, modelled, followed and reported; what they do not hold is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import config_of_settings
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.objects import NOBODY, GraspState, ObjectEstimate
from hand_object_recon.core.stage_settings import HeldObjectSettings
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.held_objects import stage as held_objects_stage
from hand_object_recon.held_objects.stage import HeldObjects

TOPOLOGIES = tuple(load_hand_model("open_hand", side).topology for side in HandSide)
HAND = 7
LIFTED_FRAME, PUT_DOWN_FRAME = 35, 80

Film = Sequence[Any]
Found = list[tuple[ObjectEstimate, ...]]


def watched(film: Film, settings: HeldObjectSettings | None = None) -> Found:
    stage = HeldObjects(settings or HeldObjectSettings(), TOPOLOGIES)
    return [stage.update(one.frame, one.hands) for one in film]


def states(found: Iterable[tuple[ObjectEstimate, ...]]) -> list[GraspState | None]:
    return [objects[0].state if objects else None for objects in found]


def distances_m(estimate: ObjectEstimate, moment: Any, props: Any) -> NDArray[np.float64]:
    """(V,) from the estimate's vertices to points on the true surface."""
    mesh = trimesh.Trimesh(props.vertices_m, props.faces)
    in_camera = estimate.vertices_m @ estimate.pose[:3, :3].T + estimate.pose[:3, 3]
    in_thing = (in_camera - moment.thing_pose[:3, 3]) @ moment.thing_pose[:3, :3]
    return np.asarray(cKDTree(mesh.sample(20000, seed=0)).query(in_thing)[0])


@pytest.fixture(scope="module")
def found(lifted: Film) -> Found:
    return watched(lifted)


def test_a_thing_is_not_reported_while_it_is_only_touched(found: Found) -> None:
    assert not any(found[:20])


def test_a_thing_that_was_lifted_is_held_by_the_hand(found: Found) -> None:
    while_held = found[LIFTED_FRAME:PUT_DOWN_FRAME]

    assert all(len(objects) == 1 for objects in while_held)
    assert {objects[0].held_by for objects in while_held} == {HAND}
    assert {objects[0].state for objects in while_held} == {GraspState.HELD}


def test_a_thing_the_hand_left_is_put_down_within_half_a_second(found: Found) -> None:
    last = found[-1][0]

    assert last.state is GraspState.PUT_DOWN
    assert last.held_by == NOBODY


def test_a_thing_keeps_its_identity_when_it_is_put_down(found: Found) -> None:
    assert {one.track_id for objects in found for one in objects} == {0}


def test_the_seen_surface_is_within_3_mm_of_the_true_one(
    found: Found, lifted: Film, props: Any
) -> None:
    for frame in range(LIFTED_FRAME, PUT_DOWN_FRAME, 9):
        estimate = found[frame][0]
        distances = distances_m(estimate, lifted[frame], props)

        assert np.median(distances[estimate.vertex_seen]) < 0.0015
        assert np.percentile(distances[estimate.vertex_seen], 95) < 0.005
        assert np.median(distances) < 0.003


def test_the_mesh_is_closed(found: Found) -> None:
    estimate = found[PUT_DOWN_FRAME][0]

    assert trimesh.Trimesh(estimate.vertices_m, estimate.faces).is_watertight


def test_the_surface_has_the_color_of_the_thing(found: Found) -> None:
    estimate = found[PUT_DOWN_FRAME][0]

    assert estimate.vertex_colors is not None
    mean = estimate.vertex_colors[estimate.vertex_seen].mean(axis=0)
    np.testing.assert_allclose(mean, (40, 90, 190), atol=25)


def test_the_pose_follows_the_thing(found: Found, lifted: Film) -> None:
    first, last = LIFTED_FRAME, PUT_DOWN_FRAME - 1
    true_motion = lifted[last].thing_pose @ np.linalg.inv(lifted[first].thing_pose)
    motion = found[last][0].pose @ np.linalg.inv(found[first][0].pose)
    middle = lifted[first].thing_pose[:3, 3]

    moved = motion[:3, :3] @ middle + motion[:3, 3]
    truly_moved = true_motion[:3, :3] @ middle + true_motion[:3, 3]
    assert np.linalg.norm(moved - truly_moved) < 0.006


def test_two_runs_give_the_same(found: Found, lifted: Film) -> None:
    again = watched(lifted[:60])

    for one, other in zip(again[-1], found[59], strict=True):
        np.testing.assert_array_equal(one.pose, other.pose)
        np.testing.assert_array_equal(one.vertices_m, other.vertices_m)


def test_a_hand_that_moves_with_nothing_in_it_holds_nothing(empty_handed: Film) -> None:
    assert not any(watched(empty_handed))


def test_a_hand_that_passes_over_a_thing_does_not_hold_it(film_cues: Callable[..., Film]) -> None:
    none = np.zeros(3)
    ways = [np.array([0.004 * step, -0.02, 0.0]) for step in range(-20, 20)]

    assert not any(watched(film_cues([(none, none, way) for way in ways])))


def test_a_thing_taken_up_again_is_the_same(film_cues: Callable[..., Film]) -> None:
    none, up, away = np.zeros(3), np.array([0.0, -0.06, 0.0]), np.array([0.0, -0.10, 0.0])
    rest = [(none, none, none)] * 8
    lift = [(share * up, none, none) for share in np.linspace(0, 1, 12)]
    go = [(none, none, share * away) for share in np.linspace(0, 1, 12)]
    once = [*rest, *lift, *lift[::-1], *go, *go[::-1]]
    found = watched(film_cues([*once, *once]))

    changes = [
        state
        for state, before in zip(states(found)[1:], states(found), strict=False)
        if state is not before
    ]
    assert changes == [GraspState.HELD, GraspState.PUT_DOWN, GraspState.HELD, GraspState.PUT_DOWN]
    assert {one.track_id for objects in found for one in objects} == {0}


def test_a_thing_that_fell_out_of_sight_is_not_held_for_half_a_second_more(
    film_cues: Callable[..., Film],
) -> None:
    none, up, fall = np.zeros(3), np.array([0.0, -0.06, 0.0]), np.array([1.0, 0.0, 0.0])
    lift = [(share * up, none, none) for share in np.linspace(0, 1, 15)]
    hold, fallen = [(up, none, none)] * 10, [(up + fall, none, -fall)] * 15
    found = watched(film_cues([(none, none, none)] * 8 + lift + hold + fallen))

    assert states(found)[-16] is GraspState.HELD
    assert not found[-1]


def test_a_thing_put_down_is_forgotten_after_the_time_that_was_set(lifted: Film) -> None:
    stage = HeldObjects(HeldObjectSettings(keep_s=0.5), TOPOLOGIES)
    for moment in lifted:
        before = stage.update(moment.frame, moment.hands)
    blind = [blinded(lifted[-1], 0.1 * step) for step in range(1, 10)]
    after = [stage.update(frame, ()) for frame in blind]

    assert before
    assert after[3]
    assert not after[-1]


def test_without_depth_nothing_is_found_and_what_is_held_is_kept(lifted: Film) -> None:
    stage = HeldObjects(HeldObjectSettings(), TOPOLOGIES)
    assert not any(stage.update(blinded(one, 0.0), one.hands) for one in lifted[:10])
    for moment in lifted[10:50]:
        stage.update(moment.frame, moment.hands)
    kept = [stage.update(blinded(one, 0.0), one.hands) for one in lifted[50:56]]

    assert [objects[0].state for objects in kept] == [GraspState.HELD] * 6


def test_a_hand_not_found_for_some_frames_does_not_end_the_hold(lifted: Film) -> None:
    stage = HeldObjects(HeldObjectSettings(), TOPOLOGIES)
    found = [
        stage.update(one.frame, () if 40 <= number < 46 else one.hands)
        for number, one in enumerate(lifted[:60])
    ]

    assert set(states(found)[LIFTED_FRAME:]) == {GraspState.HELD}
    assert found[-1][0].track_id == 0


@pytest.mark.parametrize(("residual_m", "is_found"), [(0.004, True), (0.015, False)])
def test_what_lies_in_a_hand_that_is_off_the_depth_is_not_taken_up(
    lifted: Film, residual_m: float, is_found: bool
) -> None:
    stage = HeldObjects(HeldObjectSettings(), TOPOLOGIES)
    found = [
        stage.update(
            one.frame, [replace(hand, placement_residual_m=residual_m) for hand in one.hands]
        )
        for one in lifted[: LIFTED_FRAME + 10]
    ]
    assert bool(found[-1]) is is_found


def test_after_a_reset_nothing_is_known(lifted: Film) -> None:
    stage = HeldObjects(HeldObjectSettings(), TOPOLOGIES)
    for moment in lifted[:50]:
        before = stage.update(moment.frame, moment.hands)
    stage.reset()

    assert before
    assert not stage.update(lifted[50].frame, ())


def test_the_mesh_has_no_more_faces_than_the_setting_of_the_moment_says(lifted: Film) -> None:
    stage = HeldObjects(HeldObjectSettings(), TOPOLOGIES)
    for moment in lifted[:45]:
        before = stage.update(moment.frame, moment.hands)
    stage.change_settings(HeldObjectSettings(mesh_faces=200))
    for moment in lifted[45:75]:
        after = stage.update(moment.frame, moment.hands)

    assert len(before[0].faces) > 200
    assert len(after[0].faces) <= 200


@pytest.mark.slow
def test_a_known_model_is_recognised_and_followed(lifted: Film, props: Any, tmp_path: Path) -> None:
    trimesh.Trimesh(props.vertices_m, props.faces).export(tmp_path / "cone.ply")
    other = trimesh.creation.box((0.05, 0.06, 0.09))
    other.export(tmp_path / "box.ply")
    found = watched(lifted[:60], HeldObjectSettings(models_folder=str(tmp_path)))
    estimate = found[-1][0]

    assert estimate.name == "cone"
    assert estimate.vertex_seen is not None
    assert estimate.vertex_seen.all()
    assert np.median(distances_m(estimate, lifted[59], props)) < 0.002


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="no mesh"):
        HeldObjects(HeldObjectSettings(models_folder=str(tmp_path)), TOPOLOGIES)


def test_warming_up_leaves_nothing_behind(lifted: Film) -> None:
    stage = HeldObjects(HeldObjectSettings(), TOPOLOGIES)
    stage.warm_up()

    assert stage.update(lifted[0].frame, lifted[0].hands) == ()


def test_a_real_empty_hand_holds_nothing(reference_data: Path) -> None:
    pytest.importorskip("mediapipe")
    from hand_object_recon.pipeline.build import build_pipeline
    from hand_object_recon.recordings.reader import RgbdRecording

    config = config_of_settings({"contact_refinement.enabled": False})
    pipeline = build_pipeline(config)
    with RgbdRecording(reference_data / "data/real_hand/recording") as recording:
        frames = recording.frames(np.arange(recording.frame_count))
        results = [pipeline.process(one) for one in frames if isinstance(one, RgbdFrame)]
    pipeline.close()

    assert sum(len(one.reconstruction.hands) for one in results) >= 30
    assert not any(one.reconstruction.objects for one in results)


def blinded(moment: Any, later_s: float) -> RgbdFrame:
    """The moment's frame, some time later, with a camera that measures no depth."""
    frame: RgbdFrame = moment.frame
    nothing = np.full_like(frame.depth_m, np.nan)
    return replace(frame, depth_m=nothing, stamp_ns=frame.stamp_ns + round(later_s * 1e9))


def shifted(moment: Any, right_px: int, hand: int, number: int) -> tuple[RgbdFrame, Any]:
    """A moment as frame ``number``, seen farther right, the hand under another id."""
    frame = moment.frame
    hands = []
    for one in moment.hands:
        right_m = right_px * one.joints_m[:, 2].mean() / frame.camera.fx
        hands.append(replace(one.moved(np.array([right_m, 0.0, 0.0])), track_id=hand))
    rgb, depth_m = (np.roll(image, right_px, axis=1) for image in (frame.rgb, frame.depth_m))
    moved = RgbdFrame(rgb, depth_m, frame.camera, number * 40_000_000, frame.frame_id)
    return moved, hands


def nothing(like: Any, number: int) -> RgbdFrame:
    frame = like.frame
    blind = np.full_like(frame.depth_m, np.nan)
    return RgbdFrame(frame.rgb, blind, frame.camera, number * 40_000_000, frame.frame_id)


def test_a_thing_that_went_out_of_sight_in_a_hand_is_held_when_both_are_back(lifted: Film) -> None:
    stage = HeldObjects(HeldObjectSettings(), TOPOLOGIES)
    held, out_s = lifted[20:60], 0.9
    number = 0
    for moment in held:
        number += 1
        stage.update(*shifted(moment, 0, HAND, number))
    for _ in range(round(out_s / 0.04)):
        number += 1
        stage.update(nothing(held[-1], number), [])
    back = []
    for moment in held[::-1]:
        number += 1
        back.append(stage.update(*shifted(moment, 70, HAND, number)))
    assert [one.state for one in back[-1]] == [GraspState.HELD]
    assert back[-1][0].held_by == HAND


def test_things_that_were_put_down_long_ago_make_room_for_what_is_held(
    lifted: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_objects_stage, "_MOST_OBJECTS", 2)
    stage = HeldObjects(HeldObjectSettings(keep_s=600.0), TOPOLOGIES)
    held, number = lifted[20:60], 0
    for visit, right_px in enumerate((0, 90, -90)):
        for moment in held:
            number += 1
            found = stage.update(*shifted(moment, right_px, visit + 1, number))
        assert visit + 1 in {one.held_by for one in found}
        for _ in range(20):
            number += 1
            stage.update(nothing(held[-1], number), [])
    assert {one.track_id for one in found} == {1, 2}
