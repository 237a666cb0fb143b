"""Records are kept as they were made and found again, with earlier ones of the same hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.training.config import SyntheticData
from hand_object_recon.training.sample_store import (
    SampleStore,
    StoredRecord,
    finish_store,
    write_part,
)
from hand_object_recon.training.store_building import StoreSource, open_or_build_store

SECOND_NS = 10**9


def record_at(stamp_ns: int, track: int = 0, sequence: int = 0) -> StoredRecord:
    """A record whose number and whose image's brightness tell when it was taken."""
    image = np.full((16, 16, 3), stamp_ns // SECOND_NS * 20, dtype=np.uint8)
    record = {"image": image, "second": np.float32(stamp_ns / SECOND_NS)}
    return StoredRecord(sequence, track, stamp_ns, record)


@pytest.fixture
def two_parts(tmp_path: Path) -> SampleStore:
    write_part(tmp_path / "part-0", [record_at(second * SECOND_NS) for second in range(4)])
    write_part(tmp_path / "part-1", [record_at(7 * SECOND_NS, track=1)])
    finish_store(tmp_path, ["part-0", "part-1"], {})
    return SampleStore(tmp_path)


def test_records_of_all_parts_are_found_by_number(two_parts: SampleStore) -> None:
    assert len(two_parts) == 5
    assert [float(two_parts.record(index)["second"]) for index in range(5)] == [0, 1, 2, 3, 7]


def test_images_come_back_in_their_colours(tmp_path: Path) -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[..., 0] = 200
    write_part(tmp_path / "part", [StoredRecord(0, 0, 0, {"image": image})])
    finish_store(tmp_path, ["part"], {})
    kept = SampleStore(tmp_path).record(0)["image"]
    assert np.abs(kept.astype(int) - image).max() <= 6


def test_depth_and_masks_come_back_exactly(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kept = {
        "depth": random.integers(0, 1 << 16, (24, 16), dtype=np.uint16),
        "mask": random.integers(0, 5, (24, 16), dtype=np.uint8),
    }
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    write_part(tmp_path / "part", [StoredRecord(0, 0, 0, {**kept, "image": image})])
    finish_store(tmp_path, ["part"], {})
    found = SampleStore(tmp_path).record(0)
    for name, values in kept.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


def test_earlier_records_are_those_nearest_in_time(two_parts: SampleStore) -> None:
    found = two_parts.with_earlier(3, (0.9, 2.2))
    assert [float(record["second"]) for record in found] == [3, 2, 1]


def test_the_earliest_record_stands_in_where_nothing_was_seen_so_early(
    two_parts: SampleStore,
) -> None:
    found = two_parts.with_earlier(1, (1.0, 30.0))
    assert [float(record["second"]) for record in found] == [1, 0, 0]


def test_another_hand_s_records_are_not_taken_for_earlier_ones(two_parts: SampleStore) -> None:
    found = two_parts.with_earlier(4, (4.0, 5.0))
    assert [float(record["second"]) for record in found] == [7, 7, 7]


def test_an_unfinished_store_is_refused(tmp_path: Path) -> None:
    write_part(tmp_path / "part", [record_at(0)])
    with pytest.raises(InvalidValueError, match="not a finished store"):
        SampleStore(tmp_path)


def test_a_store_of_another_source_is_not_taken_silently(store_folder: Path) -> None:
    other = StoreSource("train", SyntheticData(takes=99), None)
    with pytest.raises(ConfigError, match="takes"):
        open_or_build_store(store_folder, "h2onet", {}, other, 0, lambda *_: None)


def test_a_store_with_depth_serves_who_asks_for_none_but_not_the_other_way(tmp_path: Path) -> None:
    source = StoreSource("val", SyntheticData(takes=1, frames_per_take=3, size_px=96), None)

    def opened(folder: Path, *, with_depth: bool) -> SampleStore:
        options = {"image_size": 64, "hourglass_depth": 3, "with_depth": with_depth}
        return open_or_build_store(folder, "intra_inter_graph", options, source, 0, lambda *_: None)

    count = len(opened(tmp_path / "depth", with_depth=True))
    assert count > 0
    assert len(opened(tmp_path / "depth", with_depth=False)) == count
    opened(tmp_path / "colour", with_depth=False)
    with pytest.raises(ConfigError, match="was made from"):
        opened(tmp_path / "colour", with_depth=True)


def test_a_store_of_other_record_settings_is_not_taken_silently(
    store: SampleStore, store_folder: Path
) -> None:
    source = store.meta["identity"]["source"]
    same = {name: source[name] for name in SyntheticData.model_fields if name in source}
    source = StoreSource("train", SyntheticData(**same), None)
    opened = open_or_build_store(store_folder, "h2onet", {}, source, 0, lambda *_: None)
    assert len(opened) == len(store)
    with pytest.raises(ConfigError, match="hidden_hand_share"):
        open_or_build_store(
            store_folder, "h2onet", {"hidden_hand_share": 0.5}, source, 0, lambda *_: None
        )


def test_without_a_source_a_missing_store_is_an_error_that_says_what_to_give(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match=r"data\.synthetic"):
        open_or_build_store(
            tmp_path / "none", "h2onet", {}, StoreSource("val", None, None), 0, lambda *_: None
        )


def test_synthetic_records_hold_a_right_hand_s_truth(store: SampleStore) -> None:
    record = store.record(0)
    assert record["image"].shape == (224, 224, 3)
    assert record["joints_px"].shape == (21, 2)
    rotation = record["orientation"]
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(rotation) == pytest.approx(1.0, abs=1e-4)
