"""Effects of parameters: means over settings that differ in nothing else."""

import pytest

from melgrid.params import Cqt, Grid, LogMel
from melgrid.store.compare.effects import effects


def found(features, metric, lower=False, seconds=None):
    metrics = {f.id: float(metric(f)) for f in features}
    sizes = {f.id: 1000 * f.bins // f.hop_length for f in features}
    return {(e.kind, e.parameter): e for e in effects(features, metrics, sizes, seconds or {}, lower)}


@pytest.fixture
def grid():
    return list(Grid.product("logmel", n_fft=[512, 1024], hop_length=[256, 512], n_mels=[32, 40]))


def test_a_full_grid_gives_plain_means(grid):
    effect = found(grid, lambda f: f.n_fft / 1024 + f.n_mels)["logmel", "n_fft"]
    assert effect.groups == 4
    assert effect.also == ("win_length",)
    assert [(level.value, level.mean, level.wins, level.settings) for level in effect.levels] == [
        (512, 36.5, 0, 4), (1024, 37.0, 4, 4),
    ]  # fmt: skip


def test_the_largest_effect_comes_first_and_lower_can_be_better(grid):
    effect, *_ = found(grid, lambda f: f.n_mels + f.hop_length, lower=True).values()
    assert effect.parameter == "hop_length"
    assert [level.wins for level in effect.levels] == [4, 0]


def test_a_gap_in_the_grid_does_not_tilt_the_means(grid):
    # a metric that only knows n_mels, and one bad combination left out: n_fft must seem to do nothing
    gapped = [f for f in grid if not (f.n_fft == 1024 and f.n_mels == 32 and f.hop_length == 256)]
    effect = found(gapped, lambda f: f.n_mels)["logmel", "n_fft"]
    assert effect.groups == 3
    assert effect.spread == 0
    naive = [[f.n_mels for f in gapped if f.n_fft == n_fft] for n_fft in (512, 1024)]
    assert sum(naive[0]) / 4 != sum(naive[1]) / 3


def test_what_cannot_be_told_apart_is_said_to_be_one():
    diagonal = [LogMel(n_fft=512, hop_length=128, n_mels=32), LogMel(n_fft=1024, hop_length=256, n_mels=40)]
    only = found(diagonal, lambda f: f.n_fft)
    assert list(only) == [("logmel", "n_fft")]
    assert {"hop_length", "n_mels"} <= set(only["logmel", "n_fft"].also)


def test_an_unbalanced_comparison_says_so():
    chain = [LogMel(n_fft=n, hop_length=h) for n, h in [(2048, 128), (2048, 256), (4096, 256), (4096, 512)]]
    effects_ = found(chain, lambda f: f.n_fft)
    assert effects_["logmel", "hop_length"].groups == 0
    assert [level.settings for level in effects_["logmel", "hop_length"].levels] == [1, 2, 1]
    assert [level.settings for level in effects_["logmel", "n_fft"].levels] == [1, 1]  # the one pair with equal hops


def test_kinds_are_not_mixed_and_one_setting_has_no_effect(grid):
    assert {kind for kind, _ in found([*grid, Cqt()], lambda f: f.bins)} == {"logmel"}
    assert found([Cqt()], lambda f: 1) == {}


def test_ties_count_for_each_unless_all_are_equal():
    three = list(Grid.product("logmel", n_fft=[512, 1024, 2048], n_mels=[32, 40]))
    effect = found(three, lambda f: min(f.n_fft, 1024) + f.n_mels)["logmel", "n_fft"]
    assert [level.wins for level in effect.levels] == [0, 2, 2]
    effect = found(three, lambda f: f.n_mels)["logmel", "n_fft"]
    assert (effect.groups, [level.wins for level in effect.levels]) == (2, [0, 0, 0])


def test_costs_are_means(grid):
    seconds = {f.id: 2.0 for f in grid if f.n_fft == 512}
    effect = found(grid, lambda f: 1, seconds=seconds)["logmel", "n_fft"]
    assert [level.seconds for level in effect.levels] == [2.0, None]
    own = [1000 * f.bins // f.hop_length for f in grid if f.n_fft == 512]
    assert effect.levels[0].bytes == sum(own) / len(own)


def test_a_parameter_that_is_not_applied_is_a_value_too():
    pair = [LogMel(top_db=80.0), LogMel(top_db="none")]
    effect = found(pair, lambda f: 0 if f.top_db is None else 1)["logmel", "top_db"]
    assert [level.value for level in effect.levels] == [None, 80.0]
