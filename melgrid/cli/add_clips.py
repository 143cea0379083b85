"""``melgrid add-clips``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from melgrid.cli.corpus import load_dataset
from melgrid.cli.names import complete_corpus
from melgrid.cli.output import Json, show
from melgrid.errors import ParameterError

__all__ = ["add_clips"]


def add_clips(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", autocompletion=complete_corpus, help="The corpus that the store is of.")
    ],
    root: Annotated[Path, typer.Option(metavar="DIR", help="Where the corpus lies.")],
    store: Annotated[Path, typer.Option(metavar="DIR", help="Where the store is.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the corpus's adapter.")
    ] = None,
    subset: Annotated[str | None, typer.Option(metavar="NAME", help="The same as --set subset=NAME.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="The store is to have only N clips.")] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N", help="Worker processes; default: one a processor.")] = None,
    shard_mb: Annotated[int, typer.Option(metavar="N", min=1, help="Size that new shards aim for, MiB.")] = 128,
    on_error: Annotated[str, typer.Option(metavar="quarantine|stop", help="What a failed clip does.")] = "quarantine",
    allow_mixed: Annotated[
        bool, typer.Option("--allow-mixed", help="Go on with other versions or changed files, and record it.")
    ] = False,
    clip_seconds: Annotated[float, typer.Option(metavar="S", min=0.1, help="Time that one clip may take.")] = 300.0,
    memory_mb: Annotated[int, typer.Option(metavar="N", min=256, help="Memory that one worker may take.")] = 8192,
    max_clip_minutes: Annotated[
        float, typer.Option(metavar="M", min=0.001, help="Longer files are not decoded.")
    ] = 180.0,
    executor: Annotated[
        str, typer.Option(metavar="threads|dask", help="Who does the work: this machine, or dask's workers.")
    ] = "threads",
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of dask, or its scheduler file; default: a local cluster.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    json: Json = False,
) -> None:
    """Add the clips that a corpus has gained to its store.

    Every feature set gets them, in new shards; what is there stays as it is.
    """
    if on_error not in ("quarantine", "stop"):
        raise ParameterError(f"--on-error {on_error}: must be quarantine or stop")
    if executor not in ("threads", "dask"):
        raise ParameterError(f"--executor {executor}: must be threads or dask")
    if jobs is not None and jobs < 1:
        raise ParameterError(f"--jobs {jobs}: must be at least 1")
    corpus = load_dataset(dataset, root, set_ or [], subset)

    from melgrid.preprocess import Limits, add_clips
    from melgrid.preprocess.text import summary_text

    summary = add_clips(
        corpus,
        store,
        jobs=jobs,
        limit=limit,
        shard_mb=shard_mb,
        on_error="stop" if on_error == "stop" else "quarantine",
        allow_mixed=allow_mixed,
        limits=Limits(clip_seconds=clip_seconds, memory_bytes=memory_mb << 20, audio_seconds=max_clip_minutes * 60),
        progress=not quiet,
        executor="dask" if executor == "dask" else "threads",
        scheduler=scheduler,
    )
    show(summary, json, summary_text)
