"""A corpus as the command line names it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgrid.errors import ParameterError

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["load_dataset"]


def load_dataset(name: str, root: Path, settings: list[str], subset: str | None) -> Dataset:
    """Load a corpus with options written ``KEY=VALUE``."""
    from melgrid import datasets

    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise ParameterError(f"--set {setting}: must be KEY=VALUE")
        options[key] = value
    if subset is not None:
        options["subset"] = subset
    return datasets.load(name, root, **options)
