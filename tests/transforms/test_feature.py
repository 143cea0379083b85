"""Numbers of a feature that need no clip, and imports that need no numba."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import pytest

import melgrid.transforms
from melgrid.params import Chroma, Cqt, Feature, LogMel, Mel, Mfcc, Stft, Vqt, Waveform
from melgrid.transforms import frequencies, num_frames, silence, silent_frame

FEATURES: list[Feature] = [
    Stft(output="magnitude"),
    Stft(output="power", n_fft=511, framing="left"),
    Stft(output="log"),
    Stft(output="log", ref="max"),
    Stft(output="complex"),
    Stft(output="phase"),
    Mel(n_mels=40, mel_power=0.5),
    LogMel(),
    LogMel(power=1.0, ref=0.5, top_db=None, mel_power=2.0),
    LogMel(ref="max"),
    LogMel(log="ln", framing="same"),
    LogMel(log="log10", amin=1e-6),
    LogMel(log="log1p"),
    Mfcc(deltas=2),
    Mfcc(dct_norm=None, lifter=22.0),
    Chroma(),
    Cqt(),
    Cqt(output="log", hop_length=37),
    Cqt(output="complex", n_bins=24, hop_length=4096),
    Vqt(),
]
NAMED = pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.id)


@NAMED
@pytest.mark.parametrize("n", [0, 1, 510, 511, 2047, 2048, 30_000])
def test_num_frames_is_the_length_of_the_transform(feature: Feature, n: int, transform: Callable[..., Any]) -> None:
    assert len(transform(feature, np.zeros(n, np.float32))) == num_frames(feature, n)


@NAMED
def test_silence_is_what_the_transform_makes_of_it(feature: Feature, transform: Callable[..., Any]) -> None:
    x = transform(feature, np.zeros(30_000, np.float32))
    frame = silent_frame(feature)
    assert frame.shape == (feature.bins,)
    assert frame.dtype == x.dtype
    assert (x == frame).all()
    if not isinstance(feature, Mfcc):
        assert (x == silence(feature)).all()


@pytest.mark.parametrize(
    ("feature", "level"),
    [
        (LogMel(), -100.0),
        (LogMel(ref=0.1), -90.0),
        (LogMel(power=1.0), -100.0),
        (LogMel(power=1.0, amin=1e-3), -60.0),
        (LogMel(ref="max"), 0.0),
        (LogMel(log="log10", amin=1e-6), -6.0),
        (LogMel(log="ln", amin=1e-6), float(np.log(1e-6))),
        (LogMel(log="log1p"), 0.0),
        (Stft(output="log"), -100.0),
        (Stft(), 0.0),
        (Cqt(output="log", ref=10.0), -120.0),
        (Mfcc(), 0.0),
        (Waveform(), 0.0),
    ],
)
def test_silence(feature: Feature, level: float) -> None:
    assert silence(feature) == pytest.approx(level, abs=1e-4)


def test_silent_cepstrum_is_its_first_coefficient() -> None:
    frame = silent_frame(Mfcc(n_mels=64))
    np.testing.assert_allclose(frame, [-100 * 8] + [0] * 19, atol=1e-3)


def test_waveform_has_a_frame_per_sample() -> None:
    assert [num_frames(Waveform(), n) for n in (0, 1, 12_345)] == [0, 1, 12_345]


def test_frequencies_are_librosas() -> None:
    np.testing.assert_allclose(
        frequencies(Stft(n_fft=510, sr=16000)), librosa.fft_frequencies(sr=16000, n_fft=510), rtol=1e-12
    )
    np.testing.assert_allclose(
        frequencies(LogMel(n_mels=40, fmin=50.0, fmax=7000.0)),
        librosa.mel_frequencies(42, fmin=50.0, fmax=7000.0)[1:-1],
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        frequencies(Mel(htk=True)), librosa.mel_frequencies(130, fmax=11025.0, htk=True)[1:-1], rtol=1e-9
    )
    np.testing.assert_allclose(
        frequencies(Vqt(n_bins=30, bins_per_octave=24, tuning=0.5)),
        librosa.cqt_frequencies(30, fmin=32.70319566257483, bins_per_octave=24, tuning=0.5),
        rtol=1e-9,
    )


@NAMED
def test_a_frequency_for_every_bin(feature: Feature) -> None:
    f = frequencies(feature)
    assert f.dtype == np.float64
    assert f.shape == (feature.bins,)
    assert (np.diff(f) > 0).all()


def test_bins_without_frequency_are_numbered() -> None:
    np.testing.assert_array_equal(frequencies(Mfcc(n_mfcc=3)), [0, 1, 2])
    np.testing.assert_array_equal(frequencies(Chroma()), np.arange(12))
    np.testing.assert_array_equal(frequencies(Waveform()), [0])


def test_every_public_name_loads() -> None:
    for name in melgrid.transforms.__all__:
        assert getattr(melgrid.transforms, name) is not None
    assert set(melgrid.transforms.__all__) == set(dir(melgrid.transforms))
    with pytest.raises(AttributeError, match="no attribute 'melbank'"):
        melgrid.transforms.melbank  # noqa: B018


def test_counting_frames_needs_nothing_heavy() -> None:
    code = (
        "import sys; from melgrid.params import Cqt, LogMel; from melgrid.transforms import num_frames;"
        "num_frames(Cqt(), 9999), num_frames(LogMel(), 9999);"
        "sys.exit(' '.join(m for m in ('numba', 'librosa', 'scipy') if m in sys.modules) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
