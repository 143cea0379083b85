"""What a model is to say about each clip, and how often it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgrid.errors import ParameterError

if TYPE_CHECKING:
    from melgrid.store import Selection

__all__ = ["Labels", "class_indices", "clip_weights", "per_clip", "targets"]

Labels = Literal["auto", "one-hot", "frames", "frames-multi-hot"] | ArrayLike | None


def targets(selection: Selection, labels: Labels) -> NDArray[Any] | None:
    """Turn labels into the array whose rows batches give as `y`.

    Parameters
    ----------
    selection : Selection
    labels : str, array or None
        "auto": int64 class indices or float32 multi-hot, or nothing where the dataset has no labels; "one-hot"; or
        numbers of your own, one or a row of them for each of ``selection.clip_ids``; None for nothing.

    Returns
    -------
    int64 array (clips,), float32 array (clips, ...), or None

    Raises
    ------
    ParameterError
        Some clips have labels and some have none, or there are not as many numbers as clips.
    """
    if labels is None:
        return None
    if not isinstance(labels, str):
        return per_clip(selection, labels, "labels")
    if labels not in ("auto", "one-hot"):
        raise ParameterError(
            f"labels={labels!r}: must be 'auto', 'one-hot', 'frames', 'frames-multi-hot', an array or None"
        )
    known = np.asarray(selection.labels)
    if len(selection.classes) and known.ndim == 2:
        return known.astype(np.float32)
    if labels == "auto" and (not len(selection.classes) or (known < 0).all()):
        return None
    indices = class_indices(selection, f"labels={labels!r}")
    return np.eye(len(selection.classes), dtype=np.float32)[indices] if labels == "one-hot" else indices


def class_indices(selection: Selection, option: str) -> NDArray[np.int64]:
    """Return the class of every clip.

    Parameters
    ----------
    selection : Selection
    option : str
        What needs it, for messages.

    Returns
    -------
    int64 array (clips,)

    Raises
    ------
    ParameterError
        Clips have no class, or several.
    """
    known = np.asarray(selection.labels)
    if not len(selection.classes) or known.ndim == 2:
        raise ParameterError(f"{option}: needs one class for each clip, and this dataset has no such labels")
    missing = np.flatnonzero(known < 0)
    if len(missing):
        named = ", ".join(str(selection.clip_ids[i]) for i in missing[:3])
        raise ParameterError(
            f"{len(missing)} of {len(known)} clips have no label ({named}{', ...' if len(missing) > 3 else ''}): "
            "select labelled clips only, with select(label=[...]), or say labels=None"
        )
    return known.astype(np.int64)


def per_clip(selection: Selection, values: ArrayLike, option: str) -> NDArray[np.float32]:
    """Check numbers that a caller gives for each clip.

    Parameters
    ----------
    selection : Selection
    values : array (clips, ...)
    option : str
        Its name, for messages.

    Returns
    -------
    float32 array (clips, ...)

    Raises
    ------
    ParameterError
        They are no numbers, not as many as clips, or some are not finite.
    """
    try:
        array = np.asarray(values, np.float32)
    except (ValueError, TypeError):
        raise ParameterError(f"{option}: must be numbers, one entry for each clip") from None
    if array.ndim == 0 or len(array) != len(selection):
        raise ParameterError(f"{option}: shape {array.shape}, must have one entry for each of {len(selection)} clips")
    if not np.isfinite(array).all():
        raise ParameterError(f"{option}: has values that are not finite")
    return array


def clip_weights(
    selection: Selection, weights: ArrayLike | None
) -> tuple[NDArray[np.float64] | None, NDArray[np.int64] | None]:
    """Resolve how often clips are drawn.

    Parameters
    ----------
    selection : Selection
    weights : "balanced", array (clips,) or None

    Returns
    -------
    weights : float64 array (clips,) or None
    strata : int64 array (clips,) or None
        Classes, when these are balanced.

    Raises
    ------
    ParameterError
        A word is unknown, clips have no class, or there is not one number for each clip, none below 0 and some above.
    """
    if weights is None:
        return None, None
    if isinstance(weights, str):
        if weights != "balanced":
            raise ParameterError(f"weights={weights!r}: must be 'balanced', an array or None")
        classes = class_indices(selection, "weights='balanced'")
        return 1 / np.bincount(classes)[classes], classes
    array = per_clip(selection, weights, "weights").astype(np.float64)
    if array.ndim != 1 or array.min() < 0 or array.max() <= 0:
        raise ParameterError("weights: must be one number for each clip, none below 0 and some above")
    return array, None
