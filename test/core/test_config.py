"""Settings: what is accepted, and what a refused one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from hand_object_recon.core.config import PipelineConfig, describe_settings, load_config
from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.stream_settings import DepthSettings


def refusal_of(*assignments: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        load_config(None, list(assignments))
    message = str(refusal.value)
    assert "\n" not in message
    return message


def refusal_of_file(path: Path, text: bytes) -> str:
    path.write_bytes(text)
    with pytest.raises(ConfigError) as refusal:
        load_config(path)
    message = str(refusal.value)
    assert "\n" not in message
    return message


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config(None) == PipelineConfig()


def test_a_file_changes_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("depth:\n  max_m: 1.5\n")

    config = load_config(path)

    assert config == PipelineConfig(depth=DepthSettings(max_m=1.5))


@pytest.mark.parametrize("text", ["", "# nothing\n", "depth:\n", "depth:\n  # max_m: 1.0\n"])
def test_an_empty_file_or_section_means_the_defaults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)

    assert load_config(path) == PipelineConfig()


def test_an_assignment_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("depth:\n  max_m: 1.5\n  min_m: 0.3\n")

    depth = load_config(path, ["depth.max_m=1.2"]).depth

    assert (depth.min_m, depth.max_m) == (0.3, 1.2)


def test_an_assignment_may_fill_a_section_left_empty_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("depth:\n")

    assert load_config(path, ["depth.max_m=1.2"]).depth.max_m == 1.2


def test_assignments_are_read_as_yaml() -> None:
    config = load_config(None, ["smoother.enabled=false", "recording.color_topic=/a=b"])

    assert config.smoother.enabled is False
    assert config.recording.color_topic == "/a=b"


def test_options_of_third_party_plugins_are_free() -> None:
    config = load_config(None, ["plugin_options.my_plugin.iterations=3"])

    assert config.plugin_options == {"my_plugin": {"iterations": 3}}


def test_a_configuration_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        PipelineConfig().depth.max_m = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "depth.max_m=50",
            "setting 'depth.max_m' is 50: input should be less than or equal to 20",
        ),
        ("depth.max_m=0", "setting 'depth.max_m' is 0: input should be greater than 0"),
        ("depth.max_m=.nan", "setting 'depth.max_m' is nan"),
        ("depth.max_m=far", "setting 'depth.max_m' is 'far': input should be a valid number"),
        ("tracker.max_hands=2.5", "setting 'tracker.max_hands' is 2.5: input should be a valid"),
        ("depth.min_m=3", "setting 'depth': min_m (3.0) must be below max_m (2.0)"),
        ("dept.max_m=1", "setting 'dept' does not exist (see docs/configuration.md)"),
        ("depth.max=1", "setting 'depth.max' does not exist (see docs/configuration.md)"),
        ("depth=3", "setting 'depth' is 3; it is a section of settings"),
        ("detector.name=x", "setting 'detector' is {'name': 'x'}: input should be a valid string"),
        ("depth.max_m", "--set 'depth.max_m' is not of the form key=value"),
        ("=3", "--set '=3' is not of the form key=value"),
        ("depth.max_m=[", "--set 'depth.max_m=[': '[' is not a YAML value"),
    ],
)
def test_a_wrong_assignment_is_refused_with_name_value_and_reason(
    assignment: str, message: str
) -> None:
    assert message in refusal_of(assignment)


def test_every_wrong_setting_is_named_at_once() -> None:
    message = refusal_of("depth.max_m=50", "tracker.max_hands=0")

    assert "'depth.max_m'" in message
    assert "'tracker.max_hands'" in message


def test_an_assignment_cannot_look_into_a_value(tmp_path: Path) -> None:
    assert "detector is a value, not a section" in refusal_of("detector=a", "detector.b=1")


def test_a_missing_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml cannot be read: No such file"):
        load_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"depth: [", "is not valid YAML: while parsing"),
        (b"\xff\xfe\x00", "is not valid YAML: 'utf-8' codec can't decode"),
        (b"- depth\n", "must hold 'name: value' lines"),
        (b"depth:\n  max_m: 99\n", "setting 'depth.max_m' is 99"),
        (b"depths: {}\n", "setting 'depths' does not exist"),
        (b"1: 2\n", "setting '1' is 1: keys should be strings"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: bytes, message: str) -> None:
    assert message in refusal_of_file(tmp_path / "broken.yaml", text)


def test_every_setting_is_described_in_a_sentence() -> None:
    for setting in describe_settings():
        assert setting.description.endswith("."), setting.name


def test_every_number_has_limits() -> None:
    numbers = [s for s in describe_settings() if type(s.default) in (int, float)]

    assert numbers
    for setting in numbers:
        assert setting.limits.count(",") == 1, f"{setting.name}: {setting.limits!r}"


def test_a_description_tells_name_default_limits_and_whether_it_may_change() -> None:
    described = {setting.name: setting for setting in describe_settings()}

    depth = described["depth.max_m"]
    assert (depth.default, depth.limits, depth.run_time) == (2.0, "> 0.0, ≤ 20.0", True)
    assert not described["tracker.max_hands"].run_time
