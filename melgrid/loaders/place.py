"""Where in its order a loader stands, as a small JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from melgrid.errors import ParameterError

if TYPE_CHECKING:
    from melgrid.loaders.batches import Batches

__all__ = ["State", "place_of", "state_of"]


class State(TypedDict):
    """The next batch, and a digest of clips and options that decide what it is."""

    epoch: int
    batch: int
    order: str


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
