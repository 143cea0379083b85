"""What tells settings apart, and the table of them."""

import json

import pandas as pd
import pytest

from melgrid.params import Cqt, Grid, LogMel, Stft
from melgrid.store.compare.settings import differing, labels, parameters, telling


def test_parameters_are_flat():
    table = parameters(LogMel(excerpt={"seconds": 3.0}, dtype="uint8", range_db=(-80.0, 0.0)))
    assert table["excerpt.seconds"] == 3.0
    assert table["range_db"] == "-80.0, 0.0"
    assert all(isinstance(value, (int, float, str, bool)) for value in table.values())


def test_what_follows_from_another_parameter_tells_nothing():
    grid = list(Grid.product("logmel", n_fft=[512, 1024], hop_length=[256, 512], n_mels=[32, 40]))
    assert differing(grid) == ("n_fft", "win_length", "hop_length", "n_mels")
    assert telling(grid) == {"n_fft": ("win_length",), "hop_length": (), "n_mels": ()}


def test_a_finer_parameter_absorbs_what_it_decides():
    outputs = [Stft(output="magnitude"), Stft(output="power"), Stft(output="log")]
    found = telling(outputs)
    assert list(found) == ["output"]
    assert {"dtype", "ref", "amin", "top_db"} <= set(found["output"])


def test_labels_are_short_and_all_different():
    grid = [*Grid.product("logmel", n_fft=[512, 1024], n_mels=[32, 40]), Cqt(), LogMel(n_mels=24, log="ln")]
    names = labels(grid)
    assert len(set(names)) == len(grid)
    assert names[0] == "logmel n_fft=512 n_mels=32"
    assert names[4] == "cqt"


def test_a_row_per_feature_set(make_toy, features):
    toy = make_toy(features=[features["float16"], features["complex"]])
    frame = toy.store.to_dataframe()
    assert list(frame["id"]) == list(toy.store.ids)
    row = frame.set_index("id").loc[features["float16"].id]
    fs = toy.store[features["float16"].id]
    assert (row["kind"], row["n_mels"], row["clips"], row["failed"]) == ("logmel", 8, 19, 1)
    assert row["frames"] == fs.lengths.sum()
    assert row["hours"] == pytest.approx(fs.lengths.sum() * 512 / 8000 / 3600)
    assert row["bytes"] == sum(p.stat().st_size for p in (toy.path / fs.id).glob("shard*"))
    assert pd.isna(row["seconds"])
    assert pd.isna(frame.set_index("id").loc[features["complex"].id, "n_mels"])


def test_seconds_come_from_the_logs(make_toy, features):
    toy = make_toy()
    (toy.path / "runs").mkdir()
    log = dict(
        finished="2026-01-01T00:00:00+00:00", features=[features["float16"].id], clips=20, failed=1, jobs=1,
        seconds=3.0, audio_seconds=9.0, stage_seconds={"decode": 1.5, "write": 0.5},
    )  # fmt: skip
    (toy.path / "runs" / "1.json").write_text(json.dumps(log))
    assert list(toy.store.to_dataframe()["seconds"]) == [2.0]


def test_a_store_without_feature_sets_has_an_empty_table(make_toy):
    frame = make_toy(features=[]).store.to_dataframe()
    assert len(frame) == 0
    assert {"id", "kind", "bytes"} <= set(frame)
