from __future__ import annotations

from functools import partial
from typing import Any

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgrid.transforms import db, ln, log1p, log10, magnitude, phase, raise_to


def test_decades_are_ten_decibels_of_power_and_twenty_of_magnitude() -> None:
    x = np.array([1, 10, 100, 1e-3], np.float32)
    np.testing.assert_allclose(db(x), [0, 10, 20, -30], atol=1e-5)
    np.testing.assert_allclose(db(x, power=1.0, amin=1e-5), [0, 20, 40, -60], atol=1e-5)


def test_reference_and_floor() -> None:
    x = np.array([0, 1e-12, 1e-2, 1], np.float32)
    np.testing.assert_allclose(db(x, ref=0.1), [-90, -90, -10, 10], atol=1e-4)
    np.testing.assert_allclose(db(x, ref=1e-20), [0, 0, 80, 100], atol=1e-4)  # librosa: ref is floored, too
    np.testing.assert_allclose(db(x, top_db=30.0), [-30, -30, -20, 0], atol=1e-4)


def test_reference_max_is_exactly_zero_and_top_db_exact() -> None:
    x = np.random.default_rng(0).random((100, 40)).astype(np.float32) ** 20
    levels = db(x, ref="max", top_db=80.0)
    assert levels.max() == 0
    assert levels.min() == -80


def test_silence_is_the_floor() -> None:
    x = np.zeros((3, 4), np.float32)
    np.testing.assert_allclose(db(x), -100, rtol=1e-6)
    np.testing.assert_allclose(db(x, power=1.0, amin=1e-5, top_db=80.0), -100, rtol=1e-6)
    assert (db(x, ref="max") == 0).all()
    np.testing.assert_allclose(ln(x, amin=1e-6), np.log(1e-6), rtol=1e-6)
    np.testing.assert_allclose(log10(x, amin=1e-7), -7, rtol=1e-6)
    assert (log1p(x) == 0).all()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 2.0**127, width=32), min_size=1, max_size=50))
def test_logarithm_within_three_units_in_the_last_place(values: list[float]) -> None:
    x = np.array(values, np.float32)
    exact = np.log(np.maximum(x.astype(np.float64), 1e-30))
    ours = ln(x, amin=1e-30)
    assert (np.abs(ours - exact) <= 3 * np.spacing(np.abs(exact).astype(np.float32)) + 1e-9).all()


def test_decibels_are_librosas(rng: np.random.Generator) -> None:
    x = (rng.random((200, 64)) ** 16).astype(np.float32)
    np.testing.assert_allclose(db(x, top_db=80.0), librosa.power_to_db(x, top_db=80.0), atol=3e-5)
    np.testing.assert_allclose(
        db(x, power=1.0, ref=0.5, amin=1e-5), librosa.amplitude_to_db(x, ref=0.5, top_db=None), atol=3e-5
    )


def test_log1p() -> None:
    x = np.array([0, 1e-9, 1e-4, 1], np.float32)
    np.testing.assert_allclose(log1p(x), np.log1p(1e4 * x.astype(float)) / np.log(10), rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_visible(value: float) -> None:
    x = np.array([1, value, 2], np.float32)
    np.testing.assert_array_equal(np.isfinite(db(x)), [True, False, True])


def test_shape_order_and_input_are_kept(rng: np.random.Generator) -> None:
    x = rng.random((5, 7, 2)).astype(np.float32)
    before = x.copy()
    for scaled in (db(x), ln(x, amin=1e-5), log10(x, amin=1e-5), log1p(x)):
        assert scaled.shape == x.shape
        assert scaled.flags.c_contiguous
    np.testing.assert_array_equal(x, before)
    turned = x.transpose(2, 1, 0)
    np.testing.assert_array_equal(db(turned), db(x).transpose(2, 1, 0))


@pytest.mark.parametrize("shape", [(4, 5), (0, 5)])
@pytest.mark.parametrize("scale", [partial(db, ref="max", top_db=20.0), partial(ln, amin=0.1), log1p])
def test_overwrite_gives_the_same(scale: Any, shape: tuple[int, int], rng: np.random.Generator) -> None:
    x = rng.random(shape).astype(np.float32)
    owned = x.copy()
    expected = scale(x)
    assert scale(owned, overwrite=True) is owned
    np.testing.assert_array_equal(owned, expected)


def test_channels_share_one_maximum() -> None:
    x = np.array([[[1, 1e-6]], [[1e-3, 1e-9]]], np.float32)
    np.testing.assert_allclose(db(x, top_db=40.0), [[[0, -40]], [[-30, -40]]], atol=1e-4)


@pytest.mark.parametrize("exponent", [0.5, 0.7, 1.0, 2.0, 3.0])
def test_raise_to(exponent: float) -> None:
    x = np.array([0, 0.25, 4], np.float32)
    np.testing.assert_allclose(raise_to(x, exponent), x.astype(float) ** exponent, rtol=1e-6)


def test_magnitude_and_phase() -> None:
    x = np.array([3 + 4j, -1, 0, -2j], np.complex64)
    np.testing.assert_allclose(magnitude(x), [5, 1, 0, 2], rtol=1e-6)
    np.testing.assert_allclose(phase(x), [np.arctan2(4, 3), np.pi, 0, -np.pi / 2], rtol=1e-6)
    assert magnitude(x).dtype == phase(x).dtype == np.float32
