"""GGUF files are read as the reference package reads them, or refused by name."""

import gguf
import numpy as np
import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.gguf.blocks import KINDS, dequantised
from cartograd.data.gguf.reader import GGUF, PLAIN, TYPES

QUANT = gguf.GGMLQuantizationType


def random_blocks(kind, n=64, seed=0):
    """Random bytes, but scales that are finite: they are half-precision numbers."""
    draw = np.random.default_rng(seed)
    blocks = draw.integers(0, 256, (n, KINDS[kind][1]), dtype=np.uint8)
    if kind == "MXFP4":  # a shared power of two, of which the greatest overflow
        blocks[:, 0] = [0, 1, *draw.integers(2, 250, n - 2)]
        return blocks
    places = {"Q4_1": (0, 2), "Q5_1": (0, 2), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
    for place in places.get(kind, (0,)):
        scales = draw.normal(size=n).astype(np.float16).view(np.uint8).reshape(n, 2)
        blocks[:, place : place + 2] = scales
    return blocks


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_become_the_references_numbers_bit_for_bit(kind):
    for seed in range(3):
        blocks = random_blocks(kind, seed=seed)
        expected = gguf.quants.dequantize(blocks, QUANT[kind]).reshape(-1)
        found = dequantised(torch.from_numpy(blocks), kind)
        assert found.dtype == torch.float32
        assert np.array_equal(found.numpy().view(np.uint32), expected.view(np.uint32))
        assert found.abs().max() > 1


@pytest.mark.parametrize("kind", KINDS)
def test_block_sizes(kind):
    assert gguf.GGML_QUANT_SIZES[QUANT[kind]] == KINDS[kind][:2]


def test_type_numbers():
    known = {kind.value: kind.name for kind in QUANT}
    assert {number: known[number] for number in TYPES if number in known} == TYPES


VALUES = {
    "toy.block_count": 3,
    "toy.base": 1.5,
    "toy.flag": True,
    "toy.words": ["a", "né", "中"],
    "toy.sizes": [1, -2, 3],
    "toy.name": "a name",
}


@pytest.fixture
def file(tmp_path):
    """A file written by the reference package, with a tensor of each type."""
    path = tmp_path / "toy.gguf"
    writer = gguf.GGUFWriter(path, "toy")
    writer.add_block_count(3)
    writer.add_float32("toy.base", 1.5)
    writer.add_bool("toy.flag", True)
    writer.add_array("toy.words", VALUES["toy.words"])
    writer.add_array("toy.sizes", VALUES["toy.sizes"])
    writer.add_string("toy.name", "a name")
    draw = np.random.default_rng(0)
    for name in ("float32", "float16", "float64", "int8", "int32"):
        writer.add_tensor(name, (10 * draw.normal(size=(2, 3))).astype(name))
    brain = torch.randn(2, 4).bfloat16().view(torch.uint8).numpy()
    writer.add_tensor("brain", brain, raw_dtype=QUANT.BF16)
    for kind in KINDS:
        writer.add_tensor(kind, random_blocks(kind, 6).reshape(3, -1), raw_dtype=QUANT[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_file_is_read_as_the_package_reads_it(file):
    found, theirs = GGUF(file), gguf.GGUFReader(file)
    assert {name: found.values[name] for name in VALUES} == VALUES
    assert found.values["general.architecture"] == "toy"
    tensors = found.tensors()
    assert list(tensors) == [tensor.name for tensor in theirs.tensors]
    for tensor in theirs.tensors:
        mine = tensors[tensor.name]
        assert mine.shape == tuple(reversed(tensor.shape.tolist()))
        plain = tensor.tensor_type.name in PLAIN and tensor.tensor_type.name != "BF16"
        expected = tensor.data if plain else gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        assert np.array_equal(mine.numpy(), expected.reshape(mine.shape).astype(mine.numpy().dtype))
    assert tensors["float16"].dtype == tensors["brain"].dtype == torch.float32
    assert tensors["int8"].dtype == torch.int8


def test_a_truncated_file_is_refused_wherever_it_ends(file):
    content = file.read_bytes()
    last = GGUF(file).entries["Q6_K"]
    for size in (0, 3, 23, 40, 200, 700, last.start - 1, last.start + last.size - 1):
        file.write_bytes(content[:size])
        with pytest.raises(UsageError, match=r"toy\.gguf (is truncated|is no GGUF)"):
            GGUF(file)
    with pytest.raises(UsageError, match=r"tensor 'Q6_K' \(Q6_K\) ends at byte \d+ and the file"):
        GGUF(file)


def changed(file, name, **numbers):
    """The file with another type, or another first dim, for one tensor."""
    content = bytearray(file.read_bytes())
    at = content.index(len(name).to_bytes(8, "little") + name.encode()) + 8 + len(name)
    dims = int.from_bytes(content[at : at + 4], "little")
    if "type" in numbers:
        content[at + 4 + 8 * dims : at + 8 + 8 * dims] = numbers["type"].to_bytes(4, "little")
    if "dim" in numbers:
        content[at + 4 : at + 12] = numbers["dim"].to_bytes(8, "little")
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(("number", "word"), [(16, "IQ2_XXS"), (10, "Q2_K"), (99, "number 99")])
def test_an_unknown_type_is_named_with_its_tensor(file, number, word):
    with pytest.raises(UsageError, match=f"tensor 'Q4_0' is of type {word}, .* one of F32, F16"):
        GGUF(changed(file, "Q4_0", type=number))


def test_rows_that_are_no_whole_blocks(file):
    with pytest.raises(UsageError, match=r"'Q6_K' has rows of \[100\] numbers; Q6_K takes"):
        GGUF(changed(file, "Q6_K", dim=100))


@pytest.mark.parametrize(
    ("start", "told"),
    [(b"GGML", "does not begin with GGUF"), (b"GGUF\0\0\0\3", "of GGUF version 50331648")],
)
def test_what_is_no_gguf(file, start, told):
    file.write_bytes(start + file.read_bytes()[len(start) :])
    with pytest.raises(UsageError, match=told):
        GGUF(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        GGUF(tmp_path / "none.gguf")


def test_a_tensor_that_is_not_there(file):
    with pytest.raises(UsageError, match="has no tensor 'x'"):
        GGUF(file).tensor("x")


def test_a_file_that_shrinks_meanwhile(file):
    opened = GGUF(file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UsageError, match="tensor 'Q6_K' is not all there"):
        opened.tensor("Q6_K")
