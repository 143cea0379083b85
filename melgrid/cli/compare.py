"""``melgrid compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from melgrid.cli.output import Json, StorePath, show

__all__ = ["Lower", "MetricColumn", "compare"]

MetricColumn = Annotated[
    str | None, typer.Option("--column", metavar="NAME", help="Measure to compare by. Default: the first one.")
]
Lower = Annotated[bool, typer.Option("--lower", help="Lower is better, as for a loss.")]


def compare(
    store: StorePath,
    metric: Annotated[
        Path,
        typer.Option(
            metavar="FILE.csv",
            exists=True,
            dir_okay=False,
            help="Training results: a column 'feature' with ids, optionally 'seed', and measures.",
        ),
    ],
    column: MetricColumn = None,
    lower: Lower = False,
    json: Json = False,
) -> None:
    """Show which setting trains best, and what it costs.

    Also what each parameter does, all others being equal.
    """
    from melgrid.store.compare import compare as join
    from melgrid.store.compare.text import comparison_text

    show(join(store, metric, column=column, lower=lower), json, comparison_text)
