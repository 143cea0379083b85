"""The grid as a graph: what features have in common is computed once per clip.

samples -> signal (channels, rate) -> part (level, excerpt, segments) -> spectrum (window, framing, smallest hop) ->
tap (every k-th frame, filter bank) -> feature (scale). Nodes are keyed by the parameters that matter to them; equal
nodes run once. A frame's numbers do not depend on what else is in the grid, so a feature computed alone is equal, bit
for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from melgrid.errors import ParameterError
from melgrid.params import Cqt, Feature, Waveform
from melgrid.params.messages import counted
from melgrid.params.spectral import Spectral
from melgrid.preprocess.audio.signal import Part, SignalKey, part_of, signal_key, signals
from melgrid.transforms import Framing, Tap, finish, framing_of, num_frames, plan_of, spectra, tap_of

__all__ = ["Plan", "Spectrum", "compile_plan", "compute"]

Float32 = npt.NDArray[np.float32]
Values = npt.NDArray[Any]
Stage = Callable[[str, Sequence[Feature]], AbstractContextManager[Callable[[str, float], object] | None]]
"""Entered around a piece of work, with its name and the features that share it; may yield a function to be told that
so many seconds of it belong under another name."""


_MANY_CHANNELS = 64  # more than that are samples, given the other way round


def _untold(name: str, features: Sequence[Feature]) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Spectrum:
    """One pass of framing and Fourier transform, and what is taken from it.

    Attributes
    ----------
    part : Part
    framing : Framing
        With the smallest hop of the features that share it.
    taps : tuple of Tap
    users : tuple of (Spectral, int)
        Each feature and the number of its tap.
    """

    part: Part
    framing: Framing
    taps: tuple[Tap, ...]
    users: tuple[tuple[Spectral, int], ...]


@dataclass(frozen=True)
class Plan:
    """A compiled grid.

    Attributes
    ----------
    features : tuple of Feature
    signals : tuple of SignalKey
        Each is mixed and resampled once per clip.
    parts : tuple of Part
        Each is cut once per clip.
    spectra : tuple of Spectrum
        Each is transformed once per clip.
    direct : tuple of Waveform or Cqt
        Waveforms and wavelet transforms, which take the signal itself.
    """

    features: tuple[Feature, ...]
    signals: tuple[SignalKey, ...]
    parts: tuple[Part, ...]
    spectra: tuple[Spectrum, ...]
    direct: tuple[Waveform | Cqt, ...]

    def run(self, samples: Float32, sr: int, *, stage: Stage = _untold) -> Iterator[tuple[Feature, Values, int]]:
        """Compute all features of one clip.

        Parameters
        ----------
        samples : ndarray of float32, shape (n_samples, n_channels), full scale +-1
        sr : int, Hz
        stage : callable(name, features) -> context manager
            Entered around the work of "resample", "spectrum" and "bands".

        Yields
        ------
        feature : Feature
        values : ndarray of float32 or complex64, shape (frames, bins[, channels])
            No frames when the signal is too short.
        num_samples : int
            Length of the whole signal, of which the feature may take a part.

        Raises
        ------
        ClipError
            The clip does not have the channels that a feature keeps.
        """
        return self.run_signals(signals(samples, sr), stage=stage)

    def run_signals(
        self, signal: Callable[[SignalKey], Float32], *, stage: Stage = _untold
    ) -> Iterator[tuple[Feature, Values, int]]:
        """Compute all features of one clip from its mixed and resampled signals.

        Parameters
        ----------
        signal : callable(SignalKey) -> ndarray of float32, shape (n_samples,) or (channels, n_samples)
            Called once for each of `signals`.
        stage : callable(name, features) -> context manager
            As for `run`.

        Yields
        ------
        feature, values, num_samples
            As for `run`.
        """
        for key in self.signals:
            users = [feature for feature in self.features if signal_key(feature) == key]
            with stage("resample", users):
                y = signal(key)
            for part in (p for p in self.parts if p.signal == key):
                with stage("resample", users):
                    windows = part.windows(y)
                for feature, values in self._transform(part, windows, y.shape[-1], stage):
                    yield feature, values, y.shape[-1]

    def run_noise(self) -> Iterator[tuple[Feature, Values]]:
        """Compute all features of a second of noise, so that clips find everything compiled and loaded.

        Yields
        ------
        feature, values
            As for `run`.
        """
        for part in self.parts:
            channels, sr, _ = part.signal
            y = np.random.default_rng(0).uniform(-0.1, 0.1, sr).astype(np.float32)
            window = y if channels is None else np.tile(y, (channels, 1))  # no excerpt, which may be long
            yield from self._transform(part, [window], sr, _untold)

    def _transform(
        self, part: Part, windows: list[Float32], n_samples: int, stage: Stage
    ) -> Iterator[tuple[Feature, Values]]:
        """Compute the features of one part of a signal of `n_samples`."""
        for spectrum in (s for s in self.spectra if s.part == part):
            with stage("spectrum", [feature for feature, _ in spectrum.users]) as credit:
                told = partial(credit, "bands") if credit else None
                taken = [_per_channel(window, partial(_taken, spectrum, told)) for window in windows]
            numbers = [number for _, number in spectrum.users]
            for feature, number in spectrum.users:
                with stage("bands", [feature]):
                    sources = [outputs[number] for outputs in taken]
                    values = _finished(feature, sources, n_samples, overwrite=numbers.count(number) == 1)
                yield feature, values
        octaves: list[list[dict[Any, Any]]] = [[{} for _ in range(part.signal[0] or 1)] for _ in windows]
        for whole in (f for f in self.direct if part_of(f) == part):
            with stage("bands", [whole]):
                sources = [_from_signal(whole, *each) for each in zip(windows, octaves, strict=True)]
                values = _finished(whole, sources, n_samples, overwrite=isinstance(whole, Cqt))
            yield whole, values

    def describe(self) -> str:
        """Draw the graph as indented text, one line per node with the number of features that use it.

        Returns
        -------
        str
        """
        lines = [f"decode once -> {counted(len(self.signals), 'signal')}, {counted(len(self.features), 'feature')}"]
        for part in self.parts:
            lines.append(f"  {part}")
            for spectrum in (s for s in self.spectra if s.part == part):
                f = spectrum.framing
                shared = f"  (shared by {len(spectrum.users)} features)" if len(spectrum.users) > 1 else ""
                lines.append(f"    spectrum n_fft={f.n_fft} hop_length={f.hop_length}{shared}")
                for feature, number in spectrum.users:
                    step = spectrum.taps[number].step
                    every = f"  one frame in {step}" if step > 1 else ""
                    lines.append(f"      {feature.id}{every}")
            lines += [f"    {feature.id}" for feature in self.direct if part_of(feature) == part]
        return "\n".join(lines)


def _taken(spectrum: Spectrum, told: Callable[[float], object] | None, channel: Float32, _: int) -> list[Values]:
    return spectra(channel, spectrum.framing, spectrum.taps, on_bands=told)


def compile_plan(features: Iterable[Feature]) -> Plan:
    """Find what the features of a grid share.

    Parameters
    ----------
    features : iterable of Feature
        Without repeats.

    Returns
    -------
    Plan

    Raises
    ------
    ParameterError
        There is no feature.
    """
    features = tuple(features)
    if not features:
        raise ParameterError("a plan needs at least one feature")
    signals = tuple(dict.fromkeys(signal_key(feature) for feature in features))
    parts = tuple(dict.fromkeys(part_of(feature) for feature in features))
    families: dict[tuple[Any, ...], list[Spectral]] = {}
    direct: list[Waveform | Cqt] = []
    for feature in features:
        if isinstance(feature, Spectral):
            families.setdefault(_family(feature), []).append(feature)
        elif isinstance(feature, Waveform | Cqt):
            direct.append(feature)
        else:
            raise ParameterError(f"{feature.kind}: is no kind that can be computed")
    spectra_ = [node for family in families.values() for node in _share_hops(family)]
    return Plan(features, signals, parts, tuple(spectra_), tuple(direct))


def _family(feature: Spectral) -> tuple[Any, ...]:
    """Features of equal families differ at most in the hop of their spectrum."""
    framing = framing_of(feature)
    # The left padding of SAME framing depends on the hop, so frames of two hops do not coincide.
    hop = framing.hop_length if framing.framing == "same" else 1
    return part_of(feature), replace(framing, hop_length=hop)


def _share_hops(family: list[Spectral]) -> Iterator[Spectrum]:
    """Give every feature the smallest hop of which its own is a multiple."""
    bases: dict[int, list[Spectral]] = {}
    for hop in sorted({feature.hop_length for feature in family}):
        base = next((b for b in bases if hop % b == 0), hop)
        bases.setdefault(base, []).extend(f for f in family if f.hop_length == hop)
    for hop, members in bases.items():
        framing = replace(framing_of(members[0]), hop_length=hop)
        taps: dict[Tap, int] = {}
        users = tuple((f, taps.setdefault(tap_of(f, f.hop_length // hop), len(taps))) for f in members)
        yield Spectrum(part_of(members[0]), framing, tuple(taps), users)


def _from_signal(feature: Waveform | Cqt, y: Float32, octaves: list[dict[Any, Any]]) -> Values:
    if isinstance(feature, Waveform):
        samples = np.ascontiguousarray(np.atleast_2d(y).T)
        return samples.reshape(y.shape[-1], 1, *y.shape[:-1])
    plan = plan_of(feature)
    (wavelets,) = _per_channel(y, lambda channel, number: [plan.transform(channel, octaves[number])])
    return wavelets


def _finished(feature: Feature, sources: list[Values], n_samples: int, *, overwrite: bool = False) -> Values:
    """Scale what the transforms of a clip's windows gave, and put it together.

    An excerpt that is counted in frames is filled before the scale, where silence is zero, and cut after it, so that a
    reference to the maximum is to that of the whole clip.
    """
    excerpt = feature.excerpt
    if excerpt is None or excerpt.pad != "frames" or len(sources[0]) == 0:
        values = [finish(feature, source, overwrite=overwrite) for source in sources]
        return values[0] if len(values) == 1 else np.concatenate(values)
    frames = num_frames(feature, n_samples)
    (source,) = sources
    if len(source) < frames:
        source = np.concatenate([source, np.zeros((frames - len(source), *source.shape[1:]), source.dtype)])
    first = (len(source) - frames) // 2 if excerpt.start == "center" else 0
    return np.ascontiguousarray(finish(feature, source, overwrite=overwrite)[first : first + frames])


def _per_channel(y: Float32, transform: Callable[[Float32, int], list[Values]]) -> list[Values]:
    """Apply a transform of mono signals; channels become the last axis."""
    if y.ndim == 1:
        return transform(y, 0)
    channels = [transform(channel, number) for number, channel in enumerate(y)]
    return [np.stack(same, axis=-1) for same in zip(*channels, strict=True)]


def compute(feature: Feature, y: Float32, sr: int) -> Values:
    """Compute one feature of a signal, by the same code as a store, before the cast to its stored type.

    Parameters
    ----------
    feature : Feature
    y : ndarray of float, shape (n_samples,) or (n_channels, n_samples), full scale +-1
        Mixed and resampled as the feature says.
    sr : int, Hz
        Rate of `y`.

    Returns
    -------
    ndarray of float32 (complex64 for complex output), shape (frames, bins[, channels])

    Raises
    ------
    ParameterError
        `feature` is no feature, `sr` no rate, or `y` is empty, not finite, of whole numbers, or of another shape.
    ClipError
        `y` does not have the channels that the feature keeps.
    """
    if not isinstance(feature, Feature):
        raise ParameterError(
            f"feature={feature!r}: must be a feature, e.g. melgrid.LogMel(n_mels=64), or store[0].feature of a store"
        )
    if isinstance(sr, bool) or not isinstance(sr, Real) or not 0 < sr < float("inf"):
        raise ParameterError(f"sr={sr!r}: must be the rate of y in Hz, a number above 0")
    (_, values, _) = next(iter(compile_plan([feature]).run(_samples(y), sr)))
    return values


def _samples(y: npt.ArrayLike) -> Float32:
    """Check what a person calls samples; (n_samples, n_channels), as a decoder gives them."""
    samples = np.asarray(y)
    if samples.dtype.kind in "iu":
        raise ParameterError(
            f"y is of type {samples.dtype}: must be float samples of full scale +-1; divide by the full scale "
            "(y / 32768 for int16)"
        )
    if samples.dtype.kind != "f":
        raise ParameterError(f"y is of type {samples.dtype}: must be an array of float samples of full scale +-1")
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise ParameterError(f"y has shape {samples.shape}: must be (n_samples,) or (n_channels, n_samples), not empty")
    if samples.ndim == 2 and samples.shape[0] > max(samples.shape[1], _MANY_CHANNELS):
        raise ParameterError(
            f"y has shape {samples.shape}: must be (n_channels, n_samples), this looks like the reverse; pass y.T"
        )
    samples = samples.astype(np.float32, copy=False)
    if not np.isfinite(samples).all():
        raise ParameterError("y holds NaN or infinite samples")
    return np.atleast_2d(samples).T
