"""Random sides: whole groups, kept proportions, every clip once, the same from one seed."""

import numpy as np
import pytest

from melgrid.errors import ParameterError


@pytest.fixture
def fs(make_toy):
    return make_toy(columns={"group": [f"g{i // 2}" for i in range(20)]}).store[0]


def test_sides_cover_every_clip_once_and_keep_groups_whole(fs):
    sides = fs.split(train=0.5, valid=0.25, test=0.25, seed=3)
    rows = np.concatenate([side.rows for side in sides])
    assert sorted(rows) == list(range(len(fs.clip_ids)))
    groups = [set(side.clips["group"]) for side in sides]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


def test_the_seed_decides(fs):
    first, again, other = (fs.split(train=0.6, test=0.4, seed=seed)[0].rows for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()


def test_shares_may_leave_clips_out(fs):
    train, test = fs.split(train=0.3, test=0.3)
    assert 0 < len(train) + len(test) < len(fs.clip_ids)


def test_classes_keep_their_proportions(make_toy):
    fs = make_toy(columns={"group": None}).store[0]
    whole = np.bincount(fs.select(clip_id=list(fs.clip_ids)).labels, minlength=3) / len(fs.clip_ids)
    train, _ = fs.split(train=0.5, test=0.5)
    share = np.bincount(train.labels, minlength=len(whole)) / len(train)
    assert np.abs(share - whole).max() < 0.15


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"train": 0.9, "test": 0.2}, "at most 1 together"),
        ({"train": 1.0, "test": 0.0}, "must be above 0"),
        ({"train": float("nan"), "test": 0.5}, "must be above 0"),
        ({"train": 0.99, "test": 0.01}, "cannot be divided so"),
        ({"train": 0.5, "test": 0.5, "seed": -1}, "seed=-1: must lie in"),
    ],
)
def test_impossible_shares_are_refused(fs, shares, words):
    with pytest.raises(ParameterError, match=words):
        fs.split(**shares)


def test_one_group_cannot_be_divided(make_toy):
    fs = make_toy(columns={"group": ["one"] * 20}).store[0]
    with pytest.raises(ParameterError, match="cannot be divided"):
        fs.split(train=0.5, test=0.5)


def test_nothing_cannot_be_divided(make_toy):
    fs = make_toy(failing=[f"clip-{i}" for i in range(20)]).store[0]
    with pytest.raises(ParameterError, match="0 groups of clips cannot be divided"):
        fs.split(train=0.5, test=0.5)


def test_several_labels_a_clip(make_toy):
    fs = make_toy(task="multi", columns={"labels": [[i % 3, (i + 1) % 3] for i in range(20)], "group": None}).store[0]
    sides = fs.split(train=0.5, test=0.5)
    assert sum(map(len, sides)) == len(fs.clip_ids)


def test_a_class_of_few_groups_is_not_kept_from_the_last_side(make_toy):
    groups = [f"cat {i // 30}" if i % 3 == 0 else None for i in range(240)]  # eight groups of cats, twenty parts
    fs = make_toy(clips=240, per_shard=240, columns={"group": groups}).store[0]
    last = [fs.split(train=0.7, valid=0.15, test=0.15, seed=seed)[-1] for seed in range(10)]
    assert sum(bool((side.labels == 0).any()) for side in last) >= 5


@pytest.mark.parametrize("groups", [12, 15, 24])
def test_few_groups_of_one_class_each_leave_no_side_without_a_class(make_toy, groups):
    owner = [f"g{i % groups}" for i in range(120)]  # clip i is of class i % 3
    fs = make_toy(clips=120, per_shard=120, failing=(), columns={"group": owner}).store[0]
    for seed in range(10):
        for side in fs.split(train=0.5, valid=0.25, test=0.25, seed=seed):
            counts = np.bincount(side.labels, minlength=3)
            assert counts.min() > 0
            assert counts.max() - counts.min() <= 120 // groups


@pytest.mark.parametrize("clips", [2, 3, 5, 10])
def test_sides_keep_their_sizes_where_every_class_has_few_clips(make_toy, clips):
    labels = [[i // clips] for i in range(120)]
    names = tuple(f"class {i}" for i in range(60))
    fs = make_toy(clips=120, failing=(), classes=names, columns={"labels": labels, "group": None}).store[0]
    train, test = fs.split(train=0.8, test=0.2)
    assert (len(train), len(test)) == (96, 24)
    assert np.bincount(test.labels).max() == -(-clips // 5)
