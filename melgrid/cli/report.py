"""``melgrid report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from melgrid.cli.compare import Lower, MetricColumn
from melgrid.cli.output import StorePath

__all__ = ["report"]


def report(
    store: StorePath,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.html", help="Where to write it. Default: STORE-report.html."),
    ] = None,
    metric: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            exists=True,
            dir_okay=False,
            help="Training results, as for compare: adds which setting won and what it costs.",
        ),
    ] = None,
    column: MetricColumn = None,
    lower: Lower = False,
) -> None:
    """Show a store on one HTML page, with pictures.

    Corpus, grid, spectrograms, values, failures, times and provenance; with --metric, which setting won.
    """
    from melgrid.store.report import write_report

    where = output or Path(f"{store.resolve()}-report.html")
    print(write_report(store, where, metric=metric, column=column, lower=lower))
