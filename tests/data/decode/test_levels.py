"""Pictures of more than 8 bits keep their levels, and one number is white, then and later."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cartograd.core.errors import UsageError
from cartograd.data.decode.images import header, pixels
from cartograd.data.decode.levels import depth

DRAW = np.random.default_rng(0)


def png(values):
    """A PNG of 16 bits, which Pillow cannot write in colour."""
    rows, columns, channels = values.shape

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    kind = {1: 0, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", columns, rows, 16, kind, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(values, order):
    """A TIFF of 16-bit colour, not compressed, in either order of bytes."""
    rows, columns, _ = values.shape
    body = values.astype(order + "u2").tobytes()
    start = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 16 + len(body))
    words = [(256, columns), (257, rows), (259, 1), (262, 2), (277, 3), (278, rows)]
    tags = [(tag, 3, 1, struct.pack(order + "HH", value, 0)) for tag, value in words]
    tags += [(258, 3, 3, struct.pack(order + "I", 8 + len(body)))]
    longs = [(273, 8), (279, len(body))]
    tags += [(tag, 4, 1, struct.pack(order + "I", value)) for tag, value in longs]
    listed = b"".join(struct.pack(order + "HHI", *tag[:3]) + tag[3] for tag in sorted(tags))
    bits = struct.pack(order + "HHH", 16, 16, 16) + b"\0\0"
    return start + body + bits + struct.pack(order + "H", len(tags)) + listed + bytes(4)


def read(source, *, channels=1, bits=16, height=5, width=7, **how):
    size = {"channels": channels, "height": height, "width": width}
    found = pixels(source, **size, bits=bits, **how)
    return found.permute(1, 2, 0).numpy()


def test_every_level_of_twelve_bits_is_told_apart():
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    found = read(png(values[..., None]), bits=12, height=64, width=64)[..., 0]
    assert found.dtype == np.float32
    assert np.abs(found - values / 4095).max() < 1e-7
    assert len(np.unique(found)) == 4096


@pytest.mark.parametrize(
    "write", [png, lambda v: tiff(v, "<"), lambda v: tiff(v, ">")], ids=["png", "<tiff", ">tiff"]
)
def test_sixteen_bits_of_colour_keep_their_lower_bytes(write):
    values = DRAW.integers(0, 4096, (5, 7, 3)).astype(np.uint16)
    assert np.abs(read(write(values), channels=3, bits=12) - values / 4095).max() < 1e-7
    luma = values @ [0.299, 0.587, 0.114] / 4095
    assert np.abs(read(write(values), bits=12)[..., 0] - luma).max() < 1e-6


def test_grey_becomes_three_equal_channels_and_clear_becomes_white():
    values = DRAW.integers(0, 65536, (5, 7, 1)).astype(np.uint16)
    found = read(png(values), channels=3)
    assert all(np.abs(found[..., i] - values[..., 0] / 65535).max() < 1e-7 for i in range(3))
    clear = np.concatenate([values.repeat(3, axis=2), np.zeros_like(values)], axis=2)
    assert (read(png(clear), channels=3) == 1).all()


def test_sixteen_bits_from_a_picture_in_memory_or_a_file_of_floats(tmp_path):
    values = DRAW.integers(0, 65536, (5, 7)).astype(np.uint16)
    assert np.abs(read(Image.fromarray(values))[..., 0] - values / 65535).max() < 1e-7
    shares = (values / 65535).astype(np.float32)
    Image.fromarray(shares).save(tmp_path / "a.tif")
    assert np.abs(read(tmp_path / "a.tif")[..., 0] - shares).max() < 1e-7
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "b.tif")
    assert np.abs(read(tmp_path / "b.tif")[..., 0] - values / 65535).max() < 1e-7


def test_the_camera_is_held_upright_and_sizes_change(tmp_path):
    values = DRAW.integers(0, 4096, (5, 7)).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    assert header(tmp_path / "a.png")[:3] == ((5, 7), False, True)
    turned = np.rot90(values, -1) / 4095
    found = read(tmp_path / "a.png", bits=12, height=7, width=5)[..., 0]
    assert np.abs(found - turned).max() < 1e-7
    flat = Image.fromarray(np.full((9, 30), 1000, np.uint16))
    for fit in ("crop", "stretch"):
        found = read(flat, bits=12, height=6, width=6, fit=fit)
        assert np.abs(found - 1000 / 4095).max() < 1e-6


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.full((5, 7), 5000, np.uint16), "up to 5000; .*at most 4095"),
     (np.full((5, 7), -3, np.int32), "from -3 to 0"),
     (np.full((5, 7), 70000, np.int32), "to 70000; expected 0 to 65535"),
     (np.full((5, 7), 12.5, np.float32), "to 12.5; expected 0 to 1"),
     (np.full((5, 7), np.nan, np.float32), "nan")],
)  # fmt: skip
def test_what_is_brighter_than_white_or_below_black_is_refused(tmp_path, values, message):
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "a.tif", bits=12)


def test_depth_is_the_smallest_that_holds_the_numbers():
    found = [depth(n) for n in (0, 255, 256, 1023, 1024, 4095, 4096, 16383, 16384, 65535)]
    assert found == [8, 8, 10, 10, 12, 12, 14, 14, 16, 16]
