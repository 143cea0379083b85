"""From a feature's parameters to the transforms that make it up.

A feature is a source (the clip, a `Tap` on a `Framing`, or a `CqtPlan`) and a finish: what happens to the source's
whole output, once all frames and channels are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from melgrid.errors import ParameterError
from melgrid.params import Chroma, Cqt, Feature, LogMel, Mel, Mfcc, Stft, Vqt
from melgrid.params.spectral import Spectral
from melgrid.transforms.framing import Framing
from melgrid.transforms.octaves import OctaveChain, octave_chain

if TYPE_CHECKING:
    from melgrid.transforms.cqt import CqtPlan
    from melgrid.transforms.spectrum import Tap

__all__ = ["chain_of", "finish", "framing_of", "plan_of", "tap_of"]

Array = npt.NDArray[Any]


def framing_of(feature: Spectral) -> Framing:
    """Frames and window of a feature that rests on the Fourier transform.

    Parameters
    ----------
    feature : Spectral

    Returns
    -------
    Framing
    """
    return Framing(
        n_fft=feature.n_fft,
        hop_length=feature.hop_length,
        win_length=feature.win_length,
        window=feature.window,
        window_sym=feature.window_sym,
        framing=feature.framing,
        pad_mode=feature.pad_mode,
    )


def tap_of(feature: Spectral, step: int = 1) -> Tap:
    """What a feature takes from its frames.

    Parameters
    ----------
    feature : Spectral
    step : int > 0
        Keep every step-th frame.

    Returns
    -------
    Tap
    """
    from melgrid.transforms.cepstrum import chroma_bank
    from melgrid.transforms.framing import window_energy
    from melgrid.transforms.mel import mel_bank
    from melgrid.transforms.spectrum import Tap

    if isinstance(feature, Mel):
        bank = mel_bank(
            sr=feature.sr,
            n_fft=feature.n_fft,
            n_mels=feature.n_mels,
            fmin=feature.fmin,
            fmax=feature.fmax,
            htk=feature.htk,
            norm=feature.norm,
            density_of=None if feature.scaling is None else window_energy(framing_of(feature)),
        )
        return Tap(step=step, power=feature.power, bank=bank)
    if isinstance(feature, Chroma):
        bank = chroma_bank(sr=feature.sr, n_fft=feature.n_fft, n_chroma=feature.n_chroma, tuning=feature.tuning)
        return Tap(step=step, power=2.0, bank=bank)
    if not isinstance(feature, Stft):
        raise ParameterError(f"kind={feature.kind!r}: no tap is known for it")
    if feature.output in ("complex", "phase"):
        return Tap(step=step, output="complex")
    return Tap(step=step, power=2.0 if feature.output == "power" else 1.0)


def _wavelets(feature: Cqt) -> dict[str, Any]:
    return {
        "sr": feature.sr,
        "hop_length": feature.hop_length,
        "fmin": feature.fmin,
        "n_bins": feature.n_bins,
        "bins_per_octave": feature.bins_per_octave,
        "tuning": feature.tuning,
        "filter_scale": feature.filter_scale,
        "window": feature.window,
        "gamma": feature.gamma if isinstance(feature, Vqt) else 0.0,
    }


def chain_of(feature: Cqt) -> OctaveChain:
    """Decimations of a constant-Q or variable-Q feature; needs no librosa.

    Parameters
    ----------
    feature : Cqt

    Returns
    -------
    OctaveChain
    """
    return octave_chain(**_wavelets(feature))


def plan_of(feature: Cqt) -> CqtPlan:
    """Plan of a constant-Q or variable-Q feature.

    Parameters
    ----------
    feature : Cqt

    Returns
    -------
    CqtPlan
    """
    from melgrid.transforms.cqt import cqt_plan

    return cqt_plan(
        norm=feature.norm,
        sparsity=feature.sparsity,
        scale=feature.scale,
        pad_mode=feature.pad_mode,
        res_type=feature.res_type,
        **_wavelets(feature),
    )


def finish(feature: Feature, x: Array, *, overwrite: bool = False) -> Array:
    """Turn the source's output for a whole clip into the feature's values.

    Parameters
    ----------
    feature : Feature
    x : ndarray, shape (frames, bins[, channels])
        From `tap_of`, from `plan_of`, or samples for a waveform.
    overwrite : bool
        The result may take the place of `x`.

    Returns
    -------
    ndarray, float32 or complex64, shape (frames, feature.bins[, channels])
    """
    if isinstance(feature, Cqt | Stft):
        return _finish_linear(feature, x, overwrite)
    if isinstance(feature, Mel):
        return _finish_mel(feature, x, overwrite)
    if isinstance(feature, Chroma):
        from melgrid.transforms.cepstrum import normalize

        return normalize(x, feature.norm)
    return x


def _finish_linear(feature: Cqt | Stft, x: Array, overwrite: bool) -> Array:
    from melgrid.transforms import scale

    if feature.output == "phase":
        return scale.phase(x)
    if isinstance(feature, Cqt) and feature.output != "complex":
        x, overwrite = scale.magnitude(x), True
    if feature.output == "log":
        return scale.db(x, power=1.0, overwrite=overwrite, **_decibel(feature))
    return x


def _finish_mel(feature: Mel, x: Array, overwrite: bool) -> Array:
    from melgrid.transforms import scale

    x = scale.raise_to(x, feature.mel_power)
    if not isinstance(feature, LogMel):
        return x
    overwrite = overwrite or feature.mel_power != 1.0
    if feature.log == "log1p":
        return scale.log1p(x, scale_by=_set(feature.scale_by), overwrite=overwrite)
    if feature.log in ("ln", "log10"):
        logarithm = scale.ln if feature.log == "ln" else scale.log10
        if feature.amin is None:
            x, overwrite = scale.lifted(x, eps=feature.eps, zero_as=feature.zero_as), True
        return logarithm(x, amin=feature.amin or 0.0, overwrite=overwrite)
    power = feature.power if feature.log == "db" else 2.0
    x = scale.db(x, power=power, overwrite=overwrite, **_decibel(feature))
    if not isinstance(feature, Mfcc):
        return x
    from melgrid.transforms.cepstrum import mfcc

    return mfcc(
        x,
        n_mfcc=feature.n_mfcc,
        dct_type=feature.dct_type,
        dct_norm=feature.dct_norm,
        lifter=feature.lifter,
        deltas=feature.deltas,
    )


def _decibel(feature: Cqt | Stft | LogMel) -> dict[str, Any]:
    return {"ref": feature.ref, "amin": feature.amin, "top_db": feature.top_db}


def _set(value: float | None) -> float:
    """Narrow a parameter that the model sets wherever it applies."""
    if value is None:
        raise ParameterError("a log scale without its floor or factor: make features through melgrid.params")
    return value
