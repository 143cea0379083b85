"""Kinds that rest on the short-time Fourier transform. Defaults are librosa 0.11's."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from melgrid.params.features import Count, Feature, Positive
from melgrid.params.limits import empty_bands
from melgrid.params.scaled import Decibel, NonNegative, Reference, Scaled, Window

__all__ = ["Chroma", "LogMel", "Mel", "Mfcc", "Spectral", "Stft"]


class Spectral(Feature):
    """Framing and Fourier transform.

    Attributes
    ----------
    n_fft : int >= 2, samples
    win_length : int in [1, n_fft], samples
        Window, centred in the frame.
    hop_length : int >= 1, samples
    window : str
        Name of a `scipy.signal.get_window` window.
    window_sym : bool
        Symmetric instead of periodic window.
    center : bool
        As in librosa; follows from `framing`.
    framing : str
        librosa (centred, 1 + n // hop frames), same (TensorFlow's SAME: ceil(n / hop), zeros) or
        left (no padding, 1 + (n - n_fft) // hop).
    pad_mode : str
        Padding at the edges of a centred clip.
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

    @model_validator(mode="after")
    def _check_bank(self) -> Self:
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

    def _slug(self) -> list[str]:
        return [*super()._slug(), f"mel{self.n_mels}"]


class LogMel(Mel):
    """Mel bands on a logarithmic scale.

    Attributes
    ----------
    log : str
        db (10 log10 of power, 20 log10 of magnitudes), ln, log10, or log1p: log10(1 + scale_by * x).
    ref : float > 0, "max" or None
        0 dB; "max" is the clip's own maximum. Only for db, like `top_db`.
    amin : float > 0 or None
        Values below count as this; not for log1p.
    top_db : float > 0 or None
        Values more than this under the clip's maximum are raised to that floor.
    scale_by : float > 0 or None
        Only for log1p.
    """

    kind: Literal["logmel", "mfcc"] = "logmel"
    log: Literal["db", "ln", "log10", "log1p"] = "db"
    ref: Reference = Field(default_factory=lambda done: 1.0 if done["log"] == "db" else None)
    amin: Positive | None = Field(
        default_factory=lambda done: None if done["log"] == "log1p" else _default_amin(done["power"])
    )
    top_db: Decibel = Field(default_factory=lambda done: 80.0 if done["log"] == "db" else None)
    scale_by: Positive | None = Field(default_factory=lambda done: 1e4 if done["log"] == "log1p" else None)

    @classmethod
    def _stores_log(cls, data: dict[str, Any]) -> bool:
        return True

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        for name, wanted in (("ref", "db"), ("top_db", "db"), ("scale_by", "log1p")):
            value = getattr(self, name)
            if value is not None and self.log != wanted:
                raise ValueError(f"{name}={value!r}: only with log = {wanted!r}, not {self.log!r}")
        if (self.amin is None) != (self.log == "log1p"):
            raise ValueError(f"amin={self.amin}: log = 'log1p' has none, the other scales need one")
        return self

    @property
    def is_log(self) -> bool:
        return True

    @property
    def unit(self) -> str:
        return {"db": "dB", "ln": "ln", "log10": "log10", "log1p": f"log10(1 + {self.scale_by or 0:g} x)"}[self.log]


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

    def _slug(self) -> list[str]:
        return [*super()._slug(), f"chroma{self.n_chroma}"]


def _default_amin(power: float) -> float:
    # librosa: 1e-10 for power, 1e-5 for magnitudes; the same level in between
    return 1e-5 if power == 1.0 else 1e-10 if power == 2.0 else float(10.0 ** (-5.0 * power))
