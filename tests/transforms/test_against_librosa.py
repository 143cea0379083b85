"""Every kind against librosa 0.11, over random parameters, lengths and signals."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgrid.params import Chroma, Cqt, Feature, LogMel, Mel, Mfcc, Stft, Vqt

# `make soak` asks for 500 and does not repeat itself.
WANTED = int(os.environ.get("MELGRID_EXAMPLES", "25"))
EXAMPLES = settings(
    max_examples=WANTED, deadline=None, derandomize=WANTED <= 25, suppress_health_check=list(HealthCheck)
)
SIGNALS = ("silence", "tone", "impulse", "square", "noise", "whisper", "offset")
WINDOWS = ("hann", "hamming", "blackman", "boxcar", "triang", "cosine")


@st.composite
def frames(draw: st.DrawFn) -> dict[str, Any]:
    n_fft = draw(st.sampled_from([64, 255, 256, 400, 512, 1000, 1024, 2048]))
    framing = draw(st.sampled_from(["librosa", "librosa", "same", "left"]))
    return {
        "sr": draw(st.sampled_from([8000, 16000, 22050, 44100])),
        "n_fft": n_fft,
        "hop_length": draw(st.integers(max(1, n_fft // 8), 2 * n_fft)),
        "win_length": draw(st.sampled_from([n_fft, n_fft - 1, n_fft // 2])),
        "window": draw(st.sampled_from(WINDOWS)),
        "window_sym": draw(st.booleans()),
        "framing": framing,
        "pad_mode": draw(st.sampled_from(["constant", "reflect", "edge"])) if framing == "librosa" else "constant",
    }


@st.composite
def mels(draw: st.DrawFn, power: float | None = None) -> dict[str, Any]:
    given_frames = draw(frames())
    top = given_frames["sr"] / 2
    return given_frames | {
        "n_mels": draw(st.sampled_from([1, 20, 40, 96, 128])),
        "power": power or draw(st.sampled_from([1.0, 2.0, 2.0, 1.5])),
        # float32 resolves 1e-7 of the loudest sound, so the bands must hear it: the tone is 127 Hz at least
        "fmin": draw(st.sampled_from([0.0, 20.0, 100.0])),
        "fmax": draw(st.sampled_from([top, 0.7 * top])),
        "htk": draw(st.booleans()),
        "norm": draw(st.sampled_from(["slaney", 1, 2, "inf", None])),
        "empty_bands": "allow",
    }


@st.composite
def decibels(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "ref": draw(st.sampled_from([1.0, "max", 0.3])),
        "amin": draw(st.sampled_from([1e-5, 1e-10, 1e-3])),
        "top_db": draw(st.sampled_from([80.0, 40.0, None])),
    }


@st.composite
def clips(draw: st.DrawFn, chosen: dict[str, Any]) -> tuple[str, int]:
    # A constant has no content but its offset, which no mel band hears: all else is float32 noise and so is the peak.
    deaf = "n_mels" in chosen or chosen["pad_mode"] != "constant"
    name = draw(st.sampled_from(SIGNALS[:-1] if deaf else SIGNALS))
    n_fft = chosen.get("n_fft", 2048)
    lengths = st.sampled_from([1, 2, n_fft // 2, n_fft - 1, n_fft, n_fft + 1, 3 * n_fft, 12_001])
    n = draw(st.one_of(lengths, st.integers(1, 12_000)))
    return name, n if chosen["pad_mode"] == "constant" else max(n, n_fft // 2)


Agrees = Callable[[Feature, Any], None]
Signal = Callable[..., Any]


@EXAMPLES
@given(data=st.data())
@pytest.mark.parametrize("output", ["complex", "magnitude", "power", "phase", "log"])
def test_stft(data: st.DataObject, output: Any, assert_agrees: Agrees, signal: Signal) -> None:
    chosen = data.draw(frames())
    clip = data.draw(clips(chosen))
    scale = data.draw(decibels()) if output == "log" else {}
    assert_agrees(Stft(output=output, **chosen, **scale), signal(*clip))


@EXAMPLES
@given(data=st.data())
def test_mel(data: st.DataObject, assert_agrees: Agrees, signal: Signal) -> None:
    chosen = data.draw(mels())
    clip = data.draw(clips(chosen))
    # a root of magnitudes would blow up rounding near zero; a root of powers is a magnitude
    mel_power = data.draw(st.sampled_from([1.0, 2.0, 0.5, 0.7] if chosen["power"] == 2.0 else [1.0, 2.0]))
    assert_agrees(Mel(mel_power=mel_power, **chosen), signal(*clip))


@EXAMPLES
@given(data=st.data())
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_logmel_in_db(data: st.DataObject, power: float, assert_agrees: Agrees, signal: Signal) -> None:
    chosen = data.draw(mels(power))
    clip = data.draw(clips(chosen))
    mel_power = data.draw(st.sampled_from([1.0, 2.0]))
    assert_agrees(LogMel(mel_power=mel_power, **chosen, **data.draw(decibels())), signal(*clip))


@EXAMPLES
@given(data=st.data())
@pytest.mark.parametrize("log", ["ln", "log10", "log1p"])
def test_logmel_on_other_scales(data: st.DataObject, log: Any, assert_agrees: Agrees, signal: Signal) -> None:
    chosen = data.draw(mels(2.0))
    clip = data.draw(clips(chosen))
    assert_agrees(LogMel(log=log, **chosen), signal(*clip))


@EXAMPLES
@given(data=st.data())
def test_mfcc(data: st.DataObject, assert_agrees: Agrees, signal: Signal) -> None:
    chosen = data.draw(mels(2.0)) | {"n_mels": data.draw(st.sampled_from([20, 40, 128]))}
    clip = data.draw(clips(chosen))
    feature = Mfcc(
        n_mfcc=data.draw(st.integers(1, 20)),
        dct_type=data.draw(st.sampled_from([2, 3])),
        dct_norm=data.draw(st.sampled_from(["ortho", None])),
        lifter=data.draw(st.sampled_from([0.0, 22.0])),
        deltas=data.draw(st.integers(0, 2)),
        **chosen,
    )
    assert_agrees(feature, signal(*clip))


@EXAMPLES
@given(data=st.data())
def test_chroma(data: st.DataObject, assert_agrees: Agrees, signal: Signal) -> None:
    chosen = data.draw(frames())
    clip = data.draw(clips(chosen))
    feature = Chroma(
        n_chroma=data.draw(st.sampled_from([12, 24])),
        norm=data.draw(st.sampled_from(["inf", 1, 2, None])),
        tuning=data.draw(st.sampled_from([0.0, 0.25])),
        **chosen,
    )
    assert_agrees(feature, signal(*clip))


@st.composite
def wavelets(draw: st.DrawFn) -> dict[str, Any]:
    bins_per_octave = draw(st.sampled_from([12, 24, 7, 3]))
    return {
        "sr": draw(st.sampled_from([16000, 22050, 44100])),
        "hop_length": draw(st.sampled_from([512, 256, 384, 100, 37, 2048])),
        "fmin": draw(st.sampled_from([32.70319566257483, 55.0, 100.0])),
        "bins_per_octave": bins_per_octave,
        # the signals must sound within the bins: tones lie four octaves up at most
        "n_bins": draw(st.integers(4 * bins_per_octave, 5 * bins_per_octave + 2)),
        "tuning": draw(st.sampled_from([0.0, 0.3])),
        "filter_scale": draw(st.sampled_from([1.0, 0.5])),
        "norm": draw(st.sampled_from([1, 2, "inf", None])),
        "sparsity": draw(st.sampled_from([0.01, 0.1])),
        "window": draw(st.sampled_from(["hann", "blackman"])),
        "scale": draw(st.booleans()),
        "pad_mode": draw(st.sampled_from(["constant", "edge"])),
        "res_type": draw(st.sampled_from(["soxr_hq", "soxr_mq"])),
    }


@EXAMPLES
@given(data=st.data())
@pytest.mark.parametrize("output", ["complex", "log"])
def test_cqt(data: st.DataObject, output: Any, assert_agrees: Agrees, signal: Signal) -> None:
    scale = data.draw(decibels()) if output == "log" else {}
    chosen = data.draw(wavelets())
    assert_agrees(Cqt(output=output, **chosen, **scale), signal(*data.draw(clips(chosen))))


@EXAMPLES
@given(data=st.data())
def test_vqt(data: st.DataObject, assert_agrees: Agrees, signal: Signal) -> None:
    chosen = data.draw(wavelets())
    gamma = data.draw(st.sampled_from([None, 0.0, 20.0]))
    assert_agrees(Vqt(gamma=gamma, **chosen), signal(*data.draw(clips(chosen))))


@pytest.mark.parametrize("n", [1, 2, 511, 512, 513, 22_050])
@pytest.mark.parametrize("hop_length", [512, 37])
def test_cqt_of_any_length(n: int, hop_length: int, assert_agrees: Agrees, signal: Signal) -> None:
    assert_agrees(Cqt(hop_length=hop_length, output="complex"), signal("noise", n))


@pytest.mark.parametrize("n", [1025, 20_000])
def test_cqt_reflects(n: int, assert_agrees: Agrees, signal: Signal) -> None:
    assert_agrees(Cqt(pad_mode="reflect", output="complex"), signal("noise", n))


@pytest.mark.parametrize(
    "settings",
    [
        {"n_bins": 1},
        {"n_bins": 13},
        {"n_bins": 1, "bins_per_octave": 1},
        {"sparsity": 0.0},
        {"window": "boxcar"},
        {"window": "hamming", "hop_length": 384},
        {"filter_scale": 0.1},
        {"hop_length": 4096, "n_bins": 12, "scale": False},
        {"sr": 44100, "n_bins": 99, "res_type": "soxr_vhq"},
    ],
)
def test_cqt_with_unusual_settings(settings: dict[str, Any], assert_agrees: Agrees, signal: Signal) -> None:
    assert_agrees(Cqt(output="complex", **settings), signal("noise", 20_001))
