"""Export to NumPy: one ``.npz`` a shard, frames of all clips in ``features``, clip by clip from ``frame_offset``."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from melgrid.store.exchange.part import Part

__all__ = ["write"]


def write(folder: Path, parts: Iterable[Part], about: dict[str, Any]) -> None:
    """Write ``part-00000.npz`` and so on; see `melgrid.store.export`."""
    for part in parts:
        features = part.selection.feature_set
        shape = (int(part.selection.lengths.sum()), *features.frame_shape)
        with zipfile.ZipFile(folder / f"part-{part.number:05d}.npz", "x") as archive:
            with archive.open(zipfile.ZipInfo("features.npy"), "w", force_zip64=True) as member:
                header = {"descr": features.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_2_0(member, header)
                for values in part.values():
                    member.write(values.tobytes())
            for name, column in part.columns.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(column), allow_pickle=False)
