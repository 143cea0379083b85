"""Features: librosa's defaults, refusals in words, ids of what changes numbers and of nothing else."""

import inspect
import json
import pickle
from math import inf

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from melgrid.errors import ParameterError
from melgrid.params import KINDS, Chroma, Cqt, Feature, LogMel, Mel, Mfcc, Stft, Vqt, Waveform, canonical_json


def librosa_defaults(function):
    return {k: p.default for k, p in inspect.signature(function).parameters.items()}


def test_defaults_are_librosas():
    import librosa

    stft, mel, bank = map(librosa_defaults, (librosa.stft, librosa.feature.melspectrogram, librosa.filters.mel))
    feature = Stft()
    assert (feature.n_fft, feature.window, feature.center, feature.pad_mode) == tuple(
        stft[k] for k in ("n_fft", "window", "center", "pad_mode")
    )
    assert (feature.win_length, feature.hop_length) == (2048, 512)  # librosa's None: n_fft and win_length // 4
    logmel = LogMel()
    assert (logmel.sr, logmel.n_fft, logmel.hop_length, logmel.power) == tuple(
        mel[k] for k in ("sr", "n_fft", "hop_length", "power")
    )
    assert (logmel.n_mels, logmel.fmin, logmel.htk, logmel.norm) == tuple(
        bank[k] for k in ("n_mels", "fmin", "htk", "norm")
    )
    assert logmel.fmax == logmel.sr / 2
    for function, made in ((librosa.power_to_db, logmel), (librosa.amplitude_to_db, Stft(output="log"))):
        scale = librosa_defaults(function)
        assert (made.ref, made.amin, made.top_db) == (scale["ref"], scale["amin"], scale["top_db"])


def test_wavelet_defaults_are_librosas_but_for_the_tuning():
    import librosa

    for function, made in ((librosa.cqt, Cqt()), (librosa.vqt, Vqt())):
        theirs = librosa_defaults(function)
        names = ["sr", "hop_length", "n_bins", "bins_per_octave", "filter_scale", "norm", "sparsity", "window", "scale"]
        names += ["pad_mode", "res_type"]
        assert [getattr(made, n) for n in names] == [theirs[n] for n in names]
        assert made.fmin == librosa.note_to_hz("C1")
        assert made.tuning == 0.0
    assert Vqt().gamma is librosa_defaults(librosa.vqt)["gamma"]
    assert Mfcc().n_mfcc == librosa_defaults(librosa.feature.mfcc)["n_mfcc"]
    assert Chroma().n_chroma == librosa_defaults(librosa.feature.chroma_stft)["n_chroma"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LogMel(n_ftt=512), r"n_ftt: unknown parameter\. Did you mean 'n_fft'\?"),
        (lambda: LogMel(n_fft=0), r"n_fft=0: must be greater than or equal to 2"),
        (lambda: LogMel(hop_length=0), r"hop_length=0: must be"),
        (lambda: LogMel(n_fft="512"), r"n_fft='512': must be a valid integer"),
        (lambda: LogMel(n_fft=512.5), r"n_fft=512\.5: must be a valid integer"),
        (lambda: LogMel(power=True), r"power=True: must be a valid number"),
        (lambda: LogMel(fmin=float("nan")), r"fmin=nan: must be"),
        (lambda: LogMel(fmax=11026.0), r"fmax=11026: must not be above the Nyquist frequency, sr / 2 = 11025 Hz"),
        (lambda: LogMel(fmin=8000, fmax=8000), r"fmin=8000: must be below fmax=8000"),
        (lambda: LogMel(n_fft=512, n_mels=200), r"n_mels=200: 16 of the bands .* no FFT bin"),
        (lambda: LogMel(win_length=4096), r"win_length=4096: must not be above n_fft=2048"),
        (lambda: LogMel(log="ln", top_db=80), r"top_db=80\.0: only with log = 'db'"),
        (lambda: LogMel(scale_by=3.0), r"scale_by=3\.0: only with log = 'log1p'"),
        (lambda: LogMel(eps=1e-6), r"eps=1e-06: only with log = 'ln' or 'log10', not 'db'"),
        (lambda: LogMel(log="ln", eps=1e-6, zero_as=1.0), r"eps=1e-06, zero_as=1\.0: .* give one of them"),
        (lambda: LogMel(log="log1p", amin=1e-6), r"amin=1e-06: only with log = 'db' or '10log10' or 'ln' or 'log10'"),
        (lambda: LogMel(scaling="density", power=1.0), r"scaling='density': is one of power; power=1 must be 2"),
        (lambda: LogMel(peak=0.0), r"peak=0\.0: must be greater than 0"),
        (lambda: LogMel(dtype="uint8", range_db=(0, 1), log="10log10"), r"a feature in dB"),
        (lambda: LogMel(dtype="uint8"), r"uint8 needs range_db"),
        (lambda: Mel(dtype="uint8", range_db=(0, 1)), r"range_db=\[0\.0, 1\.0\]: needs low < high and a feature in dB"),
        (lambda: LogMel(dtype="uint8", range_db=(0, -80)), r"needs low < high"),
        (lambda: LogMel(dtype="float23"), r"dtype='float23': must be .* Did you mean 'float32'\?"),
        (lambda: LogMel(framing="same", center=True), r"center=True, framing='same'"),
        (lambda: LogMel(framing="left", pad_mode="reflect"), r"pad_mode='reflect': only with framing = 'librosa'"),
        (lambda: LogMel(sr="native"), r"sr = 'native' is for grids"),
        (lambda: LogMel(sr="nativ"), r"sr='nativ': must be a whole number of Hz, or in a grid 'native'"),
        (lambda: LogMel(mono=False), r"mono=False: needs channels"),
        (lambda: LogMel(channels=2), r"channels=2: only with mono = false"),
        (lambda: LogMel(kind="mfcc"), r"LogMel is another kind"),
        (lambda: Stft(top_db=80.0), r"top_db=80\.0: only with output = 'log', not 'magnitude'"),
        (lambda: Stft(output="magnitud"), r"output='magnitud': .* Did you mean 'magnitude'\?"),
        (lambda: Stft(window="han"), r"window='han': .* Did you mean 'hann'\?"),
        (lambda: Cqt(n_bins=100_000), r"n_bins=100000: the highest wavelet reaches inf Hz"),
        (lambda: LogMel(n_fft=np.array([512, 1024])), r"n_fft=array\(\[ 512, 1024\]\): must be a valid integer"),
        (lambda: Stft(output="none"), r"output='none': must be .* or 'phase'$"),
        (lambda: Cqt(n_bins=120), r"n_bins=120: the highest wavelet reaches 32977 Hz"),
        (lambda: Mfcc(n_mels=13, n_mfcc=20), r"n_mfcc=20: must not be above n_mels=13"),
        (lambda: Feature.parse({"kind": "logmell"}), r"kind='logmell': unknown\. Did you mean 'logmel'\?"),
        (lambda: Feature.parse({"sr": 1}), r"kind: missing"),
    ],
)
def test_refusals_name_value_rule_and_spelling(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


STEREO = {"mono": False}
LOW = {"n_bins": 1, "fmin": 10.0}


@pytest.mark.parametrize(
    ("kind", "name", "inside", "outside", "others"),
    [
        (Waveform, "sr", (1, 768_000), (0, 768_001), {}),
        (Waveform, "channels", (1, 64), (0, 65), STEREO),
        (Waveform, "peak", (1e-9,), (0.0,), {}),
        (Stft, "n_fft", (2, 1 << 20), (1, (1 << 20) + 1), {}),
        (Stft, "win_length", (1, 2048), (0, 2049), {}),
        (Stft, "hop_length", (1,), (0,), {}),
        (Mel, "n_mels", (1,), (0,), {}),
        (Mel, "fmin", (0.0,), (-1e-9,), {}),
        (Mel, "fmax", (11025.0,), (11025.1,), {}),
        (Mel, "power", (1e-9,), (0.0,), {}),
        (LogMel, "top_db", (1e-9,), (0.0, inf), {}),
        (LogMel, "amin", (1e-20,), (0.0, inf), {}),
        (Mfcc, "n_mfcc", (1, 128), (0, 129), {}),
        (Mfcc, "lifter", (0.0,), (-1e-9,), {}),
        (Mfcc, "deltas", (0, 2), (-1, 3), {}),
        (Chroma, "n_chroma", (1,), (0,), {}),
        (Chroma, "tuning", (-0.5, 0.4999), (-0.5001, 0.5), {}),
        (Cqt, "hop_length", (1,), (0,), {}),
        (Cqt, "tuning", (-100.0, 100.0), (-100.1, 100.1), LOW),
        (Cqt, "sparsity", (0.0, 0.9999), (-1e-9, 1.0), {}),
        (Cqt, "filter_scale", (0.1,), (0.0,), LOW),
        (Vqt, "gamma", (0.0,), (-1e-9, inf), LOW),
    ],
)
def test_ranges_end_where_they_say(kind, name, inside, outside, others):
    for value in inside:
        assert getattr(kind(**others, **{name: value}), name) == value
    for value in outside:
        with pytest.raises(ParameterError, match=f"{name}="):
            kind(**others, **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "scales"),
    [
        ("ref", 2.0, {"db", "10log10"}),
        ("top_db", 60.0, {"db", "10log10"}),
        ("eps", 1e-6, {"ln", "log10"}),
        ("zero_as", 1.0, {"ln", "log10"}),
        ("amin", 1e-6, {"db", "10log10", "ln", "log10"}),
        ("scale_by", 100.0, {"log1p"}),
    ],
)
def test_a_logarithm_takes_the_parameters_that_it_has(name, value, scales):
    for log in ("db", "10log10", "ln", "log10", "log1p"):
        if log in scales:
            assert getattr(LogMel(log=log, **{name: value}), name) == value
        else:
            with pytest.raises(ParameterError, match=f"{name}={value!r}: only with log = "):
                LogMel(log=log, **{name: value})


def test_every_finding_is_told_at_once_without_echoes():
    with pytest.raises(ParameterError) as caught:
        LogMel(n_fft="x", fmin=-1.0)
    assert str(caught.value) == (
        "logmel: n_fft='x': must be a valid integer; fmin=-1.0: must be greater than or equal to 0"
    )


def test_features_are_frozen():
    with pytest.raises(Exception, match="frozen"):
        LogMel().n_fft = 3


@pytest.mark.parametrize("kind", KINDS.values())
def test_id_is_readable_stable_and_a_file_name(kind):
    feature = kind()
    again = Feature.parse(json.loads(canonical_json(feature.canonical())))
    assert again == feature
    assert again.id == feature.id
    assert pickle.loads(pickle.dumps(feature)) == feature
    name, _, digest = feature.id.rpartition("-")
    assert name.startswith(f"{feature.kind}-sr22050")
    assert len(digest) == 10
    assert set(feature.id) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


@pytest.mark.parametrize(
    ("feature", "known"),
    [
        (LogMel(), "logmel-sr22050-fft2048-hop512-mel128-c603d948b0"),
        (Mel(), "mel-sr22050-fft2048-hop512-mel128-fffcf47662"),
        (Stft(), "stft-sr22050-fft2048-hop512-magnitude-5eca16f797"),
        (Cqt(), "cqt-sr22050-hop512-bins84-magnitude-e63c5e5711"),
        (Vqt(), "vqt-sr22050-hop512-bins84-magnitude-00108b0910"),
        (Mfcc(), "mfcc-sr22050-fft2048-hop512-mel128-mfcc20-a253f61f08"),
        (Chroma(), "chroma-sr22050-fft2048-hop512-chroma12-e86acce7bd"),
        (Waveform(), "waveform-sr22050-e498573366"),
    ],
)
def test_known_ids_do_not_drift(feature, known):
    # Stores made today must be found by tomorrow's melgrid: change these only with the format version.
    assert feature.id == known


def test_a_number_of_numpys_is_a_number():
    assert Waveform(sr=16000).id == Waveform(sr=np.int64(16000)).id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LogMel(), LogMel(n_fft=2048, fmax=11025, top_db=80)),
        (LogMel(center=False), LogMel(framing="left")),
        (LogMel(empty_bands="allow"), LogMel()),
        (Stft(n_fft=1024), Stft(n_fft=1024, win_length=1024, hop_length=256)),
        (Stft(), Stft(top_db=None, ref=None)),
        (LogMel(top_db="none"), LogMel(top_db=None)),
    ],
)
def test_equal_numbers_have_equal_ids(one, other):
    assert one.id == other.id
    assert one == other
    assert hash(one) == hash(other)


def test_other_features_and_other_things_are_not_equal():
    assert LogMel() != LogMel(n_mels=64)
    assert LogMel() != LogMel().id


CHANGES = {
    "sr": 16000, "res_type": "soxr_vhq", "dtype": "float32", "n_fft": 1024, "win_length": 1000, "hop_length": 256,
    "window": "hamming", "window_sym": True, "framing": "same", "pad_mode": "reflect", "power": 1.0, "n_mels": 64,
    "fmin": 20.0, "fmax": 8000.0, "htk": True, "norm": None, "mel_power": 2.0, "log": "ln", "ref": "max",
    "amin": 1e-8, "top_db": None, "peak": 1.0, "excerpt": "4", "segments": "0.1:0.1", "scaling": "density",
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_every_parameter_that_changes_numbers_changes_the_id(name):
    assert LogMel(**{name: CHANGES[name]}).id != LogMel().id


def test_all_parameters_of_logmel_are_covered_above():
    untested = set(LogMel.model_fields) - set(CHANGES) - Feature.UNSTORED
    assert untested == {"kind", "mono", "channels", "range_db", "scale_by", "eps", "zero_as"}


@given(st.sampled_from([128, 256, 512, 1024]), st.integers(1, 64), st.integers(1000, 48000))
def test_any_accepted_feature_survives_its_own_json(n_fft, n_mels, sr):
    feature = LogMel(n_fft=n_fft, n_mels=n_mels, sr=sr, empty_bands="allow")
    data = json.loads(canonical_json(feature.canonical()))
    assert Feature.parse({**data, "empty_bands": "allow"}).id == feature.id


@pytest.mark.parametrize(
    ("feature", "bins", "unit", "dtype", "is_complex"),
    [
        (LogMel(n_mels=96), 96, "dB", "float16", False),
        (LogMel(log="ln"), 128, "ln", "float16", False),
        (LogMel(log="10log10"), 128, "10 log10", "float16", False),
        (LogMel(log="log10", zero_as=1.0), 128, "log10", "float16", False),
        (LogMel(log="log1p", scale_by=100.0), 128, "log10(1 + 100 x)", "float16", False),
        (Mel(n_mels=40), 40, "1", "float32", False),
        (Stft(n_fft=512), 257, "1", "float32", False),
        (Stft(n_fft=511), 256, "1", "float32", False),
        (Stft(output="log"), 1025, "dB", "float16", False),
        (Stft(output="complex"), 1025, "1", "float32", True),
        (Stft(output="phase"), 1025, "rad", "float32", False),
        (Cqt(n_bins=60), 60, "1", "float32", False),
        (Cqt(output="log"), 84, "dB", "float16", False),
        (Mfcc(deltas=2), 60, "1", "float32", False),
        (Chroma(n_chroma=24), 24, "1", "float32", False),
        (Waveform(), 1, "1", "float32", False),
    ],
)
def test_declared_outputs(feature, bins, unit, dtype, is_complex):
    assert (feature.bins, feature.unit, feature.dtype, feature.is_complex) == (bins, unit, dtype, is_complex)
    assert feature.is_log is (dtype == "float16")


def test_hop_seconds():
    assert Stft(n_fft=2).hop_length == 1
    assert LogMel(sr=16000, hop_length=160).hop_seconds == 0.01
    assert Waveform(sr=16000).hop_seconds == 1 / 16000


def test_amin_follows_the_power_as_in_librosa():
    assert LogMel(power=2.0).amin == 1e-10
    assert LogMel(power=1.0).amin == 1e-5
    assert LogMel(power=1.5).amin == pytest.approx(10**-7.5, rel=1e-12)  # the same level
    assert LogMel(log="log1p").amin is None
    assert LogMel(log="log1p").scale_by == 10000.0


def test_canonical_json_sorts_and_refuses_nan():
    assert canonical_json({"b": 1, "a": [1.5, "ö"]}) == '{"a":[1.5,"ö"],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


@pytest.mark.parametrize(
    ("feature", "is_power"),
    [
        (Mel(), True), (Mel(power=1.0), False), (Mel(power=1.0, mel_power=2.0), True), (Mel(mel_power=0.5), False),
        (Stft(output="power"), True), (Stft(), False), (Chroma(norm=None), True), (Chroma(), False),
        (LogMel(), False), (Mfcc(), False), (Cqt(), False), (Waveform(), False),
    ],
)  # fmt: skip
def test_what_counts_as_linear_power(feature, is_power):
    assert feature.is_power is is_power
