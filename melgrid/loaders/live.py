"""A feature as a Keras layer: from waveforms to what the store would hold, inside the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from melgrid.errors import ParameterError
from melgrid.params import Feature, LogMel, Mel, Mfcc, Stft, Waveform
from melgrid.store.about import restore_feature
from melgrid.transforms import Framing, framing_of, tap_of
from melgrid.transforms.framing import analysis_window

__all__ = ["LiveFeature", "live_layer"]

_TINY = float(np.finfo(np.float32).tiny)


def live_layer(feature: Feature, **options: Any) -> LiveFeature:
    """Make a Keras layer that computes a feature from batches of waveforms.

    Store ``layer.waveform`` once, and try settings of the feature without storing them: whole clips come out as the
    store would have them to 0.05 dB, and so do the frames of a crop that see none of its edges.

    Parameters
    ----------
    feature : Stft, Mel or LogMel
    **options
        Of every Keras layer: ``name`` and so on.

    Returns
    -------
    LiveFeature

    Raises
    ------
    ParameterError
        The feature is of another kind, or is put together from segments or from a counted number of frames.
    """
    return LiveFeature(feature, **options)


@keras.saving.register_keras_serializable(package="melgrid")
class LiveFeature(keras.layers.Layer):  # type: ignore[misc]
    """What `live_layer` makes; saved with a model, and runs on every backend.

    Called with waveforms of shape (batch, samples[, 1[, channels]]), as the loaders give them, it returns (batch,
    frames, bins, channels); complex values have twice the channels: real, imaginary, real... A second input, `maximum`
    of shape (batch,), is the maximum of the clip that each waveform was cut from, as the method `maximum` finds it;
    scales with ``ref="max"`` or `top_db` look at it, and without it at the waveform's own.

    Parameters
    ----------
    feature : Stft, Mel or LogMel
        Or its canonical parameters. `sr`, `mono`, `channels`, `res_type`, `peak` and `excerpt` are up to the waveforms;
        its `dtype` is not applied.
    **options
        Of every Keras layer.
    """

    def __init__(self, feature: Feature | Mapping[str, Any], **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})
        feature = feature if isinstance(feature, Feature) else restore_feature(dict(feature))
        if not isinstance(feature, Stft | Mel) or isinstance(feature, Mfcc):
            raise ParameterError(f"kind={feature.kind!r}: only stft, mel and logmel can be computed live; store it")
        counted = feature.excerpt is not None and feature.excerpt.pad == "frames"
        if feature.segments is not None or counted:
            what = f"segments={feature.segments}" if feature.segments else f"excerpt={feature.excerpt}"
            raise ParameterError(f"{what}: cannot be computed live, because it looks beyond one stretch; store it")
        self.feature = feature
        self._framing = framing_of(feature)
        self._tap = tap_of(feature)
        self._bank = None if self._tap.bank is None else self._tap.bank.to_dense(1 + feature.n_fft // 2)

    @property
    def waveform(self) -> Waveform:
        """The feature whose feature set this layer takes."""
        shared = {name: getattr(self.feature, name) for name in ("sr", "mono", "channels", "res_type", "peak")}
        return Waveform(**shared, excerpt=self.feature.excerpt)

    def call(self, waveform: Any, maximum: Any = None) -> Any:
        """Compute the feature; see the class."""
        return _scaled(self.feature, self._linear(waveform), maximum)

    def maximum(self, waveform: Any) -> Any:
        """Find the greatest value of each clip before the scale.

        Parameters
        ----------
        waveform : tensor (batch, samples[, 1[, channels]])
            Whole clips.

        Returns
        -------
        tensor (batch,)
        """
        return ops.max(self._linear(waveform), axis=(1, 2, 3))

    def compute_output_shape(self, waveform_shape: Any, maximum_shape: Any = None) -> tuple[int | None, ...]:
        batch, samples = waveform_shape[:2]
        channels = waveform_shape[3] if len(waveform_shape) == 4 else 1
        frames = None if samples is None else self._framing.num_frames(samples)
        return batch, frames, self.feature.bins, channels * (2 if self.feature.is_complex else 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "feature": self.feature.canonical()}

    def _linear(self, waveform: Any) -> Any:
        """Everything before the scale: (batch, frames, bins, channels)."""
        y = ops.cast(waveform, "float32")
        if len(y.shape) < 4:
            y = ops.reshape(y, (-1, ops.shape(y)[1], 1, 1))
        y = ops.transpose(y[:, :, 0], (0, 2, 1))
        real, imaginary = _spectrum(y, self._framing)
        if self._tap.output == "complex":
            phase = not self.feature.is_complex
            parts = [ops.arctan2(imaginary, real)] if phase else [real, imaginary]
            stacked = ops.stack(parts, axis=2)  # (batch, channels, parts, frames, bins)
            stacked = ops.reshape(stacked, (-1, stacked.shape[1] * len(parts), *ops.shape(stacked)[3:]))
            return ops.transpose(stacked, (0, 2, 3, 1))
        x = _raised(ops.square(real) + ops.square(imaginary), self._tap.power / 2)
        if self._bank is not None and isinstance(self.feature, Mel):
            x = _raised(ops.matmul(x, ops.convert_to_tensor(self._bank)), self.feature.mel_power)
        return ops.transpose(x, (0, 2, 3, 1))


def _spectrum(y: Any, framing: Framing) -> tuple[Any, Any]:
    """Real and imaginary parts, (batch, channels, frames, bins), of (batch, channels, samples)."""
    samples = ops.shape(y)[2]
    if isinstance(samples, int) and framing.num_frames(samples) == 0:
        raise ParameterError(f"a waveform of {samples} samples gives no frame of n_fft={framing.n_fft}")
    left, right = _padding(framing, samples)
    if framing.pad_mode == "constant":
        y = ops.pad(y, ((0, 0), (0, 0), (left, right)))
    else:
        before = _inside(ops.arange(-left, 0), samples, framing.pad_mode)
        after = _inside(ops.arange(right) + samples, samples, framing.pad_mode)
        y = ops.concatenate([ops.take(y, before, axis=2), y, ops.take(y, after, axis=2)], axis=2)
    window = analysis_window(framing.window, framing.win_length, framing.n_fft, framing.window_sym)
    frames = ops.extract_sequences(y, framing.n_fft, framing.hop_length)
    real, imaginary = ops.rfft(frames * ops.convert_to_tensor(window))
    return real, imaginary


def _padding(framing: Framing, samples: Any) -> tuple[Any, Any]:
    if framing.framing == "left":
        return 0, 0
    if framing.framing == "librosa":
        return framing.n_fft // 2, framing.n_fft // 2
    reach = (-(-samples // framing.hop_length) - 1) * framing.hop_length + framing.n_fft
    missing = max(0, reach - samples) if isinstance(samples, int) else ops.maximum(0, reach - samples)
    return missing // 2, missing - missing // 2


def _inside(index: Any, samples: Any, pad_mode: str) -> Any:
    """Index of the sample that stands for one beyond the ends."""
    if pad_mode == "edge":
        return ops.clip(index, 0, samples - 1)
    period = ops.maximum(2 * (samples - 1), 1)
    folded = index % period
    return ops.minimum(folded, period - folded)


def _scaled(feature: Feature, x: Any, maximum: Any) -> Any:
    if isinstance(feature, LogMel):
        if feature.log == "log1p":
            return ops.log1p(x * feature.scale_by) / math.log(10.0)
        if feature.log in ("ln", "log10"):
            if feature.eps is not None:
                x = x + feature.eps
            elif feature.zero_as is not None:
                x = ops.where(x == 0, feature.zero_as, x)
            levels = ops.log(ops.maximum(x, max(feature.amin or 0.0, _TINY)))
            return levels if feature.log == "ln" else levels / math.log(10.0)
        factor = 20.0 / (feature.power if feature.log == "db" else 2.0)
    elif isinstance(feature, Stft) and feature.output == "log":
        factor = 20.0
    else:
        return x
    return _decibel(feature, x, factor, maximum)


def _decibel(feature: Stft | LogMel, x: Any, factor: float, maximum: Any) -> Any:
    amin = max(feature.amin or 0.0, _TINY)

    def level(values: Any) -> Any:
        return ops.log(ops.maximum(values, amin)) * (factor / math.log(10.0))

    levels = level(x)
    if maximum is None:
        top = ops.max(levels, axis=(1, 2, 3), keepdims=True)
    else:
        top = ops.reshape(level(ops.cast(maximum, "float32")), (-1, 1, 1, 1))
    floor = None if feature.top_db is None else top - feature.top_db
    if floor is not None:
        levels = ops.maximum(levels, floor)
    if feature.ref == "max":
        return levels - top
    return levels - factor * math.log10(max(float(feature.ref or 1.0), amin))


def _raised(x: Any, exponent: float) -> Any:
    if exponent == 1.0:
        return x
    return ops.sqrt(x) if exponent == 0.5 else ops.power(x, exponent)
