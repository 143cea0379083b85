"""Spectra by analysis, and the promise that a frame has the same bits whatever else runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from melgrid.errors import ParameterError
from melgrid.transforms import Framing, Tap, chroma_bank, fft_backend, mel_bank, spectra

SR = 22050
# 64 frames of hop 128 fill a block, up to three blocks a call
LENGTHS = [1, 511, 512, 20_000, 64 * 128, 64 * 128 + 1, 3 * 64 * 128 - 700, 7 * 64 * 128 + 5]
Signal = Callable[..., npt.NDArray[np.float32]]


def frames_of(hop_length: int, **settings: Any) -> Framing:
    return Framing(**{"n_fft": 512, "win_length": 512, "hop_length": hop_length} | settings)


def all_taps(step: int = 1) -> list[Tap]:
    return [
        Tap(step=step, output="complex"),
        Tap(step=step, power=1.0),
        Tap(step=step, power=2.0),
        Tap(step=step, power=1.5),
        Tap(step=step, bank=mel_bank(sr=SR, n_fft=512, n_mels=40)),
        Tap(step=step, power=1.0, bank=mel_bank(sr=SR, n_fft=512, n_mels=40)),
        Tap(step=step, bank=mel_bank(sr=SR, n_fft=512, n_mels=20, fmin=300.0, fmax=4000.0)),
        Tap(step=step, power=1.5, bank=chroma_bank(sr=SR, n_fft=512)),
    ]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("step", [2, 3, 64, 100])
@pytest.mark.parametrize("framing", ["librosa", "left"])
def test_every_kth_frame_is_a_longer_hop(n: int, step: int, framing: str, signal: Signal) -> None:
    y = signal("noise", n)
    coarse = spectra(y, frames_of(128 * step, framing=framing), all_taps())
    picked = spectra(y, frames_of(128, framing=framing), all_taps(step))
    picked_with_others = spectra(y, frames_of(128, framing=framing), [Tap(), *all_taps(step), *all_taps(5)])
    assert len(coarse[0]) == frames_of(128 * step, framing=framing).num_frames(n)
    for a, b, c in zip(coarse, picked, picked_with_others[1:], strict=False):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize("pad_mode", ["reflect", "edge"])
@pytest.mark.parametrize("n", [128 * 4, 128 * 70, 9000])
def test_every_kth_frame_with_padding(n: int, pad_mode: str, signal: Signal) -> None:
    y = signal("noise", n)
    coarse = spectra(y, frames_of(256, pad_mode=pad_mode), all_taps())
    for a, b in zip(coarse, spectra(y, frames_of(128, pad_mode=pad_mode), all_taps(2)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("framing", ["librosa", "left", "same"])
@pytest.mark.parametrize("n", LENGTHS)
def test_a_tap_alone_and_among_others(n: int, framing: str, signal: Signal) -> None:
    y = signal("noise", n)
    together = spectra(y, frames_of(128, framing=framing), all_taps())
    for tap, among in zip(all_taps(), together, strict=True):
        (alone,) = spectra(y, frames_of(128, framing=framing), [tap])
        np.testing.assert_array_equal(alone, among)


@pytest.mark.parametrize("lead", [1, 7, 63, 64])
def test_a_frame_anywhere_in_a_block(lead: int, signal: Signal) -> None:
    y = signal("noise", 40_000)
    for whole, shifted in zip(
        spectra(y, frames_of(128, framing="left"), all_taps()),
        spectra(y[128 * lead :], frames_of(128, framing="left"), all_taps()),
        strict=True,
    ):
        np.testing.assert_array_equal(whole[lead:], shifted)


def test_same_framing_keeps_every_kth_of_its_own_frames(signal: Signal) -> None:
    y = signal("noise", 10_000)
    (every,), (third,) = (spectra(y, frames_of(128, framing="same"), [Tap(step=k)]) for k in (1, 3))
    np.testing.assert_array_equal(every[::3], third)


@pytest.mark.parametrize("n_fft", [512, 511, 2048])
def test_tone(n_fft: int) -> None:
    """A bin-centred tone of amplitude a under a Hann window: a * n / 4 in its bin, half of that beside it."""
    k, amplitude = 40, 0.5
    y = amplitude * np.cos(2 * np.pi * k / n_fft * np.arange(4 * n_fft))
    framing = Framing(n_fft=n_fft, win_length=n_fft, hop_length=100, framing="left")
    (x,) = spectra(y.astype(np.float32), framing, [Tap(power=1.0)])
    peak = amplitude * n_fft / 4
    np.testing.assert_allclose(x[:, k], peak, rtol=1e-5)
    np.testing.assert_allclose(x[:, [k - 1, k + 1]], peak / 2, rtol=1e-5)
    np.testing.assert_allclose(np.delete(x, [k - 1, k, k + 1], axis=1), 0, atol=1e-5 * peak)


def test_phase_of_a_tone() -> None:
    n_fft, k = 256, 10
    y = np.cos(2 * np.pi * k / n_fft * np.arange(n_fft) + 0.7).astype(np.float32)
    framing = Framing(n_fft=n_fft, win_length=n_fft, hop_length=n_fft, framing="left")
    (x,) = spectra(y, framing, [Tap(output="complex")])
    assert np.angle(x[0, k]) == pytest.approx(0.7, abs=1e-5)


@pytest.mark.parametrize("window", ["boxcar", "hann"])
def test_impulse(window: str) -> None:
    """An impulse in the middle of a frame has a flat spectrum; librosa framing puts sample t * hop there."""
    y = np.zeros(1000, np.float32)
    y[300] = 0.8
    (x,) = spectra(y, frames_of(100, window=window), [Tap(power=2.0)])
    np.testing.assert_allclose(x[3], 0.64, rtol=1e-6)
    assert (x[0] == 0).all()


def test_offset() -> None:
    """A constant under a window of ones is its sum, in bin 0."""
    framing = frames_of(512, window="boxcar", framing="left")
    (x,) = spectra(np.full(512, 0.5, np.float32), framing, [Tap(power=1.0)])
    np.testing.assert_allclose(x[0], [256] + [0] * 256, atol=1e-4)


def test_short_window_sits_in_the_middle() -> None:
    y = np.zeros(512, np.float32)
    y[:128] = y[384:] = 1.0  # outside the window
    (x,) = spectra(y, frames_of(512, win_length=256, framing="left"), [Tap()])
    assert (x == 0).all()


def test_symmetric_window() -> None:
    """The sum of a symmetric Hann window of n points is (n - 1) / 2, of a periodic one n / 2."""
    y = np.ones(512, np.float32)
    sums = [
        spectra(y, frames_of(512, framing="left", window_sym=sym), [Tap(power=1.0)])[0][0, 0] for sym in (True, False)
    ]
    np.testing.assert_allclose(sums, [255.5, 256.0], rtol=1e-6)


@pytest.mark.parametrize("n", LENGTHS)
def test_silence(n: int) -> None:
    for x in spectra(np.zeros(n, np.float32), frames_of(128), all_taps()):
        assert (x == 0).all()


def test_high_powers_do_not_pile_up(signal: Signal) -> None:
    """Nothing is raised twice where the last call fills its buffers in part: 7 blocks, 3 to a call."""
    bank = mel_bank(sr=SR, n_fft=512, n_mels=20, norm=None)
    y = 5 * signal("noise", 7 * 64 * 128)
    (x, plain) = spectra(y, frames_of(128), [Tap(power=8.0, bank=bank), Tap(power=8.0)])
    matrix = np.zeros((257 + bank.SLACK, 257), np.float32)
    np.fill_diagonal(matrix, 1)
    weights = np.empty((20, 257), np.float32)
    bank.apply(matrix, weights)
    np.testing.assert_allclose(x, plain @ weights.T, rtol=1e-4)


def test_shapes_and_types(signal: Signal) -> None:
    framing, taps = frames_of(128), all_taps(3)
    arrays = spectra(signal("noise", 5000), framing, taps)
    frames = -(-framing.num_frames(5000) // 3)
    for tap, x in zip(taps, arrays, strict=True):
        assert x.shape == (frames, tap.bank.bands if tap.bank else 257)
        assert x.dtype == (np.complex64 if tap.output == "complex" else np.float32)
        assert x.flags.c_contiguous
        assert x.flags.owndata


@pytest.mark.parametrize(("n", "framing"), [(0, "librosa"), (0, "same"), (511, "left")])
def test_no_frames(n: int, framing: str) -> None:
    (x,) = spectra(np.zeros(n, np.float32), frames_of(128, framing=framing), [Tap()])
    assert x.shape == (0, 257)


def test_no_taps(signal: Signal) -> None:
    assert spectra(signal("noise", 5000), frames_of(128), []) == []


def test_leaves_the_clip_alone(signal: Signal) -> None:
    y = signal("noise", 5000)
    y.flags.writeable = False
    (from_view,) = spectra(np.repeat(y, 2)[::2], frames_of(128), [Tap()])
    np.testing.assert_array_equal(from_view, spectra(y, frames_of(128), [Tap()])[0])


def test_refuses_channels() -> None:
    with pytest.raises(ParameterError, match=r"shape \(100, 2\)"):
        spectra(np.zeros((100, 2), np.float32), frames_of(128), [Tap()])


def test_refuses_a_tap_without_meaning() -> None:
    with pytest.raises(ParameterError, match="step=0"):
        Tap(step=0)
    with pytest.raises(ParameterError, match="bank"):
        Tap(output="complex", bank=mel_bank(sr=SR, n_fft=512))


def test_fft_backend_names_itself() -> None:
    name, version = fft_backend()
    assert name in {"scipy", "mkl_fft"}
    assert version[0].isdigit()
