"""Every byte accounted for, and the manifest rebuilt from shards alone."""

import errno
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from melgrid.errors import MismatchError, ShardError, StoreError
from melgrid.store import Fault, Manifest, feature_record, lock, open_store, verify
from melgrid.store.checks import faults, repair
from melgrid.store.checks.adoption import adopt
from melgrid.store.checks.faults import find_faults
from melgrid.store.checks.rebuild import clip_rows
from melgrid.store.shards import shard_info

TWO = ("float16", "complex")


@pytest.fixture
def toy(make_toy, features):
    return make_toy(features=[features[name] for name in TWO], clips=12)


def files(path):
    return sorted(p for p in path.rglob("*") if p.is_file())


def snapshot(path):
    return {p.relative_to(path): p.read_bytes() for p in files(path)}


def test_a_sound_store_has_no_faults(toy):
    assert verify(toy.path) == []
    assert verify(toy.path, deep=True) == []
    before = snapshot(toy.path)
    assert verify(toy.path, repair=True) == []
    assert snapshot(toy.path) == before


def test_every_flipped_byte_is_found_and_its_file_named(toy):
    rng = np.random.default_rng(0)
    checked = 0
    for path in files(toy.path):
        data = path.read_bytes()
        places = {0, len(data) // 2, len(data) - 1, *rng.integers(0, len(data), 3).tolist()}
        for place in places:
            flipped = bytearray(data)
            flipped[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(flipped)
            found = find_faults(toy.path, deep=True)
            assert str(path.relative_to(toy.path)) in {fault.file for fault in found}, (path.name, place)
            checked += 1
        path.write_bytes(data)
    assert checked > 50
    assert find_faults(toy.path, deep=True) == []


@pytest.mark.parametrize("change", ["cut", "emptied", "appended", "removed"])
def test_every_file_of_the_wrong_size_is_found_without_reading_it(toy, change):
    for path in files(toy.path):
        if path.name == "all.h5":
            continue  # derived, may be absent
        data = path.read_bytes()
        if change == "removed":
            path.unlink()
        else:
            path.write_bytes({"cut": data[:-1], "emptied": b"", "appended": data + b"\0"}[change])
        assert str(path.relative_to(toy.path)) in {fault.file for fault in verify(toy.path)}, path.name
        path.write_bytes(data)


def test_a_hole_of_zeros_is_found(toy):
    """As a file system may leave it after a power cut: the size is right."""
    path = toy.path / toy.store[0].id / "shard-00000.h5"
    size = path.stat().st_size
    for begin, end in ((size - 64, size), (4096, 8192), (0, 512)):
        data = path.read_bytes()
        path.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
        assert str(path.relative_to(toy.path)) in {fault.file for fault in verify(toy.path, deep=True)}, begin
        path.write_bytes(data)


def test_a_clip_whose_frames_changed_is_named(toy):
    fs = toy.store[0]
    row = int(np.argmax(fs.lengths))
    shard = fs.record.shards[fs._places[1][row]]
    path = toy.path / fs.id / shard.file
    with path.open("r+b") as file:
        file.seek(shard.data_offset + int(fs._places[2][row]) * fs._frame_bytes)
        file.write(b"\x12")
    (fault,) = verify(toy.path, deep=True)
    assert (fault.file, fault.clip) == (f"{fs.id}/{shard.file}", fs.clip_ids[row])
    assert "frames have changed" in str(fault)
    assert repr(str(fs.clip_ids[row])) in str(fault)
    assert verify(toy.path) == []  # same size


def test_shards_that_changed_places_are_found(toy):
    folder = toy.path / toy.store[0].id
    (folder / "shard-00000.h5").rename(folder / "x")
    shutil.copy(folder / "shard-00001.h5", folder / "shard-00000.h5")
    assert verify(toy.path)


def test_shards_that_were_swapped_are_both_named(toy):
    folder = toy.path / toy.store[0].id
    one, other = folder / "shard-00000.h5", folder / "shard-00001.h5"
    one.rename(folder / "x")
    other.rename(one)
    (folder / "x").rename(other)
    assert {f"{folder.name}/{one.name}", f"{folder.name}/{other.name}"} <= {f.file for f in verify(toy.path, deep=True)}
    assert verify(toy.path, repair=True) == []
    assert verify(toy.path, deep=True) == []


@pytest.mark.parametrize("name", ["shard-00099.h5", "shard-00000-r3.h5"])
def test_a_foreign_shard_is_found_and_repair_removes_it(toy, name):
    before = snapshot(toy.path)
    one, other = (toy.path / fs.id for fs in toy.store)
    shutil.copy(other / "shard-00000.h5", one / name)
    for deep in (False, True):
        assert [fault.file for fault in verify(toy.path, deep=deep)] == [f"{one.name}/{name}"]
    assert verify(toy.path, repair=True) == []
    assert snapshot(toy.path) == before


def test_a_shard_of_another_store_is_found(toy, make_toy, features):
    """Of the same feature and size, with other clips' frames."""
    stranger = make_toy("stranger", features=[features["float16"]], clips=12, columns={"fold": [9] * 12})
    name = f"{features['float16'].id}/shard-00000.h5"
    shutil.copy(stranger.path / name, toy.path / name)
    assert name in {fault.file for fault in verify(toy.path, deep=True)}


def test_nothing_is_removed_where_listed_shards_are_gone(toy, features):
    """An old store.json over newer files: what it does not list may be all there is."""
    old = (toy.path / "store.json").read_bytes()
    record = toy.path / features["float16"].id / "feature.json"
    old_record = record.read_bytes()
    toy.add(features["float16"], generation=1, failing=())
    (toy.path / "store.json").write_bytes(old)
    record.write_bytes(old_record)
    with pytest.raises(StoreError, match="is missing"):
        Manifest.load(toy.path).settle()
    assert list(record.parent.glob("shard-*-r1.h5"))
    verify(toy.path, repair=True)
    assert len(toy.store[features["float16"].id]) == 12


def test_damage_in_an_unfinished_feature_set_is_found(toy, features):
    toy.write(features["float32"])
    assert verify(toy.path, deep=True) == []  # unfinished is no fault
    path = toy.path / features["float32"].id / "shard-00000.h5"
    with path.open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\xff")
    assert [fault.file for fault in verify(toy.path, deep=True)] == [str(path.relative_to(toy.path))]


def test_leftovers_of_a_dead_producer_are_found(toy):
    left = toy.path / toy.store[0].id / ".shard-00000.h5.00.tmp"
    left.write_bytes(b"half")
    assert [fault.file for fault in verify(toy.path)] == [str(left.relative_to(toy.path))]
    assert verify(toy.path, repair=True) == []
    assert not left.exists()


def test_a_stale_whole_file_is_found_and_made_anew(toy):
    one, other = (toy.path / fs.id / "all.h5" for fs in toy.store)
    before = snapshot(toy.path)
    shutil.copy(other, one)
    assert [fault.file for fault in verify(toy.path, deep=True)] == [f"{toy.store[0].id}/all.h5"]
    assert verify(toy.path, repair=True) == []
    assert snapshot(toy.path) == before


@pytest.mark.parametrize(
    "lost",
    [
        ["store.json"],
        ["clips.parquet"],
        ["feature.json"],
        ["all.h5"],
        ["store.json", "clips.parquet", "feature.json", "all.h5"],
    ],
)
@pytest.mark.parametrize("how", ["removed", "flipped"])
@pytest.mark.parametrize("task", ["single", "multi"])
def test_repair_restores_an_equal_manifest(make_toy, features, lost, how, task):
    toy = make_toy(features=[features[name] for name in TWO], task=task, options={"a": [1]})
    before = snapshot(toy.path)
    for path in files(toy.path):
        if path.name in lost:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 4
            path.write_bytes(data) if how == "flipped" else path.unlink()
    if lost == ["all.h5"] and how == "removed":
        assert verify(toy.path, repair=True) == []  # nothing depends on it
        return
    assert verify(toy.path, deep=True)
    assert verify(toy.path, repair=True) == []
    assert snapshot(toy.path) == before


def test_repair_sets_a_damaged_shard_aside_and_a_run_completes_it(toy, features):
    before = snapshot(toy.path)
    fs = toy.store[features["float16"].id]
    path = toy.path / fs.id / "shard-00001.h5"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    left = verify(toy.path, repair=True)
    assert {fault.file for fault in left} == {f"{fs.id}/shard-00001.h5", fs.id}
    assert all(isinstance(fault, Fault) and "preprocess again" in fault.remedy for fault in left)
    assert toy.store.ids == (features["complex"].id,)
    assert verify(toy.path, deep=True) == []
    toy.add(features["float16"])
    after = snapshot(toy.path)
    assert after.pop((toy.path / fs.id / "shard-00001.h5.damaged").relative_to(toy.path)) == bytes(data)
    assert after == before


def test_repair_hides_a_feature_set_with_a_lost_shard(toy):
    fs = toy.store[0]
    before = snapshot(toy.path)
    (toy.path / fs.id / "shard-00000.h5").unlink()
    for deep in (False, True):
        (fault,) = verify(toy.path, deep=deep)
        assert str(fault) == (
            f"{fs.id}/shard-00000.h5: is missing. Put it back; else --repair hides its feature set, and the same "
            "melgrid preprocess then computes what is missing."
        )
    (fault,) = verify(toy.path, repair=True)
    assert fault.file == fs.id
    assert "[0] are missing" in fault.what
    assert len(toy.store) == 1
    assert len(toy.store.clips) == 12
    assert {path.name for path in (toy.path / fs.id).iterdir()} == {"shard-00001.h5"}
    toy.add(fs.feature)
    assert snapshot(toy.path) == before


def test_a_fault_names_its_file_and_remedy_once(toy):
    for pattern in ("store.json", "clips.parquet", "*/feature.json", "*/all.h5", "*/shard-00000.h5"):
        path = sorted(toy.path.glob(pattern))[0]
        data = path.read_bytes()
        for now in (None, b"", data[:-1], data[:-9] + bytes(9)):
            path.unlink() if now is None else path.write_bytes(now)
            for fault in verify(toy.path, deep=True):
                text = str(fault)
                assert str(toy.path) not in text
                assert text.count(path.name) == 1 + ("has no store.json" in text), text
                assert text.count("--repair") == 1, text
            path.write_bytes(data)


def test_repair_forgets_a_feature_set_whose_folder_is_gone(toy):
    gone, kept = toy.store.ids
    shutil.rmtree(toy.path / gone)
    assert [fault.file for fault in verify(toy.path, repair=True)] == [gone]
    assert toy.store.ids == (kept,)
    assert verify(toy.path, deep=True) == []


@pytest.mark.parametrize("text", ["parameters", "about"])
def test_a_hole_in_the_words_of_a_shard_is_damage_like_any_other(toy, features, text):
    """Zeros where canonical JSON was, as after a power cut: in a listed shard, in one that no manifest lists yet."""
    toy.write(features["float32"])
    clips = Manifest.load(toy.path).clips()
    rows = clips[clips["shard"] == 0].reset_index(drop=True)
    paths = [toy.path / features[name].id / "shard-00000.h5" for name in ("float16", "float32")]
    for path in paths:
        with h5py.File(path, locking=False) as file:
            words = bytes(file.attrs["parameters"] if text == "parameters" else file["about"][()])
        data = path.read_bytes()
        path.write_bytes(data.replace(words[:40], bytes(40)))
    with pytest.raises(ShardError, match=r"shard-00000\.h5: does not have the digests"):
        adopt(paths[1], features["float32"], toy.about, rows)
    names = {str(path.relative_to(toy.path)) for path in paths}
    assert {fault.file for fault in verify(toy.path, deep=True)} == names
    assert names <= {fault.file for fault in verify(toy.path, repair=True)}
    assert all(path.with_name(f"{path.name}.damaged").exists() and not path.exists() for path in paths)
    assert toy.store.ids == (features["complex"].id,)


def test_repair_leaves_what_a_newer_melgrid_made(toy, features, monkeypatch):
    before = snapshot(toy.path)
    document = json.loads((toy.path / "store.json").read_text())
    (toy.path / "store.json").write_text(json.dumps({**document, "format_version": 2}))
    newer = snapshot(toy.path)
    assert verify(toy.path)[0].what == "is of format 2, this melgrid reads 1; use the newer one that made it"
    with pytest.raises(MismatchError, match="use the newer one"):
        verify(toy.path, repair=True)
    assert snapshot(toy.path) == newer
    (toy.path / "store.json").unlink()
    monkeypatch.setattr(shard_info, "FORMAT_VERSION", 0)  # a shard of format 1 is newer then
    newer = snapshot(toy.path)
    with pytest.raises(
        MismatchError, match=r"shard-00000\.h5: is of format 1, this melgrid reads 0; use the newer one"
    ):
        verify(toy.path, repair=True)
    assert snapshot(toy.path) == newer
    monkeypatch.setattr(shard_info, "FORMAT_VERSION", 1)
    assert verify(toy.path, repair=True) == []
    assert snapshot(toy.path) == before


@pytest.mark.parametrize("newer", ["feature.json", "shards"])
def test_repair_changes_nothing_beside_a_feature_set_of_a_newer_melgrid(make_toy, features, monkeypatch, newer):
    """Whatever else is damaged: one that this melgrid cannot read is not to be hidden."""
    toy = make_toy(features=[features["float16"], features["complex"]])
    (toy.path / features["complex"].id / "shard-00001.h5").write_bytes(b"damage")
    (toy.path / "clips.parquet").unlink()
    if newer == "shards":
        monkeypatch.setattr(shard_info, "FORMAT_VERSION", 0)
    else:
        monkeypatch.setattr(feature_record, "FORMAT_VERSION", 0)
    before = snapshot(toy.path)
    with pytest.raises(MismatchError, match="use the newer one that made it"):
        verify(toy.path, repair=True)
    assert snapshot(toy.path) == before


def test_repair_needs_something_to_rebuild_from(make_toy, tmp_path):
    toy = make_toy(features=[])
    (toy.path / "store.json").unlink()
    with pytest.raises(StoreError, match="no shards to rebuild from"):
        verify(toy.path, repair=True)
    with pytest.raises(StoreError, match="no folder"):
        verify(tmp_path / "absent")


def test_repair_keeps_away_from_a_producer(toy):
    with lock(toy.path), pytest.raises(StoreError, match="being written"):
        verify(toy.path, repair=True)


def test_repair_of_a_store_without_features_keeps_its_clips(make_toy):
    toy = make_toy(features=[])
    left = toy.path / ".x.tmp"
    left.write_bytes(b"")
    assert verify(toy.path, repair=True) == []
    assert len(toy.store.clips) == 20


def test_repair_keeps_the_newest_generation(toy, features):
    toy.add(features["float16"], generation=1, failing=())
    before = snapshot(toy.path)
    (toy.path / "store.json").unlink()
    assert verify(toy.path, repair=True) == []
    assert snapshot(toy.path) == before
    assert len(toy.store[features["float16"].id]) == 12


def test_a_file_with_other_text_of_the_same_meaning_is_found(toy):
    path = toy.path / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert open_store(toy.path)
    assert [fault.file for fault in verify(toy.path)] == ["store.json"]


def test_a_header_written_by_another_tool_is_found(toy):
    path = toy.path / toy.store[0].id / "shard-00000.h5"
    with h5py.File(path, "r+", locking=False) as file:
        file.attrs["sample_rate"] = 1
    assert path.name in {Path(fault.file).name for fault in verify(toy.path, deep=True)}


def test_an_interrupted_update_is_no_fault(toy):
    manifest = Manifest.load(toy.path)
    manifest.pending = {"clips.parquet": "0" * 64}
    manifest._write()
    assert verify(toy.path, deep=True) == []
    manifest = Manifest.load(toy.path)
    manifest.settle()
    assert Manifest.load(toy.path).pending == {}


def test_a_renamed_folder_is_told_and_taken_in_again_under_its_own_name(toy, features):
    own, other = features["float16"].id, "logmel-mine"
    before = snapshot(toy.path)
    (toy.path / own).rename(toy.path / other)
    left = verify(toy.path, repair=True)
    assert any(fault.file == other and own in fault.what and "Rename" in fault.remedy for fault in left)
    assert open_store(toy.path).ids == (features["complex"].id,)
    (toy.path / other).rename(toy.path / own)
    assert verify(toy.path, repair=True) == []
    assert snapshot(toy.path) == before


UNREADABLE = [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES]


@pytest.mark.parametrize("number", UNREADABLE)
@pytest.mark.parametrize("mend", [False, True])
def test_a_shard_that_cannot_be_read_is_told_and_stays(toy, monkeypatch, number, mend):
    """A read error proves no damage: repair changes nothing, whatever else is wrong."""
    digest = faults.file_digest
    bad = toy.path / open_store(toy.path).ids[0] / "shard-00000.h5"
    (toy.path / "clips.parquet").unlink()

    def failing(fd):
        if os.path.samestat(os.fstat(fd), bad.stat()):
            raise OSError(number, os.strerror(number))
        return digest(fd)

    before = snapshot(toy.path)
    monkeypatch.setattr(faults, "file_digest", failing)
    (fault,) = (fault for fault in verify(toy.path, deep=True, repair=mend) if fault.file != "clips.parquet")
    assert fault.file == str(bad.relative_to(toy.path))
    assert os.strerror(number) in fault.what
    assert "no proof of damage" in fault.remedy
    assert snapshot(toy.path) == before
    monkeypatch.undo()
    assert verify(toy.path, repair=True) == []


def test_a_shard_on_a_disk_with_errors_stays(toy, features):
    """The real thing, of a shard that no manifest lists yet: /proc/self/mem cannot be read at its beginning."""
    toy.write(features["float32"])
    shard = toy.path / features["float32"].id / "shard-00000.h5"
    shard.unlink()
    shard.symlink_to("/proc/self/mem")
    (fault,) = verify(toy.path, repair=True)
    assert fault.file == str(shard.relative_to(toy.path))
    assert os.strerror(errno.EIO) in str(fault)
    assert "no proof of damage" in fault.remedy
    assert shard.is_symlink()


@pytest.mark.parametrize("name", ["store.json", "clips.parquet", "feature.json", "shard-00000.h5"])
def test_no_file_that_cannot_be_opened_is_made_anew(toy, monkeypatch, name):
    bad = next(toy.path.rglob(name))

    def refusing(method):
        def refuse(path, *args, **how):
            if path == bad:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return method(path, *args, **how)

        return refuse

    before = snapshot(toy.path)
    (toy.path / toy.store[1].id / "shard-00001.h5").unlink()  # a reason to write all of the manifest again
    left = {k: v for k, v in before.items() if k.name != "shard-00001.h5" or k.parts[0] != toy.store.ids[1]}
    for method in ("open",) if name != "shard-00000.h5" else ("open", "stat"):
        monkeypatch.setattr(Path, method, refusing(getattr(Path, method)))
    found = verify(toy.path, repair=True)
    monkeypatch.undo()
    assert str(bad.relative_to(toy.path)) in {fault.file for fault in found if "no proof" in fault.remedy}
    assert snapshot(toy.path) == left


def test_a_disk_that_fails_in_the_middle_of_a_repair_costs_no_shard(toy, monkeypatch):
    def failing(path, name, *args):
        raise OSError(errno.EIO, os.strerror(errno.EIO), name)

    (toy.path / "clips.parquet").unlink()
    before = snapshot(toy.path)
    monkeypatch.setattr(repair, "check_shard", failing)
    with pytest.raises(StoreError, match=r"shard-00000\.h5: .*Input/output error.* no proof of damage"):
        verify(toy.path, repair=True)
    assert snapshot(toy.path) == before


HDF5_WORDS = (
    "Unable to synchronously open object (file read failed: filename = 'x.h5', errno = 5, buf = 0x55f1749adb70)"
)


def read_error_at(monkeypatch, file, name, kind):
    find = h5py.Group.__getitem__

    def failing(group, own):
        if group.file.filename == str(file) and own == name:
            raise kind(HDF5_WORDS)
        return find(group, own)

    monkeypatch.setattr(h5py.Group, "__getitem__", failing)


@pytest.mark.parametrize("kind", [KeyError, RuntimeError])
def test_a_read_error_in_the_words_of_hdf5_proves_no_damage(toy, features, monkeypatch, kind):
    """So they are where HDF5 looks up an object: of a shard that no manifest lists, nothing else is read before."""
    toy.write(features["float32"])
    shard = toy.path / features["float32"].id / "shard-00000.h5"
    before = snapshot(toy.path)
    read_error_at(monkeypatch, shard, "about", kind)
    (fault,) = verify(toy.path, repair=True)
    assert fault.file == str(shard.relative_to(toy.path))
    assert "no proof of damage" in fault.remedy
    assert snapshot(toy.path) == before


def test_a_read_error_in_the_clips_of_a_shard_is_told_as_one(toy, monkeypatch):
    shard = toy.path / toy.store.ids[0] / "shard-00000.h5"
    read_error_at(monkeypatch, shard, "labels", KeyError)
    with pytest.raises(ShardError, match="errno = 5") as caught:
        clip_rows(shard)
    assert shard_info.may_pass(caught.value)


def test_damage_that_costs_too_much_memory_is_damage_all_the_same(toy, monkeypatch):
    """A flipped length may ask for any amount; the digest has told before."""
    shard = toy.path / toy.store.ids[0] / "shard-00000.h5"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")

    look = faults._damaged_clips

    def greedy(file, *args):
        if file == shard:
            raise ShardError(f"{shard}: cannot be read") from MemoryError()
        return look(file, *args)

    monkeypatch.setattr(faults, "_damaged_clips", greedy)
    assert shard.name + ".damaged" in verify(toy.path, repair=True)[0].what
