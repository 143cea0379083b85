"""``melgrid verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from melgrid.cli.output import Json, StorePath, show

__all__ = ["verify"]

_FAULTY = 4  # exit code


def verify(
    store: StorePath,
    deep: Annotated[bool, typer.Option("--deep", help="Read and check every byte.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild the manifest from the shards.")] = False,
    json: Json = False,
) -> None:
    """Check that a store is whole; exit code 4 when it is not."""
    from melgrid.store import verify as check

    faults = check(store, deep=deep, repair=repair)
    none = f"{store}: no fault {'left' if repair else 'found'}"
    show(faults, json, lambda found: "\n".join(map(str, found)) or none)
    if faults:
        raise typer.Exit(_FAULTY)
