"""Grids: order, merging, the three ways to write one, and refusals that say where."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from melgrid.errors import ParameterError
from melgrid.params import KINDS, Chroma, Grid, LogMel, grid_schema

TOML = """
[[features]]
kind = "logmel"
n_fft = [512, 1024]
hop_length = [256, 512]
n_mels = [96, 128]

[[features]]
kind = "cqt"
n_bins = 84
"""


def test_lists_expand_in_the_order_written_the_last_fastest(tmp_path):
    (tmp_path / "grid.toml").write_text(TOML)
    grid = Grid.from_toml(tmp_path / "grid.toml")
    shown = [(f.n_fft, f.hop_length, f.n_mels) for f in grid if f.kind == "logmel"]
    assert shown == [(n, h, m) for n in (512, 1024) for h in (256, 512) for m in (96, 128)]
    assert [f.kind for f in grid][-1] == "cqt"
    assert len(grid) == 9


def test_the_three_spellings_agree(tmp_path):
    (tmp_path / "grid.toml").write_text(TOML)
    shorthand = Grid.from_shorthand(["logmel n_fft=512,1024 hop_length=256,512 n_mels=96,128", "cqt n_bins=84"])
    product = Grid.product("logmel", n_fft=[512, 1024], hop_length=[256, 512], n_mels=[96, 128]) + Grid.product(
        "cqt", n_bins=84
    )
    expected = [f.id for f in Grid.from_toml(tmp_path / "grid.toml")]
    assert [f.id for f in shorthand] == expected
    assert [f.id for f in product] == expected


def test_equal_features_merge_and_keep_their_first_place():
    grid = Grid.from_shorthand(["logmel n_mels=64,96", "logmel n_mels=96,40"])
    assert [f.n_mels for f in grid] == [64, 96, 40]


@given(st.lists(st.integers(8, 60), min_size=1, max_size=4), st.lists(st.integers(100, 900), min_size=1, max_size=4))
def test_a_product_has_every_combination_once(mels, hops):
    grid = Grid.product("logmel", n_mels=mels, hop_length=hops)
    assert len(grid) == len(set(mels)) * len(set(hops))
    assert {(f.n_mels, f.hop_length) for f in grid} == {(m, h) for m in mels for h in hops}


def test_one_text_is_a_grid():
    assert Grid.from_shorthand("logmel n_mels=64,96") == Grid.from_shorthand(["logmel n_mels=64,96"])
    with pytest.raises(ParameterError, match="'n_mels=96': must begin with a kind"):
        Grid.from_shorthand("n_mels=96")


def test_shorthand_types():
    (feature,) = Grid.from_shorthand(["logmel htk=true norm=none top_db=none fmin=20 window=hamming ref=max"])
    assert feature == LogMel(htk=True, norm=None, top_db=None, fmin=20.0, window="hamming", ref="max")
    (feature,) = Grid.from_shorthand(["logmel dtype=uint8 range_db=-80:0"])
    assert feature.range_db == (-80.0, 0.0)


def test_range_db_is_a_pair_not_an_axis():
    assert len(Grid.product("logmel", dtype="uint8", range_db=[-80, 0])) == 1
    assert len(Grid.product("logmel", dtype="uint8", range_db=[[-80, 0], [-60, 0]])) == 2


def test_a_list_of_ranges_is_an_axis_on_the_command_line():
    found = Grid.from_shorthand(["logmel dtype=uint8 range_db=-80:0,-60:0"])
    assert [f.range_db for f in found] == [(-80.0, 0.0), (-60.0, 0.0)]


def test_infinity_is_a_norm_however_it_is_written():
    (feature,) = Grid.from_shorthand(["chroma norm=inf"])
    assert feature == Chroma(norm=math.inf) == Chroma(norm="inf") != Chroma(norm=None)


def test_arrays_are_axes():
    assert [f.n_fft for f in Grid.product("mel", n_fft=np.array([512, 1024]), n_mels=np.int64(40))] == [512, 1024]


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "g.toml").write_bytes("[[features]]\r\nkind = 'mel'\r\n".encode("utf-8-sig"))
    assert len(Grid.from_toml(tmp_path / "g.toml")) == 1


def test_defaults_hold_where_an_entry_says_nothing():
    grid = Grid.from_shorthand(["logmel", "logmel dtype=float16 n_mels=40"], dtype="float32")
    assert [f.dtype for f in grid] == ["float32", "float16"]
    assert [f.dtype for f in Grid.from_shorthand(["mel"], dtype="float32")] == ["float32"]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["logmel n_ftt=512"], r"--feature, entry 1: logmel: n_ftt: unknown parameter\. Did you mean 'n_fft'"),
        (["cqt", "logmel n_fft=512 n_mels=96,200"], r"entry 2 \(n_mels=200\): logmel: n_mels=200"),
        (["melspec"], r"kind='melspec': unknown"),
        (["n_fft=512"], r"must begin with a kind"),
        (["logmel n_fft"], r"'n_fft' is not of the form key=value"),
        (["logmel n_fft="], r"'n_fft=' is not of the form key=value"),
        (["logmel =512"], r"'=512' is not of the form key=value"),
        (["logmel dtype=uint8 range_db=-80"], r"range_db=-80: must be a pair, \[low, high\]"),
        (["logmel dtype=uint8 range_db=-80:0:3"], r"range_db=\[-80, 0, 3\]: must be a pair"),
        (["logmel dtype=uint8 range_db=-inf:0"], r"range_db=-inf: must be a finite number"),
        (["logmel n_fft=[512]"], r"n_fft='\[512\]': must be a valid integer"),
        (["logmel n_fft=512 n_fft=1024"], r"n_fft is given twice"),
        ([""], r"must begin with a kind"),
        ([], r"the grid is empty"),
    ],
)
def test_refusals_say_where(texts, words):
    with pytest.raises(ParameterError, match=words):
        Grid.from_shorthand(texts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the grid is empty"),
        ("features = 3", r"written \[\[features\]\]"),
        ("[feature]\nkind='logmel'", "unknown table 'feature'"),
        ("[[features]]\nkind=", "cannot be read as TOML"),
        ("[[features]]\nkind='logmel'\naugment=['gain db=3']", r"entry 1: augment: .* before the first \[\[features"),
        ("[[features]]\nkind={a=1}", r"kind=\{'a': 1\}: unknown"),
        ("[[features]]\nkind='logmel'\nn_mels=[]", r"grid\.toml, entry 1 .*n_mels=\[\]: an empty list"),
    ],
)
def test_bad_files(tmp_path, text, words):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=words):
        Grid.from_toml(path)


def test_a_product_says_where_as_well():
    with pytest.raises(ParameterError, match=r"^Grid\.product, entry 1: logmel: n_fft=0"):
        Grid.product("logmel", n_fft=0)


def test_missing_file(tmp_path):
    with pytest.raises(ParameterError, match=r"nowhere\.toml: there is no such file"):
        Grid.from_toml(tmp_path / "nowhere.toml")


def test_native_rate_waits_for_the_corpus():
    grid = Grid.from_shorthand(["logmel sr=native,16000"])
    assert grid.needs_native
    assert [f.sr for f in grid.resolve(44100)] == [44100, 16000]
    assert len(grid.resolve(16000)) == 1
    with pytest.raises(ParameterError, match="needs a corpus"):
        grid.resolve()
    with pytest.raises(ParameterError, match="Nyquist"):
        Grid.from_shorthand(["logmel sr=native fmax=8000"]).resolve(8000)


def test_schema_lists_every_kind_and_lets_lists_be_axes():
    schema = grid_schema()
    tables = {t["title"]: t for t in schema["properties"]["features"]["items"]["oneOf"]}
    assert set(tables) == set(KINDS) > {"logmel", "cqt", "waveform"}
    n_fft = tables["logmel"]["properties"]["n_fft"]["anyOf"]
    assert [option["type"] for option in n_fft] == ["integer", "array"]
    assert tables["logmel"]["additionalProperties"] is False


def test_schema_takes_none_and_shorthand_and_knows_no_null():
    schema = grid_schema()
    tables = {t["title"]: t["properties"] for t in schema["properties"]["features"]["items"]["oneOf"]}
    for name in ("top_db", "norm", "peak", "range_db"):
        assert {"const": "none"} in tables["logmel"][name]["anyOf"][0]["anyOf"]
    assert {"const": "native"} in tables["stft"]["sr"]["anyOf"][0]["anyOf"]
    for name in ("excerpt", "segments"):
        assert {"type": ["number", "string"]} in tables["mel"][name]["anyOf"][0]["anyOf"]
    assert "null" not in str(tables)


def test_a_big_product_is_counted_right():
    axes = {"n_fft": [512, 1024, 2048], "hop_length": [128, 256, 512], "n_mels": [20, 30, 40], "fmin": [0, 50]}
    assert len(Grid.product("logmel", **axes)) == math.prod(map(len, axes.values()))


def test_excerpts_are_tables_or_shorthand_and_a_list_is_an_axis(tmp_path):
    (tmp_path / "grid.toml").write_text(
        """
        [recipe]
        source = "nobody reads this"
        [[features]]
        kind = "logmel"
        excerpt = [{ seconds = 4, start = "center" }, { seconds = 10.5, start = 3, pad = "zeros" }]
        segments = { seconds = 0.1, step = 0.04, count = 599 }
        """
    )
    written = list(Grid.from_toml(tmp_path / "grid.toml"))
    assert written == list(Grid.from_shorthand(["logmel excerpt=4:center,10.5:3:zeros segments=0.1:0.04:599"]))
    assert [str(f.excerpt) for f in written] == ["4:center:none", "10.5:3:zeros"]
    assert next(iter(Grid.from_shorthand(["logmel excerpt=none,4"]))).excerpt is None


def test_float16_is_no_default_for_linear_power():
    for text in ("mel", "stft output=power", "chroma norm=none"):
        with pytest.raises(ParameterError, match=r"entry 1: .*dtype='float16'.* write dtype = 'float16' in the entry"):
            Grid.from_shorthand([text], dtype="float16")
        assert [f.dtype for f in Grid.from_shorthand([f"{text} dtype=float16"])] == ["float16"]
    assert [f.dtype for f in Grid.from_shorthand(["logmel", "stft", "mel power=1.0"], dtype="float16")] == [
        "float16"
    ] * 3
    with pytest.raises(ParameterError, match="linear power"):
        Grid.from_shorthand(["mel sr=native"], dtype="float16").resolve(16000)


def test_schema_knows_the_tables_inside():
    schema = grid_schema()
    assert set(schema["$defs"]) == {"Excerpt", "Segments"}
    assert "#/$defs/Excerpt" in str(schema["properties"]["features"])


def test_the_schema_names_the_type_that_each_kind_is_stored_in_by_default():
    kinds = {table["title"]: table["properties"] for table in grid_schema()["properties"]["features"]["items"]["oneOf"]}
    assert {name: rules["dtype"]["default"] for name, rules in kinds.items()} == {
        name: model().dtype for name, model in KINDS.items()
    }
    assert kinds["logmel"]["dtype"]["default"] == "float16"
