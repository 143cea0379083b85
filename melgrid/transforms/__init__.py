"""Pure functions of arrays: spectra, bands, scales. No files, no processes; time is the first axis.

Names load on first use: the numbers of a feature (frames, frequencies, silence) need neither numba nor librosa.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from melgrid.transforms.assembly import finish, framing_of, plan_of, tap_of
    from melgrid.transforms.bank import Bank
    from melgrid.transforms.cepstrum import chroma_bank, delta, mfcc, normalize
    from melgrid.transforms.cqt import CqtPlan, Octaves, cqt_plan
    from melgrid.transforms.feature import frequencies, num_frames, silence, silent_frame
    from melgrid.transforms.fourier import fft_backend
    from melgrid.transforms.framing import Framing
    from melgrid.transforms.mel import mel_bank
    from melgrid.transforms.scale import db, ln, log1p, log10, magnitude, phase, raise_to
    from melgrid.transforms.spectrum import Tap, spectra

__all__ = [
    # of a feature
    "frequencies",
    "num_frames",
    "silence",
    "silent_frame",
    # from a feature to its transforms
    "finish",
    "framing_of",
    "plan_of",
    "tap_of",
    # spectra
    "Framing",
    "Tap",
    "fft_backend",
    "spectra",
    # filter banks
    "Bank",
    "chroma_bank",
    "mel_bank",
    # constant-Q
    "CqtPlan",
    "Octaves",
    "cqt_plan",
    # cepstra and pitch classes
    "delta",
    "mfcc",
    "normalize",
    # scales
    "db",
    "ln",
    "log10",
    "log1p",
    "magnitude",
    "phase",
    "raise_to",
]

_HOMES = {
    **dict.fromkeys(("finish", "framing_of", "plan_of", "tap_of"), "assembly"),
    "Bank": "bank",
    **dict.fromkeys(("chroma_bank", "delta", "mfcc", "normalize"), "cepstrum"),
    **dict.fromkeys(("CqtPlan", "Octaves", "cqt_plan"), "cqt"),
    **dict.fromkeys(("frequencies", "num_frames", "silence", "silent_frame"), "feature"),
    "fft_backend": "fourier",
    "Framing": "framing",
    "mel_bank": "mel",
    **dict.fromkeys(("db", "ln", "log10", "log1p", "magnitude", "phase", "raise_to"), "scale"),
    **dict.fromkeys(("Tap", "spectra"), "spectrum"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'melgrid.transforms' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"melgrid.transforms.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
