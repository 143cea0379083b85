from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import pytest

from melgrid.transforms import chroma_bank, delta, mfcc, normalize


def test_cosine_over_the_bands_is_one_coefficient() -> None:
    n = 32
    band = np.arange(n)
    k = 5
    log_mel = np.tile(np.cos(np.pi * k * (2 * band + 1) / (2 * n)), (3, 1)).astype(np.float32)
    x = mfcc(log_mel, n_mfcc=12)
    np.testing.assert_allclose(x, np.tile(np.eye(12)[k] * np.sqrt(n / 2), (3, 1)), atol=1e-5)


def test_constant_bands_are_coefficient_zero() -> None:
    x = mfcc(np.full((2, 40), -100.0, np.float32), n_mfcc=13)
    np.testing.assert_allclose(x[:, 0], -100 * np.sqrt(40), rtol=1e-6)
    np.testing.assert_allclose(x[:, 1:], 0, atol=1e-3)


def test_lifter_weights() -> None:
    log_mel = np.random.default_rng(0).standard_normal((4, 40)).astype(np.float32)
    weights = 1 + 11 * np.sin(np.pi * np.arange(1, 14) / 22)
    np.testing.assert_allclose(mfcc(log_mel, n_mfcc=13, lifter=22.0), mfcc(log_mel, n_mfcc=13) * weights, rtol=1e-5)


def test_deltas_stack_behind_the_coefficients(rng: np.random.Generator) -> None:
    log_mel = rng.standard_normal((30, 40)).astype(np.float32)
    x = mfcc(log_mel, n_mfcc=13, deltas=2)
    plain = mfcc(log_mel, n_mfcc=13)
    assert x.shape == (30, 39)
    np.testing.assert_array_equal(x, np.hstack([plain, delta(plain, 1), delta(plain, 2)]))


def test_channels_stay_apart(rng: np.random.Generator) -> None:
    log_mel = rng.standard_normal((30, 40, 2)).astype(np.float32)
    x = mfcc(log_mel, n_mfcc=13, lifter=22.0, deltas=1)
    assert x.shape == (30, 26, 2)
    for channel in range(2):
        alone = mfcc(log_mel[:, :, channel].copy(), n_mfcc=13, lifter=22.0, deltas=1)
        np.testing.assert_allclose(x[:, :, channel], alone, atol=1e-5)


def test_derivatives_of_a_parabola() -> None:
    t = np.arange(40, dtype=np.float32)[:, None]
    x = 0.5 * t**2 - 3 * t + 2
    np.testing.assert_allclose(delta(x, 1)[4:-4], (t - 3)[4:-4], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(delta(x, 2)[4:-4], 1, rtol=1e-4)


@pytest.mark.parametrize("order", [1, 2])
def test_a_constant_has_no_derivative(order: int) -> None:
    assert (delta(np.full((20, 3), -1131.37, np.float32), order) == 0).all()


@pytest.mark.parametrize("frames", [1, 2, 8, 9, 100])
@pytest.mark.parametrize("order", [1, 2])
def test_delta_is_librosas(frames: int, order: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((frames, 5)).astype(np.float32)
    theirs = librosa.feature.delta(x, order=order, axis=0, mode="nearest")
    np.testing.assert_allclose(delta(x, order), theirs, atol=1e-6)


def test_no_frames(rng: np.random.Generator) -> None:
    assert mfcc(np.zeros((0, 40), np.float32), n_mfcc=13, deltas=2).shape == (0, 39)


@pytest.mark.parametrize(("note", "pitch_class"), [("C5", 0), ("A4", 9), ("D#4", 3)])
def test_chroma_bank_hears_a_note(note: str, pitch_class: int) -> None:
    bank = chroma_bank(sr=22050, n_fft=8192)
    columns = np.zeros((4097 + bank.SLACK, 1), np.float32)
    columns[round(librosa.note_to_hz(note) * 8192 / 22050)] = 1
    out = np.empty((12, 1), np.float32)
    bank.apply(columns, out)
    assert out[:, 0].argmax() == pitch_class


@pytest.mark.parametrize(
    ("norm", "expected"), [("inf", [0.75, 1]), (1, [3 / 7, 4 / 7]), (2, [0.6, 0.8]), (None, [3, 4])]
)
def test_normalize(norm: Any, expected: list[float]) -> None:
    x = np.array([[3, 4], [0, 0]], np.float32)
    scaled = normalize(x, norm)
    np.testing.assert_allclose(scaled[0], expected, rtol=1e-6)
    assert (scaled[1] == 0).all()
    assert scaled.dtype == np.float32
