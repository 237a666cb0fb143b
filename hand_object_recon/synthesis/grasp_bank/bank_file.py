"""A grasp bank as an npz, kept to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.synthesis.grasp_bank.bank import GraspBank
from hand_object_recon.synthesis.grasping.grasp import Grasp, PlacedHand
from hand_object_recon.synthesis.grasping.grasp_types import GraspType
from hand_object_recon.synthesis.objects.catalogue import Split

_VERSION: Final = 1
_HANDS: Final = ("hand", "opened", "pregrasp")
_BUILDER: Final = "python -m hand_object_recon.synthesis.grasp_bank.builder"

Arrays = dict[str, NDArray[Any]]


def shipped_bank(split: Split) -> GraspBank:
    """The bank of a split that comes with the package.

    Raises
    ------
    InvalidValueError
        The file is missing or damaged.
    """
    with as_file(files("hand_object_recon.synthesis") / shipped_name(split)) as path:
        return load_grasp_bank(path, rebuild_command(split))


def shipped_name(split: Split) -> str:
    """Path of a split's bank within ``hand_object_recon/synthesis``."""
    return f"assets/grasps_{split}.npz"


def rebuild_command(split: Split) -> str:
    """What makes the shipped bank of a split again."""
    return f"{_BUILDER} --split {split}"


def save_grasp_bank(bank: GraspBank, path: Path) -> None:
    """Write a bank; the same bank gives the same bytes.

    Raises
    ------
    InvalidValueError
        The file cannot be written.
    """
    names = sorted(bank.fingerprints)
    arrays: Arrays = {
        "version": np.array(_VERSION),
        "pairs": np.array(bank.pairs, dtype=np.int32).reshape(-1, 2),
        "object_name": np.array(names),
        "object_fingerprint": np.stack([bank.fingerprints[name] for name in names]),
        **_grasp_arrays(bank.grasps),
    }
    try:
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise InvalidValueError(f"grasp bank {path} cannot be written: {error.strerror}") from None


def load_grasp_bank(path: Path, rebuild_command: str) -> GraspBank:
    """Read a bank.

    Raises
    ------
    InvalidValueError
        The file cannot be read, or is not a bank of this version.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if int(arrays["version"]) != _VERSION:
            raise InvalidValueError(
                f"grasp bank {path} has version {int(arrays['version'])}, not {_VERSION}: "
                f"rebuild it with {rebuild_command}"
            )
        fingerprints = zip(arrays["object_name"], arrays["object_fingerprint"], strict=True)
        return GraspBank(
            name=path.name,
            grasps=tuple(_grasp(arrays, row) for row in range(len(arrays["side"]))),
            pairs=tuple((int(giving), int(taking)) for giving, taking in arrays["pairs"]),
            fingerprints={str(name): sizes for name, sizes in fingerprints},
            rebuild_command=rebuild_command,
        )
    except InvalidValueError:
        raise
    except (OSError, KeyError, ValueError, IndexError, TypeError, BadZipFile, EOFError) as error:
        raise InvalidValueError(
            f"grasp bank {path} cannot be read ({error}): make it with {rebuild_command}"
        ) from None


def _grasp_arrays(grasps: Sequence[Grasp]) -> Arrays:
    """One row a grasp; hands in the order hand, opened, pregrasp."""
    hands = [[getattr(grasp, name) for name in _HANDS] for grasp in grasps]
    return {
        "grasp_object": np.array([grasp.object_name for grasp in grasps]),
        "grasp_type": np.array([str(grasp.grasp_type) for grasp in grasps]),
        "side": np.array([str(grasp.hand.side) for grasp in grasps]),
        "shape": np.array([[hand.shape for hand in row] for row in hands]),
        "rest_wrist_m": np.array([[hand.rest_wrist_m for hand in row] for row in hands]),
        "fingers_rad": np.array([[hand.fingers_rad for hand in row] for row in hands]),
        "wrist_pose": np.array([[hand.wrist_pose for hand in row] for row in hands]),
        "approach": np.array([grasp.approach for grasp in grasps]),
        "is_touching": np.array([grasp.is_touching for grasp in grasps]),
        "palm_touches": np.array([grasp.palm_touches for grasp in grasps]),
        "penetration_m": np.array([grasp.penetration_m for grasp in grasps]),
        "self_penetration_m": np.array([grasp.self_penetration_m for grasp in grasps]),
    }


def _grasp(arrays: Arrays, row: int) -> Grasp:
    hands = {
        name: PlacedHand(
            side=HandSide(str(arrays["side"][row])),
            shape=arrays["shape"][row, number],
            fingers_rad=arrays["fingers_rad"][row, number],
            wrist_pose=arrays["wrist_pose"][row, number],
            rest_wrist_m=arrays["rest_wrist_m"][row, number],
        )
        for number, name in enumerate(_HANDS)
    }
    return Grasp(
        object_name=str(arrays["grasp_object"][row]),
        grasp_type=GraspType(str(arrays["grasp_type"][row])),
        approach=arrays["approach"][row],
        is_touching=arrays["is_touching"][row],
        palm_touches=bool(arrays["palm_touches"][row]),
        penetration_m=float(arrays["penetration_m"][row]),
        self_penetration_m=float(arrays["self_penetration_m"][row]),
        **hands,
    )
