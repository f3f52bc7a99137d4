import copy

import pytest
import torch

from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.errors import UsageError
from cartograd.practice.compression import fast_weights
from cartograd.practice.compression.fast_weights import FORMATS, MAKERS, inference_form, quickest
from cartograd.practice.compression.group_linear import GroupLinear
from cartograd.practice.compression.group_weights import group_weights
from cartograd.practice.compression.int8_linear import Int8Linear
from cartograd.practice.compression.int8_weights import int8_weights


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return LLaMA(
        vocabulary=60, dim=64, depth=2, heads=4, kv_heads=2, ffn_dim=96, context=64, biases="qkv"
    ).eval()  # fmt: skip


@pytest.mark.parametrize(
    ("precision", "off"),
    [
        ("float32", 1e-5),
        ("float16", 3e-3),
        ("bf16", 3e-2),
        ("int8", 6e-2),
        ("int4", 0.2),
        ("auto", 6e-2),
    ],
)
@torch.no_grad()
def test_near_to_the_model(model, precision, off):
    quick, tokens = inference_form(model, precision), torch.randint(60, (1, 10))
    expected = model(tokens)
    for pieces in ([1] * 10, [8, 2], [10]):
        decoder = quick.decoder(1, 10)
        z = torch.cat([decoder.read(part) for part in tokens.split(pieces, 1)], 1)
        assert (z - expected).norm() <= off * expected.norm()


def test_float32_writes_the_same_text(model):
    prompt = torch.randint(60, (1, 4))
    assert generate(inference_form(model).decoder(1, 40), prompt, length=30) == generate(
        model.decoder(1, 40), prompt, length=30
    )


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_product_is_one(name, biased, rows):
    weight, x = torch.randn(24, 48), torch.randn(rows, 48)
    bias = torch.randn(24) if biased else None
    expected = torch.nn.functional.linear(x, weight, bias)
    found = MAKERS[name](weight, bias)(x)
    assert found.dtype == torch.float32
    assert (found - expected).norm() <= (0.15 if name == "int4" else 0.03) * expected.norm()


@pytest.mark.parametrize("name", ["float16", "bf16"])
def test_where_a_format_is_wrong_its_weights_are_made_floats(monkeypatch, name):
    dtype = {"float16": torch.float16, "bf16": torch.bfloat16}[name]
    assert fast_weights.exact(dtype)
    assert fast_weights.choice(name).chosen == name
    weight, bias, x = torch.randn(24, 48), torch.randn(24), torch.randn(2, 48)
    monkeypatch.setattr(fast_weights, "right", lambda *_, **__: False)
    fast_weights.exact.cache_clear()
    try:
        found = MAKERS[name](weight, bias)(x)
        assert fast_weights.choice(name).chosen == "floats of the rounded weights"
    finally:
        fast_weights.exact.cache_clear()
    torch.testing.assert_close(found, torch.nn.functional.linear(x, weight.to(dtype).float(), bias))


def test_the_quickest_is_found_once(monkeypatch):
    asked = []

    def seconds(products, x):
        asked.append(len(products))
        return [3.0, 1.0, 2.0][len(asked) - 1]

    monkeypatch.setattr(fast_weights, "seconds", seconds)
    names = ("rows", "columns", "bf16")
    assert quickest(names, (999, 777)) == quickest(names, (999, 777)) == "columns"
    assert len(asked) == 3
    assert min(asked) * 999 * 777 * 4 > 3e7  # more than a cache holds
    assert quickest(("bf16",), (999, 777)) == "bf16"
    assert len(asked) == 3


def test_the_coarsest_is_taken_on_request_alone(model, monkeypatch):
    asked = []
    monkeypatch.setattr(fast_weights, "quickest", lambda names, _: asked.append(names) or "rows")
    inference_form(model, "auto")
    assert set(asked[0]) == set(MAKERS) - {"int4"}


def test_every_way_belongs_to_a_format():
    assert sorted(name for ways in FORMATS.values() for name in ways) == sorted(MAKERS)


def test_no_such_format(model):
    with pytest.raises(UsageError, match="unknown number format 'int3'"):
        inference_form(model, "int3")


@pytest.mark.parametrize(
    ("small", "kind"), [(int8_weights, Int8Linear), (group_weights, GroupLinear)]
)
@torch.no_grad()
def test_rounded_weights_are_multiplied_as_they_are(model, small, kind):
    rounded, tokens = small(model), torch.randint(60, (1, 10))
    quick = inference_form(rounded)
    for layer in quick.layers:
        assert [type(part) for part in layer if callable(part)] == [kind] * 4
    heads = rounded.blocks[0].attention
    joint = quick.layers[0][1]
    order = torch.arange(64).unflatten(0, (-1, 2, 8)).transpose(1, 2).flatten()
    assert torch.equal(joint.floats()[:64], heads.query.floats()[order])
    assert torch.equal(joint.floats()[96:], heads.value.floats())
    assert torch.equal(joint.bias[:64], heads.query.bias[order])
    expected = rounded(tokens)
    for pieces in ([1] * 10, [10]):
        decoder = quick.decoder(1, 10)
        z = torch.cat([decoder.read(part) for part in tokens.split(pieces, 1)], 1)
        assert (z - expected).norm() <= 0.02 * expected.norm()


@torch.no_grad()
def test_layers_that_were_rounded_otherwise_are_not_joined(model):
    """Then their weights are made floats for the format that is asked for."""
    rounded, tokens = group_weights(model), torch.randint(60, (1, 10))
    first = rounded.blocks[0].attention
    for other in (group_weights(copy.deepcopy(model.blocks[0].attention), group=32), None):
        first.key = other.key if other else int8_weights(model).blocks[0].attention.key
        quick = inference_form(rounded)
        assert not isinstance(quick.layers[0][1], GroupLinear)
        expected = rounded(tokens)
        assert (quick.decoder(1, 10).read(tokens) - expected).norm() <= 0.02 * expected.norm()
