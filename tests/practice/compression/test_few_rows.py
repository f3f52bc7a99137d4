import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.kernels import close
from cartograd.practice.compression import few_rows, few_rows_call, group_weights
from cartograd.practice.compression.fast_weights import inference_form
from cartograd.practice.compression.int8_linear import Int8Linear


def weights(d2, d, bits):
    """Layers of all three kinds, and their rounded weights."""
    bias = torch.randn(d2)
    if bits == 32:
        weight = torch.randn(d2, d)
        return few_rows.Compiled(weight, bias), weight, bias
    layer = (Int8Linear if bits == 8 else group_weights.nearest)(torch.randn(d2, d), bias)
    return layer, layer.floats(), bias


def test_it_is_exact_where_there_is_a_compiler(there):
    assert [few_rows.exact(bits) for bits in few_rows.BITS] == [there] * 3
    told = few_rows.choice(4)
    assert told.reason.startswith("exact") == there


@pytest.mark.parametrize("bits", few_rows.BITS)
@pytest.mark.parametrize(("d2", "d"), [(64, 96), (37, 96), (1, 8), (16, 32), (53, 40)])
@torch.inference_mode()
def test_every_count_of_rows_is_the_product(there, bits, d2, d):
    """Also where rows do not fill a block."""
    layer, weight, bias = weights(d2, d, bits)
    assert (layer.few is not None) == there
    for n in (1, 2, 3, 4, 7, 8, 9, 21):
        x = torch.randn(n, d) * torch.logspace(-6, 6, n)[:, None]
        found, expected = layer(x), F.linear(x, weight, bias)
        assert found.shape == (n, d2)
        allowed = 1e-6 if bits == 32 else 2e-2
        assert (found - expected).norm() <= allowed * (expected.norm() + x.norm())
        assert bits != 32 or close(found, x, weight, bias)
        alone = torch.cat([layer(row[None]) for row in x])
        torch.testing.assert_close(found, alone, rtol=1e-5, atol=1e-6 * x.abs().max().item())


@pytest.mark.parametrize("bits", few_rows.BITS)
@torch.inference_mode()
def test_the_same_on_several_threads(there, bits):
    layer, *_ = weights(80, 64, bits)
    x = torch.randn(5, 64)
    expected = layer(x)
    torch.set_num_threads(2)
    try:
        assert torch.equal(layer(x), expected) or not there
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("bits", [8, 4])
@torch.inference_mode()
def test_a_weak_row_is_not_drowned_and_zeros_stay(there, bits):
    layer, weight, bias = weights(32, 64, bits)
    assert torch.equal(layer(torch.zeros(3, 64)), bias.expand(3, -1)) or not there
    x = torch.stack([torch.randn(64) * 1e-6, torch.randn(64) * 1e6])
    expected = F.linear(x, weight)
    assert (layer(x)[0] - bias - expected[0]).norm() < 2e-7 + 1e-2 * expected[0].norm()


@pytest.mark.parametrize("bits", few_rows.BITS)
@torch.inference_mode()
def test_what_is_no_number_spoils_its_row_alone(there, bits):
    layer, *_ = weights(32, 64, bits)
    x = torch.randn(2, 64)
    expected = layer(x[1:])
    for value in (torch.nan, torch.inf, -torch.inf):
        x[0, 3] = value
        found = layer(x)
        if there:
            assert not found[0].isfinite().any() or bits != 4
            assert not found[0].isfinite().all()
        torch.testing.assert_close(found[1:], expected)


@pytest.mark.parametrize("bits", few_rows.BITS)
def test_gradients_and_traces_are_those_of_floats(there, bits):
    layer, weight, bias = weights(32, 64, bits)
    x = torch.randn(2, 64, requires_grad=True)
    (grad,) = torch.autograd.grad(layer(x).sum(), x)
    torch.testing.assert_close(grad, weight.sum(0).expand(2, -1), rtol=1e-5, atol=1e-5)
    each = torch.func.vmap(layer)(torch.randn(3, 1, 64)) if bits != 8 or there else None
    assert each is None or each.shape == (3, 1, 32)
    assert isinstance(bias, torch.Tensor)


@pytest.mark.parametrize("bits", few_rows.BITS)
@pytest.mark.untyped
@torch.inference_mode()
def test_what_is_read_by_its_place_has_the_right_size_and_type(there, bits):
    """One row as several: a product of other numbers would read and write beyond them."""
    layer, *_ = weights(32, 64, bits)
    turned = torch.randn(2, 64, dtype=torch.complex64).conj().imag
    for x in (torch.randn(64, 2).t(), turned, torch.randn(0, 64)):
        expected = layer(x.clone().resolve_neg())
        assert (layer(x) - expected).norm() <= 1e-2 * expected.norm()
    for n in (1, 2):
        with pytest.raises(RuntimeError):
            layer(torch.randn(n, 40))
        if bits < 32:
            x = torch.randn(n, 64)
            for dtype, off in ((torch.float64, 1e-2), (torch.float16, 2e-2)):
                found = layer(x.to(dtype))
                assert found.dtype == torch.float32
                assert (found - layer(x)).norm() <= off * layer(x).norm()


def test_a_wrong_product_is_refused(there, monkeypatch):
    monkeypatch.setattr(few_rows, "close", lambda *_: False)
    few_rows.exact.cache_clear()
    assert not any(map(few_rows.exact, few_rows.BITS))
    assert few_rows.of_floats(torch.randn(8, 8), None) is None
    assert "wrong" in few_rows.choice(32).reason or not there


def test_it_is_taken_where_it_is_quicker(monkeypatch):
    asked = []
    monkeypatch.setattr(few_rows, "floats_are", lambda key, *_: asked.append(key) or len(asked) < 2)
    few = object.__new__(few_rows_call.FewRows)
    few.d, few.d2 = 3, 5
    assert not few_rows.quicker("int8", abs, few)
    assert asked == [f"int8 (5, 3) of {count} rows, compiled" for count in few_rows.COUNTS]


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
@torch.no_grad()
def test_a_model_writes_the_same_text(there, precision, monkeypatch):
    torch.manual_seed(0)
    model = LLaMA(
        vocabulary=60, dim=64, depth=2, heads=4, kv_heads=2, ffn_dim=96, context=64
    ).eval()  # fmt: skip
    monkeypatch.setattr(
        "cartograd.practice.compression.fast_weights.quickest",
        lambda names, _: "compiled" if "compiled" in names else names[0],
    )
    quick, tokens = inference_form(model, precision), torch.randint(60, (2, 10))
    z = torch.cat([quick.decoder(2, 10).read(tokens)], 1)
    off = {"float32": 1e-5, "int8": 6e-2, "int4": 0.2}[precision]
    assert (z - model(tokens)).norm() <= off * model(tokens).norm()
    if precision == "float32":
        prompt = tokens[:1, :4]
        assert generate(quick.decoder(1, 40), prompt, length=30) == generate(
            model.decoder(1, 40), prompt, length=30
        )
    assert isinstance(there, bool)
