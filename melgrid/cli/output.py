"""What commands share: a store as argument, and results as text or JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["Json", "StorePath", "show"]

StorePath = Annotated[Path, typer.Argument(metavar="STORE", exists=True, file_okay=False, help="Folder of a store.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def show(value: Any, as_json: bool, text: Callable[[Any], str]) -> None:
    """Print a result, as JSON or as the text that a function makes of it."""
    if not as_json:
        print(text(value))
        return
    import dataclasses
    import json

    from melgrid.params import Feature

    def plain(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return dataclasses.asdict(item)
        if isinstance(item, Feature):
            return item.id
        return item.item() if hasattr(item, "item") else str(item)

    print(json.dumps(value, default=plain, indent=1, ensure_ascii=False))
