"""The contents of one ``feature.json``: parameters, what the cast cost, and the shard table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from melgrid.errors import ShardError, StoreError
from melgrid.params import Feature, canonical_json
from melgrid.store.about import About, restore_feature
from melgrid.store.mismatch import check_format
from melgrid.store.shards.encoding import item_shape
from melgrid.store.shards.shard_info import REMEDY, ShardInfo

__all__ = ["FeatureRecord"]

FORMAT = "melgrid-feature"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class FeatureRecord:
    """One feature set as the manifest knows it.

    Attributes
    ----------
    feature : Feature
    shards : tuple of ShardInfo
        Ordered by number.
    versions, options : dict
        Of the run that made it; equal to the store's unless mixed on purpose.
    """

    feature: Feature
    shards: tuple[ShardInfo, ...]
    versions: dict[str, str]
    options: dict[str, Any]

    @classmethod
    def of(cls, feature: Feature, infos: Sequence[ShardInfo], about: About) -> FeatureRecord:
        """Make the record of shards that one run made."""
        shards = tuple(sorted(infos, key=lambda info: info.index))
        numbers = [info.index for info in shards]
        if len(set(numbers)) != len(numbers):
            raise StoreError(f"{feature.id}: a shard occurs twice in {numbers}")
        words = json.loads(canonical_json(about.canonical()))  # in the order in which the shards have them
        return cls(feature, shards, words["versions"], words["options"])

    @classmethod
    def parse(cls, data: bytes, feature_id: str) -> FeatureRecord:
        """Read what `to_bytes` wrote.

        Raises
        ------
        MismatchError
            It has a newer format, or is of a kind of feature that this melgrid does not know.
        StoreError
            It is damaged, or names files outside its folder.
        """
        try:
            fields = json.loads(data)
            found = fields["format"], fields["format_version"]
            check_format(f"{feature_id}/feature.json", found, (FORMAT, FORMAT_VERSION))
            shards = tuple(ShardInfo.parse(row) for row in fields["shards"])
            record = cls(restore_feature(fields["parameters"]), shards, fields["versions"], fields["options"])
        except StoreError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise StoreError(f"{feature_id}/feature.json: is damaged ({error})") from None
        if record.feature.id != feature_id:
            raise StoreError(f"{feature_id}/feature.json: is that of {record.feature.id}")
        numbers = [shard.index for shard in shards]
        if numbers != sorted(set(numbers)) or not all(isinstance(f, dict) for f in (record.versions, record.options)):
            raise StoreError(f"{feature_id}/feature.json: its shards are {numbers[:10]}, or versions are no table")
        return record

    def up_to(self, shard: int) -> FeatureRecord:
        """Return the record without shards of a higher number."""
        shards = tuple(info for info in self.shards if info.index <= shard)
        return self if len(shards) == len(self.shards) else replace(self, shards=shards)

    @property
    def mean_error(self) -> float:
        """Mean rounding error of all values, in the physical unit."""
        frames = sum(shard.frames for shard in self.shards)
        return sum(shard.mean_error * shard.frames for shard in self.shards) / frames if frames else 0.0

    def to_bytes(self) -> bytes:
        """Return the JSON text of ``feature.json``."""
        feature = self.feature
        fields = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "id": feature.id,
            "parameters": feature.canonical(),
            "bins": feature.bins,
            "frame_shape": list(item_shape(feature)),
            "hop_seconds": feature.hop_seconds,
            "unit": feature.unit,
            "dtype": feature.dtype,
            "clips": sum(shard.clips for shard in self.shards),
            "failed": sum(shard.failed for shard in self.shards),
            "frames": sum(shard.frames for shard in self.shards),
            "bytes": sum(shard.bytes for shard in self.shards),
            "worst_error": max((shard.worst_error for shard in self.shards), default=0.0),
            "mean_error": self.mean_error,
            "non_finite": sum(shard.non_finite for shard in self.shards),
            "saturated": sum(shard.saturated for shard in self.shards),
            "versions": self.versions,
            "options": self.options,
            "shards": [shard.canonical() for shard in self.shards],
        }
        return json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"

    def check_sizes(self, folder: Path) -> None:
        """Compare the size of every shard file with the table.

        Raises
        ------
        ShardError
            A file is missing, lies outside the folder, or has another size.
        """
        home = folder.parent.resolve() / folder.name
        for shard in self.shards:
            path = folder / shard.file
            if (path.is_symlink() or folder.is_symlink()) and path.resolve().parent != home:
                raise ShardError(f"{path}: is a link out of the store")
            try:
                size = path.stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                raise ShardError(f"{path}: is missing. {REMEDY}") from None
            except OSError as error:
                raise ShardError(f"{path}: cannot be read: {error.strerror}. {REMEDY}") from error
            if not path.is_file():
                raise ShardError(f"{path}: is no file. {REMEDY}")
            if size != shard.bytes:
                raise ShardError(f"{path}: has {size} bytes, should have {shard.bytes}. {REMEDY}")
