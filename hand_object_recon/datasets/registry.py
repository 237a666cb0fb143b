"""The data sets by name; a loader's module is imported when its set is asked for."""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Final

from hand_object_recon.core.errors import DatasetError
from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.card import DatasetCard
from hand_object_recon.datasets.choice import DatasetChoice

_ROOM: Final = "hand_object_recon.datasets"

_LOADERS: Final = {
    "dexycb": "dexycb:DexYCB",
    "fhb": "fhb:FHB",
    "freihand": "freihand:FreiHAND",
    "h2o": "h2o:H2O",
    "h2o3d": "h2o3d:H2O3D",
    "hic": "hic:HIC",
    "ho3d_v2": "ho3d:HO3DVersion2",
    "ho3d_v3": "ho3d:HO3DVersion3",
    "obman": "obman:ObMan",
    "rhd": "rhd:RHD",
}


def dataset_names() -> tuple[str, ...]:
    """Every data set there is a loader for, in order of name."""
    return tuple(sorted(_LOADERS))


def dataset_card(name: str) -> DatasetCard:
    """What a data set is."""
    return dataset_class(name).card


def dataset_class(name: str) -> type[Dataset]:
    """The loader of that name.

    Raises
    ------
    DatasetError
        There is none; the message lists those there are.
    """
    if name not in _LOADERS:
        raise DatasetError(
            f"data set {name!r} is not known; known are {', '.join(dataset_names())}"
        )
    module_name, _, class_name = _LOADERS[name].partition(":")
    loader: type[Dataset] = getattr(importlib.import_module(f"{_ROOM}.{module_name}"), class_name)
    return loader


@lru_cache(maxsize=4)
def open_dataset(choice: DatasetChoice) -> Dataset:
    """The data set with the chosen frames; indexed once in a process.

    Raises
    ------
    DatasetError
        There is no such set or split, or its files are not where they should be.
    """
    return dataset_class(choice.name)(choice)
