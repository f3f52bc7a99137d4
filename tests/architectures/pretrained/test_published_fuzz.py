"""Damaged files of Hugging Face folders: one line that says so, never another error."""

import json
import random
import warnings

import pytest

from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.published_folders import change, write

VALUES = (None, True, 0, -1, 10**18, 1.5, "", "x", [], ["x"], [1], {}, {"x": 1}, [[]], "\ud800")
"""What a value may become."""

KINDS = ("bert", "llama classes", "t5", "vit", "gpt2", "bart classes")
JSON = (
    "config.json", "tokenizer_config.json", "tokenizer.json", "generation_config.json",
    "preprocessor_config.json",
)  # fmt: skip
MUTATIONS = 40
"""Of each kind's JSON files together."""


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory):
    """A folder that is whole."""
    made = write(request.param, tmp_path_factory.mktemp("fuzz"))
    if (made / "tokenizer.json").is_file():
        change(made, "tokenizer_config.json", chat_template=[{"name": "default", "template": "a"}])
    return made


@pytest.fixture
def copy(folder, tmp_path):
    """A copy that may be damaged."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


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
def test_a_kind_of_rotary_positions_that_is_none(copy, kind):
    said = json.loads((copy / "config.json").read_text())
    if said["model_type"] != "llama":
        pytest.skip("it turns no positions")
    told = read(change(copy, rope_parameters={"rope_theta": 1e4, "rope_type": kind}))
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
def test_an_index_that_is_none(copy, index):
    (copy / "model.safetensors").rename(copy / "part.safetensors")
    (copy / "model.safetensors.index.json").write_text(index)
    assert read(copy)


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
def test_metadata_of_safetensors(copy, metadata):
    header(copy / "model.safetensors", lambda said: said.update(__metadata__=metadata))
    told = read(copy)
    assert told or metadata in ({"format": "tf"}, None)


@pytest.mark.parametrize(
    "dtype", ["F64", "I64", "BOOL", "F4", "U8", "F8_E4M3", "C64", 5, None, "x"]
)
def test_types_of_safetensors(copy, dtype):
    def other(said):
        name = max(key for key in said if key != "__metadata__")
        said[name]["dtype"] = dtype

    header(copy / "model.safetensors", other)
    assert read(copy)


@pytest.mark.parametrize("key", ["num_hidden_layers", "vocab_size", "hidden_size"])
@pytest.mark.parametrize("value", [10**7, 10**12, 2**63, 10**30])
def test_sizes_beyond_the_file(copy, key, value):
    """Refused at once: nothing of this size is ever built."""
    names = {
        "num_hidden_layers": ("n_layer", "num_layers", "encoder_layers"),
        "hidden_size": ("n_embd", "d_model"),
    }
    said = json.loads((copy / "config.json").read_text())
    known = [name for name in (key, *names.get(key, ())) if name in said]
    if not known:
        pytest.skip("a picture has no vocabulary")
    change(copy, **{known[0]: value})
    assert read(copy)
