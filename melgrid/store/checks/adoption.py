"""Take over a shard that an interrupted run left: only if it is whole and what this run would write."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from melgrid.errors import MismatchError, ShardError
from melgrid.params import Feature
from melgrid.store.about import About
from melgrid.store.checks.rebuild import clip_rows, read_text
from melgrid.store.mismatch import check_about, check_clips
from melgrid.store.plain import hex_digests
from melgrid.store.shards.header import header_digest
from melgrid.store.shards.shard_info import BLOCK, ShardInfo, open_shard, read_arrays, read_shard_info

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["adopt", "source_digests"]


def adopt(path: Path, feature: Feature, about: About, clips: pd.DataFrame) -> ShardInfo:
    """Check every byte of a published shard that no manifest lists yet.

    Parameters
    ----------
    path : Path
    feature : Feature
    about : About
        Of this run; a shard of other versions or options is not taken.
    clips : DataFrame
        Rows of the clip table that the shard should hold, in row order.

    Returns
    -------
    ShardInfo

    Raises
    ------
    ShardError
        The file is damaged, or of another feature.
    MismatchError
        It was made otherwise, or of other clips.
    """
    info = read_shard_info(path)
    _check_digests(path, info)  # first: what is read from here on is as it was written
    found = read_text(path)
    if found.feature != feature:
        raise ShardError(f"{path}: is a shard of {found.feature.id}")
    check_about(path, found.about, about, allow_mixed=False)
    rows = clip_rows(path)
    if rows["clip_id"].tolist() != clips["clip_id"].tolist() or check_clips(path, rows, clips):
        raise MismatchError(f"{path}: holds other clips")
    return info


def source_digests(path: Path) -> list[str | None]:
    """SHA-256 of the source file of each clip of a shard, in hex; None where it could not be read."""
    (digests,) = read_arrays(path, "source_sha256")
    return hex_digests(digests)


def _check_digests(path: Path, info: ShardInfo) -> None:
    with open_shard(path) as file:
        recorded = file.attrs["header_sha256"].decode()
        features = int(file.attrs["features_crc32"])
    with path.open("rb") as raw:
        header = raw.read(info.data_offset if info.data_offset is not None else -1)
        checksum = 0
        while block := raw.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
    if header_digest(header, recorded) != recorded or checksum != features:
        raise ShardError(f"{path}: does not have the digests that it records")
