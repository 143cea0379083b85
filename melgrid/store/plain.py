"""Columns of clip tables as plain Python objects, a million at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["hex_digests", "label_lists", "objects"]


def objects(column: pd.Series[Any]) -> NDArray[np.object_]:
    """Copy a column as Python objects, None for what is missing.

    Parameters
    ----------
    column : Series, shape (n,)

    Returns
    -------
    ndarray of object, shape (n,)
    """
    values = np.array(column, dtype=object)
    values[column.isna().to_numpy()] = None
    return values


def label_lists(values: NDArray[np.integer], offset: NDArray[np.integer]) -> NDArray[np.object_]:
    """Divide class numbers into lists, one for each clip.

    Where no clip has several, clips of one class share one list: a million lists would be a million objects for the
    garbage collector to look at. Nobody may change a list.

    Parameters
    ----------
    values : ndarray of int, shape (total labels,), >= 0
    offset : ndarray of int, shape (n + 1,)
        Those of clip i are ``values[offset[i]:offset[i + 1]]``.

    Returns
    -------
    ndarray of list, shape (n,)
    """
    count = np.diff(offset)
    if count.max(initial=0) > 1:
        numbers = values.tolist()
        return np.fromiter((numbers[a:b] for a, b in pairwise(offset.tolist())), object, len(count))
    kinds: list[list[int]] = [[], *([number] for number in range(int(values.max(initial=-1)) + 1))]
    which = np.zeros(len(count), np.int64)
    which[count > 0] = values + 1
    return np.fromiter(kinds, object, len(kinds))[which]


def hex_digests(digests: NDArray[np.uint8]) -> list[str | None]:
    """Write digests in hex.

    Parameters
    ----------
    digests : ndarray of uint8, shape (n, 32)

    Returns
    -------
    list of str or None, n long
        None for a digest of zeros, which stands for none.
    """
    text, width = digests.tobytes().hex(), 2 * digests.shape[1]
    known: list[bool] = np.any(digests, axis=1).tolist()
    return [text[i * width : (i + 1) * width] if there else None for i, there in enumerate(known)]
