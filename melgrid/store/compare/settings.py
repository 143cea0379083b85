"""What tells the settings of a store apart: their parameters as flat tables, and what each one costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from melgrid.params import Feature
from melgrid.store.views.run_logs import read_run_logs

if TYPE_CHECKING:
    import pandas as pd

    from melgrid.store.store import Store

__all__ = ["differing", "labels", "parameters", "setting", "settings_frame", "telling"]

LONGEST = 60  # text of one parameter in a label; digests are longer


def parameters(feature: Feature) -> dict[str, Any]:
    """Flatten the canonical parameters: ``excerpt.seconds`` in place of a table, lists as text.

    Parameters
    ----------
    feature : Feature

    Returns
    -------
    dict of str to number, str or bool, in the order of the model's fields
    """
    return dict(_flat("", feature.canonical()))


def _flat(prefix: str, table: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield prefix + name, ", ".join(map(str, value)) if isinstance(value, list) else value


def differing(features: Sequence[Feature]) -> tuple[str, ...]:
    """Name the parameters that are not the same in all of some features, `kind` left out.

    Parameters
    ----------
    features : sequence of Feature

    Returns
    -------
    tuple of str
    """
    tables = [parameters(feature) for feature in features]
    names = dict.fromkeys(name for table in tables for name in table if name != "kind")
    return tuple(name for name in names if len({repr(table.get(name)) for table in tables}) > 1)


def telling(features: Sequence[Feature]) -> dict[str, tuple[str, ...]]:
    """Name the parameters that tell some features of one kind apart, each with those that follow from it.

    With ``n_fft = [512, 1024]`` the default ``win_length`` varies too, but says nothing that `n_fft` does not.

    Parameters
    ----------
    features : sequence of Feature

    Returns
    -------
    dict of str to tuple of str
        In the order of the model's fields. The values of these parameters alone tell all features apart.
    """
    tables = [parameters(feature) for feature in features]

    def decides(name: str, other: str) -> bool:
        seen: dict[str, str] = {}
        pairs = [(repr(table.get(name)), repr(table.get(other))) for table in tables]
        return all(seen.setdefault(value, follower) == follower for value, follower in pairs)

    found: dict[str, list[str]] = {}
    for name in differing(features):
        decided_by = next((other for other in found if decides(other, name)), None)
        if decided_by is not None:
            found[decided_by].append(name)
            continue
        absorbed = [other for other in found if decides(name, other)]
        found[name] = [follower for other in absorbed for follower in (other, *found.pop(other))]
    return {name: tuple(also) for name, also in found.items()}


def labels(features: Sequence[Feature]) -> list[str]:
    """Write what tells each feature from the others of its kind: ``logmel n_fft=512 hop_length=256``.

    Parameters
    ----------
    features : sequence of Feature

    Returns
    -------
    list of str, all different
    """
    kinds: dict[str, list[Feature]] = {}
    for feature in features:
        kinds.setdefault(feature.kind, []).append(feature)
    names = {kind: telling(members) for kind, members in kinds.items()}
    return [setting(feature, names[feature.kind]) for feature in features]


def setting(feature: Feature, names: Iterable[str]) -> str:
    """Write some parameters of a feature as a person types them: ``logmel n_fft=512 hop_length=256``.

    Parameters
    ----------
    feature : Feature
    names : iterable of str
        Those that the feature does not have are left out.

    Returns
    -------
    str
    """
    table = parameters(feature)
    return " ".join([feature.kind, *(f"{name}={_short(table[name])}" for name in names if name in table)])


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if len(text) <= LONGEST else text[:10] + "…"


def settings_frame(store: Store) -> pd.DataFrame:
    """One row per feature set: what it is and what it costs.

    Parameters
    ----------
    store : Store

    Returns
    -------
    DataFrame
        id, every parameter that a feature here has (missing where it is not applied), bins, hop_seconds, unit, clips,
        failed, frames, hours, bytes, and seconds: of computing where a run's log tells it, else missing.
    """
    import pandas as pd

    seconds = read_run_logs(store.path).feature_seconds
    rows = []
    for features in store:
        feature, shards = features.feature, features.record.shards
        frames = sum(shard.frames for shard in shards)
        rows.append(
            {
                "id": feature.id,
                **parameters(feature),
                "bins": feature.bins,
                "hop_seconds": feature.hop_seconds,
                "unit": feature.unit,
                "clips": sum(shard.clips - shard.failed for shard in shards),
                "failed": sum(shard.failed for shard in shards),
                "frames": frames,
                "hours": frames * feature.hop_seconds / 3600,
                "bytes": sum(shard.bytes for shard in shards),
                "seconds": seconds.get(feature.id, float("nan")),
            }
        )
    facts = ["bins", "hop_seconds", "unit", "clips", "failed", "frames", "hours", "bytes", "seconds"]
    names = dict.fromkeys(name for row in rows for name in row if name not in facts)
    return pd.DataFrame(rows, columns=[*(names or ["id", "kind"]), *facts])
