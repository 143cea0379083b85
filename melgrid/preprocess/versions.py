"""Which libraries decide the stored numbers, by name and version."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from melgrid._version import __version__
from melgrid.preprocess.audio.decode import decoder_version
from melgrid.preprocess.audio.signal import resampler_version
from melgrid.transforms import fft_backend

__all__ = ["ENGINE", "versions_in_force"]

ENGINE = "1"
"""Raised with every change to melgrid that changes a stored number: stores of two engines do not mix."""


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
