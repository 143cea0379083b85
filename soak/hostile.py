"""Read stores whose JSON, Parquet or HDF5 was changed by somebody who also made the digests fit.

``python -m soak.hostile [STORE] [EXAMPLES] [SEED]`` in a process of its own, with little address space: a typed
error or an answer, never a crash, a hang, absurd memory or a file outside of the store.
"""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from melgrid.errors import MelgridError
from melgrid.params import canonical_json
from melgrid.store import open_store, verify
from melgrid.store.views.inspect import failures, feature_summary, store_summary
from soak.kill import Scene, make_corpus

Change = Callable[[Path, st.DataObject], None]
ADDRESS_SPACE = 6 << 30
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.integers(-(1 << 66), 1 << 66),
    st.sampled_from([1 << 31, 1 << 40, 1 << 62, (1 << 63) - 1]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["../x", "/etc/passwd", "shard-00000.h5/../..", "\0", "clips.parquet", "a" * 5000]),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=2),
)


def seal(store: Path, name: str | None = None, data: bytes = b"") -> None:
    """Put other bytes in place of a file of the store, and make every digest fit."""
    if name is not None:
        (store / name).write_bytes(data)
        if name.endswith(".h5"):
            folder = Path(name).parent
            record = json.loads((store / folder / "feature.json").read_bytes())
            for row in record["shards"]:
                if row["file"] == Path(name).name:
                    row |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            return seal(store, f"{folder}/feature.json", json.dumps(record).encode())
    document = json.loads((store / "store.json").read_bytes())
    del document["sha256"]
    if name is not None:
        document["files"][name] = hashlib.sha256(data).hexdigest()
    document["sha256"] = hashlib.sha256(canonical_json(document).encode()).hexdigest()
    (store / "store.json").write_text(json.dumps(document), "utf-8")
    return None


def read_all(path: Path) -> None:
    """Do everything that a reader may do."""
    for look in (store_summary, failures, lambda p: verify(p, deep=True), _arrays):
        try:
            look(path)
        except MelgridError:
            pass
        except OSError as error:
            if error.filename is None:
                raise


def _arrays(path: Path) -> None:
    store = open_store(path)
    assert len(store.clips) == len(store.table)
    for feature_id in store.ids:
        try:
            features = store[feature_id]
            feature_summary(path, feature_id)
            for clip_id in features.clip_ids[:5]:
                features[clip_id]
            selection = features.select(clip_id=list(features.clip_ids[:3]))
            selection.statistics()
            assert len(selection.labels) == len(selection)
        except MelgridError:
            continue


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(p for key, item in inner for p in _places(item, (*place, key)))]


def change_json(path: Path, data: st.DataObject) -> None:
    """Put junk somewhere in a JSON file."""
    name = data.draw(
        st.sampled_from(
            [
                "store.json",
                *sorted(f"{p.parent.name}/{p.name}" for p in path.glob("*/*.json") if p.parent.name != "runs"),
            ]
        )
    )
    document = json.loads((path / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 2))):
        *before, last = data.draw(st.sampled_from(_places(document)[1:]))
        target = document
        for key in before:
            target = target[key]
        target[last] = data.draw(JUNK)
        if not isinstance(target[last], dict | list) and data.draw(st.booleans()):
            break
    try:
        if name == "store.json":
            (path / name).write_text(json.dumps(document), "utf-8")
            seal(path)
        else:
            seal(path, name, json.dumps(document).encode())
    except (ValueError, KeyError, TypeError):  # junk that canonical JSON does not take: an unsealed file then
        (path / name).write_text(json.dumps(document), "utf-8")


def change_bytes(path: Path, data: st.DataObject, pattern: str, end: int) -> None:
    """Damage the first bytes, or those anywhere, of a file."""
    name = data.draw(st.sampled_from(sorted(str(p.relative_to(path)) for p in path.glob(pattern))))
    content = bytearray((path / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(end, len(content)) - 1))
        new = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 8, b"\0" * 8])))
        content[at : at + len(new)] = new
    if data.draw(st.integers(0, 9)) == 0:
        del content[data.draw(st.integers(1, len(content))) :]
    seal(path, name, bytes(content))


CHANGES: dict[str, Change] = {
    "json": change_json,
    "parquet": lambda path, data: change_bytes(path, data, "clips.parquet", 1 << 30),
    "hdf5": lambda path, data: change_bytes(path, data, "*/shard-*.h5", 1 << 30),
    "hdf5 structure": lambda path, data: change_bytes(path, data, "*/shard-*.h5", 2500),
}


def hammer(store: str, change: Change, examples: int, chance: int) -> None:
    """Change copies of a store and read them."""

    @seed(chance)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def reads(data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "store"
            shutil.copytree(store, copy)
            change(copy, data)
            read_all(copy)

    reads()


def main(store: str | None = None, examples: int = 500, chance: int = 0) -> None:
    """Change, read; a crash ends the process."""
    if store is None:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "store"
            Scene(make_corpus(Path(folder) / "corpus")).finish(made)
            main(str(made), examples, chance)
        return
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    for kind, change in CHANGES.items():
        hammer(store, change, examples, chance)
        print(f"{kind}: {examples} changes", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
