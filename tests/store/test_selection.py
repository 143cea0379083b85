import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgrid.errors import LeakError, LeakWarning, ParameterError, StoreError
from melgrid.store.selection import Selection
from melgrid.store.statistics import Moments


@pytest.fixture
def fs(make_toy):
    return make_toy().store[0]


def numbers(selection):
    return sorted(int(clip_id[5:]) for clip_id in selection.clip_ids)


def test_select_by_column_value_list_and_range(fs):
    ok = [i for i in range(20) if i != 3]
    assert numbers(fs.select()) == ok
    assert numbers(fs.select(fold=2)) == [i for i in ok if i % 4 == 1]
    assert numbers(fs.select(fold=range(1, 3))) == [i for i in ok if i % 4 < 2]
    assert numbers(fs.select(fold=[1, 4], label="cat")) == [i for i in ok if i % 4 in (0, 3) and i % 3 == 0]
    assert numbers(fs.select(label=["cat", "owl"])) == [i for i in ok if i % 3 != 1]
    assert numbers(fs.select(clip_id=["clip-9", "clip-2"])) == [2, 9]
    assert numbers(fs.select(split="valid", group="g2-1")) == [i for i in ok if i % 4 == 2 and i // 8 == 1 and i % 5]
    assert numbers(fs.select(fold=np.array([1, 2]))) == numbers(fs.select(fold=pd.Series([2, 1])))


def test_nothing_is_taken_by_its_place(fs):
    with pytest.raises(TypeError, match="positional"):
        fs.select("fold")  # it would ask for variants
    with pytest.raises(TypeError, match="positional"):
        fs.split(0.8, 0.2)  # it would allow leaks, and draw nothing


def test_a_selection_knows_its_clips(fs):
    selection = fs.select(fold=2)
    assert len(selection) == len(selection.rows) == 5
    assert (np.diff(selection.rows) > 0).all()
    assert selection.clips["clip_id"].tolist() == list(selection.clip_ids)
    assert selection.clips.index.tolist() == list(range(5))
    assert selection.lengths.tolist() == [1 + int(c[5:]) % 5 for c in selection.clip_ids]
    assert selection.classes == ("cat", "dog", "owl")
    assert selection.labels.tolist() == [int(c[5:]) % 3 for c in selection.clip_ids]
    assert selection.labels.dtype == np.int64


def test_labels_of_several_classes_are_multi_hot(make_toy):
    selection = make_toy(task="multi").store[0].select(clip_id=["clip-1", "clip-2"])
    expected = {"clip-1": [1, 0, 1], "clip-2": [0, 0, 0]}
    assert selection.labels.dtype == np.uint8
    assert selection.labels.tolist() == [expected[c] for c in selection.clip_ids]


def test_clips_without_a_label_have_minus_one(make_toy):
    assert set(make_toy(task="none", classes=()).store[0].select().labels) == {-1}


def test_a_selection_can_be_pickled(fs):
    copy = pickle.loads(pickle.dumps(fs.select(fold=2)))
    np.testing.assert_array_equal(copy.rows, fs.select(fold=2).rows)
    np.testing.assert_array_equal(copy.labels, fs.select(fold=2).labels)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"folds": 1}, "Did you mean 'fold'"),
        ({"fold": 9}, r"fold=9: no clip has it\. Known: 1, 2, 3, 4"),
        ({"fold": "1"}, "whole numbers"),
        ({"fold": True}, "whole numbers"),
        ({"label": "cats"}, "is no class. Did you mean 'cat'"),
        ({"split": "validation"}, "Did you mean 'valid'"),
        ({"clip_id": ["clip-1", "clip-99"]}, "clip_id='clip-99'"),
        ({"fold": 1, "split": "test"}, "no clip of .* has fold=1 and split='test'"),
        ({"clip_id": "clip-3"}, "no clip of"),
        ({"fold": []}, "no clip of"),
    ],
)
def test_what_matches_nothing_is_an_error_with_a_hint(fs, columns, message):
    with pytest.raises(ParameterError, match=message):
        fs.select(**columns)


def test_an_official_fold_without_clips_is_no_mistake(make_toy):
    fs = make_toy(splits={"fold": (1, 2, 3, 4, 5)}).store[0]
    assert len(fs.select(fold=range(1, 6))) == len(fs.clip_ids)
    with pytest.raises(ParameterError, match="no clip of"):
        fs.select(fold=5)


def test_split_returns_the_sides_in_order(make_toy):
    fs = make_toy(columns={"group": None}).store[0]
    test, train = fs.split(test={"fold": 4}, train={"fold": range(1, 4)})
    assert len(test) + len(train) == 19
    assert {i % 4 for i in numbers(test)} == {3}


def test_split_names_the_side_that_is_wrong(fs):
    with pytest.raises(ParameterError, match="side valid: fold=9"):
        fs.split(train={"fold": 1}, valid={"fold": 9})
    with pytest.raises(ParameterError, match="a side is a dict"):
        fs.split(train=[1, 2])


def test_the_official_split_is_the_default(make_toy):
    fs = make_toy(splits={"split": ("train", "valid", "test")}).store[0]
    train, valid, test = fs.split()
    assert [set(side.clips["split"]) for side in (train, valid, test)] == [{"train"}, {"valid"}, {"test"}]


def test_without_an_official_split_the_error_shows_an_example(make_toy):
    with pytest.raises(ParameterError, match=r"folds \[1, 2, 3, 4\].*train=dict\(fold=\[1, 2\]\)"):
        make_toy("a").store[0].split()
    with pytest.raises(ParameterError, match="no official split"):
        make_toy("b", splits={}).store[0].split()


CROSSING = {"group": ["same" if i in (0, 1) else f"g{i}" for i in range(20)]}


def test_a_group_on_two_sides_is_a_leak(make_toy):
    fs = make_toy(columns=CROSSING, splits={}).store[0]
    with pytest.raises(LeakError, match="1 groups stand on more than one side: 'same' in train and test"):
        fs.split(train={"fold": 1}, test={"fold": 2})
    train, _ = fs.split(train={"fold": 1}, test={"fold": 2}, allow_leaks=True)
    assert len(train) == 5
    fs.split(train={"fold": 3}, test={"fold": 2})


def test_an_official_split_that_leaks_warns(make_toy):
    fs = make_toy(columns=CROSSING).store[0]
    with pytest.warns(LeakWarning, match="'same' in train and test") as caught:
        fs.split(train={"fold": 1}, test={"fold": 2})
    assert caught[0].filename == __file__
    with pytest.raises(LeakError):  # the label is not official
        fs.split(train={"fold": 1, "label": ["cat", "dog", "owl"]}, test={"fold": 2})
    fs.split(train={"fold": 1}, test={"fold": 2}, allow_leaks=True)


def test_a_clip_on_two_sides_is_always_a_leak(make_toy):
    fs = make_toy(columns={"group": None}).store[0]
    with pytest.raises(LeakError, match=r"5 clips stand on more than one side: 'clip-.*' in train and test"):
        fs.split(train={"fold": [1, 2]}, test={"fold": [2, 3]})
    fs.split(train={"fold": [1, 2]}, test={"fold": [2, 3]}, allow_leaks=True)


def test_a_clip_on_three_sides_is_one_leak(make_toy):
    fs = make_toy(columns={"group": None}).store[0]
    first, second = fs.clip_ids[:2]
    with pytest.raises(LeakError, match=rf"1 clips stand on more than one side: '{second}' in b and c and d\. Choose"):
        fs.split(a=dict(clip_id=first), b=dict(clip_id=second), c=dict(clip_id=second), d=dict(clip_id=[second]))


def test_many_leaks_are_counted_and_the_first_are_named(make_toy):
    fs = make_toy(columns={"group": [f"g{i // 2}" for i in range(20)]}, splits={}).store[0]
    with pytest.raises(LeakError, match=r"9 groups .*; and 4 more"):
        fs.split(even={"clip_id": [f"clip-{i}" for i in range(0, 20, 2)]}, odd={"fold": [2, 4]})


def test_clips_without_a_group_leak_with_nobody(make_toy):
    fs = make_toy(columns={"group": None}, splits={}).store[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(fs.split(train={"fold": 1}, test={"fold": 2})) == 2


@pytest.mark.parametrize(
    "kind", ["float16", "float32", "uint8", "channels", "complex", "complex-channels", "phase", "waveform"]
)
def test_statistics_are_those_of_all_frames_together(make_toy, features, kind):
    fs = make_toy(features=[features[kind]], frames=lambda i: (3 * i) % 11).store[0]
    selection = fs.select(fold=[1, 2])
    frames = np.concatenate([fs[c] for c in selection.clip_ids]).astype(np.complex128 if "com" in kind else np.float64)
    per_bin = selection.statistics()
    assert per_bin.frames == len(frames) == selection.lengths.sum()
    np.testing.assert_allclose(per_bin.mean, frames.mean(0), rtol=1e-12)
    np.testing.assert_allclose(per_bin.std, frames.std(0), rtol=1e-12)
    whole = selection.statistics(axis=None)
    np.testing.assert_allclose(whole.mean, frames.mean(), rtol=1e-12)
    np.testing.assert_allclose(whole.std, frames.std(), rtol=1e-12)
    assert whole.mean.shape == whole.std.shape == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(rows=st.sets(st.integers(0, 38), min_size=1))
def test_statistics_of_any_clips(statistics_fs, rows):
    fs = statistics_fs
    selection = Selection(fs, np.array(sorted(rows)))
    frames = np.concatenate([fs[c] for c in selection.clip_ids]).astype(np.float64)
    got = selection.statistics()
    np.testing.assert_allclose(got.mean, frames.mean(0), rtol=1e-12)
    if len(frames) > 1:
        np.testing.assert_allclose(got.std, frames.std(0), rtol=1e-9)


@pytest.fixture
def statistics_fs(make_toy, features):
    return make_toy(features=[features["float16"]], clips=40).store[0]


def test_constant_bins_have_a_spread_that_is_safe_to_divide_by(make_toy, features, monkeypatch):
    import sys

    conftest = sys.modules[make_toy.__module__]
    monkeypatch.setattr(conftest, "noise", lambda feature, frames, seed: np.full((frames, 8), -80.1, np.float32))
    fs = make_toy().store[0]
    for axis in ("bin", None):
        statistics = fs.select().statistics(axis)
        assert (statistics.std == 1).all()
        np.testing.assert_array_equal((fs["clip-4"] - statistics.mean) / statistics.std, 0)


def test_statistics_need_frames_and_a_known_axis(make_toy):
    fs = make_toy(frames=lambda i: 0).store[0]
    with pytest.raises(StoreError, match="no frames"):
        fs.select().statistics()
    with pytest.raises(ParameterError, match="axis='frame'"):
        fs.select().statistics("frame")
    none = make_toy("none", failing=[f"clip-{i}" for i in range(20)]).store[0]
    with pytest.raises(StoreError, match="no frames"):
        Selection(none, np.arange(len(none))).statistics()


def test_clips_without_frames_weigh_nothing(make_toy):
    """Also where a shard gives no others."""
    fs = make_toy(frames=lambda i: int(i == 0)).store[0]
    statistics = fs.select().statistics()
    assert statistics.frames == 1
    np.testing.assert_array_equal(statistics.mean, fs["clip-0"][0].astype(np.float64))


def test_a_spread_that_may_be_rounding_counts_as_none():
    mean, std = np.array([80.0, -80.0, 1e-9, 0.0]), np.array([1e-6, 1e-5, 1e-9, 0.0])
    np.testing.assert_allclose(Moments(4, mean, 4 * std**2).statistics("bin", False).std, [1, 1e-5, 1e-9, 1])
    imaginary = Moments(4, mean[:, None] * [0, 1], 4 * std[:, None] ** 2 * [0, 1])
    np.testing.assert_allclose(imaginary.statistics("bin", True).std, [1, 1e-5, 1e-9, 1])


@given(st.lists(st.lists(st.floats(-1e3, 1e3), max_size=8), min_size=1, max_size=8))
def test_merging_moments_is_joining_values(lots):
    arrays = [np.array(lot, np.float64) for lot in lots]
    counts = np.array([len(a) for a in arrays])
    means = np.array([a.mean() if len(a) else 0.0 for a in arrays])
    m2s = np.array([((a - a.mean()) ** 2).sum() if len(a) else 0.0 for a in arrays])
    merged = Moments.merge(counts, means, m2s)
    joined = np.concatenate(arrays)
    assert merged.count == len(joined)
    if len(joined):
        np.testing.assert_allclose(merged.mean, joined.mean(), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(merged.m2, ((joined - joined.mean()) ** 2).sum(), rtol=1e-9, atol=1e-6)
