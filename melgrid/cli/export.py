"""``melgrid export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from melgrid.cli.options import Quiet
from melgrid.cli.output import StorePath

__all__ = ["export"]


def export(
    store: StorePath,
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="Id of a feature set, or the beginning of it.")],
    to: Annotated[str, typer.Option(metavar="npz|tfrecord|zarr|webdataset", help="Format.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="New folder; default: FEATURE.FORMAT here.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Copy one feature set into files of another format."""
    from melgrid.store import export as write
    from melgrid.store import open_store
    from melgrid.store.naming import named

    opened = open_store(store)
    features = opened[named(opened.ids, feature, str(store))]
    print(write(features, to, out or Path(f"{features.id}.{to}"), progress=not quiet))
