"""Which corpora there are, and opening one by name.

Built-in adapters are the modules of `melgrid.datasets.adapters`; nothing keeps a list. Another package adds its own
with an entry point of the group ``melgrid.datasets`` that names a module of the same form; a built-in adapter wins
over one of its name.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import typing
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from melgrid.datasets.dataset import COLUMNS, Dataset
from melgrid.errors import DatasetError

__all__ = ["ENTRY_POINTS", "adapter", "describe", "load", "names"]

ENTRY_POINTS = "melgrid.datasets"


def names() -> tuple[str, ...]:
    """Names of all known corpora, sorted. No adapter is imported."""
    return tuple(sorted({*_builtin(), *entry_points(group=ENTRY_POINTS).names}))


def load(name: str, root: str | Path, **options: Any) -> Dataset:
    """Open a corpus.

    Parameters
    ----------
    name : str
        One of `names()`.
    root : path
        Folder of the corpus as it was unpacked.
    **options
        The adapter's own options; texts are converted as on the command line. `describe(name)` lists them.

    Raises
    ------
    DatasetError
        If the name, an option or its value is unknown, or the folder does not hold this corpus.
    """
    module = adapter(name)
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DatasetError(f"{name}: root={str(root)!r} is not a folder")
    dataset = module.index(root, **_checked(name, module, options))
    if not isinstance(dataset, Dataset) or dataset.clips.columns[: len(COLUMNS)].map(_plain).tolist() != list(COLUMNS):
        raise DatasetError(f"adapter {name!r} must return a Dataset whose clips come from melgrid.datasets.clip_table")
    return dataset


def describe(name: str) -> dict[str, Any]:
    """What is known of a corpus without its files: ``name summary description citation licence options``."""
    module = adapter(name)
    description = inspect.getdoc(module) or ""
    return {
        "name": name,
        "summary": description.partition("\n")[0],
        "description": description,
        "citation": module.CITATION,
        "licence": module.LICENSE,
        "options": {
            key: {"type": _type(hint), "default": default} for key, (hint, default) in _options(module).items()
        },
    }


def adapter(name: str) -> ModuleType:
    """Import the adapter of that name.

    Raises
    ------
    DatasetError
        If there is none, or if an entry point does not name an adapter module.
    """
    if name in _builtin():
        return importlib.import_module(f"melgrid.datasets.adapters.{name}")
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        module = entry.load()
        if lacking := [part for part in ("CITATION", "LICENSE", "index") if not hasattr(module, part)]:
            raise DatasetError(
                f"entry point {name!r} = {entry.value!r} lacks {', '.join(lacking)}; it must name an adapter module"
            )
        return typing.cast(ModuleType, module)
    raise DatasetError(f"unknown dataset {name!r}; known: {', '.join(names())}{_nearest(name, names())}")


def _builtin() -> set[str]:
    from melgrid.datasets import adapters

    return {module.name for module in pkgutil.iter_modules(adapters.__path__)}


def _options(module: ModuleType) -> dict[str, tuple[Any, Any]]:
    hints = typing.get_type_hints(module.index)
    parameters = inspect.signature(module.index).parameters.values()
    return {p.name: (hints[p.name], p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}


def _checked(name: str, module: ModuleType, options: dict[str, Any]) -> dict[str, Any]:
    from pydantic import TypeAdapter, ValidationError

    known = _options(module)
    checked = {}
    for key, value in options.items():
        if key not in known:
            have = f"it has {', '.join(known)}" if known else "it has none"
            raise DatasetError(f"{name}: unknown option {key!r}; {have}{_nearest(key, known)}")
        hint = known[key][0]
        try:
            checked[key] = TypeAdapter(hint).validate_python(value)
            if isinstance(checked[key], Path):
                checked[key] = checked[key].expanduser()  # a shell leaves the ~ of KEY=~/VALUE alone
        except ValidationError:
            choices = [str(choice) for choice in _choices(hint)]
            near = _nearest(str(value), choices)
            raise DatasetError(f"{name}: {key}={value!r} must be {_type(hint)}{near}") from None
    return checked


def _choices(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    return tuple(choice for part in typing.get_args(hint) for choice in _choices(part))


def _type(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return " | ".join(map(str, typing.get_args(hint)))
    parts = [part for part in typing.get_args(hint) if part is not type(None)]
    return " | ".join(map(_type, parts)) if parts else {Path: "a path", str: "a text"}.get(hint, hint.__name__)


def _nearest(word: str, known: typing.Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f". Did you mean {near[0]!r}?" if near else ""


def _plain(column: str) -> str:
    return "label" if column == "labels" else column
