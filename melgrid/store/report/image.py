"""Pictures of arrays: colours, and PNG files of one byte a pixel."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["CYCLIC", "RISING", "data_url", "gradient"]

COLOURS = 128
# Lightness rises evenly from night to day, so that equal steps look equal and a grey print still reads.
RISING = np.array(
    [(6, 6, 24), (35, 18, 80), (82, 22, 112), (133, 33, 114), (186, 50, 99), (228, 84, 73), (246, 135, 55),
     (250, 190, 80), (250, 235, 160), (255, 252, 236)], float,
)  # fmt: skip
# Ends in the colour that it begins with, for angles.
CYCLIC = np.array([(38, 36, 72), (46, 104, 168), (208, 226, 232), (212, 116, 78), (38, 36, 72)], float)


def palette(stops: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Spread colours over all levels of a picture; shape (COLOURS, 3)."""
    places = np.linspace(0, len(stops) - 1, COLOURS)
    channels = [np.interp(places, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def gradient(stops: NDArray[np.float64]) -> list[tuple[float, str]]:
    """Return (share, #rrggbb) of each colour, for an SVG gradient."""
    return [(i / (len(stops) - 1), f"#{bytes(stop.astype(np.uint8)).hex()}") for i, stop in enumerate(stops)]


def data_url(values: NDArray[np.floating], low: float, high: float, stops: NDArray[np.float64]) -> str:
    """Draw an array as a PNG in a data URL.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        The first row is drawn at the bottom; what is not finite as `low`.
    low, high : float
        Values of the first and the last colour.
    stops : ndarray, shape (n, 3)
        Colours, 0 to 255.

    Returns
    -------
    str
    """
    share = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0)
    pixels = np.rint(np.clip(share, 0, 1) * (COLOURS - 1)).astype(np.uint8)[::-1]
    lines = np.concatenate([np.zeros((len(pixels), 1), np.uint8), pixels], axis=1)  # each line says: no filter
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 3, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", palette(stops).tobytes()), (b"IDAT", zlib.compress(lines.tobytes(), 9))]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in [*chunks, (b"IEND", b"")])
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
