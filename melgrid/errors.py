"""Errors that melgrid raises on purpose.

One root, a few leaves. Each leaf is also the builtin that fits it, so callers need not import ours.
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "ClipError",
    "DatasetError",
    "DatasetWarning",
    "LeakError",
    "LeakWarning",
    "MelgridError",
    "MismatchError",
    "ParameterError",
    "Reason",
    "ShardError",
    "StoreError",
]

Reason = Literal[
    "missing",
    "empty",
    "undecodable",
    "truncated",
    "too_short",
    "too_long",
    "non_finite",
    "crashed",
    "timeout",
    "known_bad",
]


class MelgridError(Exception):
    """Root of the errors raised on purpose."""


class ParameterError(MelgridError, ValueError):
    """A feature or grid setting breaks a rule."""


class DatasetError(MelgridError, ValueError):
    """A corpus folder or its metadata is not what the adapter expects."""


class ClipError(MelgridError, ValueError):
    """A clip gives no features.

    Parameters
    ----------
    code : Reason
        Why, as one of a fixed set of words.
    message : str
        The same in the decoder's or the check's own words.
    """

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(code, message)  # both, as arguments: or it could not be pickled
        self.code: Reason = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class StoreError(MelgridError, OSError):
    """A store cannot be read or written as asked."""


class ShardError(StoreError):
    """A shard on disk disagrees with the manifest."""


class MismatchError(StoreError):
    """A store was made from other inputs, options or library versions."""


class LeakError(MelgridError, ValueError):
    """Clips, copies of a clip or groups would stand on two sides of a split."""


class LeakWarning(UserWarning):
    """An official split puts a group, or copies of a clip, on two sides."""


class DatasetWarning(UserWarning):
    """A corpus has a known oddity that the reader should know of."""
