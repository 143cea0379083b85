"""Where in its order a loader stands, as a small JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from melgrid.errors import ParameterError

if TYPE_CHECKING:
    from melgrid.loaders.batches import Batches

__all__ = ["State", "fingerprint", "place_of", "state_of"]


class State(TypedDict):
    """The next batch, and a digest of clips and options that decide what it is."""

    epoch: int
    batch: int
    order: str


def fingerprint(options: tuple[Any, ...], clip_ids: Iterable[str], arrays: Iterable[NDArray[Any] | None]) -> str:
    """Digest of what decides the order of batches and what they hold.

    Parameters
    ----------
    options : tuple
        Numbers, words, None, and tuples or lists of them.
    clip_ids : iterable of str
    arrays : iterable of array or None

    Returns
    -------
    str, 16 hex digits
    """
    digest = hashlib.sha256(repr(_plain(options)).encode())
    digest.update("\0".join(clip_ids).encode())
    for array in arrays:
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def state_of(batches: Batches, epoch: int, batch: int) -> State:
    """Describe the place before a batch.

    Parameters
    ----------
    batches : Batches
    epoch : int >= 0
    batch : int in [0, len]

    Returns
    -------
    dict that JSON can hold
    """
    if batch == len(batches):
        epoch, batch = epoch + 1, 0
    return {"epoch": epoch, "batch": batch, "order": batches.fingerprint}


def place_of(batches: Batches, state: State) -> tuple[int, int]:
    """Return epoch and number of the next batch.

    Parameters
    ----------
    batches : Batches
    state : dict

    Returns
    -------
    (int, int)

    Raises
    ------
    ParameterError
        The state is of other clips or options.
    """
    order = state.get("order")
    if order != batches.fingerprint:
        raise ParameterError(
            f"state: of another order of batches ({order}, here {batches.fingerprint}); the loader must have "
            "the same clips, seed, batch size and other options"
        )
    return state["epoch"], state["batch"]


def _plain(value: Any) -> Any:
    """Python's own numbers and tuples, so that equal options have one text."""
    if isinstance(value, tuple | list):
        return tuple(_plain(one) for one in value)
    return value.item() if isinstance(value, np.generic) else value
