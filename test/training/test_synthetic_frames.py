"""What takes are made of, and how a store that was made before goes on being taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hand_object_recon.synthesis.output.settings import SceneChoice
from hand_object_recon.training.config import SyntheticData
from hand_object_recon.training.store_building import StoreSource
from hand_object_recon.training.synthetic_frames import frames_of_take, sample_settings


def hands_of_takes(data: SyntheticData, count: int) -> list[int | None]:
    return [sample_settings(data, "train", number).hands for number in range(count)]


@pytest.mark.parametrize(("share", "of_ten"), [(0.0, 0), (0.7, 7), (1.0, 10)])
def test_the_share_of_takes_with_two_hands_is_kept_among_any_few(share: float, of_ten: int) -> None:
    hands = hands_of_takes(SyntheticData(two_hands_share=share), 100)
    assert set(hands) <= {1, 2}
    for start in range(0, 100, 10):
        assert abs(hands[start : start + 10].count(2) - of_ten) <= 1
    assert hands.count(2) == 10 * of_ten


def test_without_a_share_the_generator_chooses() -> None:
    assert hands_of_takes(SyntheticData(), 3) == [None] * 3


def test_the_scene_reaches_the_generator() -> None:
    data = SyntheticData(scene="hand_over", size_px=100, seed=3)
    settings = sample_settings(data, "val", 0)
    assert settings.scene is SceneChoice.HAND_OVER
    assert (settings.image_size_px, settings.seed, settings.split) == (100, 3, "val")


@pytest.mark.parametrize(("scene", "share"), [("grasp", 0.5), ("hand_over", 0.5)])
def test_a_scene_without_such_takes_is_refused(scene: str, share: float) -> None:
    with pytest.raises(ValidationError, match="two_hands_share"):
        SyntheticData.model_validate({"scene": scene, "two_hands_share": share})


def identity(**settings: Any) -> dict[str, Any]:
    source = StoreSource("train", SyntheticData.model_validate(settings), None)
    found: dict[str, Any] = json.loads(json.dumps(source.identity()))
    return found


def test_a_store_made_before_there_were_scenes_to_choose_is_still_taken() -> None:
    assert identity(takes=600, size_px=288) == {
        "split": "train",
        "takes": 600,
        "frames_per_take": 16,
        "step_s": 1 / 6,
        "seed": 0,
        "size_px": 288,
        "viewpoint": "any",
    }


def test_stores_of_other_takes_are_told_apart() -> None:
    assert identity(two_hands_share=0.7)["two_hands_share"] == 0.7
    assert identity(scene="free")["scene"] == "free"


@pytest.mark.parametrize(
    "settings",
    [
        {"sequences": ["15"]},
        {"viewpoint": "tracked"},
        {"tracks": "tracks.npz", "scene": "grasp"},
        {"tracks": "tracks.npz", "two_hands_share": 0.5},
    ],
)
def test_tracked_motions_are_told_whole_and_alone(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="tracks"):
        SyntheticData.model_validate(settings)


def test_stores_of_other_tracked_motions_are_told_apart() -> None:
    one, other = (identity(tracks="tracks.npz", sequences=[name]) for name in ("15", "19"))
    assert one["tracks"] == "tracks.npz"
    assert one != other


def test_frames_of_tracked_motions_show_a_hand_with_its_object(reference_data: Path) -> None:
    tracks = reference_data / "data/hand_object_tracks/tracks.npz"
    data = SyntheticData(tracks=tracks, sequences=("20",), viewpoint="tracked", frames_per_take=4)
    settings = sample_settings(data, "train", 0)
    frames = list(frames_of_take(settings, 0, data.frames_per_take, step_s=0.5))
    assert [frame.frame.rgb.shape for frame in frames] == [(480, 640, 3)] * 4
    for frame in frames:
        (thing,) = frame.truth.objects
        assert thing.category == "cube"
        assert len(frame.truth.hands) == 1
