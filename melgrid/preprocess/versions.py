"""What a run says of itself: the dataset, and which libraries decide the stored numbers, by name and version."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from melgrid._version import __version__
from melgrid.preprocess.audio.decode import decoder_version
from melgrid.preprocess.audio.signal import resampler_version
from melgrid.store import About
from melgrid.transforms import fft_backend

if TYPE_CHECKING:
    from melgrid.datasets import Dataset

__all__ = ["ENGINE", "about_of", "versions_in_force"]

ENGINE = "1"
"""Raised with every change to melgrid that changes a stored number: stores of two engines do not mix."""


def about_of(dataset: Dataset) -> About:
    """Say of a store what is known before it has a clip.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    About
    """
    return About(
        dataset=dataset.name,
        options=dataset.options,
        classes=dataset.classes,
        task=dataset.task,
        splits=dataset.splits,
        versions=versions_in_force(dataset.options),
        nominal_seconds=dataset.nominal_seconds,
    )


def versions_in_force(options: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Name and version of everything that a store's numbers depend on.

    Parameters
    ----------
    options : mapping, optional
        Of the dataset: variants depend on more.

    Returns
    -------
    dict of str to str
        decoder, resampler, fft, librosa, engine (melgrid's own arithmetic), augment where there are variants (whose
        noise and vocoder are of NumPy) and, for the record only, melgrid.
    """
    augment = {"augment": f"numpy {version('numpy')}"} if (options or {}).get("augment") else {}
    return {
        **augment,
        "decoder": f"libsndfile {decoder_version()}",
        "resampler": resampler_version(),
        "fft": " ".join(fft_backend()),
        "librosa": version("librosa"),
        "engine": ENGINE,
        "melgrid": __version__,
    }
