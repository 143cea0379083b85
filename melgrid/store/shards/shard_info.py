"""What a published shard says about itself."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from melgrid.errors import MismatchError, ShardError
from melgrid.store.mismatch import check_format

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "DAMAGE",
    "REMEDY",
    "SHARD_FILE",
    "ShardInfo",
    "file_digest",
    "may_pass",
    "open_shard",
    "own_array",
    "read_arrays",
    "read_shard_info",
    "shard_name",
]

FORMAT = "melgrid-shard"
FORMAT_VERSION = 1
SHARD_FILE = re.compile(r"shard-(\d{5,})(?:-r(\d+))?\.h5")
SYSTEM_ERROR = re.compile(r"\berrno = (\d+)")  # as HDF5 writes it
BLOCK = 1 << 20
REMEDY = "melgrid verify --repair says what can be done"
# What reading a damaged file through HDF5 raises.
DAMAGE = (
    OSError,
    KeyError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    MemoryError,
    OverflowError,
)
# Types other than integers, of the arrays under /clip that `read_arrays` is asked for.
KINDS = {"reason": "S", "mean": "f", "m2": "f"}


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

    @classmethod
    def parse(cls, row: dict[str, Any]) -> ShardInfo:
        """Make a row from what `canonical` returned.

        Raises
        ------
        TypeError, ValueError
            A field is missing, unknown or cannot be right.
        """
        info = cls(**row)
        if not (isinstance(info.file, str) and SHARD_FILE.fullmatch(info.file)):
            raise ValueError(f"{info.file!r} is no name of a shard")
        counts = (info.index, info.bytes, info.frames, info.clips, info.failed, info.non_finite, info.saturated)
        if not all(type(n) is int and 0 <= n < 1 << 62 for n in (*counts, info.data_offset or 0)):
            raise ValueError(f"{info.file}: a count is no number from 0 up")
        if not isinstance(info.sha256, str) or not all(
            isinstance(e, float | int) for e in (info.worst_error, info.mean_error)
        ):
            raise ValueError(f"{info.file}: a digest or error has the wrong type")
        return info


def may_pass(error: BaseException) -> bool:
    """Whether an error says that a file could not be read now, which proves no damage: memory, descriptors, the disk.

    The system's errors have a number, damage has none. Of what HDF5 looks up it is in the words of a KeyError or
    RuntimeError only.
    """
    cause = error.__cause__ or error
    number = getattr(cause, "errno", None)
    if number is None and (found := SYSTEM_ERROR.search(str(cause))):
        number = int(found[1])
    return isinstance(cause, MemoryError) or number not in (None, errno.ENOENT, errno.ENOTDIR)


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
        The file is absent, damaged, or no shard; also when reading inside the context fails.
    MismatchError
        It has a newer format.
    """
    try:
        with _unlocked(path) as file:
            found = file.attrs.get("format", b"").decode(), int(file.attrs.get("format_version", 0))
            check_format(path, found, (FORMAT, FORMAT_VERSION))
            yield file
    except (ShardError, MismatchError):
        raise
    except FileNotFoundError:
        raise ShardError(f"{path}: is missing. {REMEDY}") from None
    except DAMAGE as error:
        raise ShardError(f"{path}: cannot be read: {error}. melgrid verify --deep finds the damage") from error


def _unlocked(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        if "locking flag" not in str(error):
            raise
        return h5py.File(path, "r")  # this process has it open with locks, and HDF5 wants all or none


def own_array(file: h5py.File, name: str) -> NDArray[Any]:
    """Read a whole dataset that lies in the file itself and is not larger than the file.

    Links, external storage and virtual datasets lead to other files; what has chunks, filters or no storage at all
    may claim any size.

    Raises
    ------
    ShardError
        It does not.
    KeyError
        There is no such dataset.
    """
    place: Any = file
    for part in name.split("/"):
        if not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise ShardError(f"{file.filename}: {name} is not in the file itself")
        place = place[part]
    if not isinstance(place, h5py.Dataset) or place.external or place.is_virtual or place.chunks:
        raise ShardError(f"{file.filename}: {name} is not one block in the file itself")
    if place.nbytes > Path(file.filename).stat().st_size:
        raise ShardError(f"{file.filename}: {name} claims {place.nbytes} bytes")
    values: NDArray[Any] = place[()]
    return values


def read_arrays(path: Path, *names: str) -> list[NDArray[Any]]:
    """Read arrays under ``/clip``, each whole.

    Raises
    ------
    ShardError
        The file is absent or damaged.
    """
    with open_shard(path) as file:
        arrays = [own_array(file, f"clip/{name}") for name in names]
        count = len(own_array(file, "clip/status"))
        for name, values in zip(names, arrays, strict=True):
            rows = count + (name == "frame_offset")  # the end of the last clip, too
            if values.dtype.kind not in KINDS.get(name, "iu") or values.shape[:1] != (rows,):
                raise ShardError(f"{path}: {name} has type {values.dtype} and shape {values.shape} for {count} clips")
        return arrays


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
        if (
            not isinstance(file.get("features", getlink=True), h5py.HardLink)
            or features.external
            or features.is_virtual
        ):
            raise ShardError(f"{path}: its features are not in the file itself")
        offset = features.id.get_offset() if features.size else None
        if features.size and (offset is None or features.chunks or file.userblock_size):
            raise ShardError(f"{path}: its features are not one contiguous block")
        if features.dtype != features.dtype.newbyteorder("<"):
            raise ShardError(f"{path}: its features are big-endian")
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
