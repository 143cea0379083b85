"""What a corpus consists of, and how it gets onto the disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmarks.corpora.encoders import require

__all__ = ["Corpus", "File", "build"]


@dataclass(frozen=True)
class File:
    """One audio file to be.

    Attributes
    ----------
    path : str
        Relative to the root of the corpus.
    write : callable
        Writes it at the path it is given, which has the same suffix.
    """

    path: str
    write: Callable[[Path], object]


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus, the tools they need, and what writes its tables once the files are there."""

    tools: tuple[str, ...]
    files: list[File]
    write_tables: Callable[[Path], None]


def build(corpus: Corpus, root: Path, *, jobs: int) -> int:
    """Write what is missing of a corpus.

    Audio files appear under their names when complete; existing ones are kept. Tables are written anew. The work is in
    the encoders' processes and in code that releases the interpreter lock, so threads suffice.

    Returns
    -------
    int
        Number of audio files made.

    Raises
    ------
    MelgridError
        If a tool is missing or fails.
    """
    require(*corpus.tools)
    missing = [file for file in corpus.files if not (root / file.path).exists()]
    for folder in {(root / file.path).parent for file in corpus.files}:
        folder.mkdir(parents=True, exist_ok=True)

    def make(file: File) -> None:
        path = root / file.path
        draft = path.with_name(f".{path.name}")
        file.write(draft)
        draft.replace(path)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            for _ in tqdm(pool.map(make, missing), total=len(missing), disable=None, unit="file"):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    corpus.write_tables(root)
    return len(missing)
