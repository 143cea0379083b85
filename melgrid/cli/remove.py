"""``melgrid remove``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from melgrid.cli.output import Json, StorePath, show

if TYPE_CHECKING:
    from melgrid.store import Removal

__all__ = ["remove"]


def remove(
    store: StorePath,
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="Id of a feature set, or the beginning of it.")],
    json: Json = False,
) -> None:
    """Remove one feature set from a store, at once and for good."""
    from melgrid.store import remove as take_out

    show(take_out(store, feature), json, _text)


def _text(removal: Removal) -> str:
    from melgrid.store.views.summary_text import size

    left = f"; the folder stays, for it holds {', '.join(removal.left)}" if removal.left else ""
    return f"removed {removal.feature}, {size(removal.bytes)}{left}"
