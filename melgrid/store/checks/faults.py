"""Check every byte of a store, and rebuild its manifest from its shards."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from melgrid.errors import MelgridError, MismatchError, ShardError, StoreError
from melgrid.params import Feature
from melgrid.store.checks.rebuild import published, read_text
from melgrid.store.checks.unlisted import shards_lacking, unlisted
from melgrid.store.clips import ClipTable
from melgrid.store.disk import stale
from melgrid.store.feature_record import FeatureRecord
from melgrid.store.manifest import CLIPS, REMOVED, REPAIR, Manifest
from melgrid.store.shards.encoding import item_shape, moments, stored_dtype
from melgrid.store.shards.header import header_digest
from melgrid.store.shards.shard_info import ShardInfo, file_digest, may_pass, open_shard, read_shard_info
from melgrid.store.shards.whole_file import NAME, check_whole_file

__all__ = ["Fault", "check_clips", "check_shard", "feature_folders", "find_faults", "verify"]

AGAIN = "Run the same melgrid preprocess again: it computes only what is missing"
LOST = "Put it back; else --repair hides its feature set, and the same melgrid preprocess then computes what is missing"
RECOMPUTE = "--repair sets it aside; then run the same melgrid preprocess again, which computes only what is missing"
UNREAD = "This is no proof of damage: put it right; or, if the file is lost for good, remove it, then --repair"
NEWER = "If there is none, the file is damaged: remove it, then --repair"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a store.

    Attributes
    ----------
    file : str
        Relative to the store.
    clip : str or None
        Id of the clip it concerns, when known.
    what, remedy : str
    """

    file: str
    clip: str | None
    what: str
    remedy: str

    @classmethod
    def told(cls, path: Path, name: str, error: Exception, remedy: str) -> Fault:
        """Make one of an error about a file of the store at `path`, which names file and remedy itself."""
        if isinstance(error, MismatchError):
            remedy = NEWER
        elif may_pass(error):
            remedy = UNREAD
        what = str(error).removeprefix(f"{path / name}: ").removeprefix(f"{name}: ").removeprefix(f"{path}: ")
        return cls(name, None, what.partition(". melgrid verify --")[0].rstrip("."), remedy)

    def __str__(self) -> str:
        clip = f" (clip {self.clip!r})" if self.clip is not None else ""
        return f"{self.file}{clip}: {self.what}. {self.remedy}."


def verify(path: str | Path, deep: bool = False, repair: bool = False) -> list[Fault]:
    """Compare a store with what it says about itself.

    Parameters
    ----------
    path : str or Path
    deep : bool
        Read every byte; else manifest files are read and shards are measured.
    repair : bool
        Check deeply, then rebuild the manifest from the shards, without the corpus. Damaged shards are renamed to
        ``NAME.damaged`` and their feature set is hidden until a run has computed them again. Where a file cannot be
        read, which proves no damage, nothing is changed.

    Returns
    -------
    list of Fault
        After a repair, those that it could not mend.

    Raises
    ------
    StoreError
        `path` is no folder; or, for a repair, a producer is at work, or too little can be read to rebuild anything.
    MismatchError
        For a repair, a newer melgrid made the store, or some of it; nothing is changed.
    """
    path = Path(path)
    if not path.is_dir():
        raise StoreError(f"{path}: is no folder")
    if repair:
        from melgrid.store.checks.repair import repair_store

        return repair_store(path)
    return find_faults(path, deep)


def find_faults(path: Path, deep: bool) -> list[Fault]:
    """List the faults of a store; see `verify`."""
    faults = [
        Fault(str(temp.relative_to(path)), None, "was left by a producer that is gone", "The next run removes it")
        for folder in [path, *feature_folders(path)]
        for temp in stale(folder)
    ]
    try:
        manifest = Manifest.load(path)
    except OSError as error:  # StoreError is one
        return [*faults, Fault.told(path, "store.json", error, REPAIR), *_unlisted(path, set(), deep)]
    if (path / "store.json").read_bytes() != manifest.to_bytes():
        faults.append(Fault("store.json", None, "is not as melgrid writes it", REPAIR))
    faults += [
        Fault(name.split("/")[0], None, "its removal was interrupted", "--repair or the next run finishes it")
        for name, digest in manifest.pending.items()
        if digest == REMOVED
    ]
    table = None
    try:
        table = ClipTable(manifest.read(CLIPS), manifest.about)
    except OSError as error:
        faults.append(Fault.told(path, CLIPS, error, REPAIR))
    listed: set[Path] = set()
    for feature_id in manifest.features:
        try:
            record = manifest.feature(feature_id)
        except (MelgridError, OSError) as error:
            faults.append(Fault.told(path, f"{feature_id}/feature.json", error, REPAIR))
            continue
        listed |= {path / feature_id / shard.file for shard in record.shards}
        numbers = np.array([shard.index for shard in record.shards]) if table is None else table.shard
        _, stray = unlisted(path / feature_id, record, partial(np.unique, numbers))
        faults += [
            Fault(str(file.relative_to(path)), None, "is not in the shard table", "--repair or the next run removes it")
            for file in stray
        ]
        # Derived feature sets get later clips when they are derived again, or never.
        if (late := shards_lacking(record, numbers)) and record.feature.kind != "derived":
            what = f"has no shards {late[:10]} of clips that joined the store later"
            faults.append(
                Fault(feature_id, None, what, "Run the same melgrid add-clips again: it does what is missing")
            )
        own = _shards(path, record, table, deep)
        faults += own
        if deep and not own:
            try:
                check_whole_file(path / feature_id, record)
            except OSError as error:
                faults.append(Fault.told(path, f"{feature_id}/{NAME}", error, "--repair makes it anew"))
    return faults + _unlisted(path, listed, deep)


def _shards(path: Path, record: FeatureRecord, table: ClipTable | None, deep: bool) -> list[Fault]:
    faults = []
    for shard in record.shards:
        file = path / record.feature.id / shard.file
        name = str(file.relative_to(path))
        try:
            FeatureRecord(record.feature, (shard,), {}, {}).check_sizes(file.parent)
            if deep:
                own = check_shard(path, name, record.feature, shard)
                faults += own
                if table is not None and not own:
                    check_clips(file, shard, table)
        except OSError as error:
            faults.append(Fault.told(path, name, error, RECOMPUTE if may_pass(error) or file.exists() else LOST))
    return faults


def check_shard(path: Path, name: str, feature: Feature, info: ShardInfo | None) -> list[Fault]:
    """Read every byte of a shard and compare it with the digests inside and, when given, with the shard table.

    Parameters
    ----------
    path : Path
        Of the store.
    name : str
        Of the shard, relative to the store.
    feature : Feature
    info : ShardInfo or None

    Returns
    -------
    list of Fault
        Names the clips whose frames have changed.
    """
    file = path / name
    with file.open("rb") as raw:
        digest = file_digest(raw.fileno())
    if info is not None and digest == info.sha256:
        return []
    changed = [] if info is None else [Fault(name, None, f"has SHA-256 {digest}, should be {info.sha256}", RECOMPUTE)]
    try:
        clips = _damaged_clips(file, feature, info or read_shard_info(file))
    except StoreError as error:
        fault = Fault.told(path, name, error, RECOMPUTE)
        return changed if fault.remedy == UNREAD and changed else [fault]
    return [Fault(name, clip, "its frames have changed", RECOMPUTE) for clip in clips] or changed


def _damaged_clips(file: Path, feature: Feature, info: ShardInfo) -> list[str | None]:
    """Clips whose frames no longer have the recorded moments; [None] when the checksum knows better than they."""
    with open_shard(file) as shard:
        recorded = shard.attrs["header_sha256"].decode()
        features_crc32 = int(shard.attrs["features_crc32"])
        ids, offsets = shard["clip/id"][()], shard["clip/frame_offset"][()]
        means, m2s = shard["clip/mean"][()], shard["clip/m2"][()]
        if shard.attrs["feature"].decode() != feature.id:
            raise ShardError(f"{file}: is a shard of {shard.attrs['feature'].decode()}")
    shape, dtype = item_shape(feature), stored_dtype(feature)
    frame_bytes = int(np.prod(shape)) * dtype.itemsize
    with file.open("rb") as raw:
        header = raw.read(info.data_offset if info.data_offset is not None else -1)
        if header_digest(header, recorded) != recorded:
            raise ShardError(f"{file}: its header has changed")
        checksum = 0
        changed: list[str | None] = []
        for clip, frames, mean, m2 in zip(ids.tolist(), np.diff(offsets).tolist(), means, m2s, strict=True):
            data = raw.read(frames * frame_bytes)
            checksum = zlib.crc32(data, checksum)
            if len(data) != frames * frame_bytes:
                raise ShardError(f"{file}: ends inside clip {clip.decode()!r}")
            now = moments(np.frombuffer(data, dtype).reshape(frames, *shape), feature)
            if not (np.array_equal(now[0], mean, equal_nan=True) and np.array_equal(now[1], m2, equal_nan=True)):
                changed.append(clip.decode())
        if raw.read(1):
            raise ShardError(f"{file}: is longer than its clips")
    if checksum == features_crc32:
        return []  # moments may differ on another processor; the checksum does not
    return changed or [None]


def check_clips(file: Path, shard: ShardInfo, table: ClipTable) -> None:
    """Compare the clip ids of a shard with the clip table.

    Raises
    ------
    ShardError
        They differ.
    """
    with open_shard(file) as opened:
        ids = [value.decode() for value in opened["clip/id"][()].tolist()]
    first, after = np.searchsorted(table.shard, [shard.index, shard.index + 1])
    if ids != table.ids[first:after].tolist():
        raise ShardError(f"{file}: holds other clips than clips.parquet says")


def _unlisted(path: Path, listed: set[Path], deep: bool) -> list[Fault]:
    """Damage in shards of feature sets that no reader sees yet; nothing when only sizes are compared."""
    faults: list[Fault] = []
    if not deep:
        return faults
    seen = {file.parent for file in listed}
    for folder in feature_folders(path):
        for file in published(folder):
            if file in listed:
                continue
            name = str(file.relative_to(path))
            try:
                feature = read_text(file).feature
                if feature.id != folder.name and folder not in seen:
                    what = f"has shards of {feature.id}, whose folder must be called so"
                    faults.append(Fault(folder.name, None, what, "Rename it, then --repair takes it in"))
                    break
                faults += check_shard(path, name, feature, None)
            except (MelgridError, OSError) as error:
                faults.append(Fault.told(path, name, error, RECOMPUTE))
    return faults


def feature_folders(path: Path) -> list[Path]:
    """Return the folders of a store that hold shards, finished or not."""
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and any(entry.glob("*shard-*")))
