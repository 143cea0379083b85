"""``melgrid demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    folder: Annotated[
        Path,
        typer.Argument(metavar="[DIR]", help="Folder to work in, new or of an earlier demo. Default: melgrid-demo."),
    ] = Path("melgrid-demo"),
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Worker processes; default: one a processor.")
    ] = None,
) -> None:
    """Make a corpus, a grid, a store and a trained model.

    Everything once, on a small synthetic corpus, in minutes; a report at the end.
    """
    from melgrid.demo import run_demo

    run_demo(folder, jobs=jobs)
