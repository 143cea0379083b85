"""Signals, librosa as second implementation, and the criterion of agreement with it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import get_window

from melgrid.params import Chroma, Cqt, Feature, LogMel, Mel, Mfcc, Stft, Vqt
from melgrid.params.spectral import Spectral
from melgrid.transforms import finish, framing_of, plan_of, spectra, tap_of

Array = npt.NDArray[Any]
Float32 = npt.NDArray[np.float32]

SIGNALS = ("silence", "tone", "impulse", "square", "noise", "whisper", "offset")


def make_signal(name: str, n: int, seed: int = 0) -> Float32:
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    y: Array = {
        "silence": np.zeros(n),
        "tone": 0.5 * np.sin(0.1 * t),
        "impulse": (t == n // 3).astype(float),
        "square": np.clip(3 * np.sign(np.sin(0.03 * t + 0.01)), -1, 1),
        "noise": 0.1 * rng.standard_normal(n),
        "whisper": 1e-4 * rng.standard_normal(n),
        "offset": np.full(n, 0.25),
    }[name]
    return y.astype(np.float32)


def compute(feature: Feature, y: Float32) -> Array:
    """The feature by our own transforms, alone."""
    if isinstance(feature, Cqt):
        return finish(feature, plan_of(feature).transform(y, {}))
    assert isinstance(feature, Spectral)
    (x,) = spectra(y, framing_of(feature), [tap_of(feature)])
    return finish(feature, x)


def _librosa_stft(f: Spectral, y: Float32) -> Array:
    window = get_window(f.window, f.win_length, fftbins=not f.window_sym)
    center, pad = f.framing == "librosa", f.n_fft // 2
    if f.framing == "same":
        frames = -(-y.size // f.hop_length)
        total = max(0, (frames - 1) * f.hop_length + f.n_fft - y.size)
        y = np.pad(y, (total // 2, total - total // 2))
    elif center and f.pad_mode == "reflect" and y.size % f.hop_length == 0 and f.hop_length >= pad:
        # librosa 0.11 mirrors a piece of the clip here and gets the last sample of the last frame wrong
        y, center = np.pad(y, pad, mode="reflect"), False
    return librosa.stft(
        y,
        n_fft=f.n_fft,
        hop_length=f.hop_length,
        win_length=f.win_length,
        window=window,
        center=center,
        pad_mode=f.pad_mode,
    )


def _librosa_log(f: LogMel, x: Array) -> Array:
    ref: Any = np.max if f.ref == "max" else f.ref
    amin: Any = f.amin
    if f.log == "db":
        to_db = librosa.amplitude_to_db if f.power == 1.0 else librosa.power_to_db
        return to_db(x, ref=ref, amin=amin, top_db=f.top_db)
    if f.log == "log1p":
        return np.log10(1 + f.scale_by * x.astype(float))
    floored: Array = np.maximum(x, amin)
    levels: Array = np.log(floored) if f.log == "ln" else np.log10(floored)
    return levels


def _linear_by_librosa(f: Feature, y: Float32) -> Array:
    """Values of the feature before any logarithm, (bins, frames)."""
    if isinstance(f, Cqt):
        settings = f.model_dump(
            include={
                "sr", "hop_length", "fmin", "n_bins", "bins_per_octave", "tuning", "filter_scale", "sparsity",
                "window", "scale", "pad_mode", "res_type",
            }
        )  # fmt: skip
        settings["norm"] = math.inf if f.norm == "inf" else f.norm
        x = librosa.vqt(y, gamma=f.gamma, **settings) if isinstance(f, Vqt) else librosa.cqt(y, **settings)
        return x if f.output == "complex" else np.abs(x)
    assert isinstance(f, Spectral)
    spectrum = _librosa_stft(f, y)
    if isinstance(f, Mel):
        bank = librosa.filters.mel(
            sr=f.sr, n_fft=f.n_fft, n_mels=f.n_mels, fmin=f.fmin, fmax=f.fmax, htk=f.htk,
            norm=math.inf if f.norm == "inf" else f.norm,
        )  # fmt: skip
        return (bank @ np.abs(spectrum) ** f.power) ** f.mel_power
    if isinstance(f, Chroma):
        norm: Any = math.inf if f.norm == "inf" else f.norm
        return librosa.feature.chroma_stft(
            S=np.abs(spectrum) ** 2, sr=f.sr, n_fft=f.n_fft, norm=norm, n_chroma=f.n_chroma, tuning=f.tuning
        )
    assert isinstance(f, Stft)
    if f.output in ("complex", "phase"):
        return spectrum
    return np.abs(spectrum) ** (2 if f.output == "power" else 1)


def by_librosa(f: Feature, y: Float32) -> tuple[Array, Array]:
    """The feature and its values before any logarithm by librosa, (frames, bins)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linear = _linear_by_librosa(f, y)
        value = linear
        if isinstance(f, Stft) and f.output == "phase":
            value = np.angle(linear)
        elif isinstance(f, Stft | Cqt) and f.output == "log":
            scale: dict[str, Any] = {"ref": np.max if f.ref == "max" else f.ref, "amin": f.amin, "top_db": f.top_db}
            value = librosa.amplitude_to_db(linear, **scale)
        elif isinstance(f, LogMel):
            value = _librosa_log(f, linear)
        if isinstance(f, Mfcc):
            value = librosa.feature.mfcc(
                S=value, n_mfcc=f.n_mfcc, dct_type=f.dct_type, norm=f.dct_norm, lifter=f.lifter
            )
            deltas = [librosa.feature.delta(value, order=i + 1, mode="nearest") for i in range(f.deltas)]
            value = np.concatenate([value, *deltas])
    return value.T, linear.T


def _assert_agrees(feature: Feature, y: Float32) -> None:
    """Assert the criterion of docs/design.md section 8."""
    ours = compute(feature, y)
    if len(ours) == 0:
        with pytest.raises(librosa.ParameterError):
            by_librosa(feature, y)
        return
    theirs, linear = by_librosa(feature, y)
    assert ours.shape == theirs.shape
    assert ours.shape[1] == feature.bins
    assert ours.dtype == (np.complex64 if feature.is_complex else np.float32)
    assert ours.flags.c_contiguous or isinstance(feature, Mfcc)
    peak = np.abs(linear).max(initial=0.0)
    if feature.unit == "rad":
        ours, theirs = np.abs(linear) * np.exp(1j * ours), linear
    if isinstance(feature, Mfcc):
        # each coefficient is a sum over n_mels levels, each within 0.01 dB
        gain = 2.0 * feature.n_mels * (1 + feature.lifter / 2)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.01 * gain ** (0.5 if feature.dct_norm else 1))
        return
    if not feature.is_log:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * peak)
        return
    per_db = {"dB": 1.0, "ln": math.log(10) / 10, "log10": 0.1}.get(feature.unit, 0.1)
    near = theirs >= theirs.max() - 80 * per_db
    np.testing.assert_allclose(ours[near], theirs[near], rtol=0, atol=0.01 * per_db)
    decades = (ours[~near] / (10 * per_db), theirs[~near] / (10 * per_db))
    if decades[0].size:
        top = 10 ** (theirs.max() / (10 * per_db))
        np.testing.assert_allclose(10 ** decades[0], 10 ** decades[1], rtol=0, atol=1e-5 * top)


@pytest.fixture(scope="session")
def signal() -> Callable[..., Float32]:
    return make_signal


@pytest.fixture(scope="session")
def assert_agrees() -> Callable[[Feature, Float32], None]:
    return _assert_agrees


@pytest.fixture(scope="session")
def transform() -> Callable[[Feature, Float32], Array]:
    return compute


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)
