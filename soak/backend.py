"""What `soak.backends` runs, in a process of its own: fits must end with the weights of the core's batches in order."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from melgrid import open_store
from melgrid.loaders import Checkpoint, KerasLoader, NumpyLoader, device_layer, normalization, predict_clips, tf_dataset
from melgrid.store import FeatureSet, Selection

OPTIONS: Any = {"batch_size": 3, "crop_frames": 20, "seed": 2}
CLASSES = 10


def model() -> keras.Model:
    """A small model; steps of this size leave the order of batches in the weights."""
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((20, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(CLASSES)])
    return compiled(made)


def compiled(made: keras.Model) -> keras.Model:
    """Ready to fit."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(keras.optimizers.SGD(1e-5, momentum=0.9), loss)
    return made


def learned(batches: Iterable[Any]) -> list[Any]:
    """Weights after these batches, one by one."""
    made = model()
    for batch in batches:
        made.train_on_batch(batch["x"], batch["y"])
    return list(made.get_weights())


def core(selection: Selection, epochs: Iterable[int], **options: Any) -> Iterator[Any]:
    """Batches of some epochs."""
    loader = NumpyLoader(selection, axes="TFC", **{**OPTIONS, **options})
    for epoch in epochs:
        loader.epoch = epoch
        yield from loader


def same(made: keras.Model, batches: Iterable[Any]) -> None:
    """Check that a model has learned from these batches, in this order, and from no others."""
    for ours, theirs in zip(made.get_weights(), learned(batches), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def fit(made: keras.Model, loader: Any, **options: Any) -> Any:
    """Fit as the documents say."""
    return made.fit(loader, verbose=0, shuffle=False, **options)


def a_new_order_each_epoch(selection: Selection) -> None:
    """With and without callbacks, and in a second fit."""
    for with_callbacks in (True, False):
        made, loader = model(), KerasLoader(selection, **OPTIONS)
        callbacks = loader.callbacks if with_callbacks else []
        fit(made, loader, epochs=3, callbacks=callbacks)
        same(made, core(selection, range(3)))
    fit(made, loader, epochs=1)
    fit(made, loader, epochs=1)
    same(made, core(selection, range(5)))


def the_epochs_of_keras(selection: Selection) -> None:
    """`initial_epoch`."""
    made, loader = model(), KerasLoader(selection, **OPTIONS)
    fit(made, loader, initial_epoch=5, epochs=7, callbacks=loader.callbacks)
    same(made, core(selection, (5, 6)))


def validation_and_early_stopping(selection: Selection) -> None:
    """Validation changes nothing, a fit that stopped early goes on with the next epoch."""
    made, loader = model(), KerasLoader(selection, **OPTIONS)
    valid = KerasLoader(selection, **{**OPTIONS, "batch_size": 4}, shuffle=False)
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", mode="max")  # it falls, so this ends after two
    history = fit(made, loader, epochs=9, validation_data=valid, callbacks=[stop])
    assert len(history.history["val_loss"]) == 2, history.history
    fit(made, loader, epochs=1, validation_data=valid)
    same(made, core(selection, range(3)))
    losses = [made.evaluate(valid, verbose=0) for _ in range(2)]
    assert losses[0] == losses[1]


def steps_per_epoch(selection: Selection) -> None:
    """One pass goes on through several of Keras's epochs."""
    made, loader = model(), KerasLoader(selection, **{**OPTIONS, "batch_size": 2})
    assert len(loader) == 10
    fit(made, loader, epochs=4, steps_per_epoch=5)
    same(made, core(selection, (0, 1), batch_size=2))


def a_warning_about_shuffling(selection: Selection) -> None:
    """Once, and only where Keras shuffles."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model(), KerasLoader(selection, **OPTIONS), epochs=2)
        model().predict(KerasLoader(selection, **OPTIONS), verbose=0)
    assert not [w for w in caught if "shuffle=False" in str(w.message)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model().fit(KerasLoader(selection, **{**OPTIONS, "batch_size": 1}), epochs=3, verbose=0)
    assert len([w for w in caught if "shuffle=False" in str(w.message)]) == 1


def errors_surface(selection: Selection) -> None:
    """With their words, and a fit works again when the cause is gone."""
    loader = KerasLoader(selection, **{**OPTIONS, "batch_size": 1})
    batch, broken = loader.batches.batch, True

    def read(epoch: int, i: int) -> Any:
        if broken and i == 15:
            raise OSError("the disk is gone")
        return batch(epoch, i)

    loader.batches.batch = read  # type: ignore[method-assign]
    made = model()
    words = ""
    try:
        fit(made, loader)
    except Exception as error:
        words = str(error)
    assert "the disk is gone" in words
    broken = False
    fit(made, loader)


def interrupted_and_resumed(selection: Selection) -> None:
    """A run that was killed within an epoch ends with the weights of one that was not."""

    class Kill(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.params["epochs"] == 3 and self.model.optimizer.iterations == 13:
                raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as folder:
        loader = KerasLoader(selection, **OPTIONS)
        try:
            fit(model(), loader, epochs=3, callbacks=[Checkpoint(loader, folder, every=4), Kill()])
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("was not interrupted")
        again = KerasLoader(selection, **OPTIONS)
        made, checkpoint = model(), Checkpoint(again, folder, every=4)
        epoch = checkpoint.resume(made)
        state = json.loads((Path(folder) / "loader.json").read_text())["state"]
        assert (epoch, state["batch"]) == (1, 4), state
        fit(made, again, initial_epoch=epoch, epochs=3, callbacks=[checkpoint])
    same(made, core(selection, range(3)))


def whole_clips_with_a_mask(selection: Selection) -> None:
    """Of many lengths, padded, by name."""
    inputs = {"x": keras.Input((None, 8, 1), name="x"), "mask": keras.Input((None,), dtype="bool", name="mask")}
    frames = keras.layers.Reshape((-1, 8))(inputs["x"])
    pooled = keras.layers.GlobalAveragePooling1D()(frames, mask=inputs["mask"])
    made = compiled(keras.Model(inputs, keras.layers.Dense(CLASSES)(pooled)))
    fit(made, KerasLoader(selection, batch_size=3), epochs=2)


def frames_on_the_device(selection: Selection) -> None:
    """The model learns the same from crops that it gathers itself."""
    loader = KerasLoader(selection, resident="device", **OPTIONS)
    inner = model()
    made = compiled(keras.Sequential([keras.Input((2,), dtype="int32"), device_layer(loader), inner]))
    fit(made, loader, epochs=2)
    same(inner, core(selection, range(2)))


def codes_are_normalised_on_the_device(selection: Selection) -> None:
    """float16 comes in, and zero mean comes out."""
    feature = selection.feature_set.feature
    made = keras.Sequential([keras.Input((None, 8, 1), dtype="float16"), normalization(selection.statistics("bin"))])
    frames = []
    for i in range(len(selection)):
        (x, _) = KerasLoader(selection.feature_set.select(clip_id=[selection.clip_ids[i]]), dtype="stored")[0]
        assert x["x"].dtype == np.float16, feature
        frames.append(np.asarray(made.predict(x["x"], verbose=0), np.float64)[0, :, :, 0][x["mask"][0]])
    joined = np.concatenate(frames)
    np.testing.assert_allclose(joined.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(joined.std(axis=0), 1, atol=1e-3)


def predictions_of_clips(selection: Selection) -> None:
    """The mean over tiles."""
    made = model()
    predicted = predict_clips(made, KerasLoader(selection, **OPTIONS))
    assert predicted.shape == (len(selection), CLASSES)


def through_tf_data(selection: Selection) -> None:
    """Keras takes tf.data on every backend, where TensorFlow is there too."""
    if importlib.util.find_spec("tensorflow") is not None:
        made = model()
        fit(made, tf_dataset(selection, **OPTIONS), epochs=2)
        looked = keras.backend.backend() != "tensorflow"  # other backends begin a pass to look at a batch
        same(made, core(selection, range(looked, 2 + looked)))


def through_torch(selection: Selection) -> None:
    """TorchLoader, alone, in a DataLoader and with its worker processes."""
    if keras.backend.backend() != "torch":
        return
    import torch

    from melgrid.loaders import TorchLoader

    batches = list(core(selection, range(2)))

    def check(got: list[Any]) -> None:
        for (x, y), batch in zip(got, batches, strict=True):
            np.testing.assert_array_equal(x.numpy(), batch["x"])
            np.testing.assert_array_equal(y.numpy(), batch["y"])

    loader = TorchLoader(selection, **OPTIONS)
    check([pair for _ in range(2) for pair in loader])
    through = torch.utils.data.DataLoader(TorchLoader(selection, **OPTIONS), batch_size=None)
    check([pair for _ in range(2) for pair in through])
    for context in ("fork", "spawn"):
        loader = TorchLoader(selection, **OPTIONS)
        workers = torch.utils.data.DataLoader(loader, batch_size=None, num_workers=2, multiprocessing_context=context)
        got = []
        for epoch in range(2):
            loader.epoch = epoch
            got += [tuple(tensor.clone() for tensor in pair) for pair in workers]
        check(got)
    made = model()
    fit(made, torch.utils.data.DataLoader(TorchLoader(selection, **OPTIONS), batch_size=None), epochs=2)


def through_jax(selection: Selection) -> None:
    """Crops gathered by JAX itself."""
    if keras.backend.backend() != "jax":
        return
    from melgrid.loaders import jax_gather

    loader = NumpyLoader(selection, axes="TFC", resident="device", epochs=2, **OPTIONS)
    gather = jax_gather(loader)
    for batch, plain in zip(loader, core(selection, range(2)), strict=True):
        np.testing.assert_array_equal(gather(batch["x"]), plain["x"])


def second_input(features: FeatureSet, other: FeatureSet) -> None:
    """Two inputs of the same stretch of time, by name."""
    loader = KerasLoader(features.select(), second=other, **OPTIONS)
    inputs = {"x": keras.Input((20, 8, 1), name="x"), "x2": keras.Input((10, 4, 1), name="x2")}
    flat = [keras.layers.Flatten()(part) for part in inputs.values()]
    made = compiled(keras.Model(inputs, keras.layers.Dense(CLASSES)(keras.layers.Concatenate()(flat))))
    fit(made, loader, epochs=2)


TRIALS: tuple[Callable[[Selection], None], ...] = (
    a_new_order_each_epoch, the_epochs_of_keras, validation_and_early_stopping, steps_per_epoch,
    a_warning_about_shuffling, errors_surface, interrupted_and_resumed, whole_clips_with_a_mask, frames_on_the_device,
    codes_are_normalised_on_the_device, predictions_of_clips, through_tf_data, through_torch, through_jax,
)  # fmt: skip


def trials(store: str) -> None:
    """Try everything."""
    features, other = sorted(open_store(store), key=lambda fs: -fs.feature.bins)
    for trial in TRIALS:
        trial(features.select())
        print(f"{keras.backend.backend()}: {trial.__name__}", flush=True)
    second_input(features, other)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("melgrid")]


def departure(store: str) -> None:
    """End within an epoch, with a batch on its way and everything still referred to: the process must end."""

    class Interrupt(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise KeyboardInterrupt

    selection = open_store(store)[0].select()
    loader = KerasLoader(selection, batch_size=1, crop_frames=5)
    made = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(CLASSES)])
    compiled(made)
    try:
        fit(made, loader, callbacks=[Interrupt()])
    except KeyboardInterrupt as error:
        held.append(error)
    held.append(iter(NumpyLoader(selection, batch_size=1, crop_frames=5)))
    next(held[-1])
    print(f"{keras.backend.backend()}: left within an epoch", flush=True)


def distributed(store: str) -> None:
    """Two devices of JAX, or two processes of torch, learn what one would have learned."""
    if keras.backend.backend() == "jax":
        data_parallel(store)
    if keras.backend.backend() == "torch":
        import torch

        with tempfile.TemporaryDirectory() as folder:
            torch.multiprocessing.spawn(data_parallel_process, (store, folder), nprocs=2)


def data_parallel(store: str) -> None:
    """As the documents show it for `keras.distribution`."""
    devices = keras.distribution.list_devices()
    assert len(devices) == 2, devices
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    selection = max((fs for fs in open_store(store)), key=lambda fs: fs.feature.bins).select()
    options: Any = {**OPTIONS, "batch_size": 4, "drop_last": True}
    made, loader = model(), KerasLoader(selection, **options)
    fit(made, loader, epochs=2, callbacks=loader.callbacks)
    same(made, core(selection, range(2), batch_size=4, drop_last=True))
    print("jax: two devices", flush=True)


def data_parallel_process(rank: int, store: str, folder: str) -> None:
    """As the documents show it for `torch.nn.parallel.DistributedDataParallel`."""
    import torch

    from melgrid.loaders import TorchLoader

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    selection = max((fs for fs in open_store(store)), key=lambda fs: fs.feature.bins).select()
    options: Any = {**OPTIONS, "batch_size": 2, "drop_last": True}

    def trained(batches: Iterable[Any], wrap: Callable[[Any], Any]) -> list[Any]:
        torch.manual_seed(0)
        network = wrap(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(20 * 8, CLASSES)))
        optimizer = torch.optim.SGD(network.parameters(), 1e-5)
        for x, y in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
        return [parameter.detach().numpy() for parameter in network.parameters()]

    share = TorchLoader(selection, shard=(rank, 2), epochs=2, **options)
    ours = trained(share, torch.nn.parallel.DistributedDataParallel)
    both = [TorchLoader(selection, shard=(index, 2), epochs=2, **options) for index in range(2)]
    joined = ([torch.cat(parts) for parts in zip(*pair, strict=True)] for pair in zip(*both, strict=True))
    for one, other in zip(ours, trained(joined, lambda network: network), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    torch.distributed.destroy_process_group()
    print(f"torch: process {rank} of two", flush=True)


held: list[Any] = []

if __name__ == "__main__":
    {"trials": trials, "departure": departure, "distributed": distributed}[sys.argv[1]](sys.argv[2])
