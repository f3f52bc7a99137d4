"""R's lazy-load databases: every way in which a record is packed is read."""

import bz2
import lzma
import struct
import zlib

import pytest

from cartograd.data.store import rtable

pytest.importorskip("rdata")
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6}]


def text(value):
    data = value.encode()
    return struct.pack(">Ii", 0x00040009, len(data)) + data


def strings(*values):
    return struct.pack(">Ii", 0x00000010, len(values)) + b"".join(map(text, values))


def numbers(*values):
    return struct.pack(f">Ii{len(values)}d", 0x0000000E, len(values), *values)


def integers(*values, flags=0x0000000D):
    return struct.pack(f">Ii{len(values)}i", flags, len(values), *values)


def tagged(**values):
    """A pairlist, as R keeps attributes and index entries."""
    out = b""
    for name, value in values.items():
        out += struct.pack(">II", 0x00000402, 0x00000001) + text(name.replace("_", ".")) + value
    return out + struct.pack(">I", 0x000000FE)


def generic(values, flags, **attributes):
    head = struct.pack(">Ii", flags, len(values))
    return head + b"".join(values) + tagged(**attributes)


STREAM = b"X\n" + struct.pack(">iii", 2, 0x00040202, 0x00020300)
NA = -(2**31)


def frame():
    """A data frame in R's serialisation, version 2."""
    columns = [
        numbers(1.5, 2.0, float("nan")),
        integers(3, NA, 5),
        generic_factor((1, 2, 1), ("low", "high")),
    ]
    return STREAM + generic(
        columns,
        0x00000313,
        names=strings("x", "n", "kind"),
        class_=strings("data.frame"),
        row_names=integers(NA, -3),
    ).replace(text("class."), text("class"))


def generic_factor(codes, levels):
    body = integers(*codes, flags=0x0000030D)
    attributes = tagged(levels=strings(*levels), class_=strings("factor"))
    return body + attributes.replace(text("class."), text("class"))


def lzma_raw(data):
    packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=FILTERS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    "pack",
    [zlib.compress, lambda data: b"2" + bz2.compress(data), lambda data: b"Z" + lzma_raw(data)],
    ids=["zlib", "bzip2", "lzma"],
)
def test_a_data_frame_is_read(tmp_path, pack):
    record = struct.pack(">I", len(frame())) + pack(frame())
    (tmp_path / "Rdata.rdb").write_bytes(b"padding" + record)
    variables = generic([integers(7, len(record))], 0x00000213, names=strings("toy"))
    index = STREAM + generic([variables], 0x00000213, names=strings("variables"))
    (tmp_path / "Rdata.rdx").write_bytes(zlib.compress(index))
    assert rtable.table_csv(tmp_path / "Rdata.rdb", "toy") == (
        "x,n,kind\n1.5,3,low\n2,,high\n,5,low\n"
    )
    with pytest.raises(KeyError):
        rtable.table_csv(tmp_path / "Rdata.rdb", "other")
