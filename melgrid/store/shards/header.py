"""The HDF5 part of a shard: everything in front of the features, as bytes.

HDF5 never touches the disk here. It can end the process on a full disk, and through it two libraries would have
to agree on locks. Instead it builds the metadata in memory, where the features exist only as a size:

1. a core-driver file takes all metadata and clip arrays, and ``/features`` without storage;
2. that image, in an anonymous memory file, is opened once more with page alignment, and one frame is written. HDF5
   allocates the storage of ``/features`` then: at the next page, behind everything else, up to the end of the file.

What lies in front of the features is the header. Its size does not depend on the number of frames, so the
writer knows where frames begin before it has any. "Earliest" format bounds give the same bytes with HDF5 1.14 and 2.

The header holds the CRC-32 of the features, and the SHA-256 of itself with that digest's own digits read as zeros.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PAGE",
    "PLACEHOLDER",
    "Header",
    "add_scales",
    "header_digest",
    "memory_file",
    "seal",
    "set_attribute",
    "text",
]

PAGE = 4096
BOUNDS = ("earliest", "v110")
# netCDF-4's name for a dimension that has a length but no values: xarray and netCDF show the axis, not the dummy.
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable.%10d"
NO_DIGEST = "0" * 64
PLACEHOLDER = "digest of the header".ljust(64, ".")


def text(values: list[str], width: int = 0) -> NDArray[np.bytes_]:
    """Fixed-length UTF-8 strings as HDF5 takes them.

    Parameters
    ----------
    values : list of str
    width : int, bytes
        0 takes that of the longest value.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        A value holds a NUL or a lone surrogate, which fixed-length UTF-8 cannot, or is longer than `width`.
    """
    encoded = []
    for value in values:
        try:
            encoded.append(value.encode())
        except UnicodeEncodeError:  # a lone surrogate
            encoded.append(b"\0")
        if b"\0" in encoded[-1]:
            raise ValueError(f"{value!r} is not valid UTF-8 text without NUL; rename it")
    longest = max(map(len, encoded), default=1)
    if width and longest > width:
        raise ValueError(f"{values[[len(e) for e in encoded].index(longest)]!r} is longer than {width} bytes")
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", width or max(1, longest)))


@dataclass(frozen=True)
class Header:
    """Contents of a shard except its features.

    Attributes
    ----------
    attributes : mapping
        Of the file: str, int or float.
    about : str
        Canonical JSON of the store's `About`.
    clips : mapping of ndarray
        Arrays under ``/clip``, in this order.
    frequencies : ndarray, shape (bins,), float64
    item_shape : tuple of int
        Shape of one stored frame.
    is_complex : bool
        Whether the last axis holds real and imaginary part.
    dtype : dtype
        Stored type.
    feature_attributes : mapping
        Attributes of ``/features``.
    """

    attributes: Mapping[str, str | int | float]
    about: str
    clips: Mapping[str, NDArray[Any]]
    frequencies: NDArray[np.float64]
    item_shape: tuple[int, ...]
    is_complex: bool
    dtype: np.dtype[Any]
    feature_attributes: Mapping[str, str | float] = field(default_factory=dict)

    def data_offset(self) -> int:
        """Return where the features begin if there are any, in bytes."""
        return -(-len(self._metadata(0)) // PAGE) * PAGE

    def build(self, frames: int) -> bytes:
        """Return the first `data_offset` bytes of a shard of `frames` frames, or all of a shard without frames."""
        metadata = self._metadata(frames)
        if frames:
            metadata = _allocate(metadata, frames * int(np.prod(self.item_shape)) * self.dtype.itemsize)
        return seal(metadata)

    def _metadata(self, frames: int) -> bytes:
        with memory_file() as file:
            for name, value in {**self.attributes, "header_sha256": PLACEHOLDER}.items():
                set_attribute(file, name, value)
            file.create_dataset("about", data=text([self.about])[0], dtype=text([self.about]).dtype)
            group = file.create_group("clip")
            for name, values in self.clips.items():
                group.create_dataset(name, data=values, dtype=values.dtype)
            group["status"].attrs["flag_values"] = np.array([0, 1], "u1")
            set_attribute(group["status"], "flag_meanings", "ok failed")
            features = self._features(file, frames)
            add_scales(file, features, self.frequencies, self.is_complex)
            for name, number in self.feature_attributes.items():
                set_attribute(features, name, number)
            file.flush()
            return bytes(file.id.get_file_image())

    def _features(self, file: h5py.File, frames: int) -> h5py.Dataset:
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_layout(h5py.h5d.CONTIGUOUS)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        layout.set_obj_track_times(False)
        space = h5py.h5s.create_simple((frames, *self.item_shape))
        h5py.h5d.create(file.id, b"features", h5py.h5t.py_create(self.dtype, logical=True), space, layout)
        return file["features"]


def memory_file() -> h5py.File:
    """Open a new HDF5 file that exists in memory only."""
    # HDF5 tells memory files apart by name
    return h5py.File(secrets.token_hex(8), "w", driver="core", backing_store=False, libver=BOUNDS)


def seal(image: bytes) -> bytes:
    """Put the SHA-256 of a file image in the place of `PLACEHOLDER` in it, which counts as `NO_DIGEST`."""
    marker = PLACEHOLDER.encode()
    digest = hashlib.sha256(image.replace(marker, NO_DIGEST.encode())).hexdigest()
    return image.replace(marker, digest.encode())


def header_digest(header: bytes, recorded: str) -> str:
    """Digest of a header as it was before its own digest was written into it.

    Parameters
    ----------
    header : bytes
    recorded : str
        The digest that the header holds.

    Returns
    -------
    str, equal to `recorded` if no byte has changed
    """
    return hashlib.sha256(header.replace(recorded.encode(), NO_DIGEST.encode(), 1)).hexdigest()


def set_attribute(target: h5py.HLObject, name: str, value: str | int | float) -> None:
    """Write an attribute as fixed-length UTF-8, 64-bit integer or double, all little-endian."""
    if isinstance(value, str):
        target.attrs.create(name, text([value])[0], dtype=text([value]).dtype)
    else:
        target.attrs.create(name, value, dtype="<i8" if isinstance(value, int) else "<f8")


def add_scales(file: h5py.File, features: h5py.Dataset, frequencies: NDArray[np.float64], is_complex: bool) -> None:
    """Give every axis of `features` a dimension scale; xarray wants all axes to have one, or none.

    Parameters
    ----------
    file : h5py.File
    features : h5py.Dataset, shape (frames, bins[, channels][, 2])
    frequencies : ndarray, shape (bins,), Hz
    is_complex : bool
        Whether the last axis is of real and imaginary parts.
    """
    names = ["frame", "frequency_hz", *["channel"] * (features.ndim - 2)]
    if is_complex:
        names[-1] = "part"
    for axis, name in enumerate(names):
        if name == "frequency_hz":
            scale = file.create_dataset(name, data=frequencies.astype("<f8"))
            scale.make_scale(name)
        else:
            scale = file.create_dataset(name, shape=(features.shape[axis],), dtype=">f4")
            scale.make_scale(NO_VARIABLE % features.shape[axis])
        features.dims[axis].attach_scale(scale)
        features.dims[axis].label = "bin" if name == "frequency_hz" else name


def _allocate(metadata: bytes, size: int) -> bytes:
    """Let HDF5 allocate the `size` bytes of ``/features``; return what lies in front of them."""
    try:
        fd = os.memfd_create("shard", os.MFD_CLOEXEC)
    except (AttributeError, OSError):
        return _allocate_in_core(metadata, size)
    try:
        with open(fd, "wb", closefd=False) as memory:
            memory.write(metadata)
        # stdio, because sec2 asks for the real path of a link and the memory file has none
        access = {"driver": "stdio", "alignment_threshold": 1, "alignment_interval": PAGE, "libver": BOUNDS}
        with h5py.File(f"/proc/self/fd/{fd}", "r+", **access) as file:
            offset = _touch(file)
        _check_end(offset, size, os.fstat(fd).st_size)
        return os.pread(fd, offset, 0)
    finally:
        os.close(fd)


def _allocate_in_core(metadata: bytes, size: int) -> bytes:
    """Do the same where there are no memory files; costs memory of the shard's size."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(1 << 16, False)
    access.set_alignment(1, PAGE)
    access.set_libver_bounds(h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_V110)
    access.set_file_image(metadata)
    with h5py.File(h5py.h5f.open(secrets.token_hex(8).encode(), h5py.h5f.ACC_RDWR, access)) as file:
        offset = _touch(file)
        image = file.id.get_file_image()
    _check_end(offset, size, len(image))
    return bytes(image[:offset])


def _touch(file: h5py.File) -> int:
    features = file["features"]
    features[0] = 0
    file.flush()
    return int(features.id.get_offset())


def _check_end(offset: int, size: int, end: int) -> None:
    if offset % PAGE or offset + size != end:
        raise RuntimeError(
            f"HDF5 {h5py.version.hdf5_version} put {size} bytes at {offset} of {end}, not last on a page"
        )
