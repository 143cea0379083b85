"""Errors on their way from one process to another, as plain data: not every exception survives pickling."""

from __future__ import annotations

import traceback
from typing import Any

from melgrid import errors
from melgrid.errors import MelgridError, StoreError

__all__ = ["failure", "revive"]


def failure(error: Exception) -> dict[str, Any]:
    """Describe an error; one that is a defect in full.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    dict
        For `revive`; ready for JSON.
    """
    known = isinstance(error, MelgridError | OSError)
    return {
        "error": type(error).__name__,
        "errno": getattr(error, "errno", None) if known else None,
        "message": str(error) if known else "".join(traceback.format_exception(error)),
    }


def revive(message: dict[str, Any]) -> MelgridError:
    """Make the error again, one of the system as a `StoreError`.

    Parameters
    ----------
    message : dict
        From `failure`.

    Returns
    -------
    MelgridError
    """
    kind = getattr(errors, str(message["error"]), None)
    text = str(message["message"])
    if isinstance(kind, type) and issubclass(kind, MelgridError):
        return kind(text)
    if message["errno"] is not None:
        error = StoreError(text)
        error.errno = message["errno"]
        return error
    return MelgridError(f"a worker failed on a task:\n{text}")
