"""Published splits that come as one list of clips per side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from melgrid.datasets.files import contents, digest
from melgrid.datasets.tables import read_text
from melgrid.errors import DatasetError

__all__ = ["by_entry", "read_split_lists"]

_READABLE = (".txt", ".tsv", ".csv", ".lst", ".npy", "")


def read_split_lists(folder: Path, patterns: Mapping[str, str]) -> tuple[dict[str, list[str]], str]:
    """Read the lists of a folder.

    Parameters
    ----------
    folder : Path
    patterns : mapping of str to str
        Split -> file name pattern (``train*``) that must fit exactly one file. Text files have one entry a line;
        NumPy files hold a string array (pickled ones are refused).

    Returns
    -------
    lists : dict of str to list of str
        The non-empty lines, stripped.
    digest : str
        Of the contents, so that a store knows the lists without their place.

    Raises
    ------
    DatasetError
        If the folder or a list is missing, there are several, or one cannot be read.
    """
    if not folder.is_dir():
        raise DatasetError(f"splits_dir={str(folder)!r} is not a folder; it must hold {', '.join(patterns.values())}")
    lists, files = {}, []
    for split, pattern in patterns.items():
        found = [file for file in sorted(folder.glob(pattern)) if file.suffix in _READABLE and file.is_file()]
        if len(found) != 1:
            raise DatasetError(
                f"{folder}: needs one file {pattern!r} ({split} list), found {len(found)}; it holds {contents(folder)}"
            )
        files.append(found[0])
        lists[split] = [line for line in (line.strip() for line in _lines(found[0])) if line]
    return lists, digest(*files)


def by_entry(lists: Mapping[str, list[str]], folder: Path) -> dict[str, str]:
    """Turn lists into entry -> split.

    Raises
    ------
    DatasetError
        If an entry stands twice.
    """
    side: dict[str, str] = {}
    for split, entries in lists.items():
        for entry in entries:
            if entry in side:
                raise DatasetError(f"{folder}: {entry!r} stands in the {side[entry]} list and in the {split} list")
            side[entry] = split
    return side


def _lines(file: Path) -> list[str]:
    try:
        if file.suffix == ".npy":
            import numpy as np

            return [str(item) for item in np.load(file, allow_pickle=False).ravel()]
        return read_text(file).splitlines()
    except DatasetError:
        raise
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file}: cannot be read as a list: {error}") from error
