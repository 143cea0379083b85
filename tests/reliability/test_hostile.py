"""Stores made by somebody who means harm; ``make soak`` tries hundreds of changes."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from melgrid.errors import MelgridError, StoreError
from melgrid.store import open_store
from soak.hostile import read_all, seal
from soak.kill import ROOT, contents


@pytest.fixture
def store(reference, tmp_path):
    path = tmp_path / "store"
    for name, data in contents(reference).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def shard(store):
    return next(path for path in sorted(store.glob("*/shard-00000.h5")) if open_store(store)[path.parent.name])


def test_random_changes_give_typed_errors_in_little_memory(reference):
    done = subprocess.run(
        [sys.executable, "-m", "soak.hostile", str(reference), "12"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("12 changes") == 4


def test_a_store_that_nobody_changed_is_read(store):
    read_all(store)
    seal(store)
    assert len(open_store(store)[0]) == 19


def rewrite(store, change):
    """Change a shard through HDF5 and make the digests fit."""
    path = shard(store)
    with h5py.File(path, "r+", locking=False) as file:
        change(file)
    seal(store, str(path.relative_to(store)), path.read_bytes())
    return open_store(store)[path.parent.name]


def external_link(file):
    del file["clip/status"]
    file["clip/status"] = h5py.ExternalLink("/etc/hosts.h5", "x")


def soft_link(file):
    del file["clip/status"]
    file["clip/status"] = h5py.SoftLink("/clip/num_samples")


def external_storage(file):
    count = len(file["clip/status"])
    del file["clip/status"]
    file["clip"].create_dataset("status", (count,), "u1", external=[("/etc/passwd", 0, count)])


def virtual_dataset(file):
    count = len(file["clip/status"])
    del file["clip/status"]
    layout = h5py.VirtualLayout((count,), "u1")
    layout[:] = h5py.VirtualSource("/etc/hosts.h5", "x", (count,))
    file.create_virtual_dataset("clip/status", layout)


def terabytes(file):
    del file["clip/frame_offset"]
    file["clip"].create_dataset("frame_offset", (1 << 42,), "<i8")


def compressed_terabytes(file):
    del file["clip/frame_offset"]
    file["clip"].create_dataset("frame_offset", (1 << 42,), "<i8", chunks=(1 << 20,), compression="gzip")


def endless_clips(file):
    offsets = file["clip/frame_offset"][()]
    offsets[-1] = 1 << 60
    file["clip/frame_offset"][...] = offsets


def backward_clips(file):
    file["clip/frame_offset"][...] = file["clip/frame_offset"][()][::-1]


def text_for_numbers(file):
    count = len(file["clip/status"])
    del file["clip/status"]
    file["clip"]["status"] = np.array([b"x"] * count)


@pytest.mark.parametrize(
    "change",
    [
        external_link,
        soft_link,
        external_storage,
        virtual_dataset,
        terabytes,
        compressed_terabytes,
        endless_clips,
        backward_clips,
        text_for_numbers,
    ],
)
def test_hdf5_that_leads_elsewhere_or_claims_too_much_is_refused(store, change):
    features = rewrite(store, change)
    with pytest.raises(StoreError, match=r"shard-00000\.h5"):
        features.lengths  # noqa: B018


@pytest.mark.parametrize("value", [-1, 1 << 63, "0", None, 1.5, True])
@pytest.mark.parametrize("field", ["frames", "bytes", "index"])
def test_counts_that_are_none_are_refused(store, field, value):
    (name, *_) = [name for name in contents(store) if name.endswith("feature.json")]
    record = json.loads((store / name).read_bytes())
    record["shards"][0][field] = value
    seal(store, name, json.dumps(record).encode())
    with pytest.raises(StoreError, match=r"feature\.json: is damaged"):
        open_store(store)[name.split("/")[0]]


def test_deep_json_is_refused(store):
    (store / "store.json").write_text("[" * 100_000)
    with pytest.raises(StoreError, match="damaged"):
        open_store(store)


@pytest.mark.parametrize("name", ["clips.parquet", "feature.json"])
def test_links_out_of_the_store_are_not_followed(store, tmp_path, name):
    (path, *_) = store.rglob(name)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MelgridError, match="is a link out of the store"):
        open_store(store).clips if name == "clips.parquet" else open_store(store)[path.parent.name]
