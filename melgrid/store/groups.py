"""What a network could know again: clips of one group, of one file, and copies under other names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from melgrid.store.clips import ClipTable

__all__ = ["copies", "groups", "inseparable"]

Ints = NDArray[np.int64]


def groups(table: ClipTable, places: Ints) -> tuple[Ints, pa.Array]:
    """Number the groups of some clips in the order in which they occur; one without a group is of that of its file.

    Parameters
    ----------
    table : ClipTable
    places : ndarray of int64, shape (n,)
        Of the clips in the table.

    Returns
    -------
    numbers : ndarray of int64, shape (n,)
    names : array of str
        Of each number: a group, or the path of a file.
    """
    numbers, names = _numbered(table, "group", places)
    bare = np.flatnonzero(numbers < 0)
    if len(bare):
        files, paths = _numbered(table, "path", places[bare])
        alone = np.flatnonzero(files < 0)
        ids, own = _numbered(table, "clip_id", places[bare[alone]])
        files[alone] = len(paths) + ids
        numbers[bare] = len(names) + files
        names = pa.concat_arrays([names, paths, own])
    return numbers, names


def copies(table: ClipTable, places: Ints) -> Ints:
    """Number some clips so that those of the same bytes, from the same stretch of time, have one number.

    Parameters
    ----------
    table : ClipTable
    places : ndarray of int64, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    known, endings = table.digest_endings()
    endings = endings[places]
    ordered = np.sort(endings[known[places]])
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    numbers = np.arange(len(places))
    again = np.flatnonzero(known[places] & np.isin(endings, twice))
    if len(again):
        digests = pd.factorize(table.column("source_sha256").iloc[places[again]])[0]
        stretch = [table.column(name).iloc[places[again]].fillna(-1.0).to_numpy() for name in ("start", "end")]
        of = pd.DataFrame({"digest": digests, "start": stretch[0], "end": stretch[1]})
        numbers[again] = again[of.reset_index().groupby(["digest", "start", "end"])["index"].transform("min")]
    return numbers


def _numbered(table: ClipTable, column: str, places: Ints) -> tuple[Ints, pa.Array]:
    """Texts of some clips as numbers, -1 where there is none, and the text of each number."""
    codes, texts = table.codes(column)
    numbers = codes[places]
    there = numbers >= 0
    numbers[there], found = pd.factorize(numbers[there])
    return numbers, texts.take(pa.array(found))


def inseparable(table: ClipTable, places: Ints) -> Ints:
    """Number some clips, as `copies` does, so that all that must stand on one side have one number."""
    group, copy = groups(table, places)[0], copies(table, places)
    found = np.arange(group.max(initial=-1) + 1)  # of each group: the first one that it is known to be linked to
    while True:
        merged = found.copy()
        # A link takes along what is linked already, so that a long chain takes few rounds.
        np.minimum.at(merged, found[group], _lowest(found[group], copy))
        merged = merged[merged]
        if (merged == found).all():
            return found[group]
        found = merged


def _lowest(numbers: Ints, of: Ints) -> Ints:
    """Lowest number among those that have the same `of`."""
    lowest = np.full(int(of.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(lowest, of, numbers)
    return lowest[of]
