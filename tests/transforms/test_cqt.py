"""The octave chain and plans; agreement with librosa is in test_against_librosa."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pytest

from melgrid.errors import ParameterError
from melgrid.transforms import Octaves, cqt_plan
from melgrid.transforms.framing import analysis_window
from melgrid.transforms.octaves import octave_chain

SR = 22050
Signal = Callable[..., npt.NDArray[np.float32]]
DEFAULT: dict[str, Any] = {
    "sr": SR, "hop_length": 512, "fmin": 32.70319566257483, "n_bins": 84, "bins_per_octave": 12, "tuning": 0.0,
    "filter_scale": 1.0, "window": "hann", "gamma": 0.0,
}  # fmt: skip


def test_chain_of_the_default() -> None:
    chain = octave_chain(**DEFAULT)
    assert chain.early == 1
    assert [o.factors for o in chain.octaves] == [(2,) * i for i in range(7)]
    assert [o.hop for o in chain.octaves] == [512 >> i for i in range(7)]
    assert [(o.low, o.high) for o in chain.octaves] == [(72 - 12 * i, 84 - 12 * i) for i in range(7)]


def test_chain_stops_at_an_odd_hop() -> None:
    octaves = octave_chain(**DEFAULT | {"hop_length": 20}).octaves
    assert [o.hop for o in octaves] == [20, 10, 5, 5, 5, 5, 5]
    assert [o.decimation for o in octaves] == [1, 2, 4, 4, 4, 4, 4]


def test_chain_begins_with_an_early_decimation_where_there_is_room() -> None:
    chain = octave_chain(**DEFAULT | {"n_bins": 24, "hop_length": 4096})
    assert chain.early == 32
    assert [o.factors for o in chain.octaves] == [(32,), (32, 2)]
    assert [o.hop for o in chain.octaves] == [128, 64]


def test_last_octave_may_be_a_part() -> None:
    assert [(o.low, o.high) for o in octave_chain(**DEFAULT | {"n_bins": 30}).octaves] == [
        (18, 30), (6, 18), (0, 6),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")  # librosa's, about a short clip
@pytest.mark.parametrize("settings", [{"n_bins": 24, "hop_length": 4096}, {}, {"hop_length": 37}])
@pytest.mark.parametrize("n", [0, 1, 31, 32, 511, 512, 4095, 4096, 10_001])
def test_num_frames(n: int, settings: dict[str, Any], signal: Signal) -> None:
    plan = cqt_plan(sr=SR, **settings)
    y = signal("noise", n)
    frames = plan.num_frames(n)
    assert plan.transform(y, {}).shape == (frames, plan.n_bins)
    if n and frames:
        assert librosa.cqt(y, sr=SR, **settings).shape[1] == frames


def test_refuses_wavelets_beyond_nyquist() -> None:
    with pytest.raises(ParameterError, match="n_bins=120: the highest wavelet reaches"):
        cqt_plan(sr=SR, n_bins=120)


def test_plans_are_made_once() -> None:
    assert cqt_plan(sr=SR, n_bins=36) is cqt_plan(sr=SR, n_bins=36)


@pytest.mark.parametrize("midi", [30, 57, 80, 100])
def test_tone_peaks_in_its_bin(midi: int) -> None:
    """A tone of amplitude a on a bin's frequency gives a / 2 * sqrt(filter length)."""
    f = librosa.midi_to_hz(midi)
    y = (0.5 * np.sin(2 * np.pi * f * np.arange(3 * SR) / SR)).astype(np.float32)
    x = np.abs(cqt_plan(sr=SR).transform(y, {}))[40:80]
    assert (x.argmax(axis=1) == midi - 24).all()
    alpha = (2 ** (2 / 12) - 1) / (2 ** (2 / 12) + 1)
    np.testing.assert_allclose(x[:, midi - 24], 0.25 * np.sqrt(SR / f / alpha), rtol=0.01)


def test_equal_chains_share_their_octaves(signal: Signal) -> None:
    y = signal("noise", 30_000)
    kept: Octaves = {}
    plans = [cqt_plan(sr=SR), cqt_plan(sr=SR, n_bins=168, bins_per_octave=24), cqt_plan(sr=SR, hop_length=256)]
    together = [plan.transform(y, kept) for plan in plans]
    assert {factors for _, _, factors in kept} == {(2,) * i for i in range(1, 7)}
    for plan, x in zip(plans, together, strict=True):
        np.testing.assert_array_equal(plan.transform(y, {}), x)


def test_other_chains_keep_their_own_octaves(signal: Signal) -> None:
    y = signal("noise", 30_000)
    plans = [
        cqt_plan(sr=SR, n_bins=24, hop_length=4096),
        cqt_plan(sr=SR, n_bins=24, hop_length=4096, scale=False),
        cqt_plan(sr=SR, n_bins=24, hop_length=4096, res_type="soxr_mq"),
        cqt_plan(sr=SR, n_bins=24, hop_length=512),
    ]
    kept: Octaves = {}
    together = [plan.transform(y, kept) for plan in plans]
    for plan, x in zip(plans, together, strict=True):
        np.testing.assert_array_equal(plan.transform(y, {}), x)


@pytest.mark.parametrize("lead", [1, 63, 128])
def test_a_frame_anywhere_in_a_block(lead: int, signal: Signal) -> None:
    """In the highest octave, which nothing decimates, a clip's end behaves like the whole clip."""
    y = signal("noise", 100_000)
    plan = cqt_plan(sr=SR, fmin=2000.0, n_bins=12)
    whole, shifted = plan.transform(y, {}), plan.transform(y[512 * lead :], {})
    np.testing.assert_array_equal(whole[lead + 1 :], shifted[1:])


def test_silence() -> None:
    x = cqt_plan(sr=SR).transform(np.zeros(5000, np.float32), {})
    assert x.dtype == np.complex64
    assert (x == 0).all()


def test_refuses_channels() -> None:
    with pytest.raises(ParameterError, match=r"shape \(2, 100\)"):
        cqt_plan(sr=SR).transform(np.zeros((2, 100), np.float32), {})


def test_no_window_is_ones() -> None:
    assert (analysis_window("boxcar", 256, 256) == 1).all()
