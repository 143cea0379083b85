"""Parameters of a dB scale and the types that the kinds share."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from melgrid.params.features import Feature, Positive

__all__ = ["Decibel", "NonNegative", "Reference", "Scaled", "Window"]

Window = Literal[
    "bartlett", "blackman", "blackmanharris", "bohman", "boxcar", "cosine", "flattop", "hamming", "hann",
    "nuttall", "parzen", "triang",
]  # fmt: skip
Decibel = Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
Reference = Positive | Literal["max"] | None
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Scaled(Feature):
    """Parameters of a dB scale, for kinds that may have one.

    Attributes
    ----------
    output : str
        What is stored; kinds list their own.
    ref : float > 0, "max" or None
        0 dB; "max" is the clip's own maximum. Only for output "log", like `amin` and `top_db`.
    amin : float > 0 or None
        Magnitudes below count as this.
    top_db : float > 0 or None
        Values more than this under the clip's maximum are raised to that floor.
    """

    output: str
    ref: Reference = 1.0
    amin: Positive | None = 1e-5
    top_db: Decibel = 80.0

    @classmethod
    def _stores_log(cls, data: dict[str, Any]) -> bool:
        return data.get("output") == "log"

    @classmethod
    def _settle(cls, data: dict[str, Any]) -> dict[str, Any]:
        data = super()._settle(data)
        if not cls._stores_log(data):
            for name in ("ref", "amin", "top_db"):
                data.setdefault(name, None)
        return data

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        for name in () if self.is_log else ("ref", "amin", "top_db"):
            value = getattr(self, name)
            if value is not None:
                raise ValueError(f"{name}={value!r}: only with output = 'log', not {self.output!r}")
        return self

    @property
    def is_log(self) -> bool:
        return type(self)._stores_log(self.__dict__)

    @property
    def unit(self) -> str:
        return "dB" if self.is_log else "1"
