"""Which feature set a person means."""

from __future__ import annotations

from collections.abc import Sequence

from melgrid.errors import ParameterError
from melgrid.params.messages import nearest

__all__ = ["named"]


def named(ids: Sequence[str], text: str, place: str) -> str:
    """Find a feature set by its id or by the beginning of it.

    Parameters
    ----------
    ids : sequence of str
        Those of a store.
    text : str
        A whole id wins over being the beginning of another.
    place : str
        Path of the store, for messages.

    Returns
    -------
    str

    Raises
    ------
    ParameterError
        None or several ids begin so.
    """
    if text in ids:
        return text
    found = [feature_id for feature_id in ids if text and feature_id.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ParameterError(f"{place}: {text!r} may be {', '.join(found)}; write more of the id")
    hint = nearest(text, ids) if ids else " It has none."
    raise ParameterError(f"{place}: has no feature set {text!r}.{hint}")
