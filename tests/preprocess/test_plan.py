"""The graph: everything shared runs once, and sharing changes no bit."""

import warnings
from contextlib import contextmanager

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from melgrid.errors import ClipError, ParameterError
from melgrid.params import Chroma, Cqt, Grid, LogMel, Mel, Mfcc, Stft, Vqt, Waveform
from melgrid.preprocess import compile_plan, compute
from melgrid.preprocess import plan as plan_module
from melgrid.preprocess.audio import signal as signal_module
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
    module = plan_module if hasattr(plan_module, name) else signal_module
    original = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **kw: calls.append(args) or original(*args, **kw))
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


def test_stages_are_told_with_the_features_that_they_serve(music):
    entered, credited = [], []

    @contextmanager
    def stage(name, features):
        entered.append((name, [feature.kind for feature in features]))
        yield lambda name, seconds: credited.append(name)

    list(
        compile_plan([LogMel(n_fft=512, n_mels=40), Waveform(), Stft(n_fft=512, hop_length=512)]).run(
            music, 44100, stage=stage
        )
    )
    assert entered == [
        *[("resample", ["logmel", "waveform", "stft"])] * 2,
        ("spectrum", ["logmel", "stft"]),
        *(("bands", [kind]) for kind in ("logmel", "stft", "waveform")),
    ]
    assert set(credited) == {"bands"}


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
    LogMel(n_fft=1024, n_mels=40, log="10log10", power=1.0), LogMel(n_fft=1024, n_mels=40, log="ln", zero_as=1e-6),
    LogMel(n_fft=1024, n_mels=40, log="log10", eps=1e-6), Mel(n_fft=1024, n_mels=40, scaling="density"),
    LogMel(n_fft=1024, n_mels=40, peak=1.0), Waveform(peak=0.5, mono=False, channels=2),
    *(Waveform(excerpt=f"0.1:{start}:{pad}") for start in ("head", "center", 0.05) for pad in ("none", "zeros")),
    *(LogMel(n_fft=512, hop_length=256, n_mels=40, excerpt=f"0.1:center:{pad}")
      for pad in ("none", "zeros", "front", "repeat", "frames")),
    LogMel(n_fft=512, hop_length=512, n_mels=40, excerpt="0.1:center:zeros"),
    Stft(n_fft=512, framing="left", excerpt="0.1:head:frames", mono=False, channels=2),
    Cqt(excerpt="0.1:head:zeros"), Cqt(output="log", excerpt="0.1:head:frames"), Cqt(segments="0.03:0.02"),
    Mel(n_fft=512, hop_length=128, n_mels=40, segments="0.03:0.01:5"),
    LogMel(n_fft=512, n_mels=40, ref="max", segments="0.03:0.02", excerpt="0.1:0.01:zeros", mono=False, channels=2),
    Mfcc(n_fft=512, n_mels=40, segments="0.03:0.03", peak=1.0),
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

    frames = dict(n_fft=getattr(feature, "n_fft", 0), hop_length=feature.hop_samples)
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
    [
        (np.zeros(0), "not empty"),
        (np.zeros((1, 2, 3)), r"shape \(1, 2, 3\)"),
        (np.array([0, np.nan]), "NaN"),
        (np.zeros((22050, 2)), r"shape \(22050, 2\): must be \(n_channels, n_samples\), .* pass y\.T"),
        (np.zeros(5000, np.int16), r"of type int16: .* divide by the full scale \(y / 32768 for int16\)"),
        (np.zeros(5000, np.complex64), "of type complex64: must be an array of float"),
        ("clip.wav", "of type <U8: must be an array of float"),
    ],
)
def test_compute_refuses(y, words):
    with pytest.raises(ParameterError, match=words):
        compute(LogMel(), y, SR)


@pytest.mark.parametrize("sr", [0, -1, "22050", None, True, np.nan, np.inf])
def test_compute_refuses_what_is_no_rate(sr):
    with pytest.raises(ParameterError, match=r"sr=.*: must be the rate of y in Hz"):
        compute(LogMel(), np.zeros(5000), sr)


@pytest.mark.parametrize("feature", ["logmel", LogMel().id, LogMel])
def test_compute_refuses_what_is_no_feature(feature):
    with pytest.raises(ParameterError, match=r"feature=.*: must be a feature, e\.g\. melgrid\.LogMel"):
        compute(feature, np.zeros(5000), SR)


def test_compute_takes_floats_of_any_precision_and_numpys_rates():
    y = np.linspace(-0.5, 0.5, 4096).astype(np.float16)
    expected = compute(LogMel(), y.astype(np.float32), SR)
    for same in (y, y.astype(np.float64), y.tolist()):
        np.testing.assert_array_equal(compute(LogMel(), same, np.int64(SR)), expected)


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
    alone = Stft(n_fft=512)
    assert compile_plan([alone]).describe().splitlines() == [
        "decode once -> 1 signal, 1 feature",
        "  mono, 22050 Hz",
        "    spectrum n_fft=512 hop_length=128",
        f"      {alone.id}",
    ]


def test_equal_excerpts_are_cut_and_transformed_once(monkeypatch, music):
    passes = counted(monkeypatch, "spectra")
    cut = dict(n_fft=1024, excerpt="1:center:zeros")
    plan = compile_plan(
        [LogMel(n_mels=40, **cut), LogMel(n_mels=64, **cut), Stft(n_fft=1024, hop_length=512), Waveform()]
    )
    assert len(plan.signals) == 1
    assert len(plan.parts) == 2
    list(plan.run(music, 44100))
    assert [len(args[0]) for args in passes] == [SR, 2 * SR]


def test_an_excerpt_in_frames_shares_the_spectrum_of_the_whole_clip(monkeypatch, music):
    passes = counted(monkeypatch, "spectra")
    whole, head = LogMel(n_mels=40, top_db=None), LogMel(n_mels=40, top_db=None, excerpt="1:head:frames")
    (_, everything, _), (_, part, _) = compile_plan([whole, head]).run(music, 44100)
    assert len(passes) == 1
    np.testing.assert_array_equal(part, everything[: 1 + SR // 512])


@pytest.mark.parametrize("pad", ["none", "zeros", "front", "repeat", "frames"])
@pytest.mark.parametrize("length", [1, 4095, 4096, 4097, 9000])
def test_an_excerpt_is_what_one_would_cut_by_hand(pad, length):
    y = np.random.default_rng(length).standard_normal(length, dtype=np.float32)
    feature = Stft(sr=4096, n_fft=256, output="magnitude", excerpt=dict(seconds=1.0, pad=pad))
    missing = max(0, 4096 - length)
    by_hand = {
        "none": y[:4096],
        "zeros": np.pad(y[:4096], (0, missing)),
        "front": np.pad(y[:4096], (missing, 0)),
        "repeat": np.resize(y, 4096),
        "frames": y,
    }[pad]
    expected = compute(Stft(sr=4096, n_fft=256), by_hand, 4096)
    if pad == "frames":
        expected = np.concatenate([expected, np.zeros_like(expected, shape=(65, 129))])[:65]
    ours = compute(feature, y, 4096)
    np.testing.assert_array_equal(ours, expected)
    assert len(ours) == num_frames(feature, length)
    assert num_frames(feature, 0) == 0


def test_frames_are_filled_with_silence_and_cut_after_the_scale():
    y = np.random.default_rng(1).standard_normal(3000, dtype=np.float32)
    filled = compute(LogMel(sr=4096, n_mels=20, n_fft=256, log="ln", zero_as=1e-6, excerpt="1:head:frames"), y, 4096)
    np.testing.assert_allclose(filled[1 + 3000 // 512 :], np.log(1e-6), rtol=1e-6)
    y[-100:] *= 100  # the loudest frame lies outside the middle
    middle = compute(
        LogMel(sr=4096, n_mels=20, n_fft=256, hop_length=64, ref="max", excerpt="0.2:center:frames"), y, 4096
    )
    whole = compute(LogMel(sr=4096, n_mels=20, n_fft=256, hop_length=64, ref="max"), y, 4096)
    first = (len(whole) - len(middle)) // 2
    np.testing.assert_array_equal(middle, whole[first : first + len(middle)])
    assert middle.max() < -20


def test_an_excerpt_behind_the_end_gives_nothing():
    late = LogMel(sr=4096, n_fft=256, n_mels=20, excerpt=dict(seconds=1.0, start=2.0, pad="zeros"))
    assert compute(late, np.ones(8192), 4096).shape == (0, 20)
    assert num_frames(late, 8192) == 0
    assert compute(late, np.ones(8193), 4096).shape == (9, 20)


def test_segments_are_transformed_one_by_one():
    y = np.random.default_rng(2).standard_normal(5000, dtype=np.float32)
    plain, cut = (
        LogMel(sr=4096, n_fft=256, hop_length=128, n_mels=20, ref="max", **k) for k in ({}, {"segments": "0.25:0.125"})
    )
    one_by_one = [compute(plain, y[i : i + 1024], 4096) for i in range(0, 5000 - 1023, 512)]
    ours = compute(cut, y, 4096)
    np.testing.assert_array_equal(ours, np.concatenate(one_by_one))
    assert len(ours) == num_frames(cut, 5000) == 8 * 9
    for n, windows in [(0, 0), (1023, 0), (1024, 1), (1535, 1), (1536, 2)]:
        assert num_frames(cut, n) == windows * 9
    few = LogMel(**{**cut.canonical(), "segments": "0.25:0.125:3"})
    assert len(compute(few, y, 4096)) == 27
    assert compute(few, y[:100], 4096).shape == (0, 20)


def test_peaks_are_of_the_whole_clip_and_silence_has_none():
    y = np.linspace(-0.25, 0.1, 4096, dtype=np.float32)
    ours = compute(Waveform(sr=4096, peak=1.0, excerpt="0.5:0.5"), y, 4096)
    np.testing.assert_allclose(ours[:, 0], (y / 0.25)[2048:], rtol=1e-6)
    assert not compute(Waveform(sr=4096, peak=1.0), np.zeros(10), 4096).any()


def test_density_is_scipys_periodogram():
    from scipy.signal import spectrogram

    y = np.random.default_rng(3).standard_normal(4096, dtype=np.float32)
    feature = Mel(sr=8000, n_fft=512, hop_length=256, n_mels=30, framing="left", window_sym=True, scaling="density")
    _, _, density = spectrogram(
        y, fs=2 * np.pi, window=np.hanning(512), nperseg=512, noverlap=256, detrend=False, scaling="density", mode="psd"
    )
    import librosa

    expected = (librosa.filters.mel(sr=8000, n_fft=512, n_mels=30) @ density).T
    np.testing.assert_allclose(compute(feature, y, 8000), expected, rtol=0, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    ("options", "formula"),
    [
        (dict(log="log10", eps=1e-3), lambda x: np.log10(x + 1e-3)),
        (dict(log="ln", eps=1e-3), lambda x: np.log(x + 1e-3)),
        (dict(log="log10", zero_as=1.0), lambda x: np.log10(np.where(x == 0, 1.0, x))),
        (dict(log="10log10", top_db=None, amin=1e-5), lambda x: 10 * np.log10(np.maximum(x, 1e-5))),
        (dict(log="10log10", top_db=30.0, ref="max"), lambda x: np.maximum(10 * np.log10(x / x.max()), -30)),
        (dict(log="db", top_db=None), lambda x: 20 * np.log10(np.maximum(x, 1e-5))),
    ],
)
def test_logarithms_are_their_formulas(options, formula):
    y = np.random.default_rng(4).standard_normal(4096, dtype=np.float32)
    y[1024:3072] = 0
    if options.get("ref") == "max":
        y += 0.01
    frames = dict(sr=4096, n_fft=256, n_mels=20, power=1.0)
    linear = compute(Mel(**frames), y, 4096).astype(np.float64)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(compute(LogMel(**frames, **options), y, 4096), formula(linear), rtol=1e-5, atol=1e-5)
