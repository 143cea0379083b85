"""Open a store and find the feature sets in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgrid.errors import StoreError
from melgrid.params.messages import nearest
from melgrid.store.about import About
from melgrid.store.clips import ClipTable
from melgrid.store.feature_set import FeatureSet
from melgrid.store.manifest import CLIPS, Manifest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Store", "open_store"]


def open_store(path: str | Path) -> Store:
    """Open a store for reading.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Store

    Raises
    ------
    StoreError
        There is no store, it is damaged, or it has a newer format.
    """
    return Store(Manifest.load(Path(path).absolute()))


class Store:
    """Everything for one dataset: its clips, and one feature set per feature, ordered by id.

    Shows what was there when it was opened; open it again to see feature sets that came later.

    Attributes
    ----------
    path : Path
    about : About
        Dataset, options, classes, versions.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.path = manifest.path
        self.about: About = manifest.about
        self._ids = manifest.features
        self._features: dict[str, FeatureSet] = {}

    @cached_property
    def table(self) -> ClipTable:
        """The clip table as arrays, (shard, row) order."""
        return ClipTable(self._manifest.read(CLIPS), self.about)

    @property
    def clips(self) -> pd.DataFrame:
        """A row per clip, in store order: `label` (categorical), or `labels` (tuples) for task multi, and the rest."""
        return self.table.shown

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the feature sets, sorted."""
        return self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[FeatureSet]:
        return (self[feature_id] for feature_id in self._ids)

    def __contains__(self, feature_id: object) -> bool:
        return feature_id in self._ids

    def __getitem__(self, key: int | str) -> FeatureSet:
        """Return a feature set by its id, or by its place among the sorted ids.

        Raises
        ------
        StoreError
            The store has no such feature set.
        """
        if isinstance(key, str):
            if key not in self._ids:
                hint = nearest(key, self._ids) if self._ids else " It has none yet."
                raise StoreError(f"{self.path}: has no feature set {key!r}.{hint}")
            feature_id = key
        else:
            if not -len(self) <= key < len(self):
                raise IndexError(f"{self.path}: has {len(self)} feature sets, none at {key}")
            feature_id = self._ids[key]
        if feature_id not in self._features:
            record = self._manifest.feature(feature_id)
            if "table" in self.__dict__:  # clips that have joined since it was read are not shown
                record = record.up_to(int(self.table.shard.max(initial=-1)))
            self._features[feature_id] = FeatureSet(self, record)
        return self._features[feature_id]

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of ``store.json`` (over its canonical JSON) and of the files that it vouches for."""
        return self._manifest.digests

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row per feature set: its parameters, shape and cost.

        Returns
        -------
        DataFrame
            id, every parameter that a feature here has (missing where it is not applied), bins, hop_seconds, unit,
            clips, failed, frames, hours, bytes, and seconds of computing where the log of a run tells them.
        """
        from melgrid.store.compare.settings import settings_frame

        return settings_frame(self)

    def find(self, **params: Any) -> FeatureSet:
        """Return the one feature set whose parameters have given values.

        Parameters
        ----------
        **params
            ``kind="logmel"``, ``n_mels=96`` and so on.

        Returns
        -------
        FeatureSet

        Raises
        ------
        StoreError
            None or several match, or the store has none yet; the message lists candidates.
        """
        if not len(self):
            raise StoreError(f"{self.path}: has no feature sets yet; the same melgrid preprocess again makes them")
        known = {name for features in self for name in type(features.feature).model_fields}
        for name in params:
            if name not in known:
                raise StoreError(f"{name}: no feature set here has such a parameter.{nearest(name, known)}")
        kinds = [features.feature.kind for features in self]
        if "kind" in params and params["kind"] not in kinds:
            hint = nearest(str(params["kind"]), set(kinds))
            raise StoreError(f"{self.path}: no feature set has kind={params['kind']!r}.{hint}")
        found = [
            features
            for features in self
            if all(getattr(features.feature, name, _ABSENT) == value for name, value in params.items())
        ]
        if len(found) == 1:
            return found[0]
        wanted = ", ".join(f"{name}={value!r}" for name, value in params.items())
        candidates = ", ".join(features.id for features in found or self)
        if not wanted:
            raise StoreError(f"{self.path}: has {len(self)} feature sets, say which. Candidates: {candidates}")
        count = f"{len(found)} feature sets have" if found else "no feature set has"
        raise StoreError(f"{self.path}: {count} {wanted}. Candidates: {candidates}")

    def _repr_html_(self) -> str:
        from melgrid.store.views.notebook import store_html

        return store_html(self)

    def __repr__(self) -> str:
        return f"<Store {self.about.dataset} at {self.path}: {len(self)} feature sets>"

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (str(self.path),)


_ABSENT = object()
