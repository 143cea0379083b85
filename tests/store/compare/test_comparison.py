"""Training results joined to a store: who won, for how much."""

import dataclasses
import json

import pytest

from melgrid.errors import ParameterError
from melgrid.params import LogMel
from melgrid.store.compare import compare
from melgrid.store.compare.text import comparison_text

GRID = [LogMel(sr=8000, n_fft=256, n_mels=m, hop_length=h) for m in (8, 12) for h in (128, 256)]


@pytest.fixture
def toy(make_toy):
    return make_toy(features=GRID, failing=())


def results(tmp_path, lines, head="feature,seed,accuracy,loss"):
    path = tmp_path / "results.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def test_who_won_and_for_how_much(toy, tmp_path):
    lines = [f"{f.id},{s},{f.n_mels / 20 + s / 100},{f.n_mels}" for f in GRID[1:] for s in (0, 1)]
    found = compare(toy.store, results(tmp_path, lines))
    assert found.metric == "accuracy"
    assert [o.mean for o in found.outcomes] == pytest.approx([0.605, 0.605, 0.405])
    assert found.best.std == pytest.approx(0.01 / 2**0.5)
    assert found.best.repeats == 2
    assert found.best.others == {"loss": 12.0}
    assert found.without == 1
    assert found.outcomes[-1].id == GRID[1].id
    own = {o.id: o.bytes for o in found.outcomes}
    assert own == {i: sum(p.stat().st_size for p in (toy.path / i).glob("shard*")) for i in own}
    assert {e.parameter for e in found.effects} == {"n_mels", "hop_length"}


def test_equals_have_no_best(toy, tmp_path):
    found = compare(toy.store, results(tmp_path, [f"{f.id},{s},0,{f.n_mels}" for f in GRID for s in (0, 1)]))
    assert found.undecided
    assert {level.wins for effect in found.effects for level in effect.levels} == {0}
    text = comparison_text(found)
    assert "none is best: all 4 settings have accuracy 0. The smallest: logmel" in text
    assert not [line for line in text.splitlines() if line.startswith("best")]
    assert not compare(toy.store, results(tmp_path, [f"{GRID[0].id},0,0,0"])).undecided  # one alone is no tie


def test_lower_is_better_and_another_column(toy, tmp_path):
    lines = [f"{f.id},0,{f.n_mels},{f.hop_length}" for f in GRID]
    found = compare(toy.path, results(tmp_path, lines), column="loss", lower=True)
    assert (found.metric, found.best.mean, found.best.std) == ("loss", 128.0, None)
    with pytest.raises(ParameterError, match=r"no measure 'los'\. Did you mean 'loss'"):
        compare(toy.store, results(tmp_path, lines), column="los")


def test_the_frontier_holds_what_nothing_as_small_beats(toy, tmp_path):
    lines = [f"{f.id},0,{0.9 if f.n_mels == 8 else 0.5},0" for f in GRID]
    found = compare(toy.store, results(tmp_path, lines))
    smallest = min(o.bytes for o in found.outcomes)
    assert [o.id for o in found.outcomes if o.frontier] == [
        found.best.id
    ]  # equal results: the smaller one stands first
    assert found.best.bytes == smallest


def test_nearly_as_good_for_less_is_pointed_out(toy, tmp_path):
    small, large = sorted((f for f in GRID if f.hop_length == 128), key=lambda f: f.n_mels)
    sizes = {o: sum(p.stat().st_size for p in (toy.path / o.id).glob("shard*")) for o in (small, large)}
    assert sizes[small] < sizes[large]
    lines = [f"{large.id},{s},{a},0" for s, a in ((0, 0.8), (1, 0.9))]
    found = compare(toy.store, results(tmp_path, [*lines, f"{small.id},0,0.84,0"]))
    assert (found.best.id, found.thrifty) == (large.id, small.id)
    assert "within one standard deviation" in comparison_text(found)
    far = compare(toy.store, results(tmp_path, [*lines, f"{small.id},0,0.5,0"]))
    assert far.thrifty is None


def test_the_text_has_the_figures_and_json_is_json(toy, tmp_path):
    found = compare(toy.store, results(tmp_path, [f"{f.id},0,{f.n_mels / 20:.2f},1" for f in GRID]))
    text = comparison_text(found)
    assert "higher is better" in text
    assert "effect of n_mels" in text
    assert "2 of 2" in text
    assert f"  {found.best.id}" in text
    assert "compute" not in text  # no log tells
    assert "without results" not in text
    assert json.loads(json.dumps(dataclasses.asdict(found)))["outcomes"][0]["mean"] == 0.6


def test_one_setting_is_not_in_the_plural(toy, tmp_path):
    text = comparison_text(compare(toy.store, results(tmp_path, [f"{GRID[0].id},0,0.5,1"])))
    assert text.startswith("accuracy of 1 setting (")
    assert f"without results: {len(GRID) - 1} more feature sets of the store" in text
