"""The arithmetic of refusals against librosa's own filter banks and bandwidths."""

import warnings
from typing import get_args

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.signal import get_window

from melgrid.params.limits import BANDWIDTHS, empty_bands, mel_edges, wavelet_cutoff
from melgrid.params.scaled import Window


@given(
    sr=st.sampled_from([8000, 16000, 22050, 44100]),
    n_fft=st.sampled_from([64, 255, 256, 512, 1024]),
    n_mels=st.integers(1, 200),
    htk=st.booleans(),
    low=st.floats(0, 0.4),
    high=st.floats(0.5, 1.0),
)
@settings(max_examples=60, deadline=None)
def test_empty_bands_are_those_of_librosas_filter_bank(sr, n_fft, n_mels, htk, low, high):
    import librosa

    fmin, fmax = low * sr / 2, high * sr / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bank = librosa.filters.mel(
            sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=None, dtype=np.float64
        )
    ours = np.zeros(n_mels, bool)
    ours[empty_bands(sr, n_fft, n_mels, fmin, fmax, htk)] = True
    # A bin that lies on a band's edge may fall to either side by rounding: its weight is then nearly zero.
    clear = (bank.max(axis=1) == 0) | (bank.max(axis=1) > 1e-9)
    np.testing.assert_array_equal(ours[clear], bank.max(axis=1)[clear] == 0)


@pytest.mark.parametrize("htk", [False, True])
def test_edges_are_librosas_mel_frequencies(htk):
    import librosa

    theirs = librosa.mel_frequencies(98, fmin=30.0, fmax=11025.0, htk=htk)
    np.testing.assert_allclose(mel_edges(96, 30.0, 11025.0, htk), theirs, rtol=1e-12)


def test_every_window_has_a_bandwidth():
    assert sorted(get_args(Window)) == sorted(BANDWIDTHS)


@pytest.mark.parametrize("window", sorted(BANDWIDTHS))
def test_bandwidths_follow_the_formula_and_librosa(window):
    from librosa.filters import window_bandwidth

    assert BANDWIDTHS[window] == pytest.approx(window_bandwidth(window), rel=1e-12)
    if window != "flattop":
        w = get_window(window, 8193, fftbins=False)
        assert BANDWIDTHS[window] == pytest.approx(8193 * np.sum(w**2) / np.sum(w) ** 2, rel=1e-6)


@given(
    n_bins=st.integers(1, 110),
    bins_per_octave=st.sampled_from([12, 24, 36]),
    filter_scale=st.sampled_from([0.5, 1.0, 2.0]),
    window=st.sampled_from(["hann", "hamming", "boxcar"]),
    gamma=st.sampled_from([0.0, 20.0, None]),
)
@settings(max_examples=60, deadline=None)
def test_cutoff_is_librosas(n_bins, bins_per_octave, filter_scale, window, gamma):
    import librosa

    freqs = librosa.cqt_frequencies(n_bins, fmin=32.7, bins_per_octave=bins_per_octave)
    alpha = None if n_bins > 1 else [_relative_bandwidth(bins_per_octave)]
    _, theirs = librosa.filters.wavelet_lengths(
        freqs=freqs, sr=1e6, window=window, filter_scale=filter_scale, gamma=gamma, alpha=alpha
    )
    ours = wavelet_cutoff(
        fmin=32.7,
        n_bins=n_bins,
        bins_per_octave=bins_per_octave,
        tuning=0.0,
        filter_scale=filter_scale,
        gamma=gamma,
        window=window,
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


def _relative_bandwidth(bins_per_octave):
    r = 2 ** (1 / bins_per_octave)
    return (r**2 - 1) / (r**2 + 1)
