"""Joining a graph on a machine without the DDS library."""

from __future__ import annotations

import sys

import pytest

from hand_object_recon.core.errors import DependencyError
from hand_object_recon.dds.join import join_graph


def test_a_missing_dds_library_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "hand_object_recon.dds.cyclone", None)

    with (
        pytest.raises(DependencyError, match=r"pip install 'hand_object_recon\[dds\]'"),
        join_graph(1),
    ):
        pass
