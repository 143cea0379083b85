"""Export to WebDataset: one ``.tar`` a shard; of each clip ``KEY.npy``, ``KEY.json`` and, with one label, ``KEY.cls``.

A key is the clip's id with everything but letters, digits, ``_``, ``-`` and ``~`` percent-encoded: WebDataset cuts
names at the first dot. The id itself is in the JSON.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from melgrid.store.exchange.part import Part

__all__ = ["write"]


def write(folder: Path, parts: Iterable[Part], about: dict[str, Any]) -> None:
    """Write ``part-00000.tar`` and so on; see `melgrid.store.export`."""
    for part in parts:
        with tarfile.open(folder / f"part-{part.number:05d}.tar", "x") as archive:
            for fact, values in zip(part.facts(), part.values(), strict=True):
                key = quote(fact["clip_id"], safe="").replace(".", "%2E")
                array = io.BytesIO()
                np.save(array, values)
                _add(archive, f"{key}.npy", array.getvalue())
                _add(archive, f"{key}.json", json.dumps(fact, ensure_ascii=False).encode())
                if len(fact["labels"]) == 1 and about["about"]["task"] == "single":
                    _add(archive, f"{key}.cls", str(fact["labels"][0]).encode())


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # of no time and no owner: equal clips give equal bytes
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
