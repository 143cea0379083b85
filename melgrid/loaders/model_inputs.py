"""Batches as models take them."""

from __future__ import annotations

from typing import Any

from melgrid.errors import ParameterError
from melgrid.loaders.batches import BatchOptions

__all__ = ["as_pair", "for_models"]


def for_models(options: BatchOptions) -> BatchOptions:
    """Check and complete the options of an adapter that feeds models: axes with a channel, and no ids.

    Parameters
    ----------
    options : dict

    Returns
    -------
    dict

    Raises
    ------
    ParameterError
    """
    if options.get("with_ids"):
        raise ParameterError("with_ids=True: a model takes no ids; use predict_clips or NumpyLoader(with_ids=True)")
    return {**options, "axes": options.get("axes") or "TFC"}


def as_pair(batch: dict[str, Any]) -> tuple[Any, ...]:
    """Turn a batch into what models take.

    Parameters
    ----------
    batch : dict
        Which loses its `y` and `y_weight`.

    Returns
    -------
    (x, y), or (x,) where there are no labels, or (x, y, y_weight) for labels of frames
        x is a dict when the batch holds more than ``x``: the inputs of a functional model, by name.
    """
    answers = [batch.pop(name) for name in ("y", "y_weight") if name in batch]
    return (batch["x"] if len(batch) == 1 else batch, *answers)
