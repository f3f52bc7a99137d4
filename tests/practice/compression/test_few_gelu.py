import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.practice.compression import few_gelu
from cartograd.practice.compression.few_gelu import FORMS, CompiledGELU, Quick


@pytest.fixture
def quick(there, monkeypatch):
    """Compiled GELU, taken wherever it can be; whether there is a compiler."""
    monkeypatch.setattr(few_gelu, "quicker", lambda *_: True)
    few_gelu.taken.cache_clear()
    yield there
    few_gelu.taken.cache_clear()


@pytest.mark.parametrize("form", FORMS)
def test_it_is_right_over_the_whole_range_of_floats(quick, form):
    """Every 30,011th float there is, of both signs: 142,000."""
    assert few_gelu.exact(form) == few_gelu.taken(form) == quick
    if not quick:
        return
    x = few_gelu.spread(30011)
    few_gelu.into(x, y := torch.empty_like(x), form)
    assert few_gelu.off(y, x, form).max() <= few_gelu.OFF
    torchs = F.gelu(x, approximate=form)
    finite = torchs.isfinite()  # of 1e20 and more torch's tanh form cubes to infinity
    assert finite.sum() > 0.8 * len(x)
    assert few_gelu.off(y[finite], x[finite], form).max() <= max(
        few_gelu.OFF, few_gelu.off(torchs[finite], x[finite], form).max().item()
    )
    assert not few_gelu.exact.__wrapped__("none") or torch.equal(y[x > 6], x[x > 6])


@pytest.mark.parametrize("form", FORMS)
@torch.inference_mode()
def test_it_is_torchs_but_for_rounding_and_leaves_its_inputs(quick, form):
    gelu, usual = CompiledGELU(form), nn.GELU(form)
    for shape in ((1, 1), (3, 37), (2, 5, 16), (1, 9000)):
        x = torch.randn(shape) * 3
        before = x.clone()
        torch.testing.assert_close(gelu(x), usual(x), rtol=0, atol=2e-6)
        assert torch.equal(x, before)
    x = torch.randn(3, 5000)
    expected = gelu(x)
    torch.set_num_threads(2)
    try:
        assert torch.equal(gelu(x), expected)
    finally:
        torch.set_num_threads(1)
    assert isinstance(quick, bool)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_plain_number_is_torchs(quick, form):
    gelu, usual = CompiledGELU(form), nn.GELU(form)
    ends = gelu(torch.tensor([[torch.inf, -torch.inf, torch.nan, -0.0, 1e-40]]))[0]
    if quick:  # of infinity torch's may be no number, by the way it takes
        assert ends[0] == torch.inf
    assert ends[1:3].isnan().all()
    torch.testing.assert_close(ends[3:], torch.tensor([0.0, 5e-41]))
    for x in (torch.randn(4, 6).t(), torch.randn(2, 3).double(), torch.randn(0, 4), torch.ones(())):
        torch.testing.assert_close(gelu(x), usual(x), rtol=0, atol=2e-6)
    x = torch.randn(2, 3, requires_grad=True)
    (grad,) = torch.autograd.grad(gelu(x).sum(), x)
    (expected,) = torch.autograd.grad(usual(x).sum(), x)
    assert torch.equal(grad, expected)
    torch.testing.assert_close(torch.func.vmap(gelu)(x), usual(x))
    assert isinstance(quick, bool)


def test_a_wrong_one_is_refused_and_a_slow_one_left(there, monkeypatch):
    few_gelu.taken.cache_clear()
    monkeypatch.setattr(few_gelu, "off", lambda y, *_: y.new_full(y.shape, 3.0))
    few_gelu.exact.cache_clear()
    assert not any(map(few_gelu.taken, FORMS))
    assert "wrong" in few_gelu.choice().reason or not there
    asked = []
    monkeypatch.setattr(few_gelu, "floats_are", lambda key, *_: asked.append(key) or len(asked) < 2)
    assert not few_gelu.quicker("none")
    assert asked == [f"gelu, none, of {count} numbers, compiled" for count in few_gelu.COUNTS]
    few_gelu.exact.cache_clear()
    few_gelu.taken.cache_clear()


def test_feed_forward_parts_of_rounded_transformers_have_it(quick):
    port = Port("x", "image", (1, 8, 8))
    signature = Signature((port,), (Port("label", "label", (3,)),))
    model = build("vit:size=8,patch=4,dim=16,depth=1,heads=2", kind="model", signature=signature)
    small = build("int8-weights", kind="compressor")(model.eval())
    given = [type(part.activation) for part in small.modules() if "activation" in vars(part)]
    assert given == [Quick]
    assert not any(isinstance(one, Quick) for one in vars(model).values())
    x = torch.rand(2, 1, 8, 8)
    with torch.inference_mode():
        found = small(x)
        torch.testing.assert_close(copy.deepcopy(small)(x), found)
    (grad,) = torch.autograd.grad(small(x.requires_grad_()).sum(), x)
    assert grad.abs().sum() > 0
    assert (found - model(x)).norm() < 0.1 * found.norm()
    assert isinstance(quick, bool)
