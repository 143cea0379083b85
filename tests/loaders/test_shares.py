"""Several processes or replicas on one store."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgrid.errors import ParameterError
from melgrid.loaders import NumpyLoader
from melgrid.loaders.schedule import Schedule
from melgrid.params import LogMel


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 7), st.integers(0, 9), st.booleans())
def test_shares_are_equal_and_have_nothing_in_common(
    clips: int, count: int, batch_size: int, epoch: int, shuffle: bool
) -> None:
    if clips < count:
        return
    lengths = np.full(clips, 9)
    shares = []
    for index in range(count):
        schedule = Schedule(
            map(str, range(clips)), lengths, frames=4, crop="random", crops_per_clip=1, batch_size=batch_size,
            shuffle=shuffle, seed=3, drop_last=False, shard=(index, count),
        )  # fmt: skip
        shares.append(np.concatenate([schedule.part(epoch, i)[0] for i in range(len(schedule))]).tolist())
    assert {len(share) for share in shares} == {clips // count}
    joined = [clip for share in shares for clip in share]
    assert len(set(joined)) == len(joined) == clips // count * count


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0), 3, (0.5, 2), (0, 1, 2)])
def test_shares_out_of_range_are_refused(make_selection: Any, shard: Any) -> None:
    with pytest.raises(ParameterError, match=r"shard=.*: must be \(index, count\)"):
        NumpyLoader(make_selection([9] * 4), crop_frames=4, shard=shard)


TRAIN = """
import sys
from melgrid.store import open_store
from melgrid.loaders import KerasLoader
import keras
fs = open_store(sys.argv[1])[0]
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((4, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
loader = KerasLoader(fs.select(), batch_size=2, crop_frames=4, shard=(int(sys.argv[2]), 2))
seen = []
batch = loader.batches.batch
loader.batches.batch = lambda e, i: seen.append((e, i)) or batch(e, i)
model.fit(loader, epochs=2, verbose=0, shuffle=False, callbacks=loader.callbacks)
ids = [sorted(int(c) for e, i in set(seen) if e == epoch for c in loader.batches.clips_of(e, i)) for epoch in (0, 1)]
print(ids)
"""

MIRRORED = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from melgrid.store import open_store
from melgrid.loaders import KerasLoader, NumpyLoader, tf_dataset
selection = open_store(sys.argv[1])[0].select()
options = dict(batch_size=4, crop_frames=4, axes="TFC")
core = list(NumpyLoader(selection, epochs=3, **options))

def together(batches):
    arrays = tuple(np.concatenate([batch[name] for batch in batches]) for name in "xy")
    return tf.data.Dataset.from_tensor_slices(arrays).batch(4)

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
weights = []
loader = KerasLoader(selection, **options)
for data, epochs, callbacks in (
    (together(core[:6]), 1, []),
    (loader, 2, loader.callbacks),
    (together(core[3:]), 1, []),  # Keras looks at a first batch, which begins a pass
    (tf_dataset(selection, **options), 2, []),
):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
        model.compile(keras.optimizers.SGD(1e-4), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(data, epochs=epochs, verbose=0, shuffle=False, callbacks=callbacks)
    weights.append(model.get_weights()[0])
equal = [np.allclose(weights[i], weights[i + 1], atol=1e-6) for i in (0, 2)]
print(strategy.num_replicas_in_sync, equal, np.allclose(weights[0], weights[2], atol=1e-6))
"""


def store_path(make_store: Any) -> str:
    rng = np.random.default_rng(0)
    feature = LogMel(n_mels=8, n_fft=512)
    names = [f"clip-{i}" for i in range(12)]
    fs = make_store(
        {name: rng.normal(-30, 5, (12, 8)).astype(np.float32) for name in names},
        feature,
        labels={name: [i % 2] for i, name in enumerate(names)},
    )
    return str(fs.store.path)


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_processes_train_on_one_store(make_store: Any) -> None:
    path = store_path(make_store)
    processes = [start(TRAIN, path, index) for index in "01"]
    shares = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        shares.append(eval(out))
    for one, other in zip(*shares, strict=True):
        assert sorted(one + other) == list(range(12))
    assert shares[0][0] != shares[0][1]


def test_a_mirrored_strategy_learns_from_the_same_batches(make_store: Any) -> None:
    process = start(MIRRORED, store_path(make_store))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "2 [True, True] False\n"), err
