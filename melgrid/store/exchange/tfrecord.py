"""Export to TensorFlow: one ``.tfrecord`` a shard, a `tf.train.Example` a clip.

``x`` holds the bytes of the stored numbers, little-endian, and ``shape`` their shape; ``labels``, ``fold``, ``clip_id``
and other texts are there as far as they are known. ``json`` has all facts again, and times in seconds besides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from melgrid.store.exchange.part import Part

__all__ = ["write"]


def write(folder: Path, parts: Iterable[Part], about: dict[str, Any]) -> None:
    """Write ``part-00000.tfrecord`` and so on; see `melgrid.store.export`."""
    for part in parts:
        with tf.io.TFRecordWriter(str(folder / f"part-{part.number:05d}.tfrecord")) as writer:
            for fact, values in zip(part.facts(), part.values(), strict=True):
                columns = {name: _texts(value) for name, value in fact.items() if isinstance(value, str)}
                columns |= {name: _numbers(fact[name]) for name in ("fold", "labels") if name in fact}
                columns |= {"x": _texts(values.tobytes()), "shape": _numbers(values.shape)}
                columns["json"] = _texts(json.dumps(fact, ensure_ascii=False))
                writer.write(tf.train.Example(features=tf.train.Features(feature=columns)).SerializeToString())


def _numbers(values: int | Sequence[int]) -> Any:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=np.atleast_1d(np.asarray(values, np.int64))))


def _texts(value: str | bytes) -> Any:
    encoded = value.encode() if isinstance(value, str) else value
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded]))
