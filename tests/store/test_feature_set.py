"""Reading: by clip, by position, from threads, forks and copies; and what happens when files change under it."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgrid.errors import ClipError, ShardError, StoreError
from melgrid.store import open_store
from melgrid.store.shards import gather, reader
from melgrid.store.shards.descriptors import OPEN_FILES, Descriptors

KINDS = [
    "float16", "float32", "uint8", "channels", "one-channel", "complex", "complex-channels", "complex-float16",
    "phase", "waveform",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_clips_come_back_as_the_cast_leaves_them(make_toy, features, kind):
    toy = make_toy(features=[features[kind]], frames=lambda i: i % 4)  # some without frames
    fs = toy.store[0]
    assert len(fs) == 19
    for clip_id in fs:
        put = toy.values[fs.id, clip_id]
        got = fs[clip_id]
        assert (got.shape, got.dtype) == (put.shape, put.dtype)
        np.testing.assert_array_equal(got, fs.cast(put))


def test_only_ok_clips_are_in_it(make_toy):
    toy = make_toy()
    fs = toy.store[0]
    assert "clip-3" not in fs
    assert "clip-4" in fs
    assert list(fs) == [c for c in toy.store.clips["clip_id"] if c != "clip-3"]
    assert fs.lengths.tolist() == [toy.frames[c] for c in fs]
    assert fs.lengths.dtype == np.int64
    with pytest.raises(ClipError, match=r"undecodable: no sync .*'clip-3'") as caught:
        fs["clip-3"]
    assert caught.value.code == "undecodable"
    for key in (0, slice(2), ["clip-0"]):
        with pytest.raises(StoreError, match=r"a clip is taken by its id, such as 'clip-\d+'"):
            toy.store[0][key]
    with pytest.raises(StoreError, match=r"no clip 'clip-99'\. Did you mean"):
        fs["clip-99"]


def test_a_clip_may_fail_in_one_feature_only(make_toy, features):
    toy = make_toy(features=[features["float16"]])
    toy.add(features["float32"], failing=("clip-3", "clip-7"))
    half, single = toy.store[features["float16"].id], toy.store[features["float32"].id]
    assert "clip-7" in half
    assert "clip-7" not in single
    status = toy.store.clips.set_index("clip_id")["status"]
    assert (status["clip-7"], status["clip-3"]) == ("ok", "failed")


def test_a_store_without_ok_clips_works(make_toy):
    fs = make_toy(clips=3, failing=("clip-0", "clip-1", "clip-2")).store[0]
    assert len(fs) == 0
    assert fs.clip_ids.shape == (0,)
    fs.read(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), np.zeros((0, 5, 8), fs.dtype))


def test_clip_ids_keep_their_rows_in_every_feature_set(make_toy, features):
    toy = make_toy(features=[features["float16"], features["waveform"]])
    one, other = toy.store
    np.testing.assert_array_equal(one.clip_rows, other.clip_rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(data=st.data())
def test_read_is_slicing(big, data):
    fs, arrays = big
    n = data.draw(st.integers(0, 12))
    rows = np.array(data.draw(st.lists(st.integers(0, len(fs) - 1), min_size=n, max_size=n)), np.int64)
    starts = np.array([data.draw(st.integers(0, int(fs.lengths[r]))) for r in rows], np.int64)
    counts = np.array([data.draw(st.integers(0, int(fs.lengths[r] - s))) for r, s in zip(rows, starts, strict=True)])
    counts = counts.astype(np.int64)
    out = np.full((n, 12, *fs.frame_shape), 7, fs.dtype)
    fs.read(rows, starts, counts, out)
    for i in range(n):
        np.testing.assert_array_equal(out[i, : counts[i]], arrays[rows[i]][starts[i] : starts[i] + counts[i]])
        assert (out[i, counts[i] :] == 7).all()


@pytest.fixture
def big(make_toy, features):
    fs = make_toy(features=[features["channels"]], clips=40, frames=lambda i: i % 10).store[0]
    return fs, [stored(fs, row) for row in range(len(fs))]


def stored(fs, row):
    """What a shard holds for a clip, by h5py."""
    import h5py

    place = fs.clip_rows[row]
    table = fs.store.table
    with h5py.File(fs.store.path / fs.id / f"shard-{table.shard[place]:05d}.h5", locking=False) as file:
        first, after = file["clip/frame_offset"][table.row[place] : table.row[place] + 2]
        return file["features"][first:after]


def test_read_clips_joins_whole_clips(big):
    fs, arrays = big
    rows = np.array([5, 3, 3, 39 - 1, 0])
    out = np.empty((fs.lengths[rows].sum(), *fs.frame_shape), fs.dtype)
    fs.read_clips(rows, out)
    np.testing.assert_array_equal(out, np.concatenate([arrays[row] for row in rows]))


def test_advice_changes_nothing(big, monkeypatch):
    fs, _ = big
    rows = np.arange(10)
    before = [fs[clip_id] for clip_id in fs.clip_ids[:10]]
    fs.advise(rows, np.zeros(10, int), fs.lengths[rows])
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    fs.advise(rows, np.zeros(10, int), fs.lengths[rows])
    for clip_id, values in zip(fs.clip_ids[:10], before, strict=True):
        np.testing.assert_array_equal(fs[clip_id], values)


@pytest.mark.parametrize(
    ("rows", "starts", "counts", "shape", "message"),
    [
        ([0], [0], [100], (1, 100, 8, 2), "leave clip"),
        ([0], [-1], [1], (1, 1, 8, 2), "leave clip"),
        ([0], [0], [-1], (1, 1, 8, 2), "leave clip"),
        ([0], [0], [2], (1, 1, 8, 2), "cannot take"),
        ([0, 1], [0, 0], [1, 1], (1, 1, 8, 2), "cannot take"),
        ([0], [0], [1], (1, 1, 8), "C-contiguous"),
    ],
)
def test_runs_and_arrays_that_do_not_fit_are_refused(big, rows, starts, counts, shape, message):
    fs, _ = big
    with pytest.raises(ValueError, match=message):
        fs.read(np.array(rows), np.array(starts), np.array(counts), np.empty(shape, fs.dtype))


def test_arrays_of_another_type_or_layout_are_refused(big):
    fs, _ = big
    row = np.array([int(np.argmax(fs.lengths))])
    for out in (np.empty((1, 4, 8, 2), np.float32), np.empty((1, 4, 8, 4), fs.dtype)[..., ::2]):
        with pytest.raises(ValueError, match="must be C-contiguous float16"):
            fs.read(row, np.array([0]), np.array([1]), out)


@pytest.mark.parametrize("at_once", [0, 1, 7])
def test_short_counts_are_read_to_the_end(big, monkeypatch, at_once):
    """Of the many reads in one call only some come whole; the next comes in pieces."""
    fs, arrays = big
    preadv, read = os.preadv, gather.read
    monkeypatch.setattr(gather, "read", lambda order, *rest: read(order[:at_once], *rest))
    monkeypatch.setattr(
        reader.os, "preadv", lambda fd, views, at: preadv(fd, [v[: max(1, len(v) // 2)] for v in views], at)
    )
    out = np.empty((fs.lengths.sum(), *fs.frame_shape), fs.dtype)
    fs.read_clips(np.arange(len(fs)), out)
    np.testing.assert_array_equal(out, np.concatenate(arrays))


def test_a_shard_that_is_cut_while_it_is_read_is_a_typed_error(big):
    fs, _ = big
    out = np.empty((fs.lengths.sum(), *fs.frame_shape), fs.dtype)
    fs.read_clips(np.arange(len(fs)), out)
    path = fs.store.path / fs.id / "shard-00001.h5"
    os.truncate(path, path.stat().st_size - 1)
    last = fs.clip_ids[(fs._places[1] == 1) & (fs.lengths > 0)][-1]
    with pytest.raises(ShardError, match=rf"shard-00001.h5: ends inside clip '{last}'"):
        fs.read_clips(np.arange(len(fs)), out)


def test_a_shard_that_is_cut_before_it_is_read_is_a_typed_error(make_toy):
    toy = make_toy()
    path = toy.path / toy.store[0].id / "shard-00001.h5"
    fs = toy.store[0]
    assert len(fs)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(ShardError, match=r"shard-00001.h5: has \d+ bytes, should have"):
        fs[fs.clip_ids[0]]
    path.unlink()
    with pytest.raises(ShardError, match="missing"):
        toy.store[0].lengths  # noqa: B018


def test_a_shard_that_is_replaced_is_a_typed_error(make_toy):
    fs = make_toy().store[0]
    path = fs._files.paths[0]
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    new.replace(path)
    with pytest.raises(ShardError, match="has been replaced"):
        fs[fs.clip_ids[0]]


def test_a_disk_error_names_file_and_clip(make_toy, monkeypatch):
    fs = make_toy().store[0]

    def broken(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(reader.os, "preadv", broken)
    with pytest.raises(ShardError, match=r"shard-00000.h5: clip 'clip-.*Input/output"):
        fs[fs.clip_ids[0]]


def test_many_threads_read_one_store(big):
    fs, arrays = big

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            rows = rng.integers(0, len(fs), 16)
            out = np.empty((fs.lengths[rows].sum(), *fs.frame_shape), fs.dtype)
            fs.read_clips(rows, out)
            np.testing.assert_array_equal(out, np.concatenate([arrays[r] for r in rows]))
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_a_copy_opens_the_store_anew(big):
    fs, arrays = big
    copy = pickle.loads(pickle.dumps(fs))
    assert copy is not fs
    np.testing.assert_array_equal(copy[fs.clip_ids[5]], fs.decode(arrays[5]))


def test_a_copy_of_a_feature_set_that_was_made_anew_is_refused(make_toy, features):
    toy = make_toy()
    data = pickle.dumps(toy.store[0])
    toy.add(features["float16"], generation=1, failing=())
    with pytest.raises(StoreError, match="made anew"):
        pickle.loads(data)
    assert "clip-3" in toy.store[0]
    assert sorted(p.name for p in (toy.path / features["float16"].id).glob("shard*")) == [
        "shard-00000-r1.h5",
        "shard-00001-r1.h5",
        "shard-00002-r1.h5",
    ]


def run(script, *arguments):
    return subprocess.run([sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True)


def test_a_fork_goes_on_reading(make_toy):
    toy = make_toy(clips=60)
    script = (
        "import os, sys, threading, warnings, numpy as np; from melgrid.store import open_store\n"
        "warnings.simplefilter('ignore')\n"
        "fs = open_store(sys.argv[1])[0]; expected = [fs[c] for c in fs]\n"
        "stop = threading.Event()\n"
        "def busy():\n"
        "    while not stop.is_set(): [fs[c] for c in fs]\n"
        "threading.Thread(target=busy).start()\n"
        "for _ in range(5):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        same = all(np.array_equal(fs[c], e) for c, e in zip(fs, expected))\n"
        "        os._exit(0 if same else 1)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "stop.set()\n"
    )
    done = run(script, toy.path)
    assert done.returncode == 0, done.stderr


def test_more_shards_than_descriptors(make_toy):
    toy = make_toy(clips=100, per_shard=1)
    script = (
        "import resource, sys, numpy as np; from melgrid.store import open_store\n"
        "import melgrid.store.feature_set\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "fs = open_store(sys.argv[1])[0]; rng = np.random.default_rng(0)\n"
        "assert len(fs._files.paths) == 100\n"
        "for _ in range(4):\n"
        "    rows = rng.permutation(len(fs)); out = np.empty((fs.lengths.sum(), 8), fs.dtype)\n"
        "    fs.read_clips(rows, out)\n"
        "    assert np.array_equal(out, np.concatenate([fs[fs.clip_ids[r]] for r in rows]).astype(fs.dtype))\n"
    )
    done = run(script, toy.path)
    assert done.returncode == 0, done.stderr


def test_descriptors_are_bounded_and_kept_while_in_use(tmp_path):
    files = []
    for i in range(6):
        path = tmp_path / str(i)
        path.write_bytes(bytes([i]))
        status = path.stat()
        files.append((path, (status.st_dev, status.st_ino, status.st_size)))
    few = Descriptors(limit=2)
    held = few.acquire(*files[0])
    for file in files[1:]:
        opened = few.acquire(*file)
        assert os.pread(opened.fd, 1, 0) == file[0].read_bytes()
        few.release(opened)
        assert len(few) <= 2
    assert os.pread(held.fd, 1, 0) == b"\0"
    everything = [few.acquire(*file) for file in files[:4]]
    assert len({opened.fd for opened in everything}) == 4  # none is closed under its user
    assert os.get_inheritable(held.fd) is False
    for opened in [held, *everything]:
        few.release(opened)
    few.acquire(*files[5])
    assert len(few) == 2


def test_descriptors_make_room_when_the_process_has_none_left(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    (tmp_path / "y").write_bytes(b"y")
    identity = (path.stat().st_dev, path.stat().st_ino, 1)
    few = Descriptors(limit=10)
    few.release(few.acquire(path, identity))
    real, tries = os.open, []

    def busy(*args):
        tries.append(args)
        if len(tries) == 1:
            raise OSError(24, "Too many open files")
        return real(*args)

    monkeypatch.setattr(os, "open", busy)
    other = tmp_path / "y"
    few.acquire(other, (other.stat().st_dev, other.stat().st_ino, 1))
    assert len(few) == 1
    assert len(tries) == 2


def test_readers_go_on_while_feature_sets_are_added(make_toy, features):
    toy = make_toy()
    store = toy.store  # reads clips.parquet and feature.json later
    toy.add(features["float32"])
    toy.add(features["waveform"])
    assert len(store) == 1
    assert len(store[0]) == 19
    assert len(store.clips) == 20
    assert len(open_store(toy.path)) == 3


def test_clips_that_came_later_are_missing_until_their_shards_are_there(make_toy, features):
    import pandas as pd

    from melgrid.store import Manifest

    toy = make_toy(clips=10, failing=())
    new = pd.DataFrame({"clip_id": ["clip-70", "clip-71"], "labels": [[0], [1]], "fold": [1, 2]})
    Manifest.load(toy.path).extend_clips(new, clips_per_shard=8)
    fs = toy.store[0]
    assert len(toy.store.clips) == 12
    assert len(fs) == 10
    with pytest.raises(ClipError, match="added to the store after"):
        fs["clip-70"]
    toy.frames |= {"clip-70": 2, "clip-71": 3}
    before = {path.name: path.stat().st_ino for path in (toy.path / fs.id).glob("shard*")}
    toy.add(features["float16"])  # equal shards are left alone
    after = {path.name: path.stat().st_ino for path in (toy.path / fs.id).glob("shard*")}
    assert len(toy.store[0]) == 12
    assert toy.store[0]["clip-71"].shape == (3, 8)
    assert after.items() > before.items()


def test_links_out_of_the_store_are_refused(make_toy, tmp_path):
    toy = make_toy()
    fs = toy.store[0]
    path = toy.path / fs.id / "shard-00000.h5"
    outside = tmp_path / "outside.h5"
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(ShardError, match="out of the store"):
        fs[fs.clip_ids[0]]
    outside.rename(path)
    assert toy.store[0][fs.clip_ids[0]].size
    path.parent.rename(tmp_path / "folder")
    path.parent.symlink_to(tmp_path / "folder")
    with pytest.raises(StoreError, match="out of the store"):
        toy.store[0][fs.clip_ids[0]]


def test_all_readers_of_a_process_share_descriptors(big):
    fs, _ = big
    fs[fs.clip_ids[0]]
    count = len(OPEN_FILES)
    other = open_store(fs.store.path)[0]
    other[fs.clip_ids[0]]
    assert len(OPEN_FILES) == count


def test_a_shard_that_this_process_has_open_with_locks_is_no_hindrance(make_toy, features):
    toy = make_toy()
    shard = next((toy.path / features["float16"].id).glob("shard-*.h5"))
    with h5py.File(shard):
        fs = toy.store[features["float16"].id]
        np.testing.assert_array_equal(fs[fs.clip_ids[0]], fs.cast(toy.values[fs.id, fs.clip_ids[0]]))
