"""From lists of values to features: the grid file, the ``--feature`` shorthand, the cartesian product.

A list is an axis. Axes vary in the order in which they are written, the last fastest; equal features merge.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from melgrid.errors import ParameterError
from melgrid.params.augmentation import Augmentation, augmentations
from melgrid.params.features import Feature

__all__ = ["Grid", "grid_schema"]


@dataclass(frozen=True)
class Entry:
    """One combination of values, the place that it came from, and which values are defaults of the whole grid."""

    place: str
    values: Mapping[str, Any]
    defaults: frozenset[str] = frozenset()

    @property
    def is_native(self) -> bool:
        return self.values.get("sr") == "native"

    def feature(self) -> Feature:
        try:
            feature = Feature.parse(dict(self.values))
        except ParameterError as error:
            raise ParameterError(f"{self.place}: {error}") from None
        if feature.is_power and feature.dtype == "float16" and "dtype" in self.defaults:
            raise ParameterError(
                f"{self.place}: {feature.kind}: dtype='float16': is no default for linear power, whose range it "
                "does not hold (6e-8 to 65504); write dtype = 'float16' in the entry itself to have it, else 'float32'"
            )
        return feature


@dataclass(frozen=True)
class Grid:
    """Several features, written with lists.

    Parameters
    ----------
    entries : tuple of Entry
        Use `from_toml`, `from_entries`, `from_shorthand` or `product`; a grid checks itself when it is made.
    augment : tuple of Augmentation
        Variants of the training clips that a store is to have beside the clips; see `augmented`.
    """

    entries: tuple[Entry, ...]
    augment: tuple[Augmentation, ...] = ()

    def __post_init__(self) -> None:
        if not self.entries:
            raise ParameterError("the grid is empty: name at least one feature, e.g. kind = 'logmel'")
        for entry in self.entries:
            if not entry.is_native:
                entry.feature()

    @classmethod
    def from_entries(cls, entries: Iterable[Mapping[str, Any]], *, place: str = "grid", **defaults: Any) -> Grid:
        """Expand tables of parameters, each value a scalar or a list of scalars.

        Parameters
        ----------
        entries : iterable of mappings
            Each with ``kind`` and parameters; a list is an axis.
        place : str
            Where the entries stand, for error messages.
        **defaults
            Values for parameters that an entry leaves out, e.g. ``dtype="float32"``. For linear power float16 is
            refused here: an entry that wants it says so itself.

        Returns
        -------
        Grid

        Raises
        ------
        ParameterError
            Naming the entry, the value, the rule and the nearest right spelling.
        """
        expanded: list[Entry] = []
        for number, table in enumerate(entries, start=1):
            if "augment" in table:
                raise ParameterError(
                    f"{place}, entry {number}: augment: belongs to the whole grid; write it before the first "
                    "[[features]], or --augment on the command line"
                )
            expanded += _expand({**defaults, **table}, f"{place}, entry {number}", frozenset(defaults.keys() - table))
        return cls(tuple(expanded))

    @classmethod
    def from_toml(cls, path: str | Path, **defaults: Any) -> Grid:
        """Read a grid file: a list of ``[[features]]`` tables, and perhaps ``augment = ["gain db=-6"]`` before them.

        A table ``[recipe]`` is for people and skipped.

        Parameters
        ----------
        path : str or Path
        **defaults
            As in `from_entries`.

        Returns
        -------
        Grid

        Raises
        ------
        ParameterError
            The file is missing, is not TOML, or a parameter breaks a rule.
        """
        path = Path(path)
        try:
            document = tomllib.loads(path.read_text("utf-8-sig"))  # some editors of Windows put a mark in front
        except FileNotFoundError:
            raise ParameterError(f"grid file {path}: there is no such file") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ParameterError(f"grid file {path}: cannot be read as TOML: {error}") from None
        for key in document:
            if key not in ("features", "recipe", "augment"):
                raise ParameterError(f"grid file {path}: unknown table {key!r}; known: [[features]], augment")
        tables = document.get("features", [])
        if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
            raise ParameterError(f"grid file {path}: features must be a list of tables, written [[features]]")
        return cls.from_entries(tables, place=path.name, **defaults)._with(document, f"grid file {path}")

    def _with(self, document: Mapping[str, Any], place: str) -> Grid:
        """Take the augmentations of a grid file."""
        texts = document.get("augment", [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ParameterError(f"{place}: augment must be a list of texts, such as ['pitch_shift n_steps=-2,2']")
        try:
            return self.augmented(*texts)
        except ParameterError as error:
            raise ParameterError(f"{place}: {error}") from None

    def augmented(self, *texts: str) -> Grid:
        """Ask for variants of the training clips as well.

        Parameters
        ----------
        *texts : str
            ``"time_stretch rate=0.8,1.2"``, ``"pitch_shift n_steps=-2,2"``, ``"noise snr_db=10"``,
            ``"gain db=-6"``; several values are several variants, effects joined by `` + `` make one.

        Returns
        -------
        Grid

        Raises
        ------
        ParameterError
            A text is not of that form, or a value is out of range.
        """
        return replace(self, augment=tuple(sorted({*self.augment, *augmentations(texts)})))

    @classmethod
    def from_shorthand(cls, texts: str | Sequence[str], **defaults: Any) -> Grid:
        """Read ``"logmel sr=22050 n_fft=512,1024"``: a kind, then ``key=value`` or ``key=value,value``.

        Parameters
        ----------
        texts : str or sequence of str
            One text is a grid of its own.
        **defaults
            As in `from_entries`.

        Returns
        -------
        Grid

        Raises
        ------
        ParameterError
            A text is not of that form, or a parameter breaks a rule.
        """
        texts = [texts] if isinstance(texts, str) else texts
        return cls.from_entries([_parse_shorthand(text) for text in texts], place="--feature", **defaults)

    @classmethod
    def product(cls, kind: str, **values: Any) -> Grid:
        """All combinations of the given values, e.g. ``Grid.product("logmel", n_fft=[512, 1024])``.

        Parameters
        ----------
        kind : str
        **values
            Parameters of the kind; a list is an axis.

        Returns
        -------
        Grid

        Raises
        ------
        ParameterError
        """
        return cls.from_entries([{"kind": kind, **values}], place="Grid.product")

    @property
    def needs_native(self) -> bool:
        """Whether some entry takes the corpus's own rate."""
        return any(entry.is_native for entry in self.entries)

    def resolve(self, native_sr: int | None = None) -> tuple[Feature, ...]:
        """Return the features, without repeats, in the order of the grid.

        Parameters
        ----------
        native_sr : int or None, Hz
            What ``sr = "native"`` stands for.

        Returns
        -------
        tuple of Feature

        Raises
        ------
        ParameterError
            An entry says ``sr = "native"`` and no rate was given.
        """
        features: dict[str, Feature] = {}
        for entry in self.entries:
            if entry.is_native:
                if native_sr is None:
                    raise ParameterError(f"{entry.place}: sr='native' needs a corpus, whose clips share one rate")
                entry = replace(entry, values={**entry.values, "sr": native_sr})
            feature = entry.feature()
            features.setdefault(feature.id, feature)
        return tuple(features.values())

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.resolve())

    def __len__(self) -> int:
        return len(self.resolve())

    def __add__(self, other: Grid) -> Grid:
        return Grid(self.entries + other.entries, tuple(sorted({*self.augment, *other.augment})))


def _expand(table: Mapping[str, Any], place: str, defaults: frozenset[str]) -> list[Entry]:
    kind = table.get("kind", "?")
    axes: list[list[tuple[str, Any]]] = []
    for name, value in table.items():
        choices = _choices(name, value)
        if not choices:
            raise ParameterError(f"{place} ({kind}): {name}=[]: an empty list leaves no feature")
        axes.append([(name, choice) for choice in choices])
    varied = {axis[0][0] for axis in axes if len(axis) > 1}
    entries = []
    for combination in itertools.product(*axes):
        shown = ", ".join([f"{k}={v}" for k, v in combination if k in varied])
        entries.append(Entry(f"{place} ({shown})" if shown else place, dict(combination), defaults))
    return entries


def _choices(name: str, value: Any) -> list[Any]:
    if hasattr(value, "tolist"):  # an array of numpy
        value = value.tolist()
    if not isinstance(value, (list, tuple, range)):
        return [value]
    if name == "range_db" and not any(isinstance(item, (list, tuple)) for item in value):
        return [value]  # itself a pair: an axis of it is a list of pairs
    return list(value)


def _parse_shorthand(text: str) -> dict[str, Any]:
    words = text.split()
    if not words or "=" in words[0]:
        raise ParameterError(f"--feature {text!r}: must begin with a kind, e.g. 'logmel sr=22050 n_mels=96,128'")
    table: dict[str, Any] = {"kind": words[0]}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise ParameterError(f"--feature {text!r}: {word!r} is not of the form key=value or key=value,value")
        if name in table:
            raise ParameterError(f"--feature {text!r}: {name} is given twice; write {name}=value,value for an axis")
        values = [_pair(v) if name == "range_db" else _scalar(v) for v in value.split(",")]
        table[name] = values if len(values) > 1 else values[0]
    return table


def _pair(text: str) -> Any:
    """A range, low:high; nothing else has two values on the command line."""
    return [_scalar(part) for part in text.split(":")] if ":" in text else _scalar(text)


def _scalar(text: str) -> Any:
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, (bool, int, float, str)) else text


def grid_schema() -> dict[str, Any]:
    """JSON schema of a grid file: what an editor needs to check and complete it.

    Returns
    -------
    dict, JSON schema draft 2020-12
    """
    from melgrid.params import KINDS

    tables = []
    inner: dict[str, Any] = {}
    for name, model in KINDS.items():
        schema = model.model_json_schema()
        inner |= schema.get("$defs", {})
        properties: dict[str, Any] = {}
        for field, rule in schema["properties"].items():
            if field == "kind":
                properties[field] = {"const": name}
            else:
                one = _one_value(field, rule, field in model.NULLABLE)
                options = [one, {"type": "array", "items": one, "minItems": 1}]
                extra = {k: rule[k] for k in ("default", "title") if k in rule}
                if field == "dtype":  # which depends on what is stored
                    extra["default"] = model().dtype
                properties[field] = {"anyOf": options, **extra}
        tables.append(
            {
                "type": "object",
                "title": name,
                "description": schema.get("description", ""),
                "properties": properties,
                "required": ["kind"],
                "additionalProperties": False,
            }
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "melgrid grid file",
        "type": "object",
        "properties": {
            "features": {"type": "array", "minItems": 1, "items": {"oneOf": tables}},
            "augment": {"type": "array", "items": {"type": "string"}, "description": "Variants of training clips."},
            "recipe": {"type": "object", "description": "Where the grid comes from; for people."},
        },
        "$defs": inner,
        "required": ["features"],
        "additionalProperties": False,
    }


def _one_value(field: str, rule: dict[str, Any], nullable: bool) -> dict[str, Any]:
    """What one value of a parameter may be: TOML has no null, and some values have a second spelling."""
    bare = {k: v for k, v in rule.items() if k not in ("default", "title")}
    options = [option for option in bare.pop("anyOf", [bare]) if option != {"type": "null"}]
    if field == "sr":
        options.append({"const": "native"})
    if field in ("excerpt", "segments"):
        options.append({"type": ["number", "string"]})
    elif nullable:
        options.append({"const": "none"})
    return options[0] if len(options) == 1 else {"anyOf": options}
