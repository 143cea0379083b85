"""The graph: everything shared runs once, and sharing changes no bit."""

import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from melgrid.errors import ClipError, ParameterError
from melgrid.params import Chroma, Cqt, Grid, LogMel, Mel, Mfcc, Stft, Vqt, Waveform
from melgrid.preprocess import compile_plan, compute
from melgrid.preprocess import plan as plan_module
from melgrid.transforms import num_frames

SR = 22050
GRID = Grid.product("logmel", n_fft=[512, 1024], hop_length=[256, 512], n_mels=[96, 128])


@pytest.fixture
def music():
    """Two seconds of stereo: chords, a sweep, noise, silence at the end."""
    rng = np.random.default_rng(7)
    t = np.arange(2 * 44100) / 44100
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.2, 329.6))
    sweep = np.sin(2 * np.pi * (100 + 2000 * t) * t)
    noise = rng.standard_normal(len(t)) * 0.05
    envelope = np.where(t < 1.7, 1.0, 0.0)
    left, right = 0.2 * chord + noise, 0.3 * sweep + 0.5 * noise
    return (np.stack([left, right], axis=1) * envelope[:, None]).astype(np.float32)


def counted(monkeypatch, name):
    calls = []
    original = getattr(plan_module, name)
    monkeypatch.setattr(plan_module, name, lambda *args, **kw: calls.append(args) or original(*args, **kw))
    return calls


def test_mix_resample_and_each_spectrum_run_once_whatever_the_grid(monkeypatch, music):
    mixes, resamples, passes = (counted(monkeypatch, name) for name in ("mix", "resample", "spectra"))
    grid = GRID + Grid.from_shorthand(
        [
            "logmel n_fft=1024 hop_length=256,512,1024 n_mels=40",
            "stft n_fft=512 hop_length=256 output=log,complex",
            "cqt",
        ]
    )
    results = list(compile_plan(grid).run(music, 44100))
    assert len(results) == len(grid)
    assert len(mixes) == 1
    assert len(resamples) == 1
    assert len(passes) == 2  # n_fft 512 and 1024, each at the smallest hop


def test_each_rate_is_resampled_once(monkeypatch, music):
    resamples = counted(monkeypatch, "resample")
    list(
        compile_plan(Grid.from_shorthand(["logmel sr=16000,22050 n_fft=1024 n_mels=40,64", "waveform sr=16000"])).run(
            music, 44100
        )
    )
    assert sorted(args[2] for args in resamples) == [16000, 22050]


def test_hops_share_along_divisibility_only():
    plan = compile_plan(Grid.product("stft", n_fft=512, hop_length=[128, 384, 192, 512, 576]))
    assert sorted(s.framing.hop_length for s in plan.spectra) == [128, 192]
    assert {f.hop_length: s.framing.hop_length for s in plan.spectra for f, _ in s.users} == {
        128: 128, 384: 128, 512: 128, 192: 192, 576: 192,
    }  # fmt: skip


def test_same_framing_never_shares_hops():
    plan = compile_plan(Grid.product("stft", n_fft=512, hop_length=[128, 256], framing="same"))
    assert len(plan.spectra) == 2


@pytest.mark.parametrize(
    "other", [{"window": "hamming"}, {"win_length": 400}, {"pad_mode": "reflect"}, {"framing": "left"}, {"sr": 16000}]
)
def test_what_changes_a_spectrum_is_not_shared(other):
    assert len(compile_plan([Stft(n_fft=512), Stft(n_fft=512, **other)]).spectra) == 2


MANY = [
    *GRID,
    LogMel(n_fft=1024, hop_length=768, n_mels=96),
    LogMel(n_fft=1024, hop_length=256, n_mels=96, ref="max"),
    LogMel(n_fft=1024, hop_length=256, n_mels=96, top_db=None),
    LogMel(n_fft=512, hop_length=256, n_mels=96, power=1.0),
    LogMel(n_fft=1024, hop_length=512, n_mels=96, log="log1p"),
    LogMel(n_fft=1024, hop_length=512, n_mels=96, framing="same"),
    Mel(n_fft=1024, hop_length=512, n_mels=96),
    Mel(n_fft=1024, hop_length=512, n_mels=96, mel_power=0.5),
    *(Stft(n_fft=1024, hop_length=512, output=o) for o in ("magnitude", "power", "log", "complex", "phase")),
    Mfcc(n_fft=1024, hop_length=512, n_mels=96, deltas=2),
    Chroma(n_fft=1024, hop_length=512),
    Cqt(), Cqt(hop_length=256), Cqt(output="log"), Cqt(bins_per_octave=24, n_bins=96), Vqt(), Cqt(output="complex"),
    Waveform(), Waveform(mono=False, channels=2), LogMel(n_fft=1024, n_mels=40, mono=False, channels=2),
]  # fmt: skip


def test_alone_or_in_any_grid_the_bits_are_equal(music):
    together = {feature.id: values for feature, values, _ in compile_plan(MANY).run(music, 44100)}
    assert len(together) == len(MANY)
    for feature in MANY:
        alone = compute(feature, music.T, 44100)
        assert alone.dtype == together[feature.id].dtype
        np.testing.assert_array_equal(alone, together[feature.id], err_msg=feature.id)


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(1, 9000),
    chosen=st.lists(st.integers(0, len(MANY) - 1), min_size=1, max_size=6, unique=True),
    seed=st.integers(0, 99),
)
def test_bits_are_equal_for_any_length_and_company(length, chosen, seed):
    samples = np.random.default_rng(seed).standard_normal((length, 2), dtype=np.float32) * np.float32(0.1)
    features = [MANY[i] for i in chosen]
    for feature, values, num_samples in compile_plan(features).run(samples, 44100):
        assert len(values) == num_frames(feature, num_samples)
        np.testing.assert_array_equal(values, compute(feature, samples.T, 44100), err_msg=feature.id)


def librosa_feature(feature, y):
    """What a user of librosa writes for the same parameters, transposed."""
    import librosa

    frames = dict(n_fft=getattr(feature, "n_fft", 0), hop_length=feature.hop_length)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        match feature:
            case Mfcc():
                out = librosa.feature.mfcc(y=y, sr=feature.sr, n_mfcc=feature.n_mfcc, n_mels=feature.n_mels, **frames)
            case LogMel():
                power = librosa.feature.melspectrogram(
                    y=y, sr=feature.sr, n_mels=feature.n_mels, power=feature.power, **frames
                )
                ref = np.max if feature.ref == "max" else feature.ref
                scale = librosa.power_to_db if feature.power == 2 else librosa.amplitude_to_db
                out = scale(power, ref=ref, top_db=feature.top_db)
            case Mel():
                out = librosa.feature.melspectrogram(y=y, sr=feature.sr, n_mels=feature.n_mels, **frames)
            case Stft():
                spectrum = librosa.stft(y, **frames)
                out = {
                    "magnitude": np.abs, "power": lambda s: np.abs(s) ** 2, "complex": lambda s: s,
                    "log": lambda s: librosa.amplitude_to_db(np.abs(s)),
                }[feature.output](spectrum)  # fmt: skip
            case Chroma():
                out = librosa.feature.chroma_stft(y=y, sr=feature.sr, tuning=0.0, **frames)
            case Vqt():
                out = np.abs(librosa.vqt(y, sr=feature.sr, tuning=0.0))
            case Cqt():
                out = librosa.cqt(y, sr=feature.sr, hop_length=feature.hop_length, tuning=0.0)
                out = out if feature.output == "complex" else np.abs(out)
                out = librosa.amplitude_to_db(out) if feature.output == "log" else out
            case Waveform():
                out = y[None]
    return out.T


@pytest.mark.parametrize(
    "feature",
    [
        LogMel(), LogMel(n_fft=1024, hop_length=256, n_mels=96), LogMel(ref="max"), LogMel(power=1.0),
        LogMel(top_db=None),
        Mel(), Stft(), Stft(output="power"), Stft(output="log"), Stft(output="complex"), Mfcc(), Chroma(), Cqt(),
        Cqt(output="log"), Cqt(output="complex"), Cqt(hop_length=256), Vqt(), Waveform(),
    ],
    ids=lambda f: f.id,
)  # fmt: skip
def test_from_file_samples_to_feature_the_numbers_are_librosas(feature, music):
    import librosa

    y = librosa.resample(librosa.to_mono(music.T), orig_sr=44100, target_sr=feature.sr, res_type="soxr_hq")
    theirs, ours = librosa_feature(feature, y), compute(feature, music.T, 44100)
    assert ours.shape == theirs.shape
    if feature.unit == "dB":
        loud = theirs > theirs.max() - 80
        assert np.abs(ours - theirs)[loud].max() < 0.01
    elif isinstance(feature, Mfcc):
        assert np.abs(ours - theirs).max() < 0.05
    else:
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_too_short_gives_no_frames_of_the_right_shape():
    values = compute(Stft(n_fft=1024, framing="left"), np.zeros(1023), SR)
    assert values.shape == (0, 513)
    assert compute(Stft(n_fft=1024, framing="left"), np.zeros(1024), SR).shape == (1, 513)


def test_channels_are_the_last_axis(music):
    both = compute(LogMel(n_mels=40, mono=False, channels=2, top_db=None), music.T, 44100)
    left = compute(LogMel(n_mels=40, top_db=None), music[:, 0], 44100)
    assert both.shape == (*left.shape, 2)
    np.testing.assert_array_equal(both[..., 0], left)
    with pytest.raises(ClipError, match="3 channels"):
        compute(LogMel(mono=False, channels=2), np.zeros((3, 5000)), SR)


@pytest.mark.parametrize(
    ("y", "words"),
    [(np.zeros(0), "not empty"), (np.zeros((1, 2, 3)), r"shape \(1, 2, 3\)"), (np.array([0, np.nan]), "NaN")],
)
def test_compute_refuses(y, words):
    with pytest.raises(ParameterError, match=words):
        compute(LogMel(), y, SR)


def test_an_empty_plan_is_refused():
    with pytest.raises(ParameterError, match="at least one feature"):
        compile_plan([])


def test_description_shows_what_is_shared():
    text = compile_plan([*GRID, Cqt()]).describe()
    assert "decode once -> 1 signal, 9 features" in text
    assert text.count("shared by 4 features") == 2
    assert text.count("one frame in 2") == 4
    for feature in [*GRID, Cqt()]:
        assert feature.id in text
