"""``melgrid preprocess``."""

from __future__ import annotations

import sys
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melgrid.cli.corpus import load_dataset
from melgrid.cli.names import complete_corpus, complete_recipe
from melgrid.cli.options import (
    AllowMixed,
    ClipSeconds,
    Executor,
    Jobs,
    MaxClipMinutes,
    MemoryMb,
    OnError,
    Quiet,
    Root,
    Scheduler,
    Settings,
    Subset,
    limits_of,
)
from melgrid.cli.output import Json, show
from melgrid.errors import ParameterError

if TYPE_CHECKING:
    from melgrid.params import Grid

__all__ = ["preprocess"]

_TOO_MANY_BAD = 3  # exit code


def preprocess(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", autocompletion=complete_corpus, help="A known corpus, or folder.")
    ],
    root: Root,
    store: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where the store is or will be.")],
    grid: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Grid file.")] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            metavar='"KIND KEY=V,V ..."', help="Features, written on the command line; may be given several times."
        ),
    ] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_recipe,
            help="A published grid (melgrid recipes lists them); may be given several times.",
        ),
    ] = None,
    augment: Annotated[
        list[str] | None,
        typer.Option(
            metavar='"EFFECT KEY=V,V"', help="Variants of the training clips as well; may be given several times."
        ),
    ] = None,
    set_: Settings = None,
    subset: Subset = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", help="Only N clips, a fair sample. A store keeps its N; add-clips adds more."),
    ] = None,
    jobs: Jobs = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="float16|float32|uint8", help="Stored type of features that name none.")
    ] = None,
    shard_mb: Annotated[int, typer.Option(metavar="N", min=1, help="Size that shards aim for, MiB.")] = 128,
    on_error: OnError = "quarantine",
    max_bad: Annotated[
        float,
        typer.Option(
            metavar="FRACTION", min=0, max=1, help="More failed clips than this, known faults aside: exit code 3."
        ),
    ] = 0.01,
    retry: Annotated[
        bool, typer.Option("--retry", help="Also try the clips again that failed in earlier runs.")
    ] = False,
    allow_mixed: AllowMixed = False,
    clip_seconds: ClipSeconds = 300.0,
    memory_mb: MemoryMb = 8192,
    max_clip_minutes: MaxClipMinutes = 180.0,
    executor: Executor = "threads",
    scheduler: Scheduler = None,
    task: Annotated[
        str | None, typer.Option(metavar="K/N", help="Only the K-th of N shares, beside others on the same store.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and what it costs; write nothing.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Compute a grid of features of a corpus into a store."""
    wanted = _grid(grid, feature or [], recipe or [], dtype).augmented(*augment or [])
    corpus = load_dataset(dataset, root, set_ or [], subset)

    from melgrid.preprocess import prepare, run
    from melgrid.preprocess.text import forecast_text, kept_text, room_warning, summary_text

    coming, plan = prepare(
        corpus, wanted, store, limit=limit, jobs=jobs, shard_mb=shard_mb, allow_mixed=allow_mixed, timed=dry_run
    )
    if json and dry_run:
        show(coming, json, str)
    elif dry_run or not quiet:
        print(forecast_text(coming, plan), file=sys.stdout if dry_run else sys.stderr)
    elif warning := room_warning(coming):
        print(warning, file=sys.stderr)
    if dry_run:
        return
    try:
        summary = run(
            corpus,
            wanted,
            store,
            jobs=jobs,
            limit=limit,
            shard_mb=shard_mb,
            on_error="stop" if on_error == "stop" else "quarantine",
            allow_mixed=allow_mixed,
            retry=retry,
            limits=limits_of(clip_seconds, memory_mb, max_clip_minutes),
            progress=not quiet,
            executor="dask" if executor == "dask" else "threads",
            scheduler=scheduler,
            task=task,
        )
    except KeyboardInterrupt:
        if plan:
            print(kept_text(store, plan.features), file=sys.stderr)
        raise
    show(summary, json, summary_text)
    surprises = summary.failed - summary.reasons.get("known_bad", 0)
    if surprises > max_bad * summary.clips:
        when = "when all tasks are done, " if task else ""
        print(
            f"melgrid: {surprises} of {summary.clips} clips failed, more than --max-bad {max_bad:g} allows; "
            f"{when}melgrid inspect {store} --failures lists them",
            file=sys.stderr,
        )
        raise typer.Exit(_TOO_MANY_BAD)


def _grid(path: Path | None, shorthand: list[str], recipes: list[str], dtype: str | None) -> Grid:
    from melgrid.params import Grid, recipe

    defaults = {} if dtype is None else {"dtype": dtype}
    grids = [Grid.from_toml(path, **defaults)] if path else []
    grids += [Grid.from_shorthand(shorthand, **defaults)] if shorthand else []
    grids += [recipe(name, **defaults).grid for name in recipes]
    if not grids:
        raise ParameterError(
            'no feature is named: give --grid FILE.toml, --feature "logmel n_mels=96,128" or --recipe NAME'
        )
    return reduce(add, grids)
