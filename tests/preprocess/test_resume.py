"""Shards that an interrupted run has left: taken over, made again, or left alone where nobody can tell."""

import errno
import shutil

import pytest

from melgrid import datasets
from melgrid.errors import StoreError
from melgrid.params import Grid
from melgrid.preprocess import run, versions
from melgrid.store import Manifest, ShardWriter
from melgrid.store.shards import shard_info

GRID = Grid.product("logmel", n_fft=512, hop_length=[128, 256], n_mels=[32, 40])
OPTIONS = {"jobs": 1, "progress": False, "shard_mb": 1}


def whole(store):
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and "runs" not in path.parts
    }


@pytest.fixture(scope="module")
def reference(corpus, tmp_path_factory):
    """What an uninterrupted run makes; do not change it."""
    path = tmp_path_factory.mktemp("reference") / "store"
    run(datasets.load("folder", corpus), GRID, path, **OPTIONS)
    return path


@pytest.fixture
def store(reference, tmp_path):
    """The same, ended before any feature set was listed."""
    path = tmp_path / "store"
    shutil.copytree(reference, path)
    manifest = Manifest.load(path)
    for feature_id in manifest.features:
        del manifest.files[f"{feature_id}/feature.json"]
        (path / feature_id / "feature.json").unlink()
        (path / feature_id / "all.h5").unlink()
    manifest._write()
    return path


def test_shards_are_taken_over_only_if_they_are_right(reference, store, dataset, monkeypatch):
    """Damaged, foreign, or of other versions: made again. Readers have never seen them."""
    features = sorted(GRID, key=lambda feature: feature.id)
    shards = [store / feature.id / "shard-00000.h5" for feature in features]
    flipped = bytearray(shards[0].read_bytes())
    flipped[-1] ^= 1
    shards[0].write_bytes(flipped)
    shutil.copy(shards[1].with_name("shard-00001.h5"), shards[1])
    shutil.copy(shards[3], shards[2])
    with monkeypatch.context() as patched:
        patched.setattr(versions, "decoder_version", lambda: "0.9")
        manifest = Manifest.load(store)
        about = manifest.about.model_copy(update={"versions": versions.versions_in_force()})
        rows = manifest.clips().query("shard == 1")
        other = shards[3].with_name("shard-00001.h5")
        other.unlink()
        with ShardWriter(other.parent, 1, features[3], about, rows) as writer:
            for _ in range(len(rows)):
                writer.append(None, status="failed", reason="crashed: by another decoder")
            writer.publish()
    kept = shards[0].with_name("shard-00002.h5").stat().st_ino
    run(dataset, GRID, store, **OPTIONS)
    assert whole(store) == whole(reference)
    assert shards[0].with_name("shard-00002.h5").stat().st_ino == kept


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), MemoryError("no room")])
def test_shards_that_cannot_be_read_for_now_stay(reference, store, dataset, monkeypatch, error):
    """As when all memory or descriptors are taken: what is not read is not known to be damaged."""
    before = {file: file.stat().st_ino for file in store.rglob("shard-*.h5")}

    def cannot(path):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(shard_info, "_unlocked", cannot)
        with pytest.raises(
            StoreError, match=r"shard-00000\.h5: cannot be read now .* it stays, whole or not; put that"
        ):
            run(dataset, GRID, store, **OPTIONS)
    run(dataset, GRID, store, **OPTIONS)
    assert {file: file.stat().st_ino for file in store.rglob("shard-*.h5")} == before
    assert whole(store) == whole(reference)
