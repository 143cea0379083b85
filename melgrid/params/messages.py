"""Words of messages: pydantic's findings in ours, the nearest right spelling, numbers of things."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

from melgrid.errors import ParameterError

__all__ = ["counted", "describe", "nearest"]

MOST = 40  # words of a list: all parameters of a feature, and not all clips of a corpus

# Consequences of another finding in the same list.
_ECHOES = {"default_factory_not_called"}


def counted(number: int, noun: str) -> str:
    """Put a number before its noun, e.g. ``1 signal`` or ``3 signals``.

    Parameters
    ----------
    number : int >= 0
    noun : str

    Returns
    -------
    str
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the known word that looks most like `word`, else the list of known words.

    Parameters
    ----------
    word : str
    known : iterable of str

    Returns
    -------
    str, begins with a blank; empty where nothing is known
    """
    words = sorted(known)
    if not words:
        return ""
    more = f" and {len(words) - MOST} more" if len(words) > MOST else ""
    return _similar(word, words) or f" Known: {', '.join(words[:MOST])}{more}."


def describe(error: ValidationError, fields: Iterable[str]) -> str:
    """One line per finding of a pydantic error.

    Parameters
    ----------
    error : pydantic.ValidationError
    fields : iterable of str
        Names that would have been right, for the spelling hint.

    Returns
    -------
    str
    """
    lines: dict[str, None] = {}
    for finding in error.errors(include_url=False):
        if finding["type"] in _ECHOES:
            continue
        name = str(finding["loc"][0]) if finding["loc"] else ""
        value = finding["input"]
        if finding["type"] == "extra_forbidden":
            lines[f"{name}: unknown parameter.{nearest(name, fields)}"] = None
        elif finding["type"] == "missing":
            lines[f"{name}: is missing"] = None
        elif finding["type"] == "value_error" and not name:
            lines[finding["msg"].removeprefix("Value error, ")] = None
        elif isinstance(finding.get("ctx", {}).get("error"), ParameterError):  # of a table inside, in our words already
            lines[f"{name}: {finding['ctx']['error']}"] = None
        elif finding["type"] == "literal_error" and isinstance(value, str):
            expected = finding.get("ctx", {}).get("expected", "")
            words = [w.strip().strip("'") for w in expected.replace(" or ", ", ").split(",")]
            hint = _similar(value, words)
            lines[f"{name}={value!r}: must be {expected}{'.' if hint else ''}{hint}"] = None
        else:
            text = finding["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            lines[f"{name}={value!r}: must be {text}"] = None
    return "; ".join(lines)


def _similar(word: str, words: list[str]) -> str:
    match = difflib.get_close_matches(word.lower(), words, n=1)
    return f" Did you mean {match[0]!r}?" if match else ""
