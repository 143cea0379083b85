from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from melgrid.store.shards import half


def widen(source: NDArray[np.float16]) -> NDArray[np.float32]:
    out = np.full(source.shape, np.nan, np.float32)
    half.widen(source, out)
    return out


EVERY = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def same_bits(source: NDArray[np.float16]) -> bool:
    return np.array_equal(widen(source).view(np.uint32), source.astype(np.float32).view(np.uint32))


def test_every_code_is_converted_as_numpy_does() -> None:
    assert same_bits(EVERY)
    assert same_bits(EVERY[::-1])


@pytest.mark.parametrize("kind", [0x0000, 0x8000, 0x0001, 0x83FF, 0x7C00, 0xFC00, 0x7E01])
def test_zeros_subnormal_and_non_finite_numbers_among_plain_ones(kind: int) -> None:
    codes = np.full(1000, 1.5, np.float16)
    codes[::7] = np.array([kind], np.uint16).view(np.float16)
    assert same_bits(codes)


def test_subnormal_numbers_do_not_pass_through_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of TensorFlow flush such operands to zero."""
    multiply, least = np.multiply, np.finfo(np.float32).tiny

    def flushing(one: NDArray[np.float32], other: np.float32, out: NDArray[np.float32]) -> None:
        multiply(np.where(np.abs(one) < least, 0, one), other, out=out)

    monkeypatch.setattr(np, "multiply", flushing)
    assert same_bits(EVERY)
    assert same_bits(EVERY[:2048])
    assert same_bits(EVERY[1:2048])


def test_blocks_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half, "BLOCK", 7)
    assert same_bits(EVERY[:1003])


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2), (1,), (2, 3, 4)])
def test_shapes(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(widen(np.full(shape, 1.5, np.float16)), np.full(shape, 1.5, np.float32))


def test_strided_input() -> None:
    turned = np.arange(24, dtype=np.float16).reshape(2, 3, 4).transpose(0, 2, 1)
    np.testing.assert_array_equal(widen(turned), turned)
