"""The live layer against the code that fills the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import melgrid
from melgrid.errors import ParameterError
from melgrid.loaders import KerasLoader, live_layer
from melgrid.params import Chroma, Cqt, Feature, LogMel, Mel, Mfcc, Stft, Waveform

SR = 8000
WITHIN = 0.05  # dB

Array = NDArray[Any]


def tones(samples: int, channels: int = 1, seed: int = 0) -> Array:
    """Decaying tones and an impulse over noise, far from silence in every bin; (channels, samples)."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / SR
    y = np.stack([0.5 * np.sin(2 * np.pi * 440 * (c + 1) * t) * np.exp(-4 * t) for c in range(channels)])
    y += 0.01 * rng.standard_normal(y.shape)
    y[:, samples // 3] += 0.8
    return y.astype(np.float32)


def expected(feature: Feature, y: Array) -> Array:
    """What `compute` gives, in the axes of the layer."""
    values = melgrid.compute(feature, y if feature.channels else y[0], feature.sr)
    values = values.reshape(*values.shape[:2], -1)
    if np.iscomplexobj(values):
        values = np.stack([values.real, values.imag], axis=-1).reshape(*values.shape[:2], -1)
    return values


def live(feature: Feature, y: Array, **inputs: Any) -> Array:
    out: Array = keras.ops.convert_to_numpy(live_layer(feature)(y.T[None, :, None, :], **inputs))[0]
    return out


def assert_close(feature: Feature, got: Array, wanted: Array) -> None:
    assert got.shape == wanted.shape
    if isinstance(feature, Stft) and feature.output == "phase":
        got, wanted = np.exp(1j * got), np.exp(1j * wanted)
    scale = 1.0 if feature.is_log or feature.unit == "rad" else float(np.abs(wanted).max())
    per_unit = {"dB": WITHIN, "10 log10": WITHIN, "ln": WITHIN / 10 * np.log(10)}.get(feature.unit, WITHIN / 10)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=per_unit * scale if feature.is_log else 1e-5 * scale)


FRAMES = st.fixed_dictionaries(
    {
        "n_fft": st.sampled_from([128, 255, 400]),
        "hop_length": st.sampled_from([50, 128, 500]),
        "window": st.sampled_from(["hann", "hamming", "blackman", "boxcar"]),
        "window_sym": st.booleans(),
    },
    optional={"win_length": st.sampled_from([100, 127])},
)
EDGES = st.sampled_from([{"framing": "same"}, {"framing": "left"}, {}, {"pad_mode": "reflect"}, {"pad_mode": "edge"}])
BANDS = st.fixed_dictionaries(
    {
        "n_mels": st.sampled_from([8, 20]),
        "power": st.sampled_from([1.0, 1.5, 2.0]),
        "mel_power": st.sampled_from([1.0, 0.5, 2.0]),
        "htk": st.booleans(),
        "norm": st.sampled_from(["slaney", None, 1, "inf"]),
    }
)
LEVELS = st.fixed_dictionaries(
    {
        "log": st.sampled_from(["db", "10log10"]),
        "ref": st.sampled_from([1.0, 20.0, "max"]),
        "top_db": st.sampled_from([None, 30.0, 80.0]),
    }
)
OTHER_LOGS = st.sampled_from(
    [
        {"log": "ln"},
        {"log": "log10", "amin": 1e-3},
        {"log": "ln", "eps": 1e-2},
        {"log": "log10", "zero_as": 1.0},
        {"log": "log1p"},
    ]
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    frames=FRAMES,
    edges=EDGES,
    bands=BANDS,
    scale=st.one_of(st.none(), LEVELS, OTHER_LOGS),
    samples=st.integers(600, 5000),
)
def test_mel_features_are_those_of_the_store(
    frames: dict[str, Any], edges: dict[str, Any], bands: dict[str, Any], scale: dict[str, Any] | None, samples: int
) -> None:
    shared = {"sr": SR, "empty_bands": "allow", **frames, **edges, **bands}
    feature: Feature = Mel(**shared) if scale is None else LogMel(**shared, **scale)
    y = tones(samples)
    assert_close(feature, live(feature, y), expected(feature, y))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    frames=FRAMES,
    edges=EDGES,
    output=st.sampled_from(["magnitude", "power", "log", "complex", "phase"]),
    channels=st.sampled_from([1, 2]),
)
def test_spectrograms_are_those_of_the_store(
    frames: dict[str, Any], edges: dict[str, Any], output: str, channels: int
) -> None:
    kept = {"mono": False, "channels": channels} if channels > 1 else {}
    feature = Stft(sr=SR, output=output, **frames, **edges, **kept)
    y = tones(3000, channels)
    assert_close(feature, live(feature, y), expected(feature, y))


@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("samples", [1, 2, 70, 300])
def test_clips_shorter_than_a_window_are_padded_alike(pad_mode: str, samples: int) -> None:
    feature = LogMel(sr=SR, n_fft=256, hop_length=64, n_mels=8, pad_mode=pad_mode)
    y = tones(samples)
    assert_close(feature, live(feature, y), expected(feature, y))


def test_density_is_scaled_alike() -> None:
    feature = LogMel(
        sr=SR, n_fft=256, hop_length=64, n_mels=8, scaling="density", window_sym=True, framing="left", log="log10"
    )
    y = tones(3000)
    assert_close(feature, live(feature, y), expected(feature, y))


def test_silence_is_the_floor() -> None:
    feature = LogMel(sr=SR, n_fft=256, n_mels=8)
    np.testing.assert_allclose(live(feature, np.zeros((1, 3000), np.float32)), -100.0, atol=1e-3)


@pytest.mark.parametrize("scale", [{"ref": "max"}, {"ref": 1.0, "top_db": 40.0}, {"ref": "max", "top_db": None}])
def test_inner_frames_of_a_crop_are_those_of_the_clip(scale: dict[str, Any]) -> None:
    feature = LogMel(sr=SR, n_fft=256, hop_length=64, n_mels=8, **scale)
    y = tones(8000)
    layer = live_layer(feature)
    first, samples = 64 * 60, 64 * 30
    crop = y[:, first : first + samples]
    maximum = layer.maximum(y)
    inner = slice(2, -3)  # frames that see no edge of the crop
    wanted = expected(feature, y)[60 : 60 + 31]
    assert_close(feature, live(feature, crop, maximum=maximum)[inner], wanted[inner])
    assert np.abs(live(feature, crop)[inner] - wanted[inner]).max() > 1  # by its own maximum it is another


def test_a_model_with_it_is_saved_and_takes_any_length(tmp_path: Path) -> None:
    feature = LogMel(sr=SR, n_fft=256, hop_length=64, n_mels=8, ref="max", pad_mode="reflect", mono=False, channels=2)
    inputs = keras.Input((None, 1, 2))
    model = keras.Model(inputs, live_layer(feature, name="live")(inputs))
    assert model.output_shape == (None, None, 8, 2)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_layer("live").feature == feature
    for samples in (2000, 3100):
        y = np.stack([tones(samples, 2, seed) for seed in (0, 1)])
        out = again.predict(y.transpose(0, 2, 1)[:, :, None, :], verbose=0)  # in graph mode
        for clip, values in zip(y, out, strict=True):
            assert_close(feature, values, expected(feature, clip))


@pytest.mark.parametrize("edges", [{"framing": "same"}, {"pad_mode": "edge"}, {"framing": "left"}])
def test_lengths_unknown_to_the_graph_are_padded_alike(edges: dict[str, Any]) -> None:
    feature = LogMel(sr=SR, n_fft=256, hop_length=100, n_mels=8, **edges)
    inputs = keras.Input((None,))
    model = keras.Model(inputs, live_layer(feature)(inputs))
    y = tones(2345)
    assert_close(feature, model.predict(y, verbose=0)[0], expected(feature, y))


def test_a_stored_waveform_becomes_the_stored_feature(make_store: Any) -> None:
    feature = LogMel(sr=SR, n_fft=256, hop_length=64, n_mels=8)
    layer = live_layer(feature)
    assert layer.waveform == Waveform(sr=SR)
    clips = {name: tones(4000, seed=seed) for seed, name in enumerate("abc")}
    stored = make_store({name: y.T for name, y in clips.items()}, layer.waveform, task="none")
    ((x,),) = list(KerasLoader(stored.select(), batch_size=4, crop_frames=4000, shuffle=False))
    out = keras.ops.convert_to_numpy(layer(x))
    for name, values in zip(stored.clip_ids, out, strict=True):
        assert_close(feature, values, expected(feature, clips[name]))


@pytest.mark.parametrize(
    "feature",
    [
        Mfcc(),
        Chroma(),
        Cqt(),
        Waveform(),
        LogMel(segments="1:0.5"),
        LogMel(excerpt="3:center:frames"),
    ],
    ids=lambda f: f.id,
)
def test_what_cannot_be_live_is_refused(feature: Feature) -> None:
    with pytest.raises(ParameterError, match="store it"):
        live_layer(feature)


def test_a_waveform_without_a_frame_is_refused() -> None:
    with pytest.raises(ParameterError, match="gives no frame of n_fft=2048"):
        live(LogMel(sr=SR, framing="left"), tones(2000))


def test_other_parameters_of_the_signal_go_to_the_waveform() -> None:
    feature = LogMel(peak=0.5, excerpt="3:center:zeros", mono=False, channels=2)
    assert live_layer(feature).waveform == Waveform(peak=0.5, excerpt="3:center:zeros", mono=False, channels=2)
