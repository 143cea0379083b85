"""Pictures: a decoder sees the array again."""

import base64
import struct
import zlib

import numpy as np

from melgrid.store.report.image import COLOURS, CYCLIC, RISING, data_url, palette


def decoded(url):
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", data, place + 8 + length) == (zlib.crc32(name + body),)
        chunks[name] = body
        place += 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    assert len(chunks[b"PLTE"]) == 3 * COLOURS
    return lines[:, 1:]


def test_the_first_row_is_at_the_bottom_and_levels_are_even():
    values = np.array([[0.0, 0.5, 1.0], [-9.0, 9.0, np.nan]])
    top = COLOURS - 1
    np.testing.assert_array_equal(decoded(data_url(values, 0.0, 1.0, RISING)), [[0, top, 0], [0, round(top / 2), top]])


def test_a_constant_picture_is_a_picture():
    assert decoded(data_url(np.zeros((2, 3)), 0.0, 0.0, RISING)).shape == (2, 3)


def test_lightness_rises_and_angles_close():
    lightness = palette(RISING) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > -0.5).all()
    np.testing.assert_array_equal(CYCLIC[0], CYCLIC[-1])
