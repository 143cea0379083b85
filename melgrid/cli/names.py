"""Names that the shell can complete."""

from __future__ import annotations

__all__ = ["complete_corpus", "complete_recipe"]


def complete_corpus(incomplete: str) -> list[str]:
    """Known corpora that begin so."""
    from melgrid.datasets import names

    return [name for name in names() if name.startswith(incomplete)]


def complete_recipe(incomplete: str) -> list[str]:
    """Published grids that begin so."""
    from melgrid.params import recipe_names

    return [name for name in recipe_names() if name.startswith(incomplete)]
