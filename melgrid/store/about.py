"""What a store is about: the dataset, its options and classes, and the library versions that made the numbers."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from melgrid.errors import MismatchError, StoreError
from melgrid.params import KINDS, Derived, Feature, canonical_json

__all__ = ["About", "restore_feature"]

Scalar = str | int


class About(BaseModel):
    """Facts that hold for every clip and feature of a store.

    They stand in ``store.json`` and, as canonical JSON, in every shard.

    Attributes
    ----------
    dataset : str
        Name of the adapter.
    options : dict
        The adapter's own options, fully resolved and ready for JSON.
    classes : tuple of str
        Class names; labels are indices into them.
    task : str
        single, multi or none.
    splits : dict
        Official split columns only, each with its values in order.
    versions : dict
        What the numbers depend on: decoder, resampler, FFT, librosa, melgrid's engine and, where there are variants,
        NumPy; melgrid's release for the record.
    nominal_seconds : float
        Usual length of a clip.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    options: dict[str, Any] = {}
    classes: tuple[str, ...] = ()
    task: str = "none"
    splits: dict[str, tuple[Scalar, ...]] = {}
    versions: dict[str, str] = {}
    nominal_seconds: float = 0.0

    @field_validator("options")
    @classmethod
    def _as_json_sees_them(cls, options: dict[str, Any]) -> dict[str, Any]:
        return dict(json.loads(canonical_json(options)))  # tuples become lists now, not after a round trip

    @field_validator("task")
    @classmethod
    def _task_is_known(cls, task: str) -> str:
        if task not in ("single", "multi", "none"):
            raise ValueError(f"task={task!r}: must be single, multi or none")
        return task

    def canonical(self) -> dict[str, Any]:
        """Return the fields as a dict that is ready for JSON."""
        return self.model_dump(mode="json")

    @classmethod
    def parse(cls, data: Any) -> About:
        """Make an `About` from what `canonical` returned.

        Raises
        ------
        StoreError
            A field is missing, unknown or of the wrong type.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise StoreError(f"what the store says about its dataset is damaged: {place}: {first['msg']}") from None


def restore_feature(canonical: dict[str, Any]) -> Feature:
    """Make a feature from its canonical parameters, as stored.

    Canonical parameters leave out what is not applied, whereas in a grid a missing name asks for the default.

    Parameters
    ----------
    canonical : dict
        As `Feature.canonical` returned.

    Returns
    -------
    Feature

    Raises
    ------
    MismatchError
        The kind is one that this melgrid does not know.
    StoreError, ParameterError
        These are no canonical parameters of a feature.
    """
    kinds: dict[str, type[Feature]] = {**KINDS, "derived": Derived}
    kind = kinds.get(str(canonical.get("kind")))
    if kind is None:
        raise MismatchError(
            f"feature kind {canonical.get('kind')!r} is unknown, known are {', '.join(KINDS)}; use the newer melgrid "
            "that made it"
        )
    unset: dict[str, Any] = {name: None for name in kind.NULLABLE if name in kind.model_fields}
    if "empty_bands" in kind.model_fields:
        unset["empty_bands"] = "allow"  # decided when the feature was made
    feature = kind(**{**unset, **canonical})
    if feature.canonical() != canonical:
        raise StoreError(f"parameters {canonical_json(canonical)} are not those of {feature.id}")
    return feature
