"""Which libraries decide the stored numbers, by name and version."""

from __future__ import annotations

from importlib.metadata import version

from melgrid._version import __version__
from melgrid.preprocess.decode import decoder_version
from melgrid.preprocess.signal import resampler_version
from melgrid.transforms import fft_backend

__all__ = ["ENGINE", "versions_in_force"]

ENGINE = "1"
"""Raised with every change to melgrid that changes a stored number: stores of two engines do not mix."""


def versions_in_force() -> dict[str, str]:
    """Name and version of everything that a store's numbers depend on.

    Returns
    -------
    dict of str to str
        decoder, resampler, fft, librosa, engine (melgrid's own arithmetic) and, for the record only, melgrid.
    """
    return {
        "decoder": f"libsndfile {decoder_version()}",
        "resampler": resampler_version(),
        "fft": " ".join(fft_backend()),
        "librosa": version("librosa"),
        "engine": ENGINE,
        "melgrid": __version__,
    }
