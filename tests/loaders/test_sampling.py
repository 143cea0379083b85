from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.loaders.sampling import _mix, clip_keys, draw_below, shuffled, uniform, weighted

words = st.integers(0, 2**64 - 1)


@given(st.integers(0, 300), words, words)
def test_shuffled_holds_every_example_once(count: int, seed: int, epoch: int) -> None:
    order = shuffled(count, seed, epoch)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(count))


def test_shuffled_differs_between_epochs_and_seeds_and_repeats() -> None:
    orders = {(s, e): shuffled(100, s, e).tolist() for s in range(3) for e in range(3)}
    assert len({tuple(o) for o in orders.values()}) == 9
    assert orders[1, 2] == shuffled(100, 1, 2).tolist()


def test_shuffled_is_the_same_for_ever() -> None:
    assert shuffled(10, 0, 0).tolist() == [0, 2, 9, 1, 8, 5, 4, 3, 6, 7]


def test_what_is_drawn_is_the_same_for_ever() -> None:
    keys, numbers = clip_keys(["a", "ä"]), np.arange(2)
    assert keys.tolist() == [3405396810240292928, 4152366542966443504]
    assert draw_below(np.full(2, 1000), 1, 2, keys, numbers).tolist() == [540, 658]
    assert uniform(1, 2, keys, numbers, 3).tolist() == [0.7414632640920159, 0.6985181074508833]
    clips, drawn = weighted(np.array([1.0, 3.0, 2.0]), None, 6, 7, 8)
    assert (clips.tolist(), drawn.tolist()) == ([1, 1, 1, 2, 2, 0], [0, 1, 2, 0, 1, 0])
    strata = np.array([0, 1, 0, 1, 0])
    assert weighted(np.array([1.0, 3.0, 2.0, 2.0, 1.5]), strata, 4, 7, 8)[0].tolist() == [4, 0, 1, 3]


@pytest.mark.parametrize("epoch", range(4))
def test_the_comb_is_placed_by_seed_and_epoch(epoch: int) -> None:
    # one tooth over two clips: its place decides
    drawn = [weighted(np.ones(2), None, 1, seed, epoch)[0].item() for seed in range(20)]
    assert drawn == [weighted(np.ones(2), None, 1, seed, epoch)[0].item() for seed in range(20)]
    assert set(drawn) == {0, 1}


def test_mix_is_splitmix64() -> None:
    # first outputs of SplitMix64 seeded with 0 (Steele, Lea and Flood 2014; Vigna's splitmix64.c prints the same)
    golden = 0x9E3779B97F4A7C15
    states = np.array([0, golden, 2 * golden % 2**64], np.uint64)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [int(v) for v in _mix(states)] == expected


@given(st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=50), words, words)
def test_draws_stay_below_their_limits(limits: list[int], seed: int, epoch: int) -> None:
    keys = clip_keys(str(i) for i in range(len(limits)))
    drawn = draw_below(np.array(limits), seed, epoch, keys, np.zeros(len(limits), np.int64))
    assert (drawn >= 0).all()
    assert (drawn < limits).all()


def test_a_draw_depends_on_each_of_its_four_keys_and_on_nothing_else() -> None:
    keys, zeros, limits = clip_keys(["a", "b", "c"]), np.zeros(3, np.int64), np.full(3, 1 << 30)
    base = draw_below(limits, 1, 2, keys, zeros)
    assert len(set(base.tolist())) == 3
    for other in (
        draw_below(limits, 2, 2, keys, zeros),
        draw_below(limits, 1, 3, keys, zeros),
        draw_below(limits, 1, 2, keys, zeros + 1),
    ):
        assert not np.any(base == other)
    np.testing.assert_array_equal(draw_below(limits[1:], 1, 2, keys[1:], zeros[1:]), base[1:])


def test_the_same_fraction_is_drawn_of_any_limit() -> None:
    keys = clip_keys(str(i) for i in range(200))
    fine = draw_below(np.full(200, 1 << 31), 0, 0, keys, np.zeros(200, np.int64))
    coarse = draw_below(np.full(200, 1 << 10), 0, 0, keys, np.zeros(200, np.int64))
    np.testing.assert_array_equal(fine >> 21, coarse)


@pytest.mark.parametrize("limit", [2, 7, 10])
def test_draws_are_uniform(limit: int) -> None:
    n = 20_000
    drawn = draw_below(np.full(n, limit), 3, 4, clip_keys(["x"]).repeat(n), np.arange(n))
    counts = np.bincount(drawn, minlength=limit)
    # chi square: 99.99 % quantile for 9 degrees of freedom is 33.7
    assert ((counts - n / limit) ** 2 / (n / limit)).sum() < 33.7


def test_clip_keys_come_from_the_id_alone() -> None:
    assert clip_keys(["a", "ä"])[1] == clip_keys(["ä"])[0]
    assert clip_keys([]).shape == (0,)
    assert len(set(clip_keys(str(i) for i in range(1000)).tolist())) == 1000
