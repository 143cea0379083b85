"""What a store says about itself: ``store.json``, one ``feature.json`` per feature set, ``clips.parquet``.

``store.json`` holds the SHA-256 of the other two kinds of file and, over canonical JSON, of itself; ``feature.json``
holds that of each shard. Files are replaced one at a time and a reader may come in between, or a writer be killed
there. So ``store.json`` first announces the digests of the new files under ``pending``, then they are replaced, then
it is written without. A file is right when either digest fits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgrid.errors import StoreError
from melgrid.params import Feature, canonical_json
from melgrid.store.about import About
from melgrid.store.checks.unlisted import unlisted
from melgrid.store.disk import publish_bytes
from melgrid.store.feature_record import FeatureRecord
from melgrid.store.mismatch import check_about, check_clips, check_format
from melgrid.store.shards.shard_info import ShardInfo
from melgrid.store.shards.whole_file import describes, write_whole_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Manifest"]

FORMAT = "melgrid-store"
FORMAT_VERSION = 1
CLIPS = "clips.parquet"
MANIFEST_FILE = re.compile(r"clips\.parquet|[a-z0-9][a-z0-9.-]*/feature\.json")
REPAIR = "melgrid verify --repair rebuilds it from the shards"
REMOVED = ""  # stands for the digest of a file that is being removed


@dataclass
class Manifest:
    """The contents of ``store.json``. Change it only while holding `lock`.

    Attributes
    ----------
    path : Path
        Folder of the store.
    about : About
    files : dict
        SHA-256 of each manifest file, by path relative to the store.
    pending : dict
        The same for files that are being replaced.
    """

    path: Path
    about: About
    files: dict[str, str] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Manifest:
        """Read ``store.json``.

        Parameters
        ----------
        path : str or Path
            Folder of a store.

        Raises
        ------
        MismatchError
            It has a newer format.
        StoreError
            There is no store, or it is damaged.
        """
        path = Path(path)
        try:
            data = json.loads((path / "store.json").read_bytes())
            check_format(path / "store.json", (data["format"], data["format_version"]), (FORMAT, FORMAT_VERSION))
            recorded = data["sha256"]
            about, files, pending = data["about"], dict(data["files"]), dict(data["pending"])
            if not all(isinstance(item, str) for pair in (*files.items(), *pending.items()) for item in pair):
                raise TypeError("a digest is no text")
        except (FileNotFoundError, NotADirectoryError):
            if not path.is_dir():
                what = "is a file; name the folder of a store" if path.exists() else "there is no such folder"
                raise StoreError(f"{path}: is no store: {what}") from None
            raise StoreError(f"{path}: is no store: it has no store.json") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path / 'store.json'}: is damaged ({error}). {REPAIR}") from None
        strange = [name for name in {**files, **pending} if not MANIFEST_FILE.fullmatch(name)]
        if strange:
            raise StoreError(f"{path / 'store.json'}: {strange[0]!r} is no name of a manifest file")
        manifest = cls(path, About.parse(about), files, pending)
        digest = manifest._document()["sha256"]
        if digest != recorded:
            raise StoreError(f"{path / 'store.json'}: has SHA-256 {digest}, should be {recorded}. {REPAIR}")
        return manifest

    @property
    def features(self) -> tuple[str, ...]:
        """Ids of the feature sets that readers see, sorted."""
        return tuple(sorted(name.split("/")[0] for name in self.files if name != CLIPS))

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of ``store.json``, over its canonical JSON, and of the files that it vouches for."""
        return {"store.json": str(self._document()["sha256"]), **dict(sorted(self.files.items()))}

    def read(self, name: str) -> bytes:
        """Read a manifest file and check its digest.

        Parameters
        ----------
        name : str
            Path relative to the store.

        Raises
        ------
        StoreError
            The file is missing or is not what ``store.json`` says.
        """
        while True:
            if (self.path / name).resolve() != self.path.resolve() / name:
                raise StoreError(f"{self.path / name}: is a link out of the store")
            try:
                data = (self.path / name).read_bytes()
            except FileNotFoundError:
                found = "is missing"
            else:
                digest = hashlib.sha256(data).hexdigest()
                if digest in (self.files.get(name), self.pending.get(name)):
                    return data
                found = f"has SHA-256 {digest}, should be {self.files.get(name)}"
            current = Manifest.load(self.path)
            if current == self:
                raise StoreError(f"{self.path / name}: {found}. {REPAIR}")
            # a producer has been at work since store.json was read
            self.about, self.files, self.pending = current.about, current.files, current.pending

    def feature(self, feature_id: str) -> FeatureRecord:
        """Read the ``feature.json`` of one feature set."""
        return FeatureRecord.parse(self.read(f"{feature_id}/feature.json"), feature_id)

    def clips(self) -> pd.DataFrame:
        """Read the clip table as it is stored, labels as lists of class indices."""
        from melgrid.store.clips import ClipTable

        return ClipTable(self.read(CLIPS), self.about).stored

    def check_matches(self, about: About, allow_mixed: bool = False) -> None:
        """Refuse to add to a store that was made otherwise.

        Parameters
        ----------
        about : About
            Of the new run.
        allow_mixed : bool
            Let versions and options differ; feature sets record their own.

        Raises
        ------
        MismatchError
            Names every difference.
        """
        check_about(self.path, self.about, about, allow_mixed)

    def check_clips(self, clips: pd.DataFrame) -> list[str]:
        """Refuse clips that the store knows otherwise.

        Parameters
        ----------
        clips : DataFrame
            Clip table of the new run; shard, row and what is learnt from the audio do not matter.

        Returns
        -------
        list of str
            Ids of clips that the store does not have yet, in the order of `clips`.

        Raises
        ------
        MismatchError
            A clip has gone, or what the dataset says of one has changed.
        """
        return check_clips(self.path, self.clips(), clips)

    def write_clips(self, clips: pd.DataFrame) -> None:
        """Replace ``clips.parquet``.

        Parameters
        ----------
        clips : DataFrame
            Clip table; columns that it lacks are left empty.

        Raises
        ------
        StoreError
            The table makes no sense.
        """
        from melgrid.store.clips import check_labels, table_to_bytes, with_all_columns

        table = with_all_columns(clips)
        check_labels(table, self.about)
        self._replace({CLIPS: table_to_bytes(table)})

    def gather_outcomes(self, coming: Mapping[str, Sequence[ShardInfo]] | None = None) -> pd.DataFrame:
        """Fill status, reason, source digest and native format in ``clips.parquet`` from the shards of all features.

        Parameters
        ----------
        coming : mapping of str to sequence of ShardInfo, optional
            Shard tables, by feature id, that are about to be added: so that a run that is killed in between has
            written down nothing that it must remember to write again.

        Returns
        -------
        DataFrame, the new clip table

        Raises
        ------
        ShardError
            A shard is absent or damaged.
        """
        from melgrid.store.checks.rebuild import outcomes

        tables = {name: self.feature(name).shards for name in self.features} | dict(coming or {})
        shards = [self.path / name / shard.file for name in sorted(tables) for shard in tables[name]]
        clips = outcomes(self.clips(), shards)
        self.write_clips(clips)
        return clips

    def extend_clips(self, clips: pd.DataFrame, clips_per_shard: int) -> None:
        """Deal later clips to new shards; feature sets have them once their new shards are added.

        Parameters
        ----------
        clips : DataFrame
            Clip table of the new clips only; shard and row are filled here.
        clips_per_shard : int
        """
        import pandas as pd

        from melgrid.store.clips import with_all_columns
        from melgrid.store.deal import deal

        old = self.clips()
        first = int(old["shard"].max()) + 1 if len(old) else 0
        parents = clips["parent"].tolist() if "parent" in clips else None
        shard, row = deal(clips["clip_id"].tolist(), clips_per_shard, first, parents)
        new = with_all_columns(clips.assign(shard=shard, row=row))
        parts = [table.astype(object) for table in (old, new)]
        self.write_clips(pd.concat(parts, ignore_index=True))

    def add_feature_set(self, feature: Feature, infos: Sequence[ShardInfo], about: About | None = None) -> None:
        """Make one feature set visible, as `add_feature_sets` does."""
        self.add_feature_sets({feature: infos}, about)

    def add_feature_sets(self, tables: Mapping[Feature, Sequence[ShardInfo]], about: About | None = None) -> None:
        """Make whole feature sets visible to readers, or swap their shard tables for new generations.

        Also makes their ``all.h5``, and removes shard files of an older generation.

        Parameters
        ----------
        tables : mapping of Feature to sequence of ShardInfo
            One for each shard.
        about : About or None
            Of the run that made them, when that differs from the store's.

        Raises
        ------
        StoreError
            A shard file is not there in the size that its info says, or occurs twice.
        """
        records = [FeatureRecord.of(feature, infos, about or self.about) for feature, infos in tables.items()]
        for record in records:
            folder = self.path / record.feature.id
            record.check_sizes(folder)
            write_whole_file(folder, record)
        self._replace({f"{record.feature.id}/feature.json": record.to_bytes() for record in records})
        for record in records:
            self._remove_others(record)

    def _replace(self, contents: dict[str, bytes]) -> None:
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        known = {name: digest for name, digest in digests.items() if name in self.files}
        if known:
            self.pending = known
            self._write()
        for name, data in contents.items():
            publish_bytes(self.path / name, data)
        self.files = {**self.files, **digests}
        self.pending = {}
        self._write()

    def hide(self, feature_id: str) -> None:
        """Stop listing a feature set, and note that its files have to go; see `melgrid.store.removal`."""
        name = f"{feature_id}/feature.json"
        del self.files[name]
        self.pending = {**self.pending, name: REMOVED}
        self._write()

    def forget_hidden(self) -> None:
        """Drop the notes of `hide`, once the files are gone."""
        self.pending = {name: digest for name, digest in self.pending.items() if digest != REMOVED}
        self._write()

    def settle(self) -> None:
        """Finish what a killed writer left: each file has its one right digest, each feature set its own files only.

        Raises
        ------
        StoreError
            The store is damaged.
        """
        from melgrid.store.removal import finish_removals

        finish_removals(self)
        for name in self.pending:
            digest = hashlib.sha256(self.read(name)).hexdigest()
            self.files[name] = digest
        if self.pending:
            self.pending = {}
            self._write()
        removed = False
        for feature_id in self.features:
            folder, record = self.path / feature_id, self.feature(feature_id)
            record.check_sizes(folder)  # else what seems to be too much may be all there is
            removed |= self._remove_others(record)
            if not describes(folder, record):
                write_whole_file(folder, record)
        if removed:
            self.gather_outcomes()

    def _remove_others(self, record: FeatureRecord) -> bool:
        """Remove shards of a feature set that are not in its table and never will be."""
        _, stray = unlisted(self.path / record.feature.id, record, lambda: self.clips()["shard"].to_numpy())
        for path in stray:
            path.unlink()
        return bool(stray)

    def _document(self) -> dict[str, Any]:
        body = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "about": self.about.canonical(),
            "features": list(self.features),
            "files": dict(sorted(self.files.items())),
            "pending": dict(sorted(self.pending.items())),
        }
        return {**body, "sha256": hashlib.sha256(canonical_json(body).encode()).hexdigest()}

    def to_bytes(self) -> bytes:
        """Return the text of ``store.json``."""
        return json.dumps(self._document(), indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    def _write(self) -> None:
        publish_bytes(self.path / "store.json", self.to_bytes())
