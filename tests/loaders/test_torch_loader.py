from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from melgrid.errors import ParameterError
from melgrid.loaders import NumpyLoader, predict_clips

torch = pytest.importorskip("torch")


def make(selection: Any, **options: Any) -> Any:
    from melgrid.loaders import TorchLoader

    return TorchLoader(selection, **{"batch_size": 3, "crop_frames": 4, **options})


def same(got: list[Any], core: NumpyLoader) -> bool:
    pairs = zip(got, core, strict=True)
    return all(np.array_equal(x, b["x"]) and np.array_equal(y, b["y"]) for (x, y), b in pairs)


def test_batches_are_those_of_the_core(make_selection: Any) -> None:
    selection = make_selection([20] * 10)
    core = NumpyLoader(selection, batch_size=3, crop_frames=4, axes="TFC", epochs=3)
    loader = make(selection)
    got = [pair for _ in range(3) for pair in loader]
    assert same(got, core)
    assert all(isinstance(x, torch.Tensor) and x.dtype == torch.float32 and y.dtype == torch.int64 for x, y in got)
    assert (len(loader), loader.epoch) == (4, 3)


def test_through_a_dataloader(make_selection: Any) -> None:
    selection = make_selection([20] * 10)
    core = NumpyLoader(selection, batch_size=3, crop_frames=4, axes="TFC", epochs=2)
    loader = make(selection)
    through = torch.utils.data.DataLoader(loader, batch_size=None)
    assert same([pair for _ in range(2) for pair in through], core)
    left = iter(through)  # a pass that is left
    next(left), next(left)
    core.epochs = 1
    core.epoch = 3
    assert same(list(through), core)
    core.epoch = loader.epoch = 9
    assert same(list(through), core)


def test_state_and_prediction(make_selection: Any) -> None:
    selection = make_selection([20] * 10)
    loader, other = make(selection), make(selection)
    batches = iter(loader)
    next(batches)
    other.restore(json.loads(json.dumps(loader.state())))
    rest = list(batches)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(rest, other, strict=True))
    assert predict_clips(lambda x: x.mean(axis=(1, 2)), loader).shape == (10, 1)


def test_ids_are_refused(make_selection: Any) -> None:
    with pytest.raises(ParameterError, match="with_ids=True"):
        make(make_selection([20]), with_ids=True)
    with pytest.raises(IndexError, match="batch 4 of 4"):
        make(make_selection([20] * 10))[4]
