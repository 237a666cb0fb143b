"""Grasps of a user's own objects, made once and kept beside what is made of them."""

from __future__ import annotations

from typing import Final

from hand_object_recon.synthesis.grasp_bank.bank_file import save_grasp_bank
from hand_object_recon.synthesis.grasp_bank.making import BankPlan, OnGrasps, make_bank_of
from hand_object_recon.synthesis.objects.user_objects import load_user_objects
from hand_object_recon.synthesis.output.metadata import cannot_write
from hand_object_recon.synthesis.output.settings import ObjectFolder

GRASPS_OF_OBJECT: Final = 12
_MOST_GRASPS: Final = 600


def make_grasps_of(objects: ObjectFolder, seed: int, on_grasps: OnGrasps) -> None:
    """Write the objects' grasp bank unless there is one: twelve grasps for each on average.

    Raises
    ------
    InvalidValueError
        An object cannot be used, none can be held, or the file cannot be written.
    """
    if objects.grasp_bank.exists():
        return
    shapes = load_user_objects(objects.folder, objects.scale)
    plan = BankPlan(
        name=objects.grasp_bank.name,
        count=min(GRASPS_OF_OBJECT * len(shapes), _MOST_GRASPS),
        seed=seed,
        rebuild_command="the same synthesize command, after removing the file",
    )
    bank = make_bank_of(shapes, plan, on_grasps)
    part = objects.grasp_bank.with_suffix(".part")
    save_grasp_bank(bank, part)
    try:
        part.replace(objects.grasp_bank)
    except OSError as error:
        raise cannot_write(objects.grasp_bank, error) from None
