import copy
from unittest import mock

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cartograd.core.build import build
from cartograd.practice.compression import int8_linear
from cartograd.practice.compression.few_chain import Chain, chained
from cartograd.practice.compression.few_rows_call import FewRows

METHODS = "int8-weights", "group-weights:group=8"


@pytest.fixture(autouse=True, params=["compiled", "torch's"])
def compiled(request, monkeypatch):
    """Whether products are compiled; in integers, however quick."""
    monkeypatch.setattr(int8_linear, "floats_are", lambda *_: False)
    return request.param == "compiled" and request.getfixturevalue("there")


def network():
    torch.manual_seed(0)
    sizes = (24, 40), (40, 40), (40, 40), (40, 16)
    parts = [part for size in sizes for part in (nn.Linear(*size), nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def one_by_one(model, x):
    for part in model:
        x = part(x)
    return x


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [0, 1, 3, 16])
def test_a_chain_computes_what_its_parts_do(method, n):
    model = build(method, kind="compressor")(network())
    assert isinstance(model, Chain)
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
    model, x = build(method, kind="compressor")(network()), torch.randn(2, 24)
    products = mock.Mock()
    with mock.patch.object(FewRows, "__call__", products):  # of a layer; the chain asks for `into`
        expected = model(x)
    assert bool(model._steps()) == compiled
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


def test_inputs_of_another_type_or_width_are_as_to_the_parts():
    model = build("int8-weights", kind="compressor")(network())
    x = torch.randn(2, 24)
    assert (model(x.double()) - model(x)).norm() < 0.05 * model(x).norm()
    assert model(x[:, None]).shape == (2, 1, 16)
    with pytest.raises(RuntimeError):
        model(torch.randn(2, 23))


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
