"""What other packages read back is what the store has, bit for bit."""

import gc
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from melgrid.errors import ParameterError, ShardError, StoreError
from melgrid.store import export
from melgrid.store.exchange import npz
from melgrid.store.shards.encoding import decode

KINDS = ["float16", "uint8", "complex-channels"]


def stored(features, clip_id):
    row = features.row(clip_id)
    out = np.empty((int(features.lengths[row]), *features.frame_shape), features.dtype)
    features.read_clips(np.array([row]), out)
    return out


def check(features, clip_id, values):
    np.testing.assert_array_equal(values, stored(features, clip_id), strict=True)


def parts(folder, suffix):
    files = sorted(folder.glob(f"part-*.{suffix}"))
    assert len(files) == 3  # as many as shards
    return files


@pytest.fixture
def toy(make_toy, features):
    return lambda kind, **options: make_toy(features=[features[kind]], **options).store[0]


@pytest.mark.parametrize("kind", KINDS)
def test_npz(toy, tmp_path, kind):
    features = toy(kind)
    folder = export(features, "npz", tmp_path / "out")
    ids = []
    for file in parts(folder, "npz"):
        with np.load(file) as data:
            offset = data["frame_offset"]
            for place, clip_id in enumerate(data["clip_id"].tolist()):
                check(features, clip_id, data["features"][offset[place] : offset[place + 1]])
                row = features.store.clips.set_index("clip_id").loc[clip_id]
                assert features.store.about.classes[data["label"][place]] == row["label"]
                assert (data["fold"][place], data["split"][place]) == (row["fold"], row["split"])
            ids += data["clip_id"].tolist()
    assert ids == features.clip_ids.tolist()
    about = json.loads((folder / "about.json").read_text())
    assert about["parameters"] == features.feature.canonical()
    assert about["about"]["classes"] == ["cat", "dog", "owl"]
    if kind == "uint8":
        codes = stored(features, ids[0])
        low_and_step = about["add_offset"], about["scale_factor"]
        np.testing.assert_allclose(
            low_and_step[0] + low_and_step[1] * codes, decode(codes, features.feature), atol=1e-5
        )


@pytest.mark.parametrize("kind", KINDS)
def test_zarr(toy, tmp_path, kind, monkeypatch):
    zarr = pytest.importorskip("zarr")
    from melgrid.store.exchange import zarr as export_zarr

    monkeypatch.setattr(export_zarr, "CHUNK_BYTES", 100)
    features = toy(kind)
    group = zarr.open_group(str(export(features, "zarr", tmp_path / "out")), mode="r")
    assert group["features"].shape[0] > 2 * group["features"].chunks[0]
    offset = group["frame_offset"][:]
    assert group["clip_id"][:].tolist() == features.clip_ids.tolist()
    for place, clip_id in enumerate(features.clip_ids):
        check(features, clip_id, group["features"][offset[place] : offset[place + 1]])
    everything = features.select(clip_id=features.clip_ids.tolist())
    np.testing.assert_array_equal(group["label"][:], everything.labels)
    assert dict(group.attrs)["unit"] == features.feature.unit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its files open
@pytest.mark.parametrize("kind", KINDS)
def test_webdataset(toy, tmp_path, kind):
    wds = pytest.importorskip("webdataset")
    features = toy(kind)
    folder = export(features, "webdataset", tmp_path / "out")
    urls = [str(file) for file in parts(folder, "tar")]
    data = wds.WebDataset(urls, shardshuffle=False, empty_check=False).decode()
    found = []
    for sample in data:
        check(features, sample["json"]["clip_id"], sample["npy"])
        assert sample["json"]["labels"] == [sample["cls"]]
        found.append(sample["json"]["clip_id"])
    assert found == features.clip_ids.tolist()
    del data
    gc.collect()


def test_tfrecord(make_toy, features, tmp_path):
    tf = pytest.importorskip("tensorflow")
    store = make_toy(features=[features[kind] for kind in KINDS], task="multi").store
    for own in store:
        folder = export(own, "tfrecord", tmp_path / own.id)
        about = json.loads((folder / "about.json").read_text())
        shape = {
            "x": tf.io.FixedLenFeature([], tf.string),
            "shape": tf.io.VarLenFeature(tf.int64),
            "clip_id": tf.io.FixedLenFeature([], tf.string),
            "labels": tf.io.VarLenFeature(tf.int64),
            "fold": tf.io.FixedLenFeature([], tf.int64),
            "json": tf.io.FixedLenFeature([], tf.string),
        }
        found = []
        for record in tf.data.TFRecordDataset([str(file) for file in parts(folder, "tfrecord")]):
            example = tf.io.parse_single_example(record, shape)
            x = tf.reshape(tf.io.decode_raw(example["x"], about["dtype"]), tf.sparse.to_dense(example["shape"]))
            clip_id = example["clip_id"].numpy().decode()
            check(own, clip_id, x.numpy())
            row = own.store.clips.set_index("clip_id").loc[clip_id]
            labels = tf.sparse.to_dense(example["labels"]).numpy().tolist()
            assert tuple(about["about"]["classes"][label] for label in labels) == row["labels"]
            assert example["fold"].numpy() == row["fold"]
            assert json.loads(example["json"].numpy()).get("group") == (None if row.isna()["group"] else row["group"])
            found.append(clip_id)
        assert found == own.clip_ids.tolist()


def test_ids_with_dots_and_slashes_become_names(make_toy, features, tmp_path):
    import pandas as pd

    from melgrid.store import About, Manifest, ShardWriter, create_store, open_store

    ids = ["a/b.c/ü d.wav", "a/b.c/ü d.wav#gain-db=-6"]
    table = pd.DataFrame({"clip_id": ids, "shard": 0, "row": [0, 1], "parent": [None, ids[0]]})
    feature = features["float32"]
    create_store(tmp_path / "s", About(dataset="d"), table)
    with ShardWriter(tmp_path / "s" / feature.id, 0, feature, About(dataset="d"), table) as writer:
        for number in (1, 2):
            writer.append(np.full((number, 8), number, np.float32))
        Manifest.load(tmp_path / "s").add_feature_set(feature, [writer.publish()])
    folder = export(open_store(tmp_path / "s")[0], "webdataset", tmp_path / "out")
    with tarfile.open(folder / "part-00000.tar") as archive:
        names = archive.getnames()
        facts = [json.load(archive.extractfile(name)) for name in names if name.endswith(".json")]
    assert all(name.count(".") == 1 and "/" not in name for name in names)
    assert [fact["clip_id"] for fact in facts] == ids
    assert [fact.get("parent") for fact in facts] == [None, ids[0]]


def test_a_selection_is_exported_alone_and_the_same_bytes_come_again(toy, tmp_path):
    features = toy("float16")
    chosen = features.select(fold=[1, 2])
    first, second = (export(chosen, "npz", tmp_path / name) for name in "ab")
    ids = []
    for file in sorted(first.iterdir()):
        assert file.read_bytes() == (second / file.name).read_bytes()
        if file.suffix == ".npz":
            ids += np.load(file)["clip_id"].tolist()
    assert ids == chosen.clip_ids.tolist()


def test_what_cannot_be_is_refused_before_anything_is_written(toy, tmp_path, monkeypatch):
    features = toy("float16")
    with pytest.raises(ParameterError, match=r"is no format\. Did you mean 'zarr'"):
        export(features, "zar", tmp_path / "out")
    (tmp_path / "there").mkdir()
    with pytest.raises(ParameterError, match="exists, and an export replaces nothing"):
        export(features, "npz", tmp_path / "there")
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(ParameterError, match="needs the package zarr; pip install zarr"):
        export(features, "zarr", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"toy", "there"}


def test_nothing_is_left_of_an_export_that_fails_or_is_killed(toy, tmp_path):
    features = toy("float16")
    killed = tmp_path / ".out.abc.export"
    killed.mkdir()
    (killed / "part-00000.npz").write_bytes(b"half")
    last = features.store.path / features.id / features.record.shards[-1].file
    whole = last.read_bytes()
    assert features.clip_ids.size
    os.truncate(last, 100)
    with pytest.raises(ShardError):
        export(features, "npz", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"toy"}
    last.write_bytes(whole)
    assert export(features.store[0], "npz", tmp_path / "out").is_dir()


def test_the_second_of_two_exports_to_one_name_is_refused_and_harms_nothing(toy, tmp_path, monkeypatch):
    features, write, out = toy("float16"), npz.write, tmp_path / "out"

    def meanwhile(*args):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(StoreError, match=r"/out: another export is writing it; wait for that"):
            export(features, "npz", out)
        assert sorted(tmp_path.rglob("*")) == before
        write(*args)

    monkeypatch.setattr(npz, "write", meanwhile)
    export(features, "npz", out)
    assert len(parts(out, "npz")) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"toy", "out"}


def test_exports_to_other_names_do_not_wait_for_each_other(toy, tmp_path, monkeypatch):
    features, write = toy("float16"), npz.write

    def meanwhile(*args):
        monkeypatch.setattr(npz, "write", write)
        export(features, "npz", tmp_path / "out")
        write(*args)

    monkeypatch.setattr(npz, "write", meanwhile)
    export(features, "npz", tmp_path / "out.fold1")
    assert {path.name for path in tmp_path.iterdir()} == {"toy", "out", "out.fold1"}


@pytest.mark.parametrize("when", ["before the look", "after the look"])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_appears_meanwhile_is_not_replaced(toy, tmp_path, monkeypatch, when, kind):
    features, out = toy("float16"), tmp_path / "out"

    def appear():
        if kind == "file":
            out.write_text("mine")
        else:
            out.mkdir()
            (out / "mine").touch()

    if when == "before the look":
        write = npz.write
        monkeypatch.setattr(npz, "write", lambda *args: (write(*args), appear()))
    else:
        rename = Path.rename
        monkeypatch.setattr(Path, "rename", lambda self, to: (appear(), rename(self, to)))
    with pytest.raises(StoreError, match=r"/out: has appeared meanwhile.* name another folder"):
        export(features, "npz", out)
    assert {path.name for path in tmp_path.iterdir()} == {"toy", "out"}
    assert out.is_file() or [path.name for path in out.iterdir()] == ["mine"]


def test_what_appears_is_on_the_disk(toy, tmp_path, monkeypatch):
    features, folder, synced = toy("float16"), tmp_path / "a[b]", {}

    def fsync(fd):
        assert not folder.exists() or os.path.samestat(os.fstat(fd), tmp_path.stat())
        synced[os.fstat(fd).st_ino] = os.fstat(fd).st_size

    killed = tmp_path / ".a[b].abc.export"
    killed.mkdir()
    monkeypatch.setattr(os, "fsync", fsync)
    export(features, "npz", folder)
    for path in (folder, *folder.iterdir()):
        assert synced[path.stat().st_ino] == path.stat().st_size
    assert tmp_path.stat().st_ino in synced
    assert folder.stat().st_mode & 0o777 == (tmp_path / "toy").stat().st_mode & 0o777
    assert not killed.exists()


def test_memory_holds_clips_not_feature_sets(make_toy, features, tmp_path):
    import tracemalloc

    store = make_toy(features=[features["waveform"]], clips=12, per_shard=12, frames=lambda i: 200_000).store
    assert store[0].clip_ids.size
    tracemalloc.start()
    for to in ("npz", "webdataset"):
        export(store[0], to, tmp_path / to)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 200_000 * 4 + (4 << 20)
