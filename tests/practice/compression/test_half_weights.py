import copy

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.verbs.compress_steps import compress_steps
from cartograd.core.errors import UsageError
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.practice.compression import half_weights as module
from cartograd.practice.compression.half_weights import half_weights

LAYERS = [
    (nn.Linear(20, 9), (3, 20)),
    (nn.Conv2d(4, 6, 3, padding=1, groups=2), (2, 4, 7, 7)),
    (nn.Conv1d(3, 5, 3, padding="same", bias=False), (2, 3, 8)),
]


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.oracle("half-weights")
@pytest.mark.parametrize(("layer", "shape"), LAYERS)
@pytest.mark.parametrize("precision", ["float16", "bf16"])
def test_equals_torchs_layer_with_weights_that_torch_has_cast(layer, shape, precision, monkeypatch):
    monkeypatch.setattr(module, "multiplies", lambda: False)
    dtype = {"float16": torch.float16, "bf16": torch.bfloat16}[precision]
    ours = half_weights(layer, precision=precision)
    theirs = half_of(layer, dtype)
    x, x2 = drawn(*shape).requires_grad_(), drawn(*shape).requires_grad_()
    torch.testing.assert_close(ours(x), theirs(x2))
    assert not torch.equal(ours(x), layer(x))
    ours(x).square().sum().backward()
    theirs(x2).square().sum().backward()
    torch.testing.assert_close(x.grad, x2.grad)


def half_of(layer, dtype):
    """A copy whose weights were sixteen bits for a while."""
    made = copy.deepcopy(layer)
    made.weight.data = made.weight.data.to(dtype).float()
    return made


@pytest.mark.law("half-weights")
@pytest.mark.parametrize(("precision", "bits"), [("float16", 11), ("bf16", 8)])
def test_a_weight_is_off_by_half_a_unit_of_its_last_place(precision, bits):
    layer = nn.Embedding(50, 40)
    small = half_weights(layer, precision=precision)
    off = (small.weight - layer.weight).abs()
    assert (off <= layer.weight.abs() * 2.0**-bits + 1e-7).all()
    assert off.max() > 0
    assert torch.equal(small(torch.tensor([3, 7])), small.weight[[3, 7]])
    layer.weight.data[0, 0] = 1e5
    assert half_weights(layer, precision="bf16").weight[0, 0] == pytest.approx(1e5, rel=0.01)
    with pytest.raises(UsageError, match="too large for float16; take precision=bf16"):
        half_weights(nn.Sequential(layer))


def test_products_in_bfloat16_are_near(monkeypatch):
    for layer, shape in LAYERS:
        small, x = half_weights(layer, precision="bf16"), drawn(*shape)
        monkeypatch.setattr(module, "multiplies", lambda: True)
        fast = small(x)
        monkeypatch.setattr(module, "multiplies", lambda: False)
        slow = small(x)
        assert fast.dtype == torch.float32
        assert (fast - slow).norm() < 0.02 * slow.norm()


@pytest.mark.law("half-weights")
def test_half_the_size_with_time_and_accuracy_beside(tmp_path):
    digits = cg.dataset("digits")
    torch.manual_seed(0)
    net = cg.build("mlp:widths=(64,64)", signature=digits.signature)
    start = write_bundle(tmp_path / "net", net, examples=digits.test.inputs[:4])
    for precision in ("float16", "bf16"):
        steps = f"half-weights:precision={precision}"
        first, last = compress_steps(start, steps, "digits", folder=tmp_path / precision).stages
        assert 1.9 < first.size / last.size <= 2
        assert abs(last.value - first.value) <= 0.02
        assert last.agreement[0] > 0.95
        assert last.latency > 0
        assert last.speed.startswith(("slower", "as fast")) or "faster here" in last.speed
        again = load(last.path).model
        assert str(again.spec).startswith(f"half-weights:precision={precision}")
        x = digits.test.inputs[:20]
        assert torch.equal(again(x), cg.compress(start, method=steps)(x))


def test_one_layer_under_two_names_stays_one():
    shared = nn.Linear(4, 4)
    small = half_weights(nn.Sequential(shared, nn.ReLU(), shared))
    assert small[0] is small[2]
