"""What a person can do about a disk that is full, read-only or not there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from melgrid.errors import StoreError
from melgrid.params import Feature
from melgrid.preprocess.forecast import forecast

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["disk_trouble"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def disk_trouble(path: Path, dataset: Dataset, features: tuple[Feature, ...]) -> Iterator[None]:
    """Turn errors of the system into errors that say what is needed.

    Parameters
    ----------
    path : Path
        Of the store.
    dataset : Dataset
    features : tuple of Feature
        All that the run is to leave in the store.

    Raises
    ------
    StoreError
        Names the bytes that are needed and free where the disk is full, else the file that cannot be used.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(_full(path, dataset, features)) from error
        if isinstance(error, StoreError):
            raise
        place = error.filename or path
        raise StoreError(
            f"{place}: cannot be used: {error.strerror or error}; put that right, or name another --store, and run "
            "the same command again"
        ) from error


def _full(path: Path, dataset: Dataset, features: tuple[Feature, ...]) -> str:
    needed = forecast(dataset, features, path).high
    # The room of files that are given up is free again only when their last descriptor is closed.
    free = shutil.disk_usage(path).free
    return (
        f"{path}: the disk is full ({os.strerror(errno.ENOSPC)}): about {needed:,} bytes more are needed, {free:,} are "
        "free; finished shards are safe. Free some space, then run the same command again to resume"
    )
