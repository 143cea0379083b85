"""``melgrid recipes`` and ``melgrid schema``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from melgrid.cli.names import complete_recipe
from melgrid.cli.output import Json, show

if TYPE_CHECKING:
    from melgrid.params import Recipe

__all__ = ["recipes", "schema"]


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", autocompletion=complete_recipe, help="Print this one as a grid file."),
    ] = None,
    json: Json = False,
) -> None:
    """List the published grids, or print one."""
    from melgrid.params import recipe, recipe_names

    if name is None:
        show([_recipe_row(recipe(n)) for n in recipe_names()], json, _recipes_text)
    else:
        found = recipe(name)
        row = _recipe_row(found) | {"notes": found.notes, "assumed": found.assumed}
        show(row, json, lambda _: found.toml.rstrip())


def _recipe_row(found: Recipe) -> dict[str, Any]:
    from melgrid.preprocess.forecast import frame_bytes

    clip = sum(frame_bytes(f) * shape[0] for f, shape in zip(found.grid, found.shape, strict=True))
    return {
        "name": found.name,
        "kinds": list(dict.fromkeys(feature.kind for feature in found.grid)),
        "shape": [list(shape) for shape in found.shape],
        "clip_seconds": found.clip_seconds,
        "bytes_per_hour": round(clip * 3600 / found.clip_seconds),
        "labels": found.labels,
        "source": found.source,
    }


def _recipes_text(rows: list[dict[str, Any]]) -> str:
    from melgrid.store.views.summary_text import size

    table = [("recipe", "kind", "frames x bins", "per hour", "source")]
    for row in rows:
        shapes = [" x ".join(map(str, shape)) for shape in row["shape"]]
        shown = ", ".join(shapes) if len(shapes) < 4 else f"{len(shapes)} shapes"
        table.append((row["name"], "+".join(row["kinds"]), shown, size(row["bytes_per_hour"]), row["source"]))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join([*lines, "Shapes are of one clip. melgrid recipes NAME prints the grid file, with its notes."])


def schema() -> None:
    """Print the JSON schema of grid files, for editors."""
    from melgrid.params import grid_schema

    show(grid_schema(), True, str)
