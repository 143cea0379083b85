import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.store.deal import clips_per_shard, deal

IDS = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=60)


@given(IDS, st.integers(1, 20))
def test_every_place_is_taken_once_and_only_the_last_shard_is_short(ids, per_shard):
    shard, row = deal(ids, per_shard)
    places = sorted(zip(shard.tolist(), row.tolist(), strict=True))
    assert places == [(i // per_shard, i % per_shard) for i in range(len(ids))]


@given(IDS, st.integers(1, 20), st.randoms())
def test_the_order_of_the_clips_does_not_matter(ids, per_shard, random):
    shard, row = deal(ids, per_shard)
    mixed = list(ids)
    random.shuffle(mixed)
    again = dict(zip(mixed, zip(*(a.tolist() for a in deal(mixed, per_shard)), strict=True), strict=True))
    assert again == dict(zip(ids, zip(shard.tolist(), row.tolist(), strict=True), strict=True))


def test_clips_are_in_the_order_of_their_digests():
    ids = [f"clip-{i}" for i in range(50)]
    shard, row = deal(ids, 8)
    dealt = [ids[i] for i in np.lexsort((row, shard))]
    assert dealt == sorted(ids, key=lambda i: hashlib.sha256(i.encode()).digest())
    assert dealt[0] == "clip-17"  # pins the order: a store's shards must not change with a release


def test_a_shard_is_a_fair_sample():
    ids = [f"{label}/{i:05d}" for label in ("a", "b") for i in range(1000)]
    shard, _ = deal(ids, 200)
    first_label = np.bincount(shard[:1000], minlength=10)
    assert first_label.min() > 70
    assert first_label.max() < 130


def test_later_clips_go_to_later_shards():
    shard, row = deal(["x", "y", "z"], 2, first_shard=7)
    assert sorted(zip(shard.tolist(), row.tolist(), strict=True)) == [(7, 0), (7, 1), (8, 0)]


def test_variants_follow_their_parent():
    ids, parents = ["b", "a#1", "a", "b#2", "b#1"], [None, "a", None, "b", "b"]
    shard, row = deal(ids, 10, parents=parents)
    assert not shard.any()
    families = {"a": ["a", "a#1"], "b": ["b", "b#1", "b#2"]}
    expected = [i for root in sorted("ab", key=lambda r: hashlib.sha256(r.encode()).digest()) for i in families[root]]
    assert [ids[i] for i in np.argsort(row)] == expected


def test_an_id_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="'b' occurs twice"):
        deal(["a", "b", "b"], 2)


def test_a_shard_without_room_is_refused():
    with pytest.raises(ValueError, match="clips_per_shard=0"):
        deal(["a"], 0)


@pytest.mark.parametrize(
    ("clips", "clip_bytes", "shard_bytes", "expected"),
    [
        (10, 1e6, 128e6, 8),  # few clips: at least 8
        (8732, 5e4, 128e6, 137),  # ceil(8732 / 64)
        (100_000, 2.5e5, 128e6, 512),  # the size target
        (5, 1e9, 128e6, 1),  # a clip larger than a shard
        (0, 1e6, 128e6, 8),
        (10_000, 1, 10, 10),
        (10, 0, 128e6, 8),  # clips too short for a frame
    ],
)
def test_clips_per_shard_is_the_smaller_of_two_bounds(clips, clip_bytes, shard_bytes, expected):
    assert clips_per_shard(clips, clip_bytes, shard_bytes) == expected
