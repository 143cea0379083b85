"""Whole numbers and flags that a caller gives, checked."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from melgrid.errors import ParameterError

__all__ = ["flag", "whole_number"]


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


def flag(name: str, value: Any) -> bool:
    """Check an argument that is True or False: a text such as "no" would count as true.

    Parameters
    ----------
    name : str
        Of the argument.
    value : bool, of Python or numpy

    Returns
    -------
    bool

    Raises
    ------
    ParameterError
        It is something else.
    """
    if not isinstance(value, bool | np.bool_):
        raise ParameterError(f"{name}={value!r}: must be True or False")
    return bool(value)
