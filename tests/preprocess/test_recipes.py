"""Golden values of the recipes: written out with numpy, scipy and librosa from the descriptions of their sources.

Every reference gets a clip at the recipe's rate and knows nothing of melgrid: samples are counted by hand, spectra are
numpy's in double precision, only mel banks, wavelets and cepstra are librosa's.
"""

import json
import warnings

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from melgrid import datasets, open_store, preprocess
from melgrid.params import Mfcc, canonical_json, recipe, recipe_names
from melgrid.preprocess import compute
from melgrid.store.about import restore_feature
from melgrid.transforms import num_frames

PERIODIC = {n: 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in (256, 512, 1024, 2048)}


def clip(seconds, sr, channels=None):
    """Chords, a sweep, noise, half a second of digital silence; full scale 0.7."""
    t = np.arange(round(seconds * sr)) / sr
    rng = np.random.default_rng(11)
    tones = sum(np.sin(2 * np.pi * f * t + f) for f in (110.0, 277.2, 554.4, 1318.5))
    sweep = np.sin(2 * np.pi * (60 + 0.3 * sr / (1 + 4 * seconds) * t) * t)
    y = 0.1 * tones + 0.2 * sweep + 0.02 * rng.standard_normal(len(t))
    y[(t > 0.5 * seconds + 0.1) & (t < 0.5 * seconds + 0.6)] = 0
    y = (0.7 * y / np.abs(y).max()).astype(np.float32)
    return y if channels is None else np.stack([y * np.float32(1 - 0.1 * c) for c in range(channels)])


def spectrum(y, n_fft, hop, framing="centred", pad="reflect", window=None):
    """(frames, bins), complex128."""
    y = np.asarray(y, np.float64)
    if framing == "centred":
        y = np.pad(y, n_fft // 2, mode=pad)
    elif framing == "same":
        total = max(0, (-(-len(y) // hop) - 1) * hop + n_fft - len(y))
        y = np.pad(y, (total // 2, total - total // 2))
    if len(y) < n_fft:
        return np.zeros((0, 1 + n_fft // 2), complex)
    return np.fft.rfft(sliding_window_view(y, n_fft)[::hop] * (PERIODIC[n_fft] if window is None else window))


def power(*args, **kw):
    return np.abs(spectrum(*args, **kw)) ** 2


def mel(x, sr, n_mels, fmax=None):
    """Slaney's scale and area norm."""
    import librosa

    n_fft = 2 * (x.shape[1] - 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters")
        return x @ librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, fmax=fmax, dtype=np.float64).T


def ten_log10(x, amin=1e-10, top=80.0):
    levels = 10 * np.log10(np.maximum(x, amin))
    return levels if top is None else np.maximum(levels, levels.max() - top)


def kapre_db(x):
    levels = 10 * np.log10(np.maximum(x, 1e-10))
    return np.maximum(levels - levels.max(), -80)


def with_zeros(y, n):
    return np.pad(y[:n], (0, max(0, n - len(y))))


def rows(x, n):
    """Cut, or zeros behind."""
    return np.pad(x[:n], [(0, max(0, n - len(x))), (0, 0)])


def tagger(y, exponent):
    n = 349_440
    y = y[(len(y) - n) // 2 :][:n] if len(y) > n else with_zeros(y, n)
    return [ten_log10(mel(power(y, 512, 256), 12000, 96) ** exponent)]


def compact(y):
    return [kapre_db(mel(power(y, 512, 256, "same"), 12000, 96, 6000.0))]


def us8k(y):
    return [
        rows(mel(power(y, 512, 256), 12000, 96), 188),
        rows(power(y, 512, 256), 188),
        with_zeros(y, 48_000)[:, None],
    ]


def cepstra(db, n):
    import librosa

    return librosa.feature.mfcc(S=db.T, n_mfcc=n).T


def constant_q(y, sr, **kw):
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.abs(librosa.cqt(y, sr=sr, tuning=0.0, **kw)).T


def kapre_example(y):
    y = with_zeros(y, 48_000)
    return [
        kapre_db(mel(power(y, 512, 256, "same"), 16000, 128)),
        kapre_db(power(y, 512, 256, "same")),
        kapre_db(power(y, 1024, 256, "same")),
    ]


def kapre_demo(channels):
    y = [with_zeros(y, 44_100) for y in channels]
    return [np.stack([np.sqrt(mel(power(c, 512, 256, "same"), 44100, 128)) for c in y], axis=-1)]


def density(y, n_fft):
    """The tutorials' periodogram: window energy, 2 pi, all but the first and the last bin doubled."""
    window = np.hanning(n_fft)
    x = power(y, n_fft, n_fft // 2, "left", window=window) / window.dot(window)
    x[:, 1:-1] *= 2
    return x / (2 * np.pi)


def middle(y, n):
    return y[int(len(y) / 2 - n / 2) :][:n]


def log10_or(x, value):
    """log10, and a value in place of -inf."""
    with np.errstate(divide="ignore"):
        levels = np.log10(x)
    levels[np.isneginf(levels)] = value
    return levels


def prague(y, sr=22050, frames=80, n_fft=512, n_mels=40, value=0.0):
    return log10_or(mel(density(middle(y, n_fft + (frames - 1) * n_fft // 2), n_fft), sr, n_mels), value)


NO_FLOOR = np.log10(np.finfo(np.float32).tiny)


def each(y, length, step, function, count=None):
    starts = range(0, len(y) - length + 1, step)[:count]
    return [np.concatenate([function(y[i : i + length]) for i in starts])]


def vienna_segments(y):
    return each(y, 41_472, 165_375, lambda s: log10_or(mel(density(s, 1024), 22050, 40), 0.0), 3)


def deepsound(y, floor):
    x = mel(power(y, 2048, 1024), 22050, 128)
    if floor:
        return [np.log(np.maximum(x, 1e-6))]
    x = rows(x, 647)
    x[x == 0] = 1e-6
    return [np.log(x)]


def part1a(y):
    x = kapre_db(mel(power(y, 512, 256), 22050, 40, 8000.0))
    return [x[(len(x) - 80) // 2 :][:80]]


def ismir2018(y):
    y = (y / np.abs(y).max())[:165_888]
    return [ten_log10(mel(power(y, 2048, 1024), 16000, 80))]


def choi2017_grid(y):
    return [mel(power(y, n, h, pad="constant"), 22050, m) for n in (1024, 512) for h in (512, 256) for m in (128, 96)]


def dcase_mel(n_mels):
    return lambda y: each(y, 41_472, 41_472, lambda s: log10_or(mel(density(s, 1024), 44100, n_mels), NO_FLOOR))


def dcase_cqt(bins, per_octave):
    def one(s):
        x = constant_q(s, 44100, hop_length=512, n_bins=bins, bins_per_octave=per_octave)
        return kapre_db(x**2)

    return lambda y: each(y, 41_472, 41_472, one)


REFERENCES = {
    "choi2016_tagger": lambda y: tagger(y, 2),
    "choi2016_tagger_power": lambda y: tagger(y, 1),
    "choi2017_compact": lambda y: compact(with_zeros(y, 348_000)),
    "choi2017_compact_repeat": lambda y: compact(
        np.concatenate([y] * 99)[:348_000] if len(y) < 348_000 else y[:348_000]
    ),
    "choi2017_stft": lambda y: [kapre_db(power(with_zeros(y, 348_000), 512, 256, "same"))],
    "choi2017_grid": choi2017_grid,
    "choi_mfcc120": lambda y: [cepstra(ten_log10(mel(power(y[:348_000], 2048, 512), 12000, 128)), 20)],
    "choi_us8k": us8k,
    "choi_us8k_std": us8k,
    "choi_mtt_cqt": lambda y: [
        ten_log10(constant_q(y, 16000, hop_length=256, n_bins=252, bins_per_octave=36, pad_mode="reflect") ** 2)
    ],
    "choi_mtt_stft": lambda y: [ten_log10(power(y, 512, 256))],
    "choi_mtt_mel": lambda y: [ten_log10(mel(power(y, 2048, 256), 16000, 128) ** 2)],
    "choi_mtt_mfcc": lambda y: [cepstra(ten_log10(mel(power(y, 512, 256), 16000, 128)), 31)],
    "kapre_demo": kapre_demo,
    "kapre_example": kapre_example,
    "kapre3_mel": lambda y: [ten_log10(mel(np.abs(spectrum(y, 2048, 512, "left")), 22050, 128), 1e-5)],
    "stft_layer_demo": lambda y: [kapre_db(power(with_zeros(y, 96_000), 512, 128, "same"))],
    "dl4mir_fma": lambda y: [
        kapre_db(mel(power(np.pad(y[:160_000], (max(0, 160_000 - len(y)), 0)), 512, 256, "same"), 16000, 64))
    ],
    "dl4mir_jamendo": lambda y: [ten_log10(mel(power(y, 512, 256, "same"), 16000, 40), top=None)],
    "deepsound": lambda y: deepsound(y, floor=False),
    "deepsound_browser": lambda y: deepsound(y, floor=True),
    "despois": lambda y: [20 * np.log10(np.maximum(np.abs(spectrum(y, 256, 882, "left")) / 64, 1e-6))],
    "lachmish_mel": lambda y: each(y, 2205, 882, lambda s: mel(power(s, 2048, 512), 22050, 128), 599),
    "lachmish_mfcc": lambda y: each(
        y, 2205, 882, lambda s: cepstra(kapre_db(mel(power(s, 2048, 512), 22050, 128)), 13), 599
    ),
    "prague_speechmusic": lambda y: [prague(y, value=NO_FLOOR)],
    "prague_mtt_large": lambda y: [prague(y, frames=683, n_mels=96)],
    "prague_mtt_xl": lambda y: [prague(y, frames=1366, n_mels=96)],
    "prague_part1a": part1a,
    "mirex2015_speechmusic": lambda y: each(
        y, 20_736, 44_100, lambda s: log10_or(mel(density(s, 512), 22050, 40), NO_FLOOR), 15
    ),
    "dcase2016_mel40": dcase_mel(40),
    "dcase2016_mel80": dcase_mel(80),
    "dcase2016_cqt80": dcase_cqt(80, 12),
    "dcase2016_cqt84": dcase_cqt(84, 12),
    "dcase2016_cqt126": dcase_cqt(126, 18),
    "vienna_gtzan": lambda y: [prague(y, n_fft=1024)],
    "augment_vienna": lambda y: vienna_segments(y),
    "ismir2018_mtt": ismir2018,
    "musicnn": lambda y: [np.log10(1 + 10_000 * mel(power(y, 512, 256), 16000, 96))],
}

# Clips whose length matters, in parts of the nominal length: those that are too short for their excerpt.
SHORT = {
    "choi2016_tagger": 0.6, "choi2017_compact": 0.6, "choi2017_compact_repeat": 0.3, "choi_us8k": 0.7,
    "kapre_demo": 0.9, "dl4mir_fma": 0.2, "deepsound": 0.8, "stft_layer_demo": 0.5, "lachmish_mel": 0.1,
    "choi_mfcc120": 0.1, "mirex2015_speechmusic": 0.2,
}  # fmt: skip


def golden(feature, ours, theirs):
    """Assert the criterion of docs/design.md section 8."""
    assert ours.shape == theirs.shape
    if isinstance(feature, Mfcc):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.1)
        return
    scale = getattr(feature, "log", "db") if feature.is_log else None
    if scale in (None, "log1p"):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())
        return
    decade = {"ln": np.log(10), "log10": 1.0}.get(scale, 10.0)
    audible = theirs[theirs != 0] if scale == "log10" else theirs  # where zeros become 0 they are the loudest
    if getattr(feature, "zero_as", None) is not None:
        zeros = np.isclose(theirs, decade * np.log10(feature.zero_as), rtol=1e-9, atol=1e-9)
        assert zeros.any()
        np.testing.assert_allclose(ours[zeros], theirs[zeros], rtol=0, atol=1e-5)
    near = theirs >= audible.max() - 8 * decade - 1e-6  # the floor of top_db is near
    np.testing.assert_allclose(ours[near], theirs[near], rtol=0, atol=0.001 * decade)
    ours, theirs = 10 ** (ours[~near] / decade), 10 ** (theirs[~near] / decade)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * 10 ** (audible.max() / decade))


def check(name, seconds):
    grid = list(recipe(name).grid)
    y = clip(seconds, grid[0].sr, grid[0].channels)
    theirs = REFERENCES[name](y)
    assert len(theirs) == len(grid)
    for feature, expected in zip(grid, theirs, strict=True):
        ours = compute(feature, y, feature.sr)
        golden(feature, ours, expected)
        assert len(ours) == num_frames(feature, y.shape[-1])


def test_every_recipe_has_a_reference():
    assert set(REFERENCES) == set(recipe_names())


@pytest.mark.parametrize("name", recipe_names())
def test_golden_values_of_a_clip_that_is_long_enough(name):
    seconds = recipe(name).clip_seconds
    check(name, 12.37 if seconds > 30 else seconds + 0.37)


@pytest.mark.parametrize("name", SHORT)
def test_golden_values_of_a_clip_that_is_too_short(name):
    check(name, SHORT[name] * recipe(name).clip_seconds)


def test_120_numbers_from_stored_cepstra():
    (feature,) = recipe("choi_mfcc120").grid
    x = compute(feature, clip(3.0, 12000), 12000)
    parts = [x, np.diff(x, axis=0), np.diff(x, 2, axis=0)]
    assert np.concatenate([f(p, axis=0) for p in parts for f in (np.mean, np.std)]).shape == (120,)


@pytest.mark.filterwarnings("ignore:.* deprecated as of 1.0:FutureWarning")  # librosa 1.0 warns of itself
def test_48_further_items_of_a_training_clip():
    import librosa

    from melgrid.preprocess.audio.augment import altered

    grid = recipe("augment_vienna").grid
    (feature,) = grid
    assert [a.steps for a in grid.augment] == [
        (("time_stretch", rate), ("pitch_shift", steps)) for rate in (0.2, 0.5, 1.2, 1.5) for steps in (-5, -2, 2, 5)
    ]
    y = clip(20.0, 22050)
    augmentation = grid.augment[-2]  # 1.5 times faster, 2 semitones up
    variant = librosa.effects.pitch_shift(librosa.effects.time_stretch(y, rate=1.5), sr=22050, n_steps=2)
    ours = compute(feature, altered(y, 22050, augmentation, "any"), 22050)
    (theirs,) = vienna_segments(variant)
    assert ours.shape == theirs.shape == (2 * 80, 40)  # what is left of 20 s ends before the third segment
    np.testing.assert_allclose(10**ours, 10**theirs, rtol=1e-3, atol=1e-5 * 10 ** theirs.max())


@pytest.mark.parametrize("name", recipe_names())
def test_a_store_knows_the_features_again(name):
    for feature in recipe(name).grid:
        assert restore_feature(json.loads(canonical_json(feature.canonical()))) == feature


def test_a_store_of_a_recipe_reads_back_as_it_was_computed(corpus, tmp_path):
    import soundfile

    found = recipe("choi_us8k")
    preprocess.run(datasets.load("folder", corpus), found.grid, tmp_path / "s", jobs=1, limit=6, progress=False)
    store = open_store(tmp_path / "s")
    paths = store.clips.set_index("clip_id")["path"]
    for feature, shape in zip(found.grid, found.shape, strict=True):
        features = store[feature.id]
        assert features.feature.excerpt == feature.excerpt
        assert len(features.clip_ids) > 3
        for clip_id in features.clip_ids:
            samples, sr = soundfile.read(corpus / paths[clip_id], dtype="float32")
            np.testing.assert_array_equal(features[clip_id], features.cast(compute(feature, samples.T, sr)))
            assert features[clip_id].shape == shape
