"""``hand-object-recon config``: the default settings as a file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def config(
    out: Annotated[Path | None, typer.Option(help="Write a new file instead of printing.")] = None,
) -> None:
    """Print every setting with its default, its limits and what it does, as YAML."""
    from hand_object_recon.core.config_documents import default_yaml

    if out is None:
        typer.echo(default_yaml(), nl=False)
        return
    _write_new(out, default_yaml())
    typer.echo(f"wrote {out}")


def _write_new(path: Path, text: str) -> None:
    from hand_object_recon.core.errors import ConfigError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} exists; give another name or remove it first") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
