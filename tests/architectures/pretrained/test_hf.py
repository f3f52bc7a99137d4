"""Hugging Face folders: found, read whole or refused, and made into bundles."""

import json
import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cartograd.apps.load.pretrained import import_, kept
from cartograd.apps.load.target import as_bundle, as_signed
from cartograd.architectures.pretrained import hf as room
from cartograd.architectures.pretrained.hf import hf
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer
from tests.architectures.pretrained.published_folders import INDEX

TENSORS = {
    "toy.0.weight": torch.arange(12.0).reshape(3, 4),
    "toy.0.bias": torch.ones(3),
    "toy.1.weight": torch.arange(6.0).reshape(2, 3),
    "toy.1.bias": torch.zeros(2),
}


@pytest.fixture(autouse=True)
def toy(monkeypatch, tmp_path):
    """A family of its own, and a cache of its own."""
    family = types.ModuleType("hf_toy")
    family.READS = {"hidden": "count"}
    family.spec = lambda config: Spec("mlp", {"widths": (config["hidden"],)})
    vector, label = Port("row", "vector", (4,)), Port("class", "label", (2,), labels=("a", "b"))
    family.signature = lambda config: Signature((vector,), (label,))
    family.KEYS = (
        (r"(?:toy\.)?0\.(\w+)", r"hidden.0.\1"),
        (r"(?:toy\.)?1\.(\w+)", r"head.\1"),
    )
    monkeypatch.setitem(sys.modules, f"{room.__package__}.hf_toy", family)
    monkeypatch.setattr(room, "families", lambda: ["bert", "toy"])
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))


def folder(path, tensors=TENSORS, **config):
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "toy", "hidden": 3} | config))
    if tensors:
        save_file(tensors, path / "model.safetensors")
    return path


def sharded(path):
    folder(path, {})
    names = list(TENSORS)
    for number, part in enumerate((names[:1], names[1:])):
        save_file({n: TENSORS[n] for n in part}, path / f"model-{number}.safetensors")
    shards = {n: f"model-{int(n != names[0])}.safetensors" for n in names}
    (path / INDEX).write_text(json.dumps({"weight_map": shards}))
    return path


@pytest.mark.law("hf")
def test_one_file_several_or_a_prefix_are_the_same(tmp_path):
    bare = {name.removeprefix("toy."): tensor for name, tensor in TENSORS.items()}
    paths = folder(tmp_path / "a"), sharded(tmp_path / "b"), folder(tmp_path / "c", bare)
    x = torch.rand(5, 4)
    first, *others = (hf(path)(x) for path in paths)
    assert all(torch.equal(first, other) for other in others)
    assert torch.equal(hf(paths[0]).model.state_dict()["hidden.0.weight"], TENSORS["toy.0.weight"])


def test_half_precision_becomes_ours(tmp_path):
    half = {name: tensor.half() for name, tensor in TENSORS.items()}
    assert all(p.dtype == torch.float32 for p in hf(folder(tmp_path / "a", half)).parameters())


def test_import_writes_a_bundle_that_any_verb_reads(tmp_path):
    path = folder(tmp_path / "a")
    made = as_bundle(import_(f"hf:{path}", tmp_path / "bundle"))
    assert made.about["weights"] == f"hf:{path}"
    x = torch.rand(5, 4)
    assert torch.equal(made.model(x), hf(path)(x))
    assert not made.model.training
    with pytest.raises(UsageError, match="exists already"):
        import_(f"hf:{path}", tmp_path / "bundle")


def test_a_name_is_imported_once(tmp_path, monkeypatch):
    path = folder(tmp_path / "a")
    first = kept(f"hf:{path}")
    assert first.path.is_relative_to(tmp_path / "cache")
    monkeypatch.setattr("cartograd.apps.load.pretrained.pretrained", None)
    assert kept(f"hf:{path}").digest == first.digest
    assert torch.equal(as_signed(f"hf:{path}")(torch.ones(1, 4)), first.model(torch.ones(1, 4)))


def test_a_changed_file_or_a_damaged_copy_is_imported_anew(tmp_path):
    path = folder(tmp_path / "a")
    first = kept(f"hf:{path}")
    (first.path / "card.md").write_text("damaged")
    assert kept(f"hf:{path}").path == first.path
    save_file(TENSORS | {"toy.0.bias": torch.zeros(3)}, path / "model.safetensors")
    assert kept(f"hf:{path}").path != first.path


def test_weights_of_another_shape_are_named(tmp_path):
    path = folder(tmp_path / "a", TENSORS | {"toy.0.bias": torch.ones(4)})
    told = (
        r"'toy.0.bias' becomes 'hidden.0.bias' of shape \(4,\), and this MLP expects shape \(3,\)"
    )
    with pytest.raises(UsageError, match=told):
        import_(f"hf:{path}", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_an_unknown_family_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"unknown model_type 'berd'; did you mean 'bert'\?"):
        hf(folder(tmp_path / "a", model_type="berd"))
    with pytest.raises(UsageError, match=r"unknown model_type 'None'; expected one of: bert, toy"):
        hf(folder(tmp_path / "b", model_type=None))


def test_a_truncated_file_is_named(tmp_path):
    file = folder(tmp_path / "a") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(UsageError, match=r"model\.safetensors cannot be read"):
        hf(tmp_path / "a")


def test_a_pickle_is_refused(tmp_path):
    path = folder(tmp_path / "a", {})
    (path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"pytorch_model\.bin is a pickle"):
        hf(path)


def test_a_shard_that_is_missing_is_named(tmp_path):
    path = sharded(tmp_path / "a")
    (path / "model-1.safetensors").unlink()
    with pytest.raises(UsageError, match=r"lacks model-1\.safetensors, one of the 2"):
        hf(path)
    (path / INDEX).write_text("{}")
    with pytest.raises(UsageError, match=r"index\.json cannot be read"):
        hf(path)


def test_a_tensor_in_two_files_is_refused(tmp_path):
    path = sharded(tmp_path / "a")
    save_file(TENSORS, path / "model-1.safetensors")
    with pytest.raises(UsageError, match=r"'toy\.0\.weight' is in two files"):
        hf(path)


def test_what_lies_beside_the_weights_is_left_alone(tmp_path):
    """A variant in half precision, as transformers does; without the whole one it asks."""
    path = folder(tmp_path / "a")
    half = {name: tensor.half() + 1 for name, tensor in TENSORS.items()}
    for name in ("model.fp16.safetensors", "more.safetensors"):
        save_file(half, path / name)
    (path / INDEX).write_text("{}")
    found = hf(path).model.state_dict()["hidden.0.weight"]
    assert torch.equal(found, TENSORS["toy.0.weight"])
    (path / "model.safetensors").unlink()
    (path / INDEX).unlink()
    with pytest.raises(UsageError, match=r"model\.fp16\.safetensors and 1 more .* which is meant"):
        hf(path)
    (path / "more.safetensors").unlink()
    assert hf(path).model.state_dict()["hidden.0.weight"][0, 0] == 1
    (path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="unknown peft_type 'None'; expected one of: LORA"):
        hf(path)


def test_a_size_that_is_missing_is_named(tmp_path):
    path = folder(tmp_path / "a")
    (path / "config.json").write_text('{"model_type": "toy"}')
    with pytest.raises(UsageError, match=r"config\.json lacks 'hidden'"):
        hf(path)


def test_every_family_of_the_room_can_be_asked(monkeypatch):
    monkeypatch.undo()
    for name in room.families():
        family = room._family(Path(), {"model_type": name})
        assert callable(family.spec)
        assert callable(family.signature)
        assert family.KEYS


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    path = folder(tmp_path / "a")
    family = sys.modules[f"{room.__package__}.hf_toy"]
    text = Port("text", "text", (4,), "int64", (0, 999))
    family.signature = lambda config: Signature((text,), (Port("class", "label", (2,)),))
    (path / "tokenizer.json").write_text(Tokenizer.bytes().to_json())
    with pytest.raises(UsageError, match="it has 256 tokens and 'text' takes 1000"):
        import_(f"hf:{path}", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_configuration_that_is_none(tmp_path, text):
    path = folder(tmp_path / "a")
    (path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=r"config\.json"):
        hf(path)
