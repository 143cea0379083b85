"""Files of a corpus: listing, staying inside the root, digests.

Names that begin with a dot are never seen (``.DS_Store``, AppleDouble ``._name.wav``). Paths are relative to the
root, with "/".
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from melgrid.errors import DatasetError

__all__ = ["AUDIO_SUFFIXES", "confine", "contents", "digest", "scan"]

AUDIO_SUFFIXES = frozenset(
    {
        ".wav",
        ".wave",
        ".w64",
        ".rf64",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".au",
        ".snd",
        ".aif",
        ".aiff",
        ".aifc",
        ".caf",
    }
)

# A backslash, a NUL, a drive, or a part that is empty, "." or "..".
NOT_PLAIN = re.compile(r"[\\\0]|\A[A-Za-z]:|(?:\A|/)\.{0,2}(?:/|\Z)")


def scan(root: Path, suffixes: Collection[str] = AUDIO_SUFFIXES, *, refuse_links: bool = True) -> dict[str, int]:
    """Files below a folder: path -> bytes.

    Parameters
    ----------
    root : Path
    suffixes : collection of str
        With the dot, lower case; compared without regard to case.
    refuse_links : bool
        Refuse a linked folder that leads out of the root; otherwise skip it. Linked folders are never followed:
        what they show inside the root is listed at its own place.

    Raises
    ------
    DatasetError
        If a linked folder leads out of the root, or a name is not UTF-8.
    """
    base = os.path.realpath(root)
    sizes: dict[str, int] = {}
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                if entry.name.startswith("."):
                    continue
                if not _is_utf8(entry.name):
                    raise DatasetError(f"{root}: the name {path!a} is not UTF-8, so nothing can store it; rename it")
                if entry.is_dir():
                    if not entry.is_symlink():
                        pending.append(f"{path}/")
                    elif refuse_links:
                        _inside(base, path)
                elif Path(entry.name).suffix.lower() in suffixes and entry.is_file():
                    sizes[path] = entry.stat().st_size
    return dict(sorted(sizes.items()))


def _is_utf8(name: str) -> bool:
    """Python gives bytes that are no UTF-8 as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def confine(root: Path, paths: Iterable[str]) -> None:
    """Check that paths stay below the root.

    Raises
    ------
    DatasetError
        If a path is absolute, has empty, "." or ".." parts or backslashes, or passes through a link that leads out
        of the root.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        if NOT_PLAIN.search(path):
            raise DatasetError(
                f"path {path!r} must be relative to the root, plainly written with '/', and stay inside it"
            )
        folder, _, name = path.rpartition("/")
        names[folder].add(name)
    base = os.path.realpath(root)
    for folder, wanted in names.items():
        if folder:
            _inside(base, folder)
        try:
            with os.scandir(Path(base, folder)) as entries:
                linked = [entry.name for entry in entries if entry.is_symlink() and entry.name in wanted]
        except (FileNotFoundError, NotADirectoryError):
            continue  # a missing folder is a matter for validate and for the run
        for name in linked:
            _inside(base, f"{folder}/{name}" if folder else name)


def _inside(base: str, path: str) -> None:
    real = os.path.realpath(Path(base, path))
    if real != base and not real.startswith(base + os.sep):
        raise DatasetError(
            f"{path!r} is a link to {real!r}, which lies outside the root {base!r}; copy it in, or widen the root"
        )


def contents(folder: Path, limit: int = 8) -> str:
    """Say what a folder holds, for messages about a wrong root."""
    entries = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir() if not entry.name.startswith("."))
    more = f" and {len(entries) - limit} more" if len(entries) > limit else ""
    return (", ".join(entries[:limit]) + more) or "nothing"


def digest(*files: Path) -> str:
    """SHA-256 of the contents of some files, in the order given, as ``sha256:`` and 16 hex digits."""
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return f"sha256:{total.hexdigest()[:16]}"
