"""The program, run from within a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hand_object_recon.cli.main import FAILURE, main

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the program; return what it printed, after checking that it succeeded."""

    def run_program(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert not stop.value.code, printed.err
        return printed.out

    return run_program


@pytest.fixture
def fail(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the program; return its error, after checking that it is one line without traceback."""

    def run_program(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        assert stop.value.code == FAILURE
        printed = capsys.readouterr().err
        assert "Traceback" not in printed
        (line,) = (line for line in printed.splitlines() if line.startswith("error: "))
        return line

    return run_program
