"""The picture of the README: one clip, nine settings. ``python docs/picture.py`` writes it; needs Matplotlib.

The clip is synthesised here: a chord, a gliding tone and some clicks.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

import melgrid

SR = 22050
SETTINGS = [
    melgrid.LogMel(n_fft=512, hop_length=128, n_mels=48),
    melgrid.LogMel(n_fft=512, hop_length=256, n_mels=96),
    melgrid.LogMel(n_fft=1024, hop_length=256, n_mels=96),
    melgrid.LogMel(n_fft=2048, hop_length=512, n_mels=128),
    melgrid.LogMel(n_fft=4096, hop_length=512, n_mels=128),
    melgrid.LogMel(n_fft=1024, hop_length=256, n_mels=96, log="log1p", power=2, scale_by=10000.0),
    melgrid.Stft(n_fft=1024, hop_length=256, output="log"),
    melgrid.Cqt(n_bins=84, hop_length=512, output="log"),
    melgrid.Chroma(hop_length=512),
]


def clip() -> np.ndarray:
    """Return 3 s of sound, shape (samples,), float32."""
    t = np.arange(3 * SR) / SR
    rng = np.random.default_rng(0)
    chord = sum(
        np.sin(2 * np.pi * f * k * t + 4 * np.sin(2 * np.pi * 5 * t) * k * 0.02) / k**1.4
        for f in (220, 277.2, 329.6)
        for k in range(1, 9)
    )
    chord *= 0.12 * np.clip(np.minimum(t / 0.05, 2.2 - t), 0, 1)
    glide = 0.2 * np.sin(2 * np.pi * np.cumsum(400 * 2 ** (t * 1.3)) / SR) * (t > 0.9) * (t < 2.9)
    clicks = np.zeros_like(t)
    for at in np.arange(0.25, 3, 0.25):
        n = np.arange(SR // 12)
        clicks[int(at * SR) :][: len(n)] += rng.standard_normal(len(n))[: len(clicks) - int(at * SR)] * np.exp(-n / 250)
    return (0.8 * (chord + glide + 0.35 * clicks) + 2e-4 * rng.standard_normal(len(t))).astype(np.float32)


def label(feature: melgrid.params.Feature) -> str:
    """Name what differs."""
    words = [feature.kind]
    for name in ("n_fft", "hop_length", "n_mels", "n_bins"):
        if feature.kind == "chroma" and name == "n_fft":
            continue
        if (value := getattr(feature, name, None)) is not None:
            words.append(f"{name.replace('_length', '')} {value}")
    return " · ".join([*words, "log1p"] if getattr(feature, "log", "db") == "log1p" else words)


def main() -> None:
    y = clip()
    mpl.rcParams.update({"font.size": 7.5, "font.family": "DejaVu Sans"})
    figure, axes = plt.subplots(3, 3, figsize=(9, 4.6), layout="constrained")
    for axis, feature in zip(axes.flat, SETTINGS, strict=True):
        values = melgrid.compute(feature, y, SR)
        high = float(values.max())
        low = max(float(values.min()), high - 70) if feature.unit == "dB" else float(values.min())
        axis.imshow(values.T, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high)
        axis.set_title(label(feature), fontsize=7.5, pad=3)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_xlabel(f"{values.shape[0]} frames x {values.shape[1]} bins", fontsize=6.5, labelpad=2)
    path = Path(__file__).parent / "images" / "grid.png"
    figure.savefig(path, dpi=110, facecolor="white", pil_kwargs={"optimize": True})
    from PIL import Image

    Image.open(path).convert("RGB").quantize(160, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
