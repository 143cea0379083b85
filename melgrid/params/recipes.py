"""Named grids with a published source, ready to run or to print and change.

Each is a grid file in ``published/`` whose table ``[recipe]`` says where it comes from, the shape it gives, how the
source's tensors are made of it at read time, and what had to be assumed. In all of them soxr_hq takes the place of the
resampler that librosa had at the time, and today's libsndfile that of the decoder.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from melgrid.errors import ParameterError
from melgrid.params.grid import Grid
from melgrid.params.messages import nearest

__all__ = ["Recipe", "recipe", "recipe_names"]


@dataclass(frozen=True)
class Recipe:
    """A named grid.

    Attributes
    ----------
    name : str
    source : str
        Repository and file, post, paper or slides.
    clip_seconds : float
        Length of the clips that `shape` is of.
    shape : tuple of (int, ...)
        Of every feature in the order of the grid: (frames, bins[, channels]).
    labels : str
        Classes and split of the source.
    notes : tuple of str
        How the source's tensors follow at read time, and where the numbers must differ from the source's.
    assumed : tuple of str
        What the source does not say.
    toml : str
        The grid file.
    grid : Grid
    """

    name: str
    source: str
    clip_seconds: float
    shape: tuple[tuple[int, ...], ...]
    labels: str
    notes: tuple[str, ...]
    assumed: tuple[str, ...]
    toml: str = field(repr=False)
    grid: Grid = field(repr=False)


def recipe_names() -> tuple[str, ...]:
    """List the known recipes.

    Returns
    -------
    tuple of str, sorted
    """
    found = (file.name for file in (files("melgrid.params") / "published").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def recipe(name: str, **defaults: Any) -> Recipe:
    """Look up a recipe.

    Parameters
    ----------
    name : str
    **defaults
        Values for parameters that its features leave out, as for `Grid.from_toml`.

    Returns
    -------
    Recipe

    Raises
    ------
    ParameterError
        The name is unknown, or a default does not suit the recipe.
    """
    known = recipe_names()
    if name not in known:
        raise ParameterError(f"recipe {name!r}: unknown.{nearest(name, known)}")
    text = (files("melgrid.params") / "published" / f"{name}.toml").read_text("utf-8")
    document = tomllib.loads(text)
    about = document["recipe"]
    return Recipe(
        name=name,
        source=about["source"],
        clip_seconds=about["clip_seconds"],
        shape=tuple(tuple(shape) for shape in about["shape"]),
        labels=about["labels"],
        notes=tuple(about.get("notes", ())),
        assumed=tuple(about.get("assumed", ())),
        toml=text,
        grid=Grid.from_entries(document["features"], place=f"recipe {name}", **defaults).augmented(
            *document.get("augment", ())
        ),
    )
