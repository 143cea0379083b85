"""``melgrid inspect``."""

from __future__ import annotations

from typing import Annotated

import typer

from melgrid.cli.output import Json, StorePath, show

__all__ = ["inspect"]


def inspect(
    store: StorePath,
    feature: Annotated[
        str | None, typer.Option(metavar="ID", help="One feature set in detail: its id, or the beginning of it.")
    ] = None,
    failures: Annotated[bool, typer.Option("--failures", help="The clips that gave no features, and why.")] = False,
    json: Json = False,
) -> None:
    """Show what is in a store."""
    from melgrid.store.views import inspect as look

    if failures:
        show(look.failures(store, feature), json, look.failures_text)
    elif feature is not None:
        show(look.feature_summary(store, feature), json, look.feature_text)
    else:
        show(look.store_summary(store), json, look.store_text)
