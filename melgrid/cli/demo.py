"""``melgrid demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from melgrid.cli.options import Jobs

__all__ = ["demo"]


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to work in.")] = Path("melgrid-demo"),
    jobs: Jobs = None,
) -> None:
    """Make a corpus, a grid, a store and a trained model.

    Everything once, on a small synthetic corpus, in minutes; a report at the end.
    """
    from melgrid.demo import run_demo

    run_demo(folder, jobs=jobs)
