"""What a network could know again: clips of one group, of one file, and copies under other names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from melgrid.store.clips import ClipTable

__all__ = ["copies", "groups", "inseparable"]

Ints = NDArray[np.int64]


def groups(table: ClipTable, places: Ints) -> tuple[Ints, NDArray[Any]]:
    """Number the groups of some clips; a clip without a group is of that of its file.

    Parameters
    ----------
    table : ClipTable
    places : ndarray of int64, shape (n,)
        Of the clips in the table.

    Returns
    -------
    numbers : ndarray of int64, shape (n,)
    names : ndarray of str
        Of each number: a group, or the path of a file.
    """
    codes, known = pd.factorize(table.column("group").iloc[places])
    numbers = codes.astype(np.int64)
    bare = places[numbers < 0]
    paths = table.column("path").iloc[bare]
    codes, files = pd.factorize(paths.where(paths.notna(), table.column("clip_id").iloc[bare]))
    numbers[numbers < 0] = len(known) + codes
    return numbers, np.concatenate([np.asarray(known, object), np.asarray(files, object)])


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
    digests = table.column("source_sha256").iloc[places].reset_index(drop=True)
    numbers = np.arange(len(places))
    again = np.flatnonzero(digests.duplicated(keep=False) & digests.notna())
    if len(again):
        stretch = [table.column(name).iloc[places[again]].fillna(-1.0).to_numpy() for name in ("start", "end")]
        of = pd.DataFrame({"digest": digests.iloc[again].to_numpy(), "start": stretch[0], "end": stretch[1]})
        numbers[again] = again[of.reset_index().groupby(["digest", "start", "end"])["index"].transform("min")]
    return numbers


def inseparable(table: ClipTable, places: Ints) -> Ints:
    """Number some clips so that those that must stand on one side, for group or for content, have one number.

    Parameters
    ----------
    table : ClipTable
    places : ndarray of int64, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    group, copy = groups(table, places)[0], copies(table, places)
    found = group
    while True:  # as often as groups are linked in a chain
        merged = _lowest(_lowest(found, copy), group)
        if (merged == found).all():
            return found
        found = merged


def _lowest(numbers: Ints, of: Ints) -> Ints:
    """Lowest number among those that have the same `of`."""
    lowest = np.full(int(of.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(lowest, of, numbers)
    return lowest[of]
