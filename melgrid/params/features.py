"""What a feature is: one fully resolved set of parameters, named as librosa names them.

Every model is frozen, checks itself, and holds no open defaults: what depends on another parameter
(``win_length`` on ``n_fft``, ``fmax`` on ``sr``) is filled in when it is made. A None means "not applied".
Units: Hz, samples, seconds and dB, always in the name or the docstring. Arrays are (frames, bins[, channels]).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from melgrid.errors import ParameterError
from melgrid.params.excerpt import ExcerptField, SegmentsField
from melgrid.params.messages import describe, nearest

__all__ = ["Feature", "Waveform", "canonical_json"]

Dtype = Literal["float16", "float32", "uint8"]
Resampler = Literal["soxr_hq", "soxr_vhq", "soxr_mq", "soxr_lq", "soxr_qq"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no blanks: equal values give equal text, on which every digest rests.

    Parameters
    ----------
    value : object
        Anything that `json.dumps` takes, without NaN.

    Returns
    -------
    str
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class Feature(BaseModel):
    """Parameters that all kinds share.

    Attributes
    ----------
    sr : int in [1, 768000], Hz
        Rate that the audio is resampled to. In a grid also "native": the rate that all clips of the corpus share.
    mono : bool
        Mean of all channels; False keeps `channels` of them.
    channels : int in [1, 64] or None
        Number of channels kept; set exactly when `mono` is False.
    res_type : str
        Quality of the soxr resampler: soxr_hq, soxr_vhq, soxr_mq, soxr_lq or soxr_qq.
    dtype : str
        Stored type, float16, float32 or uint8: float16 by default for log-scaled features, float32 for the rest.
    range_db : (float, float) or None
        Lowest and highest dB value that uint8 spans; set exactly when `dtype` is uint8.
    peak : float > 0 or None
        The clip is scaled so that its largest absolute sample becomes this.
    excerpt : Excerpt or None
        The part of the clip that the feature is computed from, cut after resampling and scaling.
    segments : Segments or None
        Windows of it that are transformed one by one.

    Raises
    ------
    ParameterError
        A value breaks a rule, or a name is unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ignored_types=(cached_property,))

    # Not in the id: they do not change a stored number, or follow from a parameter that is in it.
    UNSTORED: ClassVar[frozenset[str]] = frozenset({"center", "empty_bands"})
    # Parameters whose None, "none" in a grid file, means "not applied"; elsewhere a None asks for the default.
    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {
            *("channels", "range_db", "peak", "excerpt", "segments"),
            *("top_db", "norm", "dct_norm", "gamma", "scaling", "eps", "zero_as"),
        }
    )

    kind: str
    sr: Annotated[int, Field(ge=1, le=768_000)] = 22050
    mono: bool = True
    channels: Annotated[int, Field(ge=1, le=64)] | None = None
    res_type: Resampler = "soxr_hq"
    dtype: Dtype = "float32"
    range_db: Annotated[tuple[Finite, Finite], Field(strict=False)] | None = None
    peak: Positive | None = None
    excerpt: ExcerptField | None = None
    segments: SegmentsField | None = None

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            kind = type(self).model_fields["kind"].default
            raise ParameterError(f"{kind}: {describe(error, type(self).model_fields)}") from None

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, data: dict[str, Any]) -> dict[str, Any]:
        plain = {k: v.item() if getattr(v, "ndim", None) == 0 else v for k, v in data.items()}  # numpy's scalars
        if plain.get("norm") == math.inf:
            plain["norm"] = "inf"  # librosa's spelling, and what inf is in TOML
        for name in cls.NULLABLE & plain.keys():
            if plain[name] == "none":  # TOML has no null
                plain[name] = None
        plain = {k: v for k, v in plain.items() if v is not None or k in cls.NULLABLE}
        plain.setdefault("dtype", "float16" if cls._stores_log(plain) else "float32")
        return cls._settle(plain)

    @classmethod
    def _stores_log(cls, data: dict[str, Any]) -> bool:
        return False

    @classmethod
    def _settle(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Reconcile parameters of which one decides another; kinds extend it."""
        return data

    @field_validator("sr", mode="before")
    @classmethod
    def _sr_is_a_number(cls, value: Any) -> Any:
        if value == "native":
            raise ValueError("a number here; sr = 'native' is for grids, which learn the corpus's rate first")
        if isinstance(value, str):
            raise ValueError("a whole number of Hz, or in a grid 'native'")
        return value

    @field_validator("range_db", mode="before")
    @classmethod
    def _range_is_a_pair(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, (list, tuple)) and len(value) == 2):
            raise ValueError("a pair, [low, high], in dB")
        return value

    @model_validator(mode="after")
    def _check_common(self) -> Self:
        if self.kind != type(self).model_fields["kind"].default:
            raise ValueError(f"kind={self.kind!r}: {type(self).__name__} is another kind; leave kind out")
        if self.mono and self.channels is not None:
            raise ValueError(f"channels={self.channels}: only with mono = false")
        if not self.mono and self.channels is None:
            raise ValueError("mono=False: needs channels, the number to keep (mono clips are duplicated)")
        if (self.dtype == "uint8") != (self.range_db is not None):
            raise ValueError(
                f"dtype={self.dtype!r}, range_db={self.range_db}: uint8 needs range_db = [low, high] in dB, "
                "and only uint8 takes it"
            )
        if self.range_db is not None and not (self.unit == "dB" and self.range_db[0] < self.range_db[1]):
            raise ValueError(
                f"range_db={list(self.range_db)}: needs low < high and a feature in dB (this one is in {self.unit!r})"
            )
        return self

    @model_validator(mode="after")
    def _check_stretches(self) -> Self:
        lengths = [] if self.excerpt is None else [("excerpt", self.excerpt.seconds)]
        if self.segments is not None:
            lengths += [("segments", self.segments.seconds), ("segments", self.segments.step)]
            if self.excerpt is not None and self.excerpt.pad == "frames":
                raise ValueError(f"excerpt={self.excerpt}: pad = 'frames' is for whole clips, not for segments")
        for name, seconds in lengths:
            if round(seconds * self.sr) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: {seconds:g} s is less than a sample at sr={self.sr}")
        return self

    @staticmethod
    def parse(data: dict[str, Any]) -> Feature:
        """Make a feature of the kind that ``data["kind"]`` names.

        Parameters
        ----------
        data : dict
            Parameters as in a grid file, no lists.

        Returns
        -------
        Feature

        Raises
        ------
        ParameterError
            The kind is unknown, or a parameter breaks a rule.
        """
        from melgrid.params import KINDS

        kind = data.get("kind")
        if kind is None:
            raise ParameterError(f"kind: missing. Known: {', '.join(KINDS)}.")
        if kind == "derived":
            raise ParameterError("kind='derived': is made of a stored feature set by a model: melgrid derive, no grid")
        if not isinstance(kind, str) or kind not in KINDS:
            raise ParameterError(f"kind={kind!r}: unknown.{nearest(str(kind), KINDS)}")
        return KINDS[kind](**data)

    def canonical(self) -> dict[str, Any]:
        """Everything that changes the stored numbers, and nothing else.

        Returns
        -------
        dict, ready for JSON; parameters that are not applied are left out
        """
        return self.model_dump(mode="json", exclude_none=True, exclude=set(self.UNSTORED))

    @cached_property
    def id(self) -> str:
        """Readable slug and the first ten hex digits of the SHA-256 of the canonical JSON."""
        digest = hashlib.sha256(canonical_json(self.canonical()).encode()).hexdigest()[:10]
        return re.sub(r"[^a-z0-9.-]+", "", "-".join([self.kind, *self._slug()]).lower()) + f"-{digest}"

    def _slug(self) -> list[str]:
        return [f"sr{self.sr}"]

    @property
    def bins(self) -> int:
        """Length of the bin axis."""
        return 1

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return int(getattr(self, "hop_length", 1))

    @property
    def hop_seconds(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop_samples / self.sr

    @property
    def is_complex(self) -> bool:
        """Whether values are complex; they are stored with a last axis of 2."""
        return False

    @property
    def is_log(self) -> bool:
        """Whether values are on a logarithmic scale."""
        return False

    @property
    def is_power(self) -> bool:
        """Whether values are linear power, whose range float16 does not hold."""
        return False

    @property
    def unit(self) -> str:
        """Physical unit of the values."""
        return "1"

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Feature) and self.id == other.id


class Waveform(Feature):
    """The decoded, mixed and resampled samples themselves: one bin, one frame per sample."""

    kind: Literal["waveform"] = "waveform"
