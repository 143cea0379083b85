"""Which samples a feature is computed from: an excerpt of the clip, or short segments of it one by one.

Both count samples of the feature's own rate, so that the same clip gives the same frames whatever its file's rate.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from melgrid.errors import ParameterError
from melgrid.params.messages import describe

__all__ = ["Excerpt", "ExcerptField", "Segments", "SegmentsField"]

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Stretch(BaseModel):
    """A table in a grid file, or its shorthand: the values in their order, with colons between them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise ParameterError(describe(error, type(self).model_fields)) from None

    @classmethod
    def parse(cls, value: Any) -> Any:
        """Make a table of shorthand such as ``29.12:center:zeros``, or of a number of seconds."""
        names = list(cls.model_fields)
        if isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            value = {names[0]: value}
        elif isinstance(value, str):
            parts = value.split(":")
            if len(parts) > len(names):
                raise ParameterError(f"{value!r}: has more than the {len(names)} values {', '.join(names)}")
            value = dict(zip(names, map(_number, parts), strict=False))
        return value

    def __str__(self) -> str:
        values = [getattr(self, name) for name in type(self).model_fields]
        return ":".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values if v is not None)


class Excerpt(_Stretch):
    """A part of the clip.

    Attributes
    ----------
    seconds : float > 0
        Its length.
    start : str or float >= 0
        head, center, or the second at which it begins.
    pad : str
        What a clip that has less becomes: none (it stays short), zeros (behind it), front (zeros before it),
        repeat (of itself), or frames: the whole clip is transformed, and the feature is cut, or filled with frames of
        an all-zero spectrum, to as many frames as `seconds` give.
    """

    seconds: Seconds
    start: Literal["head", "center"] | Annotated[float, Field(gt=0, allow_inf_nan=False)] = "head"
    pad: Literal["none", "zeros", "front", "repeat", "frames"] = "none"

    @field_validator("start", mode="before")
    @classmethod
    def _zero_is_the_head(cls, value: Any) -> Any:
        return "head" if value == 0 and not isinstance(value, bool) else value

    @field_validator("pad")
    @classmethod
    def _frames_need_an_edge(cls, value: str, info: Any) -> str:
        if value == "frames" and isinstance(info.data.get("start"), float):
            raise ValueError("another where start is a number of seconds: frames are counted from head or center")
        return value

    def samples(self, sr: int) -> int:
        """Length in samples.

        Parameters
        ----------
        sr : int, Hz

        Returns
        -------
        int
        """
        return round(self.seconds * sr)

    def span(self, n_samples: int, sr: int) -> tuple[int, int]:
        """Find the samples of a clip that the excerpt takes.

        Parameters
        ----------
        n_samples : int
        sr : int, Hz

        Returns
        -------
        first, last : int
            ``y[first:last]``; equal when the clip ends before the excerpt begins.
        """
        length = self.samples(sr)
        if self.start == "center":
            first = max(0, (n_samples - length) // 2)
        else:
            first = 0 if self.start == "head" else round(self.start * sr)
        return min(first, n_samples), min(first + length, n_samples)

    def length(self, n_samples: int, sr: int) -> int:
        """Count the samples of the excerpt of a clip, padding included.

        Parameters
        ----------
        n_samples : int
        sr : int, Hz

        Returns
        -------
        int, 0 where the clip has nothing to give
        """
        first, last = self.span(n_samples, sr)
        return last - first if self.pad in ("none", "frames") or first == last else self.samples(sr)


class Segments(_Stretch):
    """Windows of the clip, each transformed as if it were a clip; their frames follow each other.

    Attributes
    ----------
    seconds : float > 0
        Length of a window.
    step : float > 0
        From the beginning of one to the beginning of the next, in seconds.
    count : int >= 1 or None
        At most so many; None takes all that fit.
    """

    seconds: Seconds
    step: Seconds
    count: Annotated[int, Field(ge=1)] | None = None

    def spans(self, n_samples: int, sr: int) -> list[tuple[int, int]]:
        """Find the windows.

        Parameters
        ----------
        n_samples : int
        sr : int, Hz

        Returns
        -------
        list of (int, int)
            ``y[first:last]``, all of equal length; empty when the clip is shorter than one.
        """
        length, step = round(self.seconds * sr), round(self.step * sr)
        fitting = 1 + (n_samples - length) // step  # below 1 for a shorter clip
        return [(i * step, i * step + length) for i in range(min(fitting, self.count or fitting))]


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _parse(model: type[_Stretch]) -> BeforeValidator:
    return BeforeValidator(model.parse)


ExcerptField = Annotated[Excerpt, _parse(Excerpt)]
SegmentsField = Annotated[Segments, _parse(Segments)]
