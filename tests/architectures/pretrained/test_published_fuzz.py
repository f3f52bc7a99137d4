"""Damaged files of Hugging Face folders: one line that says so, never another error."""

import json
import random
import warnings
from functools import cache

import pytest

from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import change, write

VALUES = (None, True, 0, -1, 10**18, 1.5, "", "x", [], ["x"], [1], {}, {"x": 1}, [[]], "\ud800")
"""What a value may become."""

KINDS = ("bert", "llama classes", "t5", "vit", "gpt2", "bart classes", "gpt_oss")
JSON = (
    "config.json", "tokenizer_config.json", "tokenizer.json", "generation_config.json",
    "preprocessor_config.json",
)  # fmt: skip
MUTATIONS = 40
"""Of each kind's JSON files together."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each kind that is whole."""

    @cache
    def folder(kind):
        made = write(kind, tmp_path_factory.mktemp("fuzz"))
        if (made / "tokenizer.json").is_file():
            told = [{"name": "default", "template": "a"}]
            change(made, "tokenizer_config.json", chat_template=told)
        return made

    return folder


@pytest.fixture(params=KINDS)
def folder(request, folders):
    """A folder that is whole."""
    return folders(request.param)


@pytest.fixture
def copy(folder, tmp_path):
    """A copy that may be damaged."""
    return copied(folder, tmp_path)


@pytest.fixture
def one(folders, tmp_path):
    """A copy of one kind, where its files are damaged in a way that no family has a part in."""
    return copied(folders("bert"), tmp_path)


def copied(folder, into):
    for file in folder.iterdir():
        (into / file.name).write_bytes(file.read_bytes())
    return into


def read(folder):
    """What reads all of a folder: None where it is whole, else the line that says what is wrong."""
    try:
        with warnings.catch_warnings(action="ignore"):
            model = hf(folder)
            if model.tokenizer is not None and len(model.signature.inputs) == 1:
                predict(model, ["the cat", "a"])
    except UsageError as error:
        said = str(error).strip()
        if "\n" in said:
            raise AssertionError(f"more than a line: {said}") from error
        return said
    return None


def mutated(value, draw):
    """A value in which one thing is another, or is gone."""
    places = [(value, key) for key in (value if isinstance(value, dict) else range(len(value)))]
    holder, key = places[draw.randrange(len(places))]
    inner = holder[key]
    if isinstance(inner, dict | list) and inner and draw.random() < 0.6:
        mutated(inner, draw)
    elif draw.random() < 0.2:
        del holder[key]
    else:
        holder[key] = draw.choice(VALUES)


def test_other_types_and_missing_keys(folder, copy):
    draw, refused = random.Random(7), 0
    assert read(copy) is None
    files = [name for name in JSON if (folder / name).is_file()]
    for number in range(MUTATIONS):
        name = files[number % len(files)]
        said = json.loads((folder / name).read_text())
        mutated(said, draw)
        (copy / name).write_text(json.dumps(said))
        refused += read(copy) is not None
        (copy / name).write_bytes((folder / name).read_bytes())
    assert refused > MUTATIONS / 5


def test_bytes_that_are_cut_or_changed(folder, copy):
    draw = random.Random(8)
    names = ["model.safetensors", *(name for name in JSON if (folder / name).is_file())]
    for number in range(20):
        name = names[0] if number % 2 else draw.choice(names)
        data = bytearray((folder / name).read_bytes())
        end = int.from_bytes(data[:8], "little") if name == names[0] else len(data)
        if draw.random() < 0.4:
            data = data[: draw.randrange(min(len(data), end + 20))]
        else:
            for _ in range(3):
                data[draw.randrange(min(len(data), end))] = draw.randrange(256)
        (copy / name).write_bytes(bytes(data))
        read(copy)
        (copy / name).write_bytes((folder / name).read_bytes())


@pytest.mark.parametrize("kind", [{}, {"x": 1}, [], 5, None, True])
def test_a_kind_of_rotary_positions_that_is_none(folders, tmp_path, kind):
    made = copied(folders("llama classes"), tmp_path)
    told = read(change(made, rope_parameters={"rope_theta": 1e4, "rope_type": kind}))
    assert "rope_type" in (told or "")


@pytest.mark.parametrize(
    "index",
    [
        "", "[]", "{}", '{"weight_map": 5}', '{"weight_map": []}', '{"weight_map": {"a": 5}}',
        '{"weight_map": {"a": null}}', '{"weight_map": {"a": "none.safetensors"}}',
        '{"weight_map": {"a": ".."}}', '{"weight_map": {"a": ""}}', "[" * 100_000, "\x00",
        '{"weight_map": {"a": ["model-1.safetensors"]}}',
    ],
)  # fmt: skip
def test_an_index_that_is_none(one, index):
    (one / "model.safetensors").rename(one / "part.safetensors")
    (one / "model.safetensors.index.json").write_text(index)
    assert read(one)


def header(file, change_):
    """The file with another header."""
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    said = json.loads(data[8 : 8 + size])
    change_(said)
    text = json.dumps(said).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


@pytest.mark.parametrize(
    "metadata",
    [
        {"aliases": "5"}, {"aliases": "[]"}, {"aliases": "{"}, {"aliases": '{"a": "b"}'},
        {"aliases": '{"a": 5}'}, {"aliases": '{"a": []}'}, {"format": "tf"}, {"aliases": "null"},
        {"aliases": 5}, [], 5, None,
    ],
)  # fmt: skip
def test_metadata_of_safetensors(one, metadata):
    header(one / "model.safetensors", lambda said: said.update(__metadata__=metadata))
    told = read(one)
    assert told or metadata in ({"format": "tf"}, None)


@pytest.mark.parametrize(
    "dtype", ["F64", "I64", "BOOL", "F4", "U8", "F8_E4M3", "C64", 5, None, "x"]
)
def test_types_of_safetensors(one, dtype):
    def other(said):
        name = max(key for key in said if key != "__metadata__")
        said[name]["dtype"] = dtype

    header(one / "model.safetensors", other)
    assert read(one)


SIZES = {
    "num_hidden_layers": ("n_layer", "num_layers", "encoder_layers"), "vocab_size": (),
    "hidden_size": ("n_embd", "d_model"), "num_local_experts": ("num_experts",),
}  # fmt: skip
"""What a size is called elsewhere."""


@pytest.mark.parametrize("value", [10**7, 10**12, 2**63, 10**30])
def test_sizes_beyond_the_file(copy, value):
    """Refused at once: nothing of this size is ever built."""
    text = (copy / "config.json").read_text()
    keys = [key for own, others in SIZES.items() for key in (own, *others)]
    said = [key for key in keys if key in json.loads(text)]
    assert len(said) > 1
    for key in said:
        change(copy, **{key: value})
        assert read(copy), key
        (copy / "config.json").write_text(text)
