"""Shard files in a feature's folder that its shard table does not list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melgrid.store.feature_record import FeatureRecord
from melgrid.store.shards.shard_info import shard_name

__all__ = ["shards_lacking", "unlisted"]


def unlisted(
    folder: Path, record: FeatureRecord, numbers: Callable[[], NDArray[np.int32]]
) -> tuple[list[Path], list[Path]]:
    """Divide the shard files that are not in a table into what will be listed and what never will.

    Parameters
    ----------
    folder : Path
        Of the feature.
    record : FeatureRecord
    numbers : callable
        Numbers of the shards in the clip table; called only when there are such files.

    Returns
    -------
    coming : list of Path
        Shards of clips that joined the store after the table was written: a run that adds clips has made them.
    stray : list of Path
        Older generations, and newer ones that a killed run did not add.
    """
    own = {shard.file for shard in record.shards}
    found = sorted(path for path in folder.glob("shard-*.h5") if path.name not in own)
    if not found:
        return [], []
    expected = {shard_name(number) for number in shards_lacking(record, numbers())}
    return [path for path in found if path.name in expected], [path for path in found if path.name not in expected]


def shards_lacking(record: FeatureRecord, numbers: NDArray[np.int32]) -> list[int]:
    """Numbers of the shards of a clip table that a feature set does not have, ascending."""
    have = [shard.index for shard in record.shards]
    return [int(number) for number in np.setdiff1d(numbers, have)]
