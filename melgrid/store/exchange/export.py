"""A feature set in other formats: the stored numbers as they are, with everything that is known of the clips."""

from __future__ import annotations

import errno
import fcntl
import glob
import importlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from melgrid.errors import ParameterError, StoreError
from melgrid.params.messages import nearest
from melgrid.store.disk import sync
from melgrid.store.exchange.part import Part
from melgrid.store.feature_set import FeatureSet
from melgrid.store.selection import Selection
from melgrid.store.shards.encoding import uint8_scale

__all__ = ["FORMATS", "export"]

FORMATS = {"npz": "numpy", "tfrecord": "tensorflow", "webdataset": "tarfile", "zarr": "zarr"}
"""Formats, and the package that writes each."""
TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def export(clips: FeatureSet | Selection, to: str, folder: str | Path, *, progress: bool = False) -> Path:
    """Copy a feature set, or some clips of it, into files of another format.

    Clips keep the order of the store; a shard of the store becomes one file. Memory holds one clip, for zarr a few
    chunks. ``about.json`` in the folder, or for zarr the attributes of the group, hold parameters, unit, classes and
    whatever else the store says of itself.

    Parameters
    ----------
    clips : FeatureSet or Selection
    to : str
        npz, tfrecord, webdataset or zarr.
    folder : str or Path
        New; it appears when it is complete.
    progress : bool
        Draw a bar on standard error.

    Returns
    -------
    Path, of the folder

    Raises
    ------
    ParameterError
        The format is unknown, its package is not installed, or `folder` exists.
    StoreError
        A shard is missing or damaged, or another export is writing `folder`.
    """
    if to not in FORMATS:
        raise ParameterError(f"--to {to}: is no format.{nearest(to, FORMATS)}")
    try:
        importlib.import_module(FORMATS[to])
    except ImportError:
        raise ParameterError(f"--to {to}: needs the package {FORMATS[to]}; pip install {FORMATS[to]}") from None
    folder = Path(folder).absolute()
    if os.path.lexists(folder):
        raise ParameterError(f"{folder}: exists, and an export replaces nothing; name another folder")
    selection = clips if isinstance(clips, Selection) else Selection(clips, np.arange(len(clips)))
    if not len(selection):
        raise ParameterError(f"{selection.feature_set.id}: no clip to export")
    about = _about(selection, to)
    writer = importlib.import_module(f"melgrid.store.exchange.{to}")
    with _appearing(folder) as temporary:
        if to != "zarr":  # which has attributes, and warns of files that it does not know
            (temporary / "about.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
        writer.write(temporary, _parts(selection, progress), about)
    return folder


def _about(selection: Selection, to: str) -> dict[str, Any]:
    features = selection.feature_set
    feature = features.feature
    scale: dict[str, float] = {}
    if feature.range_db is not None:
        low, step = uint8_scale(feature)
        scale = {"scale_factor": float(step), "add_offset": float(low)}
    return {
        "format": f"melgrid-{to}",
        "feature": feature.id,
        "parameters": feature.canonical(),
        "unit": feature.unit,
        "dtype": features.dtype.name,
        "frame_shape": list(features.frame_shape),
        "is_complex": feature.is_complex,
        "sample_rate": feature.sr,
        "hop_seconds": feature.hop_seconds,
        **scale,
        "clips": len(selection),
        "frames": int(selection.lengths.sum()),
        "about": features.store.about.canonical(),
    }


def _parts(selection: Selection, progress: bool) -> Iterator[Part]:
    """Yield the clips of each shard of the store."""
    from tqdm.auto import tqdm

    features = selection.feature_set
    shards = features.store.table.shard[features.clip_rows[selection.rows]]
    with tqdm(total=len(selection), unit="clip", disable=not progress, dynamic_ncols=True) as bar:
        for number, shard in enumerate(np.unique(shards)):
            yield Part(number, Selection(features, selection.rows[shards == shard]), bar.update)


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Make a folder under another name, which it loses when all is on the disk; clear what killed exports left."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.export")
    with _locked(folder.parent, wait=True):  # no other export is to find a folder that has no lock yet
        _clear(folder)
        temporary.mkdir()
        fd = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield temporary
        for path in (temporary, *temporary.rglob("*")):
            sync(path)
        try:
            if os.path.lexists(folder):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            temporary.rename(folder)
        except OSError as error:
            if error.errno not in TAKEN:
                raise
            raise StoreError(
                f"{folder}: has appeared meanwhile, and an export replaces nothing; name another folder"
            ) from None
        sync(folder.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        os.close(fd)


def _clear(folder: Path) -> None:
    """Remove what killed exports to a folder left; refuse where one is at work."""
    for path in folder.parent.glob(f".{glob.escape(folder.name)}.*.export"):
        if path.stem.rpartition(".")[0] != f".{folder.name}":
            continue  # of an export to a name that begins with this one and a dot
        try:
            with _locked(path, wait=False):  # free: its maker is gone
                shutil.rmtree(path)
        except BlockingIOError:
            raise StoreError(
                f"{folder}: another export is writing it; wait for that to end, or name another folder"
            ) from None
        except OSError:
            continue  # without locks nobody can know


@contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock on a folder; who waits for it goes on without where the file system has none."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if not wait:
                raise
        yield
    finally:
        os.close(fd)
