"""What a published shard says about itself."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from melgrid.errors import ShardError

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "SHARD_FILE",
    "ShardInfo",
    "file_digest",
    "open_shard",
    "read_arrays",
    "read_shard_info",
    "shard_name",
]

FORMAT = "melgrid-shard"
FORMAT_VERSION = 1
SHARD_FILE = re.compile(r"shard-(\d{5,})(?:-r(\d+))?\.h5")
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """One row of a feature set's shard table.

    Attributes
    ----------
    index : int
        Number of the shard.
    file : str
        Name in the feature's folder.
    bytes : int
        Size of the file.
    data_offset : int or None
        Where the features begin; None without frames.
    frames, clips, failed : int
        Frames, clips, and clips without features for a reason.
    sha256 : str
        Digest of the file.
    worst_error, mean_error : float
        Rounding errors of the cast, physical unit.
    non_finite, saturated : int
        Values that were NaN or infinite, and values outside the range of the stored type.
    """

    index: int
    file: str
    bytes: int
    data_offset: int | None
    frames: int
    clips: int
    failed: int
    sha256: str
    worst_error: float
    mean_error: float
    non_finite: int
    saturated: int

    def canonical(self) -> dict[str, Any]:
        """Return the fields as a dict that is ready for JSON."""
        return asdict(self)


def shard_name(index: int, generation: int = 0) -> str:
    """Return the file name of a shard; a later generation of the same clips gets another one."""
    return f"shard-{index:05d}.h5" if generation == 0 else f"shard-{index:05d}-r{generation}.h5"


@contextlib.contextmanager
def open_shard(path: Path) -> Iterator[h5py.File]:
    """Open a shard's tables through HDF5, without its file locks.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ShardError
        The file is absent, damaged, or not a shard of this format; also when reading inside the context fails.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            found = file.attrs.get("format"), file.attrs.get("format_version")
            if found != (FORMAT.encode(), FORMAT_VERSION):
                raise ShardError(f"{path}: is {found}, not {FORMAT} {FORMAT_VERSION}")
            yield file
    except ShardError:
        raise
    except FileNotFoundError:
        raise ShardError(f"{path}: is missing. melgrid verify --repair says what can be done") from None
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise ShardError(f"{path}: cannot be read: {error}. melgrid verify --deep finds the damage") from error


def read_arrays(path: Path, *names: str) -> list[NDArray[Any]]:
    """Read arrays under ``/clip``, each whole.

    Raises
    ------
    ShardError
        The file is absent or damaged.
    """
    with open_shard(path) as file:
        return [file["clip"][name][()] for name in names]


def read_shard_info(path: Path) -> ShardInfo:
    """Rebuild a shard's row of the shard table from the file alone.

    Parameters
    ----------
    path : Path

    Returns
    -------
    ShardInfo

    Raises
    ------
    ShardError
        The file is absent or damaged.
    """
    with open_shard(path) as file:
        attributes = file.attrs
        features = file["features"]
        offset = features.id.get_offset() if features.size else None
        if features.size and (offset is None or features.chunks or file.userblock_size):
            raise ShardError(f"{path}: its features are not one contiguous block")
        numbers = {key: int(attributes[key]) for key in ("shard_index", "num_clips", "num_failed", "num_frames")}
        numbers |= {key: int(attributes[key]) for key in ("non_finite", "saturated")}
        worst_error, mean_error = float(attributes["worst_error"]), float(attributes["mean_error"])
    with path.open("rb") as raw:
        size = os.fstat(raw.fileno()).st_size
        digest = file_digest(raw.fileno())
    return ShardInfo(
        index=numbers["shard_index"],
        file=path.name,
        bytes=size,
        data_offset=offset,
        frames=numbers["num_frames"],
        clips=numbers["num_clips"],
        failed=numbers["num_failed"],
        sha256=digest,
        worst_error=worst_error,
        mean_error=mean_error,
        non_finite=numbers["non_finite"],
        saturated=numbers["saturated"],
    )


def file_digest(fd: int) -> str:
    """SHA-256 of an open file, in hex; keeps one block in memory."""
    digest = hashlib.sha256()
    block = memoryview(bytearray(BLOCK))
    position = 0
    while count := os.preadv(fd, [block], position):
        digest.update(block[:count])
        position += count
    return digest.hexdigest()
