"""Thousands of damaged files of each codec through a real run: it must end, within its limits, with a reason for each.

``python -m soak.fuzz [FILES] [SEED]``: so many mutants of WAV, AU, FLAC, OGG and MP3 each.
"""

from __future__ import annotations

import io
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

from melgrid import datasets
from melgrid.params import Stft
from melgrid.preprocess import Limits, run
from melgrid.store import open_store, verify

CODECS = {
    "wav": [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24")],
    "au": [("AU", "PCM_16"), ("AU", "ULAW")],
    "flac": [("FLAC", "PCM_16"), ("FLAC", "PCM_24")],
    "ogg": [("OGG", "VORBIS")],
    "mp3": [("MP3", "MPEG_LAYER_III")],
}
LIMITS = Limits(clip_seconds=30.0, memory_bytes=2 << 30, audio_seconds=600.0)
TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
CRC_TABLE = []
for index in range(256):
    remainder = index << 24
    for _ in range(8):
        remainder = (remainder << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if remainder >> 31 else 0)
    CRC_TABLE.append(remainder)


def seeds(codec: str) -> list[bytes]:
    """Sound files of a codec: mono and stereo, two lengths."""
    files = []
    rng = np.random.default_rng(7)
    for form, subtype in CODECS[codec]:
        for channels, length in ((1, 3000), (2, 9000)):
            buffer = io.BytesIO()
            samples = 0.3 * rng.standard_normal((length, channels)).clip(-3, 3)
            soundfile.write(buffer, samples, 22050, format=form, subtype=subtype)
            files.append(buffer.getvalue())
    return files


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one to four ways, in its header as often as behind it."""
    damaged = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        if not damaged:
            break
        end = min(len(damaged), 128) if rng.random() < 0.5 else len(damaged)
        at = int(rng.integers(end))
        size = int(rng.integers(1, 1 + min(64, len(damaged) - at)))
        match rng.integers(7):
            case 0:
                damaged[at] ^= 1 << int(rng.integers(8))
            case 1:
                damaged[at : at + size] = rng.bytes(size)
            case 2:
                order = "<>"[int(rng.integers(2))] + "BHI"[int(rng.integers(3))]
                width = struct.calcsize(order)
                value = TELLING[int(rng.integers(len(TELLING)))] & ((1 << 8 * width) - 1)
                damaged[at : at + width] = struct.pack(order, value)
            case 3:
                del damaged[at:]
            case 4:
                del damaged[at : at + size]
            case 5:
                damaged[at:at] = damaged[at : at + size] * int(rng.integers(1, 20))
            case 6:
                damaged[at : at + size] = bytes(size)
    return _with_page_checksums(bytes(damaged)) if data[:4] == b"OggS" and rng.random() < 0.7 else bytes(damaged)


def _with_page_checksums(data: bytes) -> bytes:
    """Make the checksums of Ogg pages fit: else the decoder never sees what is in a damaged page."""
    pages = data.split(b"OggS")
    for number, page in enumerate(pages[1:], 1):
        if len(page) > 22:
            pages[number] = page[:18] + struct.pack("<I", _crc(b"OggS" + page[:18] + bytes(4) + page[22:])) + page[22:]
    return b"OggS".join(pages)


def _crc(page: bytes) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ CRC_TABLE[value >> 24 ^ byte]
    return value


def fuzz(folder: Path, codecs: tuple[str, ...], files: int, seed: int = 0, jobs: int = 1) -> Counter[str]:
    """Preprocess mutants and return how many came to which end; ``ok`` is one of them.

    Parameters
    ----------
    folder : Path
        Empty; the corpus and the store are made there.
    codecs : tuple of str
    files : int
        Of each codec.
    seed, jobs : int

    Returns
    -------
    Counter
    """
    rng = np.random.default_rng(seed)
    for codec in codecs:
        corpus = folder / "corpus" / codec
        corpus.mkdir(parents=True)
        originals = seeds(codec)
        for number in range(files):
            (corpus / f"{number:05d}.{codec}").write_bytes(mutant(originals[number % len(originals)], rng))
    dataset = datasets.load("folder", folder / "corpus")
    features = [Stft(sr=22050, n_fft=256), Stft(sr=8000, n_fft=256)]
    run(dataset, features, folder / "store", jobs=jobs, limits=LIMITS, progress=False)
    clips = open_store(folder / "store").clips
    assert len(clips) == files * len(codecs), "a clip is not accounted for"
    assert not verify(folder / "store", deep=True), "the store is damaged"
    return Counter(
        str(reason).partition(":")[0] if status == "failed" else "ok"
        for status, reason in zip(clips["status"], clips["reason"], strict=True)
    )


def main(files: int = 5000, seed: int = 0) -> None:
    """Fuzz each codec by itself; say what became of the files."""
    for codec in CODECS:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as name:
            ends = fuzz(Path(name), (codec,), files, seed)
        print(f"{codec}: {files} mutants, {time.monotonic() - start:.0f} s: {dict(ends.most_common())}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
