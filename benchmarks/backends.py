"""melgrid with one Fourier library or the other, in one process, so that both run in the same rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from melgrid.transforms import fourier

__all__ = ["BACKENDS", "using"]


def _known() -> dict[str, Callable[..., Any]]:
    from scipy.fft import rfft

    found = {"scipy": rfft}
    try:
        from mkl_fft import rfft as mkl_rfft
    except ImportError:
        return found
    return {"mkl_fft": mkl_rfft, **found}


BACKENDS = _known()


@contextmanager
def using(name: str) -> Iterator[None]:
    """Let melgrid transform with a library of `BACKENDS`."""
    names = vars(fourier)
    before = names["_rfft"]
    names["_rfft"] = BACKENDS[name]
    try:
        yield
    finally:
        names["_rfft"] = before
