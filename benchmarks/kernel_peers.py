"""What other libraries make of the same clip. Each function imports its package and returns the call to be timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import librosa
import numpy as np
import numpy.typing as npt

from benchmarks.race import Candidate
from benchmarks.rivals import SR

__all__ = ["PEERS", "Kernel"]

Float32 = npt.NDArray[np.float32]
C1 = 32.70319566257483  # Hz


@dataclass(frozen=True)
class Kernel:
    """One transform.

    Attributes
    ----------
    kind : str
        logmel, stft (magnitude) or cqt.
    n_fft, hop : int, samples
    bins : int
        Mel bands, or constant-Q bins over seven octaves.
    """

    kind: str
    n_fft: int
    hop: int
    bins: int = 0

    def __str__(self) -> str:
        if self.kind == "cqt":
            return f"cqt, {self.bins} bins, hop {self.hop}"
        return f"{self.kind} {self.n_fft}/{self.hop}" + (f"/{self.bins}" if self.bins else "")


class Maker(Protocol):
    """Makes a candidate of a kernel and a clip."""

    kinds: tuple[str, ...]

    def __call__(self, kernel: Kernel, y: Float32) -> Candidate: ...


PEERS: dict[str, Maker] = {}


def _peer(name: str, *kinds: str) -> Callable[[Callable[[Kernel, Float32], Candidate]], Any]:
    def register(make: Any) -> Any:
        make.kinds = kinds
        PEERS[name] = make
        return make

    return register


@_peer("torch (torchaudio's algorithm)", "logmel", "stft")
def _torch(kernel: Kernel, y: Float32) -> Candidate:
    import torch

    torch.set_num_threads(1)
    window, signal = torch.hann_window(kernel.n_fft), torch.from_numpy(y)

    def spectrum() -> Any:
        return torch.stft(
            signal, kernel.n_fft, kernel.hop, window=window, center=True, pad_mode="constant", return_complex=True
        ).abs()

    if kernel.kind == "stft":
        return spectrum
    bank = torch.from_numpy(librosa.filters.mel(sr=SR, n_fft=kernel.n_fft, n_mels=kernel.bins))

    def logmel() -> Any:
        levels = 10.0 * torch.log10(torch.clamp(bank @ spectrum().square(), min=1e-10))
        return torch.maximum(levels, levels.max() - 80.0)

    return logmel


def _keras_layer(kernel: Kernel, y: Float32) -> Any:
    import keras

    return keras.layers.MelSpectrogram(
        fft_length=kernel.n_fft,
        sequence_stride=kernel.hop,
        sequence_length=kernel.n_fft,
        sampling_rate=SR,
        num_mel_bins=kernel.bins,
        min_freq=0.0,
        max_freq=SR / 2,
    )


@_peer("keras.layers.MelSpectrogram", "logmel")
def _keras(kernel: Kernel, y: Float32) -> Candidate:
    import tensorflow

    layer, batch = _keras_layer(kernel, y), tensorflow.constant(y[np.newaxis])
    return lambda: layer(batch).numpy()


@_peer("keras.layers.MelSpectrogram in tf.function", "logmel")
def _keras_graph(kernel: Kernel, y: Float32) -> Candidate:
    import tensorflow

    compiled, batch = tensorflow.function(_keras_layer(kernel, y)), tensorflow.constant(y[np.newaxis])
    return lambda: compiled(batch).numpy()


@_peer("kapre", "logmel", "stft")
def _kapre(kernel: Kernel, y: Float32) -> Candidate:
    import kapre.composed
    import tensorflow

    batch = tensorflow.constant(y[np.newaxis, :, np.newaxis])
    shape = {"input_shape": (len(y), 1), "n_fft": kernel.n_fft, "hop_length": kernel.hop, "pad_begin": True}
    if kernel.kind == "stft":
        layer = kapre.composed.get_stft_magnitude_layer(**shape)
    else:
        layer = kapre.composed.get_melspectrogram_layer(
            **shape, sample_rate=SR, n_mels=kernel.bins, return_decibel=True
        )
    return lambda: layer(batch).numpy()


@_peer("audioflux", "logmel", "stft", "cqt")
def _audioflux(kernel: Kernel, y: Float32) -> Candidate:
    import audioflux

    if kernel.kind == "cqt":
        cqt = audioflux.CQT(
            num=kernel.bins, samplate=SR, low_fre=C1, bin_per_octave=kernel.bins // 7, slide_length=kernel.hop
        )
        return lambda: cqt.cqt(y)
    exponent = kernel.n_fft.bit_length() - 1
    if kernel.kind == "stft":
        stft = audioflux.STFT(radix2_exp=exponent, slide_length=kernel.hop)
        return lambda: np.abs(stft.stft(y))
    mel = audioflux.BFT(
        num=kernel.bins,
        radix2_exp=exponent,
        samplate=SR,
        slide_length=kernel.hop,
        scale_type=audioflux.type.SpectralFilterBankScaleType.MEL,
        data_type=audioflux.type.SpectralDataType.POWER,
    )
    return lambda: 10.0 * np.log10(np.maximum(mel.bft(y, result_type=1), 1e-10))


@_peer("essentia", "logmel", "stft", "cqt")
def _essentia(kernel: Kernel, y: Float32) -> Candidate:
    import essentia
    from essentia import standard

    essentia.log.infoActive = essentia.log.warningActive = False
    if kernel.kind == "cqt":
        size = len(y) // 2 * 2
        cqt = standard.NSGConstantQ(
            inputSize=size, sampleRate=SR, minFrequency=C1, maxFrequency=C1 * 2**7, binsPerOctave=kernel.bins // 7
        )
        return lambda: cqt(y[:size])
    window, spectrum = standard.Windowing(type="hann", normalized=False), standard.Spectrum(size=kernel.n_fft)

    def magnitudes() -> list[Float32]:
        frames = standard.FrameGenerator(y, frameSize=kernel.n_fft, hopSize=kernel.hop)
        return [spectrum(window(frame)) for frame in frames]

    if kernel.kind == "stft":
        return lambda: np.array(magnitudes())
    bands = standard.MelBands(
        inputSize=1 + kernel.n_fft // 2, numberBands=kernel.bins, sampleRate=SR, highFrequencyBound=SR / 2
    )
    return lambda: 10.0 * np.log10(np.maximum([bands(magnitude) for magnitude in magnitudes()], 1e-10))


def _nnaudio(layer: Any, y: Float32) -> Candidate:
    import torch

    torch.set_num_threads(1)
    signal = torch.from_numpy(y)

    def compute() -> Any:
        with torch.no_grad():
            return layer(signal)

    return compute


@_peer("nnAudio", "logmel", "stft", "cqt")
def _nnaudio_first(kernel: Kernel, y: Float32) -> Candidate:
    from nnAudio import features

    if kernel.kind == "cqt":
        layer = features.CQT1992v2(
            sr=SR, hop_length=kernel.hop, fmin=C1, n_bins=kernel.bins, bins_per_octave=kernel.bins // 7, verbose=False
        )
        return _nnaudio(layer, y)
    if kernel.kind == "stft":
        layer = features.STFT(
            n_fft=kernel.n_fft, hop_length=kernel.hop, output_format="Magnitude", pad_mode="constant", verbose=False
        )
        return _nnaudio(layer, y)
    layer = features.MelSpectrogram(
        sr=SR, n_fft=kernel.n_fft, hop_length=kernel.hop, n_mels=kernel.bins, pad_mode="constant", verbose=False
    )
    mel = _nnaudio(layer, y)
    return lambda: 10.0 * mel().clamp(min=1e-10).log10()  # type: ignore[attr-defined]
