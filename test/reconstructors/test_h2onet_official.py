"""The authors' checkpoint and repository become a network; what is missing is named.

The files are made here: a mesh of our own in the layout of theirs.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.core.method_settings import H2ONetSettings
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.topology.of_model import mesh_hierarchy, spiral_indices
from hand_object_recon.reconstructors.h2onet.network import MultiFrameNetwork
from hand_object_recon.reconstructors.h2onet.official import load_official
from hand_object_recon.reconstructors.h2onet.official_template import (
    FINGERS_FILE,
    LEVELS_FILE,
    official_template,
)
from hand_object_recon.reconstructors.h2onet.reconstructor import H2ONetReconstructor

MODEL = load_hand_model("open_hand", HandSide.RIGHT)
HIERARCHY = mesh_hierarchy(MODEL)


def up_matrix(step: int) -> csc_matrix:
    """Not summing to one and with negative entries, as theirs."""
    return csc_matrix(HIERARCHY.steps[step].up * np.float32(1.1) - 0.3 * HIERARCHY.steps[step].up)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder laid out as a clone of the authors' repository."""
    levels = [level.template_indices for level in HIERARCHY.levels]
    content = {
        "vertices": [MODEL.v_template[indices].astype(np.float64) for indices in levels],
        "face": [level.faces.astype(np.uint32) for level in HIERARCHY.levels],
        "up_transform": [up_matrix(step) for step in range(4)],
    }
    (tmp_path / LEVELS_FILE).parent.mkdir(parents=True)
    (tmp_path / LEVELS_FILE).write_bytes(pickle.dumps(content, protocol=2))
    names = ("thumb", "index", "middle", "ring", "little")
    lines = [
        f"{name}_verts_idx = [\n    {number}, {10 + number}\n]" for number, name in enumerate(names)
    ]
    text = "from common.utils.mano import MANO\n\nmano = MANO()\n" + "\n".join(lines)
    (tmp_path / FINGERS_FILE).parent.mkdir(parents=True)
    (tmp_path / FINGERS_FILE).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_template_is_what_the_files_hold(repository: Path) -> None:
    template = official_template(repository)
    for level in range(4):
        np.testing.assert_array_equal(template.spirals[level], spiral_indices(MODEL, level))
        rebuilt = np.zeros((len(template.up_columns[level]), HIERARCHY.steps[level].down.shape[0]))
        rows = np.arange(len(rebuilt))[:, None]
        np.add.at(rebuilt, (rows, template.up_columns[level]), template.up_weights[level])
        np.testing.assert_allclose(rebuilt, up_matrix(level).toarray(), atol=1e-7)
    assert [fingers.tolist() for fingers in template.finger_vertices] == [
        [number, 10 + number] for number in range(5)
    ]


def test_nothing_of_the_repository_is_run(repository: Path) -> None:
    marker = repository / "was_run"
    with (repository / FINGERS_FILE).open("a", encoding="utf-8") as file:
        file.write(f"\nopen({str(marker)!r}, 'w').close()\n")
    official_template(repository)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("missing", "meaning"),
    [(LEVELS_FILE, "levels of the authors' mesh"), (FINGERS_FILE, "fingers' vertices")],
)
def test_a_missing_file_is_named_with_what_it_is_and_where_to_get_it(
    repository: Path, missing: Path, meaning: str
) -> None:
    (repository / missing).unlink()
    with pytest.raises(InvalidValueError, match=f"{missing.name} is missing: .*{meaning}.*clone"):
        official_template(repository)


def test_a_pickle_that_asks_for_anything_else_is_refused(repository: Path) -> None:
    (repository / LEVELS_FILE).write_bytes(pickle.dumps({"vertices": Path("x")}, protocol=2))
    with pytest.raises(InvalidValueError, match="nothing of it was run"):
        official_template(repository)


def test_a_list_that_is_not_there_is_named(repository: Path) -> None:
    (repository / FINGERS_FILE).write_text("thumb_verts_idx = [1]\n", encoding="utf-8")
    with pytest.raises(InvalidValueError, match="lacks index_verts_idx"):
        official_template(repository)


def test_a_missing_checkpoint_is_named(repository: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"none\.pth does not exist"):
        load_official(repository / "none.pth", repository)


def test_a_checkpoint_that_lacks_layers_is_refused(repository: Path) -> None:
    path = repository / "part.pth"
    torch.save({"state_dict": {"module.mano_joint_reg": torch.zeros(21, 778)}}, path)
    with pytest.raises(InvalidValueError, match="does not fit H2ONet"):
        load_official(path, repository)


def test_a_checkpoint_becomes_the_authors_network(repository: Path, reference_data: Path) -> None:
    folder = reference_data / "parity"
    if not (folder / "h2onet_multi_keys.json").exists():
        pytest.skip(f"{folder} has no h2onet_multi_keys.json")
    path = repository / "dexycb.pth"
    torch.save({"state_dict": _saved_state(folder), "optimizer": {}}, path)
    network = load_official(path, repository)
    assert isinstance(network, MultiFrameNetwork)
    assert not network.training
    spirals = torch.from_numpy(spiral_indices(MODEL, 0).astype(np.int64))
    assert torch.equal(network.decoder.head.spirals, spirals)


def test_the_plugin_takes_a_checkpoint_of_the_authors(
    repository: Path, reference_data: Path
) -> None:
    folder = reference_data / "parity"
    if not (folder / "h2onet_multi_keys.json").exists():
        pytest.skip(f"{folder} has no h2onet_multi_keys.json")
    path = repository / "dexycb.pth"
    torch.manual_seed(0)
    state = {name: _some_values(name, values) for name, values in _saved_state(folder).items()}
    torch.save({"state_dict": state}, path)
    reconstructor = plugin_with(path, repository)
    camera = CameraIntrinsics(64, 48, 60.0, 60.0, 32.0, 24.0)
    rgb = np.full((48, 64, 3), 120, dtype=np.uint8)
    frame = RgbdFrame(rgb, np.full((48, 64), 0.6, np.float32), camera, 5, "camera")
    detection = HandDetection(HandSide.LEFT, 0.9, BoundingBox(10.0, 5.0, 50.0, 45.0))
    (hand,) = reconstructor.reconstruct(frame, [TrackedHand(1, detection)]).hands
    assert hand.topology == "open_hand_left"
    assert hand.vertices_m.shape == (778, 3)
    assert reconstructor.reconstruct(frame, [TrackedHand(1, detection)]).hands, "a second frame"


def test_a_hand_model_of_another_mesh_is_refused(repository: Path, reference_data: Path) -> None:
    folder = reference_data / "parity"
    if not (folder / "h2onet_multi_keys.json").exists():
        pytest.skip(f"{folder} has no h2onet_multi_keys.json")
    path = repository / "dexycb.pth"
    torch.save({"state_dict": _saved_state(folder)}, path)
    levels = pickle.loads((repository / LEVELS_FILE).read_bytes())
    levels["face"][0] = levels["face"][0][:, ::-1]
    (repository / LEVELS_FILE).write_bytes(pickle.dumps(levels, protocol=2))
    with pytest.raises(InvalidValueError, match=r"'open_hand', whose mesh is not .* import MANO"):
        plugin_with(path, repository)


def test_a_repository_without_a_checkpoint_is_refused(repository: Path) -> None:
    with pytest.raises(ConfigError, match=r"h2onet\.weights is empty; set"):
        plugin_with("", repository)


def plugin_with(checkpoint: Path | str, repository: Path) -> H2ONetReconstructor:
    settings = H2ONetSettings(
        weights=str(checkpoint), official_repository=str(repository), device="cpu"
    )
    return H2ONetReconstructor(PipelineConfig(h2onet=settings))


def _some_values(name: str, like: torch.Tensor) -> torch.Tensor:
    """Values from which no layer blows up or dies out."""
    if name.endswith("running_var"):
        return torch.ones_like(like)
    spread = 1.0 / max(like[0].numel(), 1) ** 0.5 if like.ndim > 1 else 0.1
    return (spread * torch.randn(like.shape)).to(like.dtype)


def _saved_state(folder: Path) -> dict[str, torch.Tensor]:
    """Tensors of the names and shapes that the authors save, with what DataParallel adds."""
    import json

    shapes = json.loads((folder / "h2onet_multi_keys.json").read_text(encoding="utf-8"))
    return {f"module.{name}": torch.zeros(shape) for name, shape in shapes.items()}
