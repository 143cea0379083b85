"""Altered copies of clips, made when a store is built: how they are written, and what they are called.

``"time_stretch rate=0.8,1.2"`` asks for two variants of each clip. Effects joined by `` + `` follow one another in
each variant: ``"time_stretch rate=0.8,1.2 + gain db=-6"`` asks for two as well. Each effect has one parameter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

from melgrid.errors import ParameterError
from melgrid.params.messages import nearest

__all__ = ["EFFECTS", "Augmentation", "augmentations"]


@dataclass(frozen=True)
class Effect:
    """What an effect takes: its parameter, the open range of its values, and the value that would change nothing."""

    parameter: str
    low: float
    high: float
    idle: float
    unit: str


EFFECTS = {
    "time_stretch": Effect("rate", 0.05, 20.0, 1.0, "times faster"),
    "pitch_shift": Effect("n_steps", -60.0, 60.0, 0.0, "semitones"),
    "noise": Effect("snr_db", -60.0, 120.0, math.inf, "dB"),
    "gain": Effect("db", -120.0, 60.0, 0.0, "dB"),
}


@dataclass(frozen=True, order=True)
class Augmentation:
    """What is done to a clip for one variant of it.

    Attributes
    ----------
    steps : tuple of (str, float)
        Effects of `EFFECTS` with the value of their parameter, in the order in which they are applied.
    """

    steps: tuple[tuple[str, float], ...]

    @property
    def text(self) -> str:
        """As it is written: ``time_stretch rate=0.8 + gain db=-6``."""
        return " + ".join(f"{name} {EFFECTS[name].parameter}={value:.12g}" for name, value in self.steps)

    @property
    def suffix(self) -> str:
        """What the id of a variant ends in, after the id of its parent: ``#time_stretch-rate=0.8+gain-db=-6``."""
        return "#" + self.text.replace(" + ", "+").replace(" ", "-")

    @property
    def rate(self) -> float:
        """How many times shorter the variant is than its parent."""
        return math.prod(value for name, value in self.steps if name == "time_stretch")

    @classmethod
    def from_suffix(cls, suffix: str) -> Augmentation:
        """Read what `suffix` returned.

        Raises
        ------
        ParameterError
            It is none.
        """
        steps = suffix.removeprefix("#").split("+")
        (found,) = augmentations([" + ".join(step.replace("-", " ", 1) for step in steps)])
        return found


def augmentations(texts: Iterable[str]) -> tuple[Augmentation, ...]:
    """Read augmentations as they are written on the command line and in grid files.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    tuple of Augmentation, sorted, without repeats

    Raises
    ------
    ParameterError
        A text is not of the form, or a value is out of range.
    """
    found: set[Augmentation] = set()
    for text in texts:
        steps = [_values(text, step.split()) for step in text.split(" + ")]
        found |= {Augmentation(combination) for combination in itertools.product(*steps)}
    return tuple(sorted(found))


def _values(text: str, words: list[str]) -> list[tuple[str, float]]:
    place = f"augment {text!r}"
    if not words or words[0] not in EFFECTS:
        raise ParameterError(
            f"{place}: {words[0] if words else ''!r} is no effect.{nearest(''.join(words[:1]), EFFECTS)}"
        )
    name, effect = words[0], EFFECTS[words[0]]
    key, equals, values = words[1].partition("=") if len(words) == 2 else ("", "", "")
    if key != effect.parameter or not (equals and values):
        raise ParameterError(
            f"{place}: write {name} {effect.parameter}=V or {name} {effect.parameter}=V,V ({effect.unit}); "
            "effects of one variant are joined by ' + '"
        )
    numbers = []
    for value in values.split(","):
        try:
            number = float(f"{float(value):.12g}")
        except ValueError:
            raise ParameterError(f"{place}: {key}={value!r} is no number") from None
        if not effect.low < number < effect.high:
            raise ParameterError(f"{place}: {key}={value}: must be above {effect.low:g} and below {effect.high:g}")
        if number == effect.idle:
            raise ParameterError(
                f"{place}: {key}={value} changes nothing; the clips themselves are in the store anyway"
            )
        numbers.append((name, number))
    return numbers
