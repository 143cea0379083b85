"""Is a corpus whole? Metadata against the disk and against the published counts.

Fast: lists the folders once and opens no file, unless given a decoder or asked to check sums.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from posixpath import commonpath, dirname
from typing import TYPE_CHECKING, Any

from melgrid.datasets.files import scan
from melgrid.datasets.quiet import quiet_stderr
from melgrid.datasets.tables import read_text
from melgrid.errors import ClipError, DatasetError

if TYPE_CHECKING:
    from melgrid.datasets.dataset import Dataset

__all__ = ["Count", "Decode", "Report", "render", "validate"]

Decode = Callable[[Path, list[tuple[float, float]]], tuple[float, bytes]]
"""Of a file and the (start, end) of its clips: its seconds and a digest of its samples; `ClipError` if it is broken."""


@dataclass(frozen=True)
class Count:
    """One number: what is counted, how many there are, how many were published (None: nobody says)."""

    what: str
    found: int
    published: int | None = None


@dataclass(frozen=True)
class Report:
    """What `validate` found. A file stands in one of missing, empty, broken, extra and known_bad only.

    Attributes
    ----------
    dataset, root, citation, licence : str
    options : mapping
    counts : tuple of Count
        Clips, classes, groups, groups that lie on two sides of an official split, and clips by fold, split and label.
    missing, empty : tuple of str
        Paths of clips without a file, and with one of 0 bytes; known-bad clips stand in ``known_bad`` instead.
    extra : tuple of str
        Audio files in the folder of the clips that no metadata row knows.
    known_bad : mapping of str to str
        Path -> reason.
    excluded : mapping of str to int
        Reason -> number of files that are no clips under these options.
    broken, too_short : mapping of str to str, or None
        Path -> reason and words, as a run puts its clips into quarantine; path -> decoded against stated length (less
        than half of it). None unless decoded.
    duplicates : tuple of tuple of str, or None
        Paths that decode to the same samples. None unless decoded.
    wrong_checksum : tuple of str, or None
        Files and archives whose digest differs from the published one. None unless asked for.
    """

    dataset: str
    root: str
    citation: str
    licence: str
    options: Mapping[str, Any]
    counts: tuple[Count, ...]
    missing: tuple[str, ...]
    empty: tuple[str, ...]
    extra: tuple[str, ...]
    known_bad: Mapping[str, str]
    excluded: Mapping[str, int]
    broken: Mapping[str, str] | None = None
    too_short: Mapping[str, str] | None = None
    duplicates: tuple[tuple[str, ...], ...] | None = None
    wrong_checksum: tuple[str, ...] | None = None

    @property
    def complete(self) -> bool:
        """Whether all counts are the published ones and no clip is missing, empty, broken or altered."""
        counts = all(count.published in (None, count.found) for count in self.counts)
        return counts and not any((self.missing, self.empty, self.broken, self.wrong_checksum))

    def as_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON-able data."""
        return {**asdict(self), "complete": self.complete}


def validate(dataset: Dataset, *, decode: Decode | None = None, checksums: bool = False) -> Report:
    """Compare a dataset with its files and with the published counts.

    Parameters
    ----------
    dataset : Dataset
    decode : callable, optional
        `melgrid.preprocess.audition`: decode every file, and find broken ones, ones much shorter than the metadata
        say, and exact duplicates.
    checksums : bool
        Check files against a list named ``checksums`` in the root (FMA has one), and archives that still lie there.

    Returns
    -------
    Report
    """
    clips = dataset.clips
    known_bad = {path: reason for path, reason in zip(clips["path"], clips["known_bad"], strict=True) if reason}
    on_disk = scan(dataset.root, refuse_links=False)
    wanted = [path for path in clips["path"] if path not in known_bad]
    sizes = {path: on_disk[path] if path in on_disk else _size(dataset.root / path) for path in wanted}
    folder = commonpath([dirname(path) for path in clips["path"]]) if len(clips) else ""
    beside = [path for path in on_disk if not folder or path.startswith(f"{folder}/")]
    expected = sizes.keys() | known_bad.keys() | dataset.excluded.keys()
    decoded: dict[str, Any] = {}
    if decode is not None:
        decoded = _decoded(dataset, [path for path, size in sizes.items() if size], decode)
    return Report(
        dataset=dataset.name,
        root=str(dataset.root),
        citation=dataset.citation,
        licence=dataset.licence,
        options=dataset.options,
        counts=tuple(_counts(dataset)),
        missing=tuple(path for path, size in sizes.items() if size is None),
        empty=tuple(path for path, size in sizes.items() if size == 0),
        extra=tuple(path for path in beside if path not in expected),
        known_bad=known_bad,
        excluded=dict(Counter(dataset.excluded.values())),
        wrong_checksum=_wrong_checksums(dataset) if checksums else None,
        **decoded,
    )


def render(report: Report, limit: int = 5) -> str:
    """Give a report as a text table for people; lists of files are cut after ``limit``."""
    width = max(len(count.what) for count in report.counts)
    lines = [f"{report.dataset}  {report.root}", ""]
    lines += [f"  {key} = {value}" for key, value in report.options.items()] + [""] * bool(report.options)
    lines.append(f"  {'':{width}}  {'found':>9}  {'published':>9}")
    for count in report.counts:
        published = "-" if count.published is None else f"{count.published:,}"
        mark = "" if count.published in (None, count.found) else "  differs"
        lines.append(f"  {count.what:{width}}  {count.found:9,}  {published:>9}{mark}")
    lines.append("")
    for name in ("missing", "empty", "broken", "too_short", "extra", "known_bad", "duplicates", "wrong_checksum"):
        found = getattr(report, name)
        lines.append(f"  {name.replace('_', ' '):15} {'not checked' if found is None else len(found)}")
        for item in list(found or ())[:limit]:
            paths = " = ".join(item) if isinstance(item, tuple) else item
            lines.append(f"    {paths}  ({found[item]})" if isinstance(found, Mapping) else f"    {paths}")
        if found and len(found) > limit:
            lines.append(f"    and {len(found) - limit} more")
    lines += [f"  {'excluded':15} {number} ({reason})" for reason, number in report.excluded.items()]
    lines += ["", f"  Cite: {report.citation}", f"  Licence: {report.licence}"]
    return "\n".join(lines)


def _size(file: Path) -> int | None:
    """Bytes of a file that the listing does not show, such as one without an audio suffix; None where there is none."""
    return file.stat().st_size if file.is_file() else None


def _counts(dataset: Dataset) -> list[Count]:
    clips = dataset.clips
    found = {"clips": len(clips), "classes": len(dataset.classes), "groups": int(clips["group"].nunique())}
    for column, values in dataset.splits.items():
        found[f"groups across {column}"] = int((clips.groupby("group")[column].nunique() > 1).sum())
        found |= {f"{column} {value}": int((clips[column] == value).sum()) for value in values}
    if "split" in dataset.splits:
        found["filtered out"] = int(clips["split"].isna().sum())
    if dataset.task == "multi":
        tally = Counter(name for names in clips["labels"] for name in names)
        found |= {f"label {name}": tally[name] for name in dataset.classes}
        found["unlabelled"] = int((clips["labels"].map(len) == 0).sum())
    elif dataset.task == "single":
        found |= {f"label {name}": int(number) for name, number in clips["label"].value_counts(sort=False).items()}
        found["unlabelled"] = int(clips["label"].isna().sum())
    return [Count(what, number, dataset.official.get(what)) for what, number in found.items()]


def _decoded(dataset: Dataset, paths: list[str], decode: Decode) -> dict[str, Any]:
    clips = dataset.clips
    stated = dict(zip(clips["path"], clips["seconds"], strict=True))
    parts: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path, start, end in zip(clips["path"], clips["start"], clips["end"], strict=True):
        parts[path].append((start, end))
    broken, too_short = {}, {}
    same: dict[bytes, list[str]] = defaultdict(list)
    for path in paths:
        try:
            with quiet_stderr():
                seconds, digest = decode(dataset.root / path, parts[path])
        except ClipError as error:
            broken[path] = str(error)
            continue
        same[digest].append(path)
        if seconds < 0.5 * stated[path]:
            too_short[path] = f"{seconds:.3f} s, stated {stated[path]:.3f} s"
    duplicates = tuple(tuple(paths) for paths in same.values() if len(paths) > 1)
    return {"broken": broken, "too_short": too_short, "duplicates": duplicates}


def _wrong_checksums(dataset: Dataset) -> tuple[str, ...]:
    from melgrid.datasets.registry import adapter

    wrong = []
    listed = dataset.root / "checksums"
    if listed.is_file():
        known = set(dataset.clips["path"])
        for number, line in enumerate(read_text(listed).splitlines(), start=1):
            digest, _, path = line.partition("  ")
            if len(digest) != 40 or not path:
                raise DatasetError(f"{listed}, line {number}: {line!r} is not a SHA-1, two blanks and a path")
            if (
                path in known
                and (dataset.root / path).is_file()
                and _hash("sha1", dataset.root / path) != digest.lower()
            ):
                wrong.append(path)
    archives: Mapping[str, tuple[str, ...]] = getattr(adapter(dataset.name), "ARCHIVES", {})
    for folder in dict.fromkeys((dataset.root, dataset.root.parent, dataset.root.parent.parent)):
        for name, accepted in archives.items():
            if (folder / name).is_file() and not any(
                f"{kind}:{_hash(kind, folder / name)}" in accepted
                for kind in {text.partition(":")[0] for text in accepted}
            ):
                wrong.append(name)
    return tuple(wrong)


def _hash(kind: str, file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()
