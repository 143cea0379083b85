"""Half precision and moments in vector code against numpy, which does the same one value at a time."""

import numpy as np
import pytest

from melgrid.store.shards.kernels import moments_of, round_half


def rounded(values):
    x = np.ascontiguousarray(values, np.float32).reshape(1, -1)
    half, back = np.empty(x.shape, np.uint16), np.empty_like(x)
    round_half(x, half, back, np.empty(x.shape[1], np.float32), np.empty(x.shape[1]))
    return half.view(np.float16)[0], back[0]


def check(values):
    values = np.asarray(values, np.float32)
    half, back = rounded(values)
    with np.errstate(all="ignore"):
        expected = values.astype(np.float16)
    number = ~np.isnan(values)
    np.testing.assert_array_equal(half.view(np.uint16)[number], expected.view(np.uint16)[number])
    assert np.isnan(half[~number]).all()
    np.testing.assert_array_equal(back, half.astype(np.float32))


ALL = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)


def test_every_half_is_itself():
    check(ALL)


@pytest.mark.parametrize("towards", [np.inf, -np.inf])
def test_neighbours_of_every_half(towards):
    with np.errstate(invalid="ignore"):
        check(np.nextafter(ALL, np.float32(towards)))


def test_ties_go_to_even():
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    ties = (halves[:-1] + halves[1:]) / 2
    check(np.concatenate([ties, -ties]))


def test_edges_of_the_range():
    check(
        [
            65504,
            65519.996,
            65520,
            65535.99,
            65536,
            1e38,
            np.inf,
            -np.inf,
            np.nan,
            0.0,
            -0.0,
            1e-45,
            2**-25,
            2**-24,
            6e-8,
        ]
    )


def test_random_words_of_any_kind():
    words = np.random.default_rng(0).integers(0, 1 << 32, 400_003, dtype=np.uint32)
    check(words.view(np.float32))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (1000, 128), (517, 7)])
def test_moments_are_those_of_double_precision(rows, columns):
    x = (np.random.default_rng(1).standard_normal((rows, columns)) * 20 - 300).astype(np.float32)
    mean, m2 = np.empty(columns), np.empty(columns)
    moments_of(x, mean, m2)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(m2, ((wide - wide.mean(axis=0)) ** 2).sum(axis=0), rtol=1e-9, atol=1e-12)


def test_errors_of_every_column():
    x = np.random.default_rng(0).normal(0, 30, (17, 5)).astype(np.float32)
    x[:, 3] = np.float32(0.5)  # a half
    x[4, 2], x[5, 4] = np.nan, 1e6
    half, back = np.empty(x.shape, np.uint16), np.empty_like(x)
    worst, total = np.empty(5, np.float32), np.empty(5)
    round_half(x, half, back, worst, total)
    errors = np.abs(back[:, [0, 1, 3]] - x[:, [0, 1, 3]])
    np.testing.assert_array_equal(worst[[0, 1, 3]], errors.max(0))
    np.testing.assert_allclose(total[[0, 1, 3]], errors.sum(0, dtype=float), rtol=1e-12)
    assert worst[3] == total[3] == 0
    assert not np.isfinite(total[[2, 4]]).any()
