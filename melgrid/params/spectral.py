"""Kinds that rest on the short-time Fourier transform. Defaults are librosa 0.11's."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from melgrid.params.features import Count, Feature, Positive
from melgrid.params.limits import empty_bands
from melgrid.params.scaled import Decibel, NonNegative, Reference, Scaled, Window

__all__ = ["Chroma", "LogMel", "Mel", "Mfcc", "Spectral", "Stft"]


# Scales with a reference and a range, and the scales that know each parameter of a logarithm.
_LEVELS = ("db", "10log10")
_SCALES = {
    "ref": _LEVELS,
    "top_db": _LEVELS,
    "eps": ("ln", "log10"),
    "zero_as": ("ln", "log10"),
    "amin": ("db", "10log10", "ln", "log10"),
    "scale_by": ("log1p",),
}


class Spectral(Feature):
    """Framing and Fourier transform.

    Attributes
    ----------
    n_fft : int in [2, 1048576], samples
        Length of the frame and of the transform.
    win_length : int in [1, n_fft], samples
        Window, centred in the frame.
    hop_length : int >= 1, samples
        From one frame to the next.
    window : str
        A window of `scipy.signal.get_window`: bartlett, blackman, blackmanharris, bohman, boxcar, cosine, flattop,
        hamming, hann, nuttall, parzen or triang.
    window_sym : bool
        Symmetric instead of periodic window.
    center : bool
        As in librosa; follows from `framing`.
    framing : str
        librosa (centred, 1 + n // hop frames), same (TensorFlow's SAME: ceil(n / hop), zeros) or
        left (no padding, 1 + (n - n_fft) // hop).
    pad_mode : str
        Padding at the edges of a centred clip: constant (zeros), reflect or edge.
    """

    n_fft: Annotated[int, Field(ge=2, le=1 << 20)] = 2048
    win_length: Count = Field(default_factory=lambda done: done["n_fft"])
    hop_length: Count = 512
    window: Window = "hann"
    window_sym: bool = False
    framing: Literal["librosa", "same", "left"] = "librosa"
    center: bool = True
    pad_mode: Literal["constant", "reflect", "edge"] = "constant"

    @classmethod
    def _settle(cls, data: dict[str, Any]) -> dict[str, Any]:
        data = super()._settle(data)
        if data.get("center") is False:
            data.setdefault("framing", "left")
        if data.get("framing", "librosa") != "librosa":
            data.setdefault("center", False)
        return data

    @model_validator(mode="after")
    def _check_frame(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(f"win_length={self.win_length}: must not be above n_fft={self.n_fft}")
        if self.center != (self.framing == "librosa"):
            raise ValueError(
                f"center={self.center}, framing={self.framing!r}: librosa framing is centred, same and left are not"
            )
        if self.pad_mode != "constant" and self.framing != "librosa":
            raise ValueError(f"pad_mode={self.pad_mode!r}: only with framing = 'librosa', not {self.framing!r}")
        return self

    def _slug(self) -> list[str]:
        return [*super()._slug(), f"fft{self.n_fft}", f"hop{self.hop_length}"]


class Stft(Spectral, Scaled):
    """Short-time Fourier transform.

    Attributes
    ----------
    output : str
        magnitude, power, log (20 log10 of the magnitude), complex or phase (radians).
    """

    kind: Literal["stft"] = "stft"
    hop_length: Count = Field(default_factory=lambda done: max(1, done["win_length"] // 4))
    output: Literal["magnitude", "power", "log", "complex", "phase"] = "magnitude"

    @property
    def bins(self) -> int:
        return 1 + self.n_fft // 2

    @property
    def is_complex(self) -> bool:
        return self.output == "complex"

    @property
    def is_power(self) -> bool:
        return self.output == "power"

    @property
    def unit(self) -> str:
        return "rad" if self.output == "phase" else super().unit

    def _slug(self) -> list[str]:
        return [*super()._slug(), self.output]


class Mel(Spectral):
    """Mel bands of a spectrogram.

    Attributes
    ----------
    power : float > 0
        Exponent of the magnitudes before the filter bank.
    n_mels : int >= 1
    fmin, fmax : float, Hz
    htk : bool
        HTK's mel formula instead of Slaney's.
    norm : str, int or None
        slaney (unit area), 1, 2 or inf (unit norm), None.
    empty_bands : str
        refuse or allow bands without an FFT bin, which are always zero.
    mel_power : float > 0
        Exponent of the band values after the filter bank.
    scaling : str or None
        density: power per radian, ``abs(X)**2 / (2 * pi * sum(window**2))``, one-sided: all bins but the first and the
        Nyquist one count twice (`scipy.signal.periodogram` at fs = 2 pi). Only with power = 2.
    """

    kind: Literal["mel", "logmel", "mfcc"] = "mel"
    power: Positive = 2.0
    n_mels: Count = 128
    fmin: NonNegative = 0.0
    fmax: Positive = Field(default_factory=lambda done: done["sr"] / 2)
    htk: bool = False
    norm: Literal["slaney", "inf", 1, 2] | None = "slaney"
    empty_bands: Literal["refuse", "allow"] = "refuse"
    mel_power: Positive = 1.0
    scaling: Literal["density"] | None = None

    @model_validator(mode="after")
    def _check_bank(self) -> Self:
        if self.scaling is not None and self.power != 2:
            raise ValueError(f"scaling={self.scaling!r}: is one of power; power={self.power:g} must be 2")
        if self.fmax > self.sr / 2:
            raise ValueError(
                f"fmax={self.fmax:g}: must not be above the Nyquist frequency, sr / 2 = {self.sr / 2:g} Hz"
            )
        if self.fmin >= self.fmax:
            raise ValueError(f"fmin={self.fmin:g}: must be below fmax={self.fmax:g} Hz")
        if self.empty_bands == "refuse":
            empty = empty_bands(self.sr, self.n_fft, self.n_mels, self.fmin, self.fmax, self.htk)
            if empty:
                raise ValueError(
                    f"n_mels={self.n_mels}: {len(empty)} of the bands (the first: {empty[0]}) contain no FFT bin at "
                    f"sr={self.sr}, n_fft={self.n_fft} and would always be zero; use fewer bands or a larger n_fft, "
                    "or say empty_bands = 'allow'"
                )
        return self

    @property
    def bins(self) -> int:
        return self.n_mels

    @property
    def is_power(self) -> bool:
        return not self.is_log and self.power * self.mel_power >= 2

    def _slug(self) -> list[str]:
        return [*super()._slug(), f"mel{self.n_mels}"]


class LogMel(Mel):
    """Mel bands on a logarithmic scale.

    Attributes
    ----------
    log : str
        db (10 log10 of power, 20 log10 of magnitudes), 10log10 (whatever the power), ln, log10, or
        log1p: log10(1 + scale_by * x).
    ref : float > 0, "max" or None
        What becomes 0; "max" is the clip's own maximum. Only for db and 10log10, like `top_db`.
    eps : float > 0 or None
        Added to every value, for ln and log10 in place of `amin`.
    zero_as : float > 0 or None
        What exact zeros count as, for ln and log10 in place of `amin`; all other values stay as they are.
    amin : float > 0 or None
        Values below count as this; not for log1p.
    top_db : float > 0 or None
        Values more than this under the clip's maximum are raised to that floor.
    scale_by : float > 0 or None
        Only for log1p.
    """

    kind: Literal["logmel", "mfcc"] = "logmel"
    log: Literal["db", "10log10", "ln", "log10", "log1p"] = "db"
    ref: Reference = Field(default_factory=lambda done: 1.0 if done["log"] in _LEVELS else None)
    eps: Positive | None = None
    zero_as: Positive | None = None
    amin: Positive | None = Field(default_factory=lambda done: _default_amin(done))
    top_db: Decibel = Field(default_factory=lambda done: 80.0 if done["log"] in _LEVELS else None)
    scale_by: Positive | None = Field(default_factory=lambda done: 1e4 if done["log"] == "log1p" else None)

    @classmethod
    def _stores_log(cls, data: dict[str, Any]) -> bool:
        return True

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        for name, scales in _SCALES.items():
            value = getattr(self, name)
            if value is not None and self.log not in scales:
                wanted = " or ".join(map(repr, scales))
                raise ValueError(f"{name}={value!r}: only with log = {wanted}, not {self.log!r}")
        floors = {name: value for name in ("amin", "eps", "zero_as") if (value := getattr(self, name)) is not None}
        if len(floors) > 1:
            shown = ", ".join(f"{name}={value!r}" for name, value in floors.items())
            raise ValueError(f"{shown}: each says what becomes of small values; give one of them")
        return self

    @property
    def is_log(self) -> bool:
        return True

    @property
    def unit(self) -> str:
        names = {"db": "dB", "10log10": "10 log10", "log1p": f"log10(1 + {self.scale_by or 0:g} x)"}
        return names.get(self.log, self.log)


class Mfcc(LogMel):
    """Mel-frequency cepstral coefficients of a dB mel spectrogram.

    Attributes
    ----------
    n_mfcc : int in [1, n_mels]
    dct_type : int
        2 or 3.
    dct_norm : str or None
        ortho or None.
    lifter : float >= 0
        Liftering coefficient; 0 does none.
    deltas : int in [0, 2]
        Orders of differences (width 9, edges repeated) stacked behind the coefficients.
    """

    kind: Literal["mfcc"] = "mfcc"
    log: Literal["db"] = "db"
    n_mfcc: Count = 20
    dct_type: Literal[2, 3] = 2
    dct_norm: Literal["ortho"] | None = "ortho"
    lifter: NonNegative = 0.0
    deltas: Annotated[int, Field(ge=0, le=2)] = 0

    @classmethod
    def _stores_log(cls, data: dict[str, Any]) -> bool:
        return False  # cepstra span hundreds of dB: float16 would be too coarse by default

    @model_validator(mode="after")
    def _check_cepstrum(self) -> Self:
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc={self.n_mfcc}: must not be above n_mels={self.n_mels}")
        return self

    @property
    def bins(self) -> int:
        return self.n_mfcc * (1 + self.deltas)

    @property
    def is_log(self) -> bool:
        return False

    @property
    def is_power(self) -> bool:
        return False

    @property
    def unit(self) -> str:
        return "1"

    def _slug(self) -> list[str]:
        return [*super()._slug(), f"mfcc{self.n_mfcc}"]


class Chroma(Spectral):
    """Energy of the pitch classes of a power spectrogram.

    Attributes
    ----------
    n_chroma : int >= 1
    norm : str, int or None
        inf, 1 or 2 normalise every frame; None keeps energies.
    tuning : float in [-0.5, 0.5), bins
    """

    kind: Literal["chroma"] = "chroma"
    n_chroma: Count = 12
    norm: Literal["inf", 1, 2] | None = "inf"
    tuning: Annotated[float, Field(ge=-0.5, lt=0.5)] = 0.0

    @property
    def bins(self) -> int:
        return self.n_chroma

    @property
    def is_power(self) -> bool:
        return self.norm is None

    def _slug(self) -> list[str]:
        return [*super()._slug(), f"chroma{self.n_chroma}"]


def _default_amin(done: dict[str, Any]) -> float | None:
    if done["log"] == "log1p" or done["eps"] is not None or done["zero_as"] is not None:
        return None
    # librosa: 1e-10 for power, 1e-5 for magnitudes; the same level in between
    power = done["power"]
    return 1e-5 if power == 1.0 else 1e-10 if power == 2.0 else float(10.0 ** (-5.0 * power))
