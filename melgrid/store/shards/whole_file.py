"""``all.h5``: a feature set as one HDF5 file, for notebooks and other tools.

Its ``/features`` is a virtual dataset over the shards, which must stay beside it; HDF5 shows NaN, without an error, for
a shard that it cannot open. So ``/shard`` lists the shards that belong to it. No loader needs this file, and
uint8 features have none: they have no value that could stand for missing frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from melgrid.errors import StoreError
from melgrid.store.disk import publish_bytes
from melgrid.store.feature_record import FeatureRecord
from melgrid.store.shards.clip_arrays import INTERVALS, PARENT
from melgrid.store.shards.header import PLACEHOLDER, add_scales, header_digest, memory_file, seal, set_attribute, text
from melgrid.store.shards.shard_info import DAMAGE, ShardInfo, open_shard

__all__ = ["NAME", "check_whole_file", "describes", "write_whole_file"]

NAME = "all.h5"
FORMAT = "melgrid-all"
# Arrays that are joined end to end; offsets are joined by adding what came before.
JOINED = ("id", "path", "num_samples", "status", "reason", "labels", "split", "fold", "group", "start", "end")
TEXT = ("id", "path", "reason", "split", "group", "parent")


def write_whole_file(folder: Path, record: FeatureRecord) -> Path | None:
    """Make or replace ``all.h5`` in a feature's folder.

    Parameters
    ----------
    folder : Path
    record : FeatureRecord

    Returns
    -------
    Path, or None for uint8 features

    Raises
    ------
    ShardError
        A shard is absent or damaged.
    """
    if record.feature.dtype == "uint8" or not record.shards:
        return None
    publish_bytes(folder / NAME, seal(_image(folder, record)), durable=False)
    return folder / NAME


def check_whole_file(folder: Path, record: FeatureRecord) -> None:
    """Check that ``all.h5``, where there is one, is unharmed and about these shards.

    Raises
    ------
    StoreError
        It is not.
    """
    path = folder / NAME
    if not path.exists():
        return
    try:
        with h5py.File(path, "r", locking=False) as file:
            recorded = file.attrs["sha256"].decode()
            digests = [value.decode() for value in file["shard/sha256"][()]]
    except DAMAGE as error:
        raise StoreError(f"{path}: is damaged ({error})") from None
    digest = header_digest(path.read_bytes(), recorded)
    if digest != recorded:
        raise StoreError(f"{path}: has SHA-256 {digest}, should be {recorded}")
    if digests != [shard.sha256 for shard in record.shards]:
        raise StoreError(f"{path}: is about other shards than feature.json")


def describes(folder: Path, record: FeatureRecord) -> bool:
    """Whether ``all.h5``, where there can be one, is there and about these shards; does not read all of it."""
    if record.feature.dtype == "uint8" or not record.shards:
        return True
    try:
        with h5py.File(folder / NAME, "r", locking=False) as file:
            digests = [value.decode() for value in file["shard/sha256"][()]]
    except DAMAGE:
        return False
    return digests == [shard.sha256 for shard in record.shards]


def _image(folder: Path, record: FeatureRecord) -> bytes:
    first = folder / record.shards[0].file
    with open_shard(first) as shard:
        attributes = {name: shard.attrs[name] for name in ("feature", "parameters", "sample_rate", "hop_length")}
        attributes["hop_seconds"] = shard.attrs["hop_seconds"]
        about = shard["about"][()].decode()
        frequencies = shard["frequency_hz"][()]
        unit = shard["features"].attrs["units"].decode()
        tail, dtype = shard["features"].shape[1:], shard["features"].dtype
    clips = _joined([folder / shard.file for shard in record.shards])
    with memory_file() as file:
        set_attribute(file, "format", FORMAT)
        set_attribute(file, "format_version", 1)
        for name, value in attributes.items():
            set_attribute(file, name, value.decode() if isinstance(value, bytes) else value.item())
        set_attribute(file, "sha256", PLACEHOLDER)
        file.create_dataset("about", data=text([about])[0], dtype=text([about]).dtype)
        shards = file.create_group("shard")
        shards.create_dataset("file", data=text([shard.file for shard in record.shards]))
        shards.create_dataset("frames", data=np.array([shard.frames for shard in record.shards], "<i8"))
        shards.create_dataset("sha256", data=text([shard.sha256 for shard in record.shards]))
        set_attribute(shards, "shards_expected", len(record.shards))
        group = file.create_group("clip")
        for name, values in clips.items():
            group.create_dataset(name, data=values)
        features = _virtual_dataset(file, record.shards, tail, dtype)
        set_attribute(features, "units", unit)
        add_scales(file, features, frequencies, record.feature.is_complex)
        file.flush()
        return bytes(file.id.get_file_image())


def _virtual_dataset(
    file: h5py.File, shards: Sequence[ShardInfo], tail: tuple[int, ...], dtype: np.dtype[Any]
) -> h5py.Dataset:
    """Map ``/features`` of the shards end to end."""
    shape = (sum(shard.frames for shard in shards), *tail)
    mapping = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    mapping.set_obj_track_times(False)  # the high-level interface would write the time of making
    mapping.set_fill_value(np.full(1, np.nan, dtype))
    at = 0
    for shard in shards:
        if shard.frames:
            own = (shard.frames, *tail)
            target = h5py.h5s.create_simple(shape)
            target.select_hyperslab((at, *[0] * len(tail)), own)
            mapping.set_virtual(target, shard.file.encode(), b"features", h5py.h5s.create_simple(own))
            at += shard.frames
    stored = h5py.h5t.py_create(dtype, logical=True)
    h5py.h5d.create(file.id, b"features", stored, h5py.h5s.create_simple(shape), mapping)
    return file["features"]


def _joined(shards: Sequence[Path]) -> dict[str, Any]:
    with open_shard(shards[0]) as file:
        further = [name for name in (PARENT, *INTERVALS) if name in file["clip"]]
    plain = [*JOINED, *(name for name in further if name != "interval_offset")]
    offsets = ["frame_offset", "label_offset", *(name for name in further if name == "interval_offset")]
    parts: dict[str, list[Any]] = {name: [] for name in (*plain, *offsets)}
    for path in shards:
        with open_shard(path) as file:
            group = file["clip"]
            for name, values in parts.items():
                values.append(group[name][()])
    joined: dict[str, Any] = {name: np.concatenate(parts[name]) for name in plain}
    for name in set(TEXT).intersection(plain):
        width = max(1, int(np.char.str_len(joined[name]).max(initial=0)))
        joined[name] = joined[name].astype(h5py.string_dtype("utf-8", width))
    for name in offsets:
        lengths = np.concatenate([np.diff(part) for part in parts[name]])
        joined[name] = np.concatenate([[0], np.cumsum(lengths)]).astype("<i8")
    return {name: joined[name] for name in ("id", "frame_offset", "label_offset", *JOINED[1:], *further)}
