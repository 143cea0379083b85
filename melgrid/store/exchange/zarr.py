"""Export to Zarr, format 2: one group, ``features`` in chunks of frames, the columns of all clips beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from melgrid.store.exchange.part import Part

__all__ = ["write"]

CHUNK_BYTES = 4 << 20
OFFSETS = ("frame_offset", "interval_offset")


def write(folder: Path, parts: Iterable[Part], about: dict[str, Any]) -> None:
    """Write a group into the folder; see `melgrid.store.export`."""
    root = zarr.open_group(str(folder), mode="a", zarr_format=2, attributes=about)
    frame = tuple(about["frame_shape"])
    rows = max(1, CHUNK_BYTES // (int(np.prod(frame)) * np.dtype(about["dtype"]).itemsize))
    features = root.create_array(
        "features", shape=(about["frames"], *frame), chunks=(rows, *frame), dtype=about["dtype"], fill_value=0
    )
    columns: dict[str, list[NDArray[Any]]] = {}
    held: list[NDArray[Any]] = []
    at = count = 0
    for part in parts:
        for name, column in part.columns.items():
            columns.setdefault(name, []).append(column)
        for values in part.values():
            held.append(values)
            count += len(values)
            if count >= rows:  # whole chunks only: a part of one would be read again
                block = np.concatenate(held)
                whole = count - count % rows
                features[at : at + whole] = block[:whole]
                at, count, held = at + whole, count - whole, [block[whole:]]
    if count:
        features[at : at + count] = np.concatenate(held)
    for name, pieces in columns.items():
        joined = _offsets(pieces) if name in OFFSETS else np.concatenate(pieces)
        root.create_array(name, data=joined)
    zarr.consolidate_metadata(str(folder), zarr_format=2)


def _offsets(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    lengths = np.concatenate([np.diff(piece) for piece in pieces])
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
