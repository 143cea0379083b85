import pandas as pd
import pytest

from melgrid.errors import MismatchError, StoreError
from melgrid.store import About, create_store, open_store
from melgrid.store.creation import is_vacant

TABLE = pd.DataFrame({"clip_id": ["a", "b", "c"], "shard": [0, 1, 0], "row": [0, 0, 1]})


def test_a_new_store_has_clips_and_no_features(tmp_path):
    create_store(tmp_path / "deep" / "s", About(dataset="x"), TABLE)
    store = open_store(tmp_path / "deep" / "s")
    assert len(store) == 0
    assert store.clips["clip_id"].tolist() == ["a", "c", "b"]
    assert store.clips["status"].isna().all()
    assert sorted(p.name for p in store.path.iterdir()) == ["clips.parquet", "store.json"]


def test_a_store_is_not_made_over_something_else(tmp_path):
    create_store(tmp_path / "s", About(dataset="x"), TABLE)
    with pytest.raises(StoreError, match="a store already"):
        create_store(tmp_path / "s", About(dataset="x"), TABLE)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").touch()
    with pytest.raises(StoreError, match=r"other files in it \(thesis.tex\)"):
        create_store(tmp_path / "home", About(dataset="x"), TABLE)


def test_a_store_whose_making_was_interrupted_is_made_again(tmp_path):
    (tmp_path / "s" / "runs").mkdir(parents=True)
    (tmp_path / "s" / "clips.parquet").write_bytes(b"half")
    create_store(tmp_path / "s", About(dataset="x"), TABLE)
    assert len(open_store(tmp_path / "s").clips) == 3


def test_a_place_is_judged_without_being_touched(tmp_path):
    assert is_vacant(tmp_path / "nowhere")
    assert is_vacant(tmp_path)
    create_store(tmp_path / "s", About(dataset="x"), TABLE)
    assert not is_vacant(tmp_path / "s")
    (tmp_path / "s" / "notes.txt").touch()
    assert not is_vacant(tmp_path / "s")
    with pytest.raises(MismatchError, match=r"other files in it \(s\); name an empty folder"):
        is_vacant(tmp_path)
    (tmp_path / "s" / "logmel").mkdir()
    (tmp_path / "s" / "logmel" / "shard-00000.h5").touch()
    (tmp_path / "s" / "store.json").unlink()
    with pytest.raises(StoreError, match=r"no store\.json"):
        is_vacant(tmp_path / "s")
    assert not (tmp_path / "nowhere").exists()
