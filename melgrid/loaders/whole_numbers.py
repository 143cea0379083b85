"""Numbers that a caller gives and that only whole ones can be."""

from __future__ import annotations

import operator
from typing import Any

from melgrid.errors import ParameterError

__all__ = ["whole_number"]


def whole_number(name: str, value: Any, least: int = 0, instead: str = "") -> int:
    """Check an argument, and make it Python's own number.

    Parameters
    ----------
    name : str
        Of the argument.
    value : int, or a number of numpy
    least : int
    instead : str
        What else it may be, for the message.

    Returns
    -------
    int

    Raises
    ------
    ParameterError
        It is no whole number, or too small.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ParameterError(f"{name}={value!r}: must be a whole number, at least {least}{instead}")
    return number
