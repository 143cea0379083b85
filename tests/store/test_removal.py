import os

import numpy as np
import pytest

from melgrid.errors import ParameterError, StoreError
from melgrid.store import Manifest, open_store, verify
from melgrid.store.disk import lock
from melgrid.store.removal import remove


@pytest.fixture
def toy(make_toy, features):
    return make_toy(features=[features["float16"], features["float32"], features["waveform"]])


def contents(path):
    return {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_removes_one_feature_set_and_nothing_else(toy, features):
    gone, kept = features["float32"].id, features["float16"].id
    before = contents(toy.path)
    done = remove(toy.path, gone)
    assert (done.feature, done.left) == (gone, ())
    assert done.bytes == sum(len(data) for path, data in before.items() if path.parts[0] == gone)
    assert not (toy.path / gone).exists()
    assert toy.store.ids == tuple(sorted([kept, features["waveform"].id]))
    after = contents(toy.path)
    changed = {str(path) for path in before if before[path] != after.get(path) and path.parts[0] != gone}
    assert changed == {"store.json"}
    assert verify(toy.path, deep=True) == []
    toy.add(features["float32"])  # and it can come back, as it was
    assert contents(toy.path)[next(p for p in before if p.parts[0] == gone and p.suffix == ".h5")]
    assert verify(toy.path, deep=True) == []


def test_the_beginning_of_an_id_is_enough(toy, features):
    assert remove(toy.path, "wave").feature == features["waveform"].id


@pytest.mark.parametrize("text", ["", "wavefrom", "/etc", "..", "clips.parquet"])
def test_what_is_no_feature_set_is_refused(toy, text):
    before = contents(toy.path)
    with pytest.raises(ParameterError, match="has no feature set"):
        remove(toy.path, text)
    assert contents(toy.path) == before


def test_several_feature_sets_of_one_beginning_are_refused(make_toy, features):
    toy = make_toy(features=[features["float16"], features["uint8"]])
    with pytest.raises(ParameterError, match=f"may be .*{features['uint8'].id}"):
        remove(toy.path, "logmel")
    assert len(toy.store) == 2


def test_no_store_leaves_nothing_behind(tmp_path):
    with pytest.raises(StoreError, match="no store"):
        remove(tmp_path / "nothing", "logmel")
    assert not (tmp_path / "nothing").exists()


def test_foreign_files_stay(toy, features):
    folder = toy.path / features["float32"].id
    (folder / "notes.txt").write_text("mine")
    assert remove(toy.path, features["float32"].id).left == ("notes.txt",)
    assert [p.name for p in folder.iterdir()] == ["notes.txt"]
    assert verify(toy.path, deep=True) == []


def test_a_link_is_not_followed(toy, features, tmp_path):
    folder = toy.path / features["float32"].id
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link; nothing was removed"):
        remove(toy.path, features["float32"].id)
    assert len(list((tmp_path / "elsewhere").glob("shard-*.h5"))) == 3


def test_a_damaged_feature_set_can_be_removed(toy, features):
    next((toy.path / features["float32"].id).glob("shard-*.h5")).write_bytes(b"")
    remove(toy.path, features["float32"].id)
    assert verify(toy.path, deep=True) == []


def test_damage_elsewhere_keeps_none(toy, features):
    record = toy.path / features["float16"].id / "feature.json"
    record.write_bytes(record.read_bytes()[:-9])
    assert remove(toy.path, features["float32"].id).bytes > 0
    assert not (toy.path / features["float32"].id).exists()
    assert Manifest.load(toy.path).pending == {}
    assert verify(toy.path, repair=True) == []
    assert features["float16"].id in open_store(toy.path).ids


def test_it_waits_for_nobody(toy, features):
    with lock(toy.path), pytest.raises(StoreError, match="is being written by process"):
        remove(toy.path, features["float32"].id)


def test_who_has_it_open_gets_an_error(toy, features):
    store = toy.store
    late, early = store[features["float32"].id], store[features["float16"].id]
    assert late[late.clip_ids[0]].size
    unread = toy.store[features["float32"].id]
    remove(toy.path, features["float32"].id)
    with pytest.raises(StoreError):
        _ = unread["clip-1"]
    with pytest.raises(StoreError):
        _ = open_store(toy.path)[features["float32"].id]
    np.testing.assert_array_equal(early["clip-1"], early.cast(toy.values[early.id, "clip-1"]))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(1, 10))
@pytest.mark.parametrize("finish", ["remove", "repair", "settle"])
def test_a_kill_at_any_step_is_finished_by_the_next(make_toy, features, monkeypatch, step, finish):
    toy = make_toy(features=[features["float16"], features["float32"]], clips=10, per_shard=5)
    gone = features["float32"].id
    steps = 0

    def dying(real):
        def call(*args, **kw):
            nonlocal steps
            locks = str(args[0]).endswith(".lock")  # they end with their process
            steps += not locks
            if steps == step and not locks:
                raise Killed
            return real(*args, **kw)

        return call

    with monkeypatch.context() as patch:
        for name in ("unlink", "rename", "replace", "rmdir"):
            patch.setattr(os, name, dying(getattr(os, name)))
        try:
            remove(toy.path, gone)
        except Killed:
            pass
        else:
            pytest.skip("it has fewer steps")
    for temp in toy.path.glob(".*.tmp"):  # its maker is gone
        temp.unlink()
    for features_ in toy.store:  # readers never see half of one
        assert all(features_[clip].size for clip in features_.clip_ids)
    if finish == "remove":
        if gone in toy.store.ids or verify(toy.path):
            assert remove(toy.path, gone).feature == gone
    elif finish == "repair":
        verify(toy.path, repair=True)
    else:
        with lock(toy.path):
            Manifest.load(toy.path).settle()
    assert verify(toy.path, deep=True) == []
    assert (gone in toy.store.ids) == (toy.path / gone).exists()
