import copy
from unittest import mock

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.practice.compression import few_gelu, int8_linear, quantised_layer
from cartograd.practice.compression.few_chain import Chain, chained
from cartograd.practice.compression.few_rows_call import FewRows

METHODS = "int8-weights", "group-weights:group=8", "quantize-static"


def rounded(method, network):
    """A network whose layers are rounded; where ranges are seen, on drawn rows."""
    if method != "quantize-static":
        return build(method, kind="compressor")(network)
    port = Port("x", "vector", (24,))
    model = Signed(network, Signature((port,), (Port("y", "vector", (16,), task="regress"),)))
    data = drawn(torch.randn(64, 24, generator=torch.Generator().manual_seed(0)))
    return build(method, kind="compressor")(model.eval(), data).model


class drawn:  # noqa: N801
    """Batches of what is given, without a right answer."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return 1

    def epoch(self, number, /, *, seed, start=0):
        yield from [(self.x,)][start:]


@pytest.fixture(autouse=True, params=["compiled", "torch's"])
def compiled(request, monkeypatch):
    """Whether products are compiled; in integers, however quick."""
    for module in (int8_linear, quantised_layer):
        monkeypatch.setattr(module, "floats_are", lambda *_: False)
    return request.param == "compiled" and request.getfixturevalue("there")


def network(*curves):
    """Four layers with these curves between, or ReLU."""
    torch.manual_seed(0)
    sizes, curves = ((24, 40), (40, 40), (40, 40), (40, 16)), curves or (nn.ReLU(),)
    parts = [
        part
        for number, size in enumerate(sizes)
        for part in (nn.Linear(*size), curves[number % len(curves)])
    ]
    return nn.Sequential(*parts[:-1])


def one_by_one(model, x):
    for part in model:
        x = part(x)
    return x


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [0, 1, 3, 16])
def test_a_chain_computes_what_its_parts_do(method, n):
    model = rounded(method, network())
    assert isinstance(model, Chain)
    model(torch.randn(n, 24))  # a form is chosen for so many rows
    for last in (False, True):  # ReLU at its end, too
        model = model if not last else chained(nn.Sequential(*model, nn.ReLU()))
        x = torch.randn(n, 24)
        before = x.clone()
        found = model(x)
        assert torch.equal(found, one_by_one(model, x))
        assert torch.equal(x, before)
        assert not n or not torch.equal(found, model(-x))  # an answer of its own
    assert list(model.state_dict()) == list(copy.deepcopy(model).state_dict())


@pytest.mark.parametrize("method", METHODS)
def test_what_looks_at_a_part_sees_it(method, compiled):
    model, x = rounded(method, network()), torch.randn(2, 24)
    model(x)
    products = mock.Mock()
    with mock.patch.object(FewRows, "__call__", products):  # of a layer; the chain asks for `into`
        expected = model(x)
    assert bool(model._steps(2)) == compiled
    assert not products.called
    seen = []
    handle = model[2].register_forward_hook(lambda *given: seen.append(given[2]))
    assert torch.equal(model(x), expected)
    assert len(seen) == 1
    handle.remove()
    with nn.modules.module.register_module_forward_hook(lambda *given: seen.append(given[2])):
        model(x)
    assert len(seen) == 1 + len(model) + 1
    with FlopCounterMode(display=False) as counted:
        model(x)
    assert not compiled or counted.get_total_flops() == 2 * 2 * (24 * 40 + 2 * 40 * 40 + 40 * 16)
    (grad,) = torch.autograd.grad(model(x.requires_grad_()).sum(), x)
    assert grad.abs().sum() > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("taken", [True, False])
def test_gelu_and_what_does_nothing_are_parts_of_a_chain(method, taken, compiled, monkeypatch):
    monkeypatch.setattr(few_gelu, "taken", lambda form: taken and few_gelu.exact(form))
    curves = nn.Sequential(nn.GELU(), nn.Dropout(0.5)), nn.GELU("tanh"), nn.Identity()
    each = [part if type(part) is nn.Sequential else [part] for part in network(*curves)]
    plain = nn.Sequential(*(one for parts in each for one in parts)).eval()
    model, x = rounded(method, plain), torch.randn(3, 24)
    expected = one_by_one(model, x)
    assert torch.equal(model(x), expected)
    assert bool(model._steps(3)) == compiled
    curved = [curve for _, curve in model._steps(3)]
    assert not compiled or curved == ["none", "tanh", "", ""]
    assert (expected - plain(x)).norm() < 0.3 * expected.norm()
    assert [type(part) for part in plain].count(nn.GELU) == 2
    model.train()
    assert not model._steps(3)


def test_inputs_of_another_type_or_width_are_as_to_the_parts():
    model = build("int8-weights", kind="compressor")(network())
    x = torch.randn(2, 24)
    assert (model(x.double()) - model(x)).norm() < 0.05 * model(x).norm()
    assert model(x[:, None]).shape == (2, 1, 16)
    with pytest.raises(RuntimeError):
        model(torch.randn(2, 23))


@pytest.mark.compile
def test_a_chain_is_traced_for_any_number_of_rows(compiled):
    model, x = rounded("quantize-static", network(nn.GELU())), torch.randn(2, 24)
    expected = model(x)
    rows = torch.export.Dim("rows", min=2, max=64)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: rows},)).module()
    torch.testing.assert_close(program(x), expected, rtol=0, atol=0.02)
    assert program(x.repeat(3, 1)).shape == (6, 16)
    assert isinstance(compiled, bool)


def test_what_is_no_such_chain_stays():
    twice = nn.ReLU()
    inner = nn.Sequential(nn.Linear(8, 8), twice, nn.Linear(8, 8), twice)
    outer = nn.Sequential(inner, nn.Tanh(), nn.Linear(8, 8), inner)
    made = build("int8-weights", kind="compressor")(outer)
    assert type(made) is nn.Sequential
    assert isinstance(made[0], Chain)
    assert made[0] is made[3]
    assert len(made[0]) == 4
    odd = Chain(*list(build("int8-weights", kind="compressor")(network()))[::2], nn.ReLU())
    del odd[1]
    odd.append(nn.Tanh())
    x = torch.randn(2, 24)
    assert torch.equal(odd(x), one_by_one(odd, x))
