from __future__ import annotations

import warnings
from typing import Any

import hypothesis.strategies as st
import librosa
import numpy as np
import pytest
from hypothesis import given, settings

from melgrid.transforms import Bank, mel_bank


def dense(bank: Bank, bins: int) -> np.ndarray:
    """The matrix by its effect on unit vectors."""
    columns = np.zeros((bins + Bank.SLACK, bins), np.float32)
    np.fill_diagonal(columns, 1)
    out = np.empty((bank.bands, bins), np.float32)
    bank.apply(columns, out)
    return out


@pytest.mark.parametrize("norm", ["slaney", 1, 2, "inf", None])
@pytest.mark.parametrize("htk", [True, False])
def test_bank_is_librosas(norm: Any, htk: bool) -> None:
    options: dict[str, Any] = {"sr": 16000, "n_fft": 510, "n_mels": 40, "fmin": 50.0, "fmax": 7000.0, "htk": htk}
    theirs = librosa.filters.mel(**options, norm=np.inf if norm == "inf" else norm)
    np.testing.assert_array_equal(dense(mel_bank(**options, norm=norm), 256), theirs)


def test_banks_are_made_once_and_equal_by_parameters() -> None:
    a = mel_bank(sr=16000, n_fft=512)
    assert a is mel_bank(sr=16000, n_fft=512)
    explicit = mel_bank(sr=16000, n_fft=512, fmax=8000.0)
    assert a == explicit
    assert hash(a) == hash(explicit)
    assert a != mel_bank(sr=16000, n_fft=512, fmax=7999.0)


def test_empty_bands_are_zero_and_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bank = mel_bank(sr=44100, n_fft=256, n_mels=128, norm=None)
    matrix = dense(bank, 129)
    assert (matrix.sum(axis=1) == 0).any()
    with pytest.warns(UserWarning, match="Empty filters"):
        np.testing.assert_array_equal(matrix, librosa.filters.mel(sr=44100, n_fft=256, n_mels=128, norm=None))


def test_triangles_without_norm_sum_to_one_between_the_outer_centres() -> None:
    bank = mel_bank(sr=16000, n_fft=4096, n_mels=20, norm=None)
    frequencies = np.fft.rfftfreq(4096, 1 / 16000)
    centres = librosa.mel_frequencies(22, fmin=0, fmax=8000)[1:-1]
    between = (frequencies > centres[0]) & (frequencies < centres[-1])
    np.testing.assert_allclose(dense(bank, 2049).sum(axis=0)[between], 1, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5, 9)])
def test_any_matrix_is_a_bank(shape: tuple[int, int], rng: np.random.Generator) -> None:
    matrix = rng.standard_normal(shape).astype(np.float32) * (rng.random(shape) < 0.5)
    matrix[0] = 0
    np.testing.assert_array_equal(dense(Bank.from_dense(matrix, "any"), shape[1]), matrix)


def test_span_of_a_bank() -> None:
    bank = Bank.from_dense(np.array([[0, 0, 1, 0, 2, 0], [0, 0, 0, 3, 0, 0]]), "span")
    assert (bank.first, bank.last, bank.bands) == (2, 5, 2)


@settings(max_examples=60, deadline=None)
@given(
    sr=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]),
    n_fft=st.sampled_from([256, 400, 511, 512, 1024, 2048, 4096]),
    n_mels=st.integers(1, 256),
    low=st.floats(0, 0.45),
    high=st.floats(0.5, 1.0),
    htk=st.booleans(),
    norm=st.sampled_from(["slaney", None, 1, 2, "inf"]),
)
def test_weights_are_librosas_to_the_last_bit(
    sr: int, n_fft: int, n_mels: int, low: float, high: float, htk: bool, norm: Any
) -> None:
    fmin, fmax = low * sr / 2, high * sr / 2
    options: dict[str, Any] = {"sr": sr, "n_fft": n_fft, "n_mels": n_mels, "fmin": fmin, "fmax": fmax, "htk": htk}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = librosa.filters.mel(**options, norm=np.inf if norm == "inf" else norm)
    np.testing.assert_array_equal(dense(mel_bank(**options, norm=norm), 1 + n_fft // 2), theirs)
