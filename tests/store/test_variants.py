"""Variants of clips never cross from one side of a split to another."""

import numpy as np
import pandas as pd
import pytest

from melgrid.errors import LeakError, MismatchError, ParameterError
from melgrid.store import About, Manifest, ShardWriter, create_store, open_store, verify
from melgrid.store.deal import deal

CLIPS = 24


@pytest.fixture
def table():
    ids = [f"clip-{i}" for i in range(CLIPS)]
    rows = pd.DataFrame(
        {
            "clip_id": ids,
            "labels": pd.Series([[i % 2] for i in range(CLIPS)], dtype=object),
            "fold": [1 + i % 4 for i in range(CLIPS)],
            "split": ["train" if i % 4 < 2 else "valid" if i % 4 == 2 else "test" for i in range(CLIPS)],
            "parent": None,
        }
    )
    copies = [rows.assign(clip_id=rows["clip_id"] + f"#gain-db=-{db}", parent=ids) for db in (3, 6)]
    rows = pd.concat([rows, *copies], ignore_index=True)
    rows["parent"] = pd.Series([None] * CLIPS + ids * 2, dtype=object)
    shard, row = deal(rows["clip_id"].tolist(), 10, parents=rows["parent"].tolist())
    return rows.assign(shard=shard, row=row)


@pytest.fixture
def make_own(table, features, tmp_path):
    return lambda failed=(): stored(table, features["float32"], tmp_path / "s", failed)


@pytest.fixture
def own(make_own):
    return make_own()


def stored(table, feature, path, failed):
    about = About(dataset="toy", classes=("a", "b"), task="single", splits={"split": ("train", "valid", "test")})
    manifest = create_store(path, about, table)
    infos = []
    for index, rows in manifest.clips().groupby("shard"):
        with ShardWriter(path / feature.id, int(index), feature, about, rows) as writer:
            for clip_id in rows["clip_id"]:
                if clip_id in failed:
                    writer.append(None, num_samples=0, status="failed", reason="empty: no samples")
                else:
                    writer.append(np.zeros((2, 8), np.float32), num_samples=100)
            infos.append(writer.publish())
    manifest.add_feature_set(feature, infos)
    manifest.gather_outcomes()
    return open_store(path)[0]


def parents(selection):
    return {clip.partition("#")[0] for clip in selection.clip_ids}


def altered(selection):
    return [clip for clip in selection.clip_ids if "#" in clip]


def test_variants_follow_their_parents_in_the_deal(table):
    ordered = table.sort_values(["shard", "row"])["clip_id"].tolist()
    assert [clip.partition("#")[0] for clip in ordered[::3]] == [clip.partition("#")[0] for clip in ordered[2::3]]
    assert all("#" not in clip for clip in ordered[::3])
    plain = deal([f"clip-{i}" for i in range(CLIPS)], CLIPS)[1]
    assert ordered[::3] == [f"clip-{i}" for i in np.argsort(plain)]  # the order of the clips is as without variants


def test_only_the_training_side_has_variants(own):
    train, valid, test = own.split()
    assert len(train) == 36
    assert len(altered(train)) == 24
    assert not altered(valid)
    assert not altered(test)
    by_fold = own.split(train=dict(fold=[1, 2]), test=dict(fold=[3, 4]))
    assert [len(altered(side)) for side in by_fold] == [24, 0]


def test_other_sides_have_them_when_asked(own):
    train, test = own.split(train=dict(fold=[1, 2]), test=dict(fold=3), variants=("test",))
    assert (len(altered(train)), len(altered(test))) == (0, 12)
    assert not parents(train) & parents(test)
    with pytest.raises(ParameterError, match=r"'tset' is no side\. Did you mean 'test'"):
        own.split(train=dict(fold=1), test=dict(fold=3), variants=("tset",))


@pytest.mark.parametrize("seed", range(5))
def test_drawn_sides_keep_families_together(own, seed):
    train, test = own.split(train=0.75, test=0.25, seed=seed, variants=("train", "test"))
    assert not parents(train) & parents(test)
    assert len(train) + len(test) == 3 * CLIPS
    train, test = own.split(train=0.75, test=0.25, seed=seed)
    assert len(altered(train)) == 2 * len(parents(train))
    assert not altered(test)


def test_a_variant_of_a_test_clip_in_training_is_a_leak(own):
    sides = {"train": dict(clip_id=["clip-1", "clip-2#gain-db=-3"]), "test": dict(clip_id=["clip-2"])}
    with pytest.raises(LeakError, match="variants of them stand on more than one side: 'clip-2' in train and test"):
        own.split(**sides)
    assert len(own.split(**sides, allow_leaks=True)) == 2
    with pytest.raises(LeakError):
        own.split(train=dict(clip_id=["clip-2#gain-db=-3"]), test=dict(clip_id=["clip-2#gain-db=-6"]))


def test_a_plain_selection_has_no_variants_unless_asked(own):
    assert len(own.select(fold=1)) == 6
    assert len(own.select(fold=1, variants=True)) == 18
    assert own.select(clip_id="clip-3#gain-db=-3").clip_ids.tolist() == ["clip-3#gain-db=-3"]


def test_clips_name_their_parents(own):
    clips = own.store.clips.set_index("clip_id")
    assert clips.loc["clip-3#gain-db=-3", "parent"] == "clip-3"
    assert pd.isna(clips.loc["clip-3", "parent"])


def test_a_store_without_variants_has_the_column_too(make_toy):
    assert make_toy().store.clips["parent"].isna().all()


def test_the_shards_know_the_parents(own):
    path = own.store.path
    before = own.store.clips
    assert verify(path, deep=True) == []
    for name in ("clips.parquet", "store.json"):
        (path / name).unlink()
    assert verify(path, repair=True) == []
    pd.testing.assert_frame_equal(open_store(path).clips, before)


def test_another_parent_is_another_clip(own, table):
    with pytest.raises(MismatchError, match="parent is 'clip-5', was 'clip-3'"):
        Manifest.load(own.store.path).check_clips(table.replace({"parent": {"clip-3": "clip-5"}}))


def test_variants_of_a_clip_without_features_are_on_no_side_of_a_random_split(make_own):
    own = make_own(failed=("clip-3",))
    train, test = own.split(train=0.75, test=0.25, seed=0, variants=("train", "test"))
    assert len(altered(train)) + len(altered(test)) == 2 * (CLIPS - 1)
    assert "clip-3" not in parents(train) | parents(test)
