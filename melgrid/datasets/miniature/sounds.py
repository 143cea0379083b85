"""Synthetic sound: ten urban classes, music in styles, voices.

Two generators feed each sound. ``source`` is the recording: pitch, speed, colour, background. ``moment`` is the
slice: timing and level. Slices of one recording therefore resemble each other more than slices of two, as in real
corpora. All functions return float32, shape (round(seconds * sr),), full scale +-1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["URBAN", "music", "urban", "voice"]

Float = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]
Rng = np.random.Generator
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (0, 4, 7, 11), (0, 3, 7, 10))


def urban(name: str, seconds: float, sr: int, source: Rng, moment: Rng) -> Float:
    """One slice of an urban class over background noise (22 dB below to 4 dB above it), coloured by the recording.

    Parameters
    ----------
    name : str
        A key of `URBAN`.
    seconds : float, s
    sr : int, Hz
    source, moment : numpy.random.Generator
        See the module.
    """
    n = round(seconds * sr)
    if n == 0:
        return np.zeros(0, dtype=np.float32)
    sound = URBAN[name](n, sr, source, moment)
    behind = _noise(n, sr, moment, 30, source.uniform(800, 6000))
    mix = sound / _rms(sound) + behind / _rms(behind) * 10 ** (-source.uniform(-4, 22) / 20)
    return _level(_tilt(mix, sr, source.uniform(-0.6, 0.6)), moment)


def music(style: int, seconds: float, sr: int, source: Rng, moment: Rng) -> Float:
    """Chords over a beat; the style sets register, tempo, brightness and the share of drums."""
    n = round(seconds * sr)
    if n == 0:
        return np.zeros(0, dtype=np.float32)
    key = 110.0 * 2 ** (((5 * style) % 12) / 12 + source.uniform(-0.04, 0.04))
    bright = 0.35 + 0.06 * (style % 8)
    beats = (1.2 + 0.35 * (style % 6)) * source.uniform(0.95, 1.05)
    sound = _chords(n, sr, moment, key, CHORDS[style % len(CHORDS)], beats, bright)
    drums = _noise(n, sr, moment, 200 + 300 * (style % 5), 8000) * _strikes(
        n, sr, beats, 0.04 + 0.02 * (style % 3), moment
    )
    return _level(sound / _rms(sound) + (style % 4) * 0.3 * drums / _rms(drums), moment)


def voice(seconds: float, sr: int, source: Rng, moment: Rng) -> Float:
    """One wobbling voice with syllables and moving formants."""
    return _level(_voice(round(seconds * sr), sr, source.uniform(120, 260), moment), moment)


def _air_conditioner(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    hum = _partials(n, sr, source.uniform(45, 62) * 2, 0.5 ** np.arange(6))
    rush = _noise(n, sr, moment, 60, source.uniform(1500, 3500))
    return rush / _rms(rush) + source.uniform(0.2, 0.8) * hum


def _car_horn(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    low = source.uniform(300, 460)
    tones = sum(
        _partials(n, sr, low * ratio, 1 / np.arange(1, 12) ** 0.7) for ratio in (1.0, source.uniform(1.19, 1.27))
    )
    return tones * _gate(n, sr, moment, on=(0.25, 0.9), off=(0.1, 0.5))


def _children_playing(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    return sum((_voice(n, sr, pitch, moment) for pitch in source.uniform(280, 520, 4)), np.zeros(n))


def _dog_bark(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    pitch = source.uniform(350, 800)
    strikes = _strikes(n, sr, source.uniform(1.2, 3.0), source.uniform(0.05, 0.1), moment, spread=0.5)
    rough = _noise(n, sr, moment, pitch, 4 * pitch)
    return (rough / _rms(rough) + _partials(n, sr, pitch * (0.8 + 0.4 * strikes), 1 / np.arange(1, 7))) * strikes


def _drilling(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    weights = np.arange(1, 60) ** -0.1
    buzz = _partials(n, sr, source.uniform(130, 260) * (1 + 0.03 * _drift(n, sr, moment, 2.0)), weights)
    whine = _noise(n, sr, moment, 3000, 9000)
    tremolo = 1 + 0.5 * np.sin(2 * np.pi * source.uniform(15, 35) * np.arange(n) / sr)
    return (buzz / _rms(buzz) + source.uniform(0.2, 0.6) * whine / _rms(whine)) * tremolo


def _engine_idling(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    strokes = _strikes(n, sr, source.uniform(14, 28), 0.015, moment, spread=0.05)
    body = _noise(n, sr, moment, 30, source.uniform(150, 400))
    return body / _rms(body) * strokes + 0.3 * _partials(n, sr, source.uniform(40, 70), 0.6 ** np.arange(5))


def _gun_shot(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    after = np.arange(n) / sr - moment.uniform(0.02, 0.4) * n / sr
    burst = np.where(after >= 0, np.exp(-np.maximum(after, 0) / source.uniform(0.03, 0.15)), 0)
    return (_noise(n, sr, moment, 40, 10000) + 2 * _noise(n, sr, moment, 40, 200)) * burst


def _jackhammer(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    blows = _strikes(n, sr, source.uniform(16, 24), source.uniform(0.008, 0.016), moment, spread=0.05)
    return _noise(n, sr, moment, 500, source.uniform(4000, 9000)) * blows


def _siren(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    swing = np.sin(2 * np.pi * (source.uniform(0.3, 3.0) * np.arange(n) / sr + moment.uniform()))
    return _partials(
        n, sr, source.uniform(700, 1000) * 2 ** (source.uniform(0.3, 0.6) * swing), np.array([1.0, 0.3, 0.15])
    )


def _street_music(n: int, sr: int, source: Rng, moment: Rng) -> Wide:
    chord = CHORDS[int(source.integers(len(CHORDS)))]
    return _chords(n, sr, moment, source.uniform(160, 320), chord, source.uniform(1.5, 4.0), source.uniform(0.4, 0.7))


URBAN: dict[str, Callable[[int, int, Rng, Rng], Wide]] = {
    "air_conditioner": _air_conditioner,
    "car_horn": _car_horn,
    "children_playing": _children_playing,
    "dog_bark": _dog_bark,
    "drilling": _drilling,
    "engine_idling": _engine_idling,
    "gun_shot": _gun_shot,
    "jackhammer": _jackhammer,
    "siren": _siren,
    "street_music": _street_music,
}


def _rms(y: Wide) -> float:
    return float(np.sqrt(np.mean(np.square(y)))) + 1e-9 if len(y) else 1.0


def _level(y: Wide, moment: Rng) -> Float:
    """Peak between -18 and -1 dB of full scale."""
    peak = float(np.max(np.abs(y), initial=1e-9))
    return (y * (10 ** (-moment.uniform(1, 18) / 20) / peak)).astype(np.float32)


def _partials(n: int, sr: int, pitch: float | Wide, weights: npt.ArrayLike) -> Wide:
    """Harmonics of a pitch in Hz, as far as they stay below 0.45 sr."""
    track = np.broadcast_to(np.asarray(pitch, dtype=np.float64), (n,))
    heights = np.asarray(weights, dtype=np.float64)
    count = int(np.clip(0.45 * sr // float(track.max(initial=1.0)), 1, len(heights)))
    sound = np.zeros(n)
    for height, harmonic in zip(heights[:count], _harmonics(2 * np.pi * np.cumsum(track) / sr), strict=False):
        sound += height * harmonic
    return sound


def _harmonics(phase: Wide) -> Iterator[Wide]:
    """Sines of 1, 2, 3 ... times a phase, by the recurrence sin(k+1)x = 2 cos x sin kx - sin (k-1)x."""
    before, now, turn = np.zeros(len(phase)), np.sin(phase), 2 * np.cos(phase)
    while True:
        yield now
        before, now = now, turn * now - before


def _noise(n: int, sr: int, rng: Rng, low: float, high: float) -> Wide:
    """Noise between two frequencies in Hz, falling by 3 dB per octave."""
    frequencies = np.fft.rfftfreq(n, 1 / sr)
    inside = (frequencies >= low) & (frequencies <= min(high, 0.48 * sr))
    spectrum = rng.standard_normal(len(frequencies)) + 1j * rng.standard_normal(len(frequencies))
    noise: Wide = np.fft.irfft(np.where(inside, spectrum / np.sqrt(frequencies + 1), 0), n)
    noise *= n**0.5
    return noise


def _tilt(y: Wide, sr: int, power: float) -> Wide:
    """Colour a sound: its spectrum times frequency to a power."""
    gain: Wide = np.maximum(np.fft.rfftfreq(len(y), 1 / sr), 50) ** power
    coloured: Wide = np.fft.irfft(np.fft.rfft(y) * gain, len(y))
    return coloured


def _strikes(n: int, sr: int, rate: float, decay: float, rng: Rng, spread: float = 0.02) -> Wide:
    """Envelope of ``rate`` blows a second that fade with ``decay`` seconds; ``spread`` says how irregular they are."""
    envelope = np.zeros(n)
    tail = np.exp(-np.arange(min(n, round(8 * decay * sr))) / (decay * sr))
    time = rng.uniform(0, 0.3) / rate
    while (place := round(time * sr)) < n:
        span = envelope[place : place + len(tail)]
        np.maximum(span, tail[: len(span)] * rng.uniform(0.7, 1.0), out=span)
        time += max(0.2, 1 + spread * rng.standard_normal()) / rate
    return envelope


def _gate(n: int, sr: int, rng: Rng, on: tuple[float, float], off: tuple[float, float]) -> Wide:
    """On and off by turns, with edges of 5 ms; begins with on."""
    gate = np.zeros(n)
    place = 0
    while place < n:
        length = round(rng.uniform(*on) * sr)
        gate[place : place + length] = 1
        place += length + round(rng.uniform(*off) * sr)
    edge = max(1, sr // 200)
    return np.convolve(gate, np.ones(edge) / edge)[:n]


def _drift(n: int, sr: int, rng: Rng, rate: float) -> Wide:
    """Smooth random curve within about +-1 that turns ``rate`` times a second."""
    knots = rng.uniform(-1, 1, int(n / sr * rate) + 3)
    return np.interp(np.arange(n) / sr * rate, np.arange(len(knots)), knots)


def _voice(n: int, sr: int, pitch: float, rng: Rng) -> Wide:
    """Harmonics under two moving formants, in syllables."""
    track = pitch * 2 ** (0.25 * _drift(n, sr, rng, 3) + 0.02 * np.sin(2 * np.pi * 5.5 * np.arange(n) / sr))
    first, second = 600 + 300 * _drift(n, sr, rng, 4), 1700 + 700 * _drift(n, sr, rng, 4)
    sound = np.zeros(n)
    count = int(min(20, 0.4 * sr / (1.3 * pitch)))
    for k, harmonic in zip(range(1, count + 1), _harmonics(2 * np.pi * np.cumsum(track) / sr), strict=False):
        tone = k * track
        sound += harmonic * (1 / (1 + ((tone - first) / 90) ** 2) + 0.6 / (1 + ((tone - second) / 140) ** 2))
    return sound * _strikes(n, sr, 4.0, 0.12, rng, spread=0.4)


def _chords(n: int, sr: int, rng: Rng, key: float, chord: Sequence[int], rate: float, bright: float) -> Wide:
    """Broken chords, ``rate`` notes a second, over a few steps of a key in Hz."""
    sound = np.zeros(n)
    length = round(sr / rate)
    for place in range(0, n, max(1, length)):
        step = int(rng.choice((0, 5, 7, -3)))
        span = min(2 * length, n - place)
        fade = np.exp(-3 * np.arange(span) / (2 * length))
        for tone in chord:
            sound[place : place + span] += fade * _partials(
                span, sr, key * 2 ** ((step + tone) / 12), bright ** np.arange(8)
            )
    return sound
