"""``melgrid add-clips``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from melgrid.cli.corpus import load_dataset
from melgrid.cli.names import complete_corpus
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

__all__ = ["add_clips"]


def add_clips(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", autocompletion=complete_corpus, help="The corpus that the store is of.")
    ],
    root: Root,
    store: Annotated[Path, typer.Option(metavar="DIR", exists=True, file_okay=False, help="Where the store is.")],
    set_: Settings = None,
    subset: Subset = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="The store is to have only N clips.")] = None,
    jobs: Jobs = None,
    shard_mb: Annotated[int, typer.Option(metavar="N", min=1, help="Size that new shards aim for, MiB.")] = 128,
    on_error: OnError = "quarantine",
    allow_mixed: AllowMixed = False,
    clip_seconds: ClipSeconds = 300.0,
    memory_mb: MemoryMb = 8192,
    max_clip_minutes: MaxClipMinutes = 180.0,
    executor: Executor = "threads",
    scheduler: Scheduler = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Add the clips that a corpus has gained to its store.

    Every feature set gets them, in new shards; what is there stays as it is.
    """
    corpus = load_dataset(dataset, root, set_ or [], subset)

    from melgrid.preprocess import add_clips
    from melgrid.preprocess.text import summary_text

    summary = add_clips(
        corpus,
        store,
        jobs=jobs,
        limit=limit,
        shard_mb=shard_mb,
        on_error="stop" if on_error == "stop" else "quarantine",
        allow_mixed=allow_mixed,
        limits=limits_of(clip_seconds, memory_mb, max_clip_minutes),
        progress=not quiet,
        executor="dask" if executor == "dask" else "threads",
        scheduler=scheduler,
    )
    show(summary, json, summary_text)
